"""A web server on loopback that hosts import images from."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from libcloud_ovm3.estate.pending_imports import ImportNote
from libcloud_ovm3.simulator import Simulator


class Server:
    """What it serves, and which requests it got.

    :ivar files: path -> content.
    :ivar lengths: path -> the Content-Length that HEAD reports, where it is not the true one;
        None: none.
    :ivar requests: ``GET /disk.img``.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.lengths: dict[str, int | None] = {}
        self.requests: list[str] = []


SIZE_BYTES = 4096 + 100  # of what :func:`act` imports


def act(driver: Any, url: str) -> Any:
    """Import an image."""
    return driver.ex_import_image(url, "new", ex_size_bytes=SIZE_BYTES)


def import_file(driver: Any, path: str, **options: Any) -> Any:
    """Import a local file."""
    return driver.ex_import_image(path, "new", **options)


def put_pending_iso(sim: Simulator) -> str:
    """Put an ISO of 9 bytes whose import nobody has finished.

    :return: its id.
    """
    path = sim.repository_path / "ISOs" / f"pending.{'a' * 32}.iso"
    path.write_bytes(b"123456789")
    path.with_name(f"{path.name}.creating").write_bytes(ImportNote(9, "", "a" * 32).to_bytes())
    return f"{sim.repository_id}/ISOs/{path.name}"


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server while the block runs."""
    served = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            served.requests.append(f"{self.command} {self.path}")
            content = served.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            is_head = self.command == "HEAD"
            length = served.lengths.get(self.path, len(content)) if is_head else len(content)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if not is_head:
                with contextlib.suppress(OSError):  # a client that is killed
                    self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield served
        server.shutdown()
