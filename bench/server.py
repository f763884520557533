"""Hosts that respond with bytes prepared in advance, in a separate process.

``python -m bench.server --hosts 32 --vms 100 --latency 0.05 --folder DIR`` prints the TCP port,
which is the same on all hosts (127.0.1.1, 127.0.1.2, …), and exits when its standard input is
closed.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.answers import answers_of, repository_answers, unsupported
from libcloud_ovm3.simulator.server.certificates import (
    fingerprint,
    make_certificate,
    server_context,
)

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Pool:
    """Where the hosts listen, and the SHA-256 of the certificate that they share."""

    addresses: tuple[str, ...]
    port: int
    pin: str


@contextlib.contextmanager
def serving(
    hosts: int,
    vms: int,
    latency: float,
    folder: Path,
    stopped: int = 0,
    host_module: bool = False,
) -> Iterator[Pool]:
    """A pool of such hosts, while the block runs.

    :param hosts: Number of hosts.
    :param vms: Number of running VMs per host.
    :param latency: Seconds by which each response is delayed.
    :param folder: An empty directory, for the certificate.
    :param stopped: Number of stopped VMs in the repository that the hosts share; 0: no repository.
    :param host_module: Whether the host module is installed on the hosts.
    """
    make_certificate(folder, "bench")
    arguments = [f"--hosts={hosts}", f"--vms={vms}", f"--latency={latency}", f"--folder={folder}"]
    arguments += [f"--stopped={stopped}", f"--host-module={int(host_module)}"]
    process = subprocess.Popen(  # noqa: S603 (this package's program)
        [sys.executable, "-m", "bench.server", *arguments],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Pool(tuple(_addresses(hosts)), port, fingerprint(folder))
        process.stdin.close()


def _addresses(hosts: int) -> list[str]:
    return [f"127.0.1.{number + 1}" for number in range(hosts)]


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--vms", type=int)
    parser.add_argument("--latency", type=float)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--stopped", type=int)
    parser.add_argument("--host-module", type=int)
    options = parser.parse_args()
    addresses = _addresses(options.hosts)
    context = server_context(options.folder)
    shared = repository_answers(options.stopped, options.host_module) if options.stopped else {}
    common = {name: _http(body) for name, body in shared.items()}
    port = 0
    for host, address in enumerate(addresses):
        listener = socket.create_server((address, port), backlog=128)
        port = listener.getsockname()[1]
        own = answers_of(addresses, host, options.vms, options.stopped, options.host_module)
        responses = {**common, **{name: _http(body) for name, body in own.items()}}
        arguments = (listener, context, responses, options.latency)
        threading.Thread(target=_accept, args=arguments, daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()


def _http(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _accept(
    listener: socket.socket, context: ssl.SSLContext, responses: dict[bytes, bytes], latency: float
) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arguments = (connection, context, responses, latency)
        threading.Thread(target=_serve, args=arguments, daemon=True).start()


def _serve(
    connection: socket.socket,
    context: ssl.SSLContext,
    responses: dict[bytes, bytes],
    latency: float,
) -> None:
    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
        received = b""
        while data := tls.recv(65536):
            received += data
            # One request at a time; each ends with this tag.
            if received.endswith(b"</methodCall>") or received.endswith(b"</methodCall>\n"):
                name = received.partition(b"<methodName>")[2].partition(b"</methodName>")[0]
                last = re.findall(rb"<string>([0-9a-f]+)</string>", received)[-1:]
                time.sleep(latency)
                response = responses.get(b" ".join([name, *last])) or responses.get(name)
                tls.sendall(response or _http(unsupported(name)))
                received = b""


if __name__ == "__main__":
    main()
