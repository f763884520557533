"""One time limit for a complete HTTP response, however slowly its bytes arrive.

A socket's own timeout starts anew with every byte, so a response that trickles in would never end.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import time
from typing import Any

# The beginning of a response as servers of XML-RPC send it.
_USUAL = re.compile(rb"HTTP/1\.1 (200|403) ([ -~]*)\r\n((?:[A-Za-z-]+: [!-~][ -~]*\r\n)+)\r\n")


class TimedResponse(http.client.HTTPResponse):
    """An HTTP response whose time limit is the socket's timeout when reading starts."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit = sock.gettimeout()
        if limit is not None:
            self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, limit))

    def begin(self) -> None:
        """The standard library parses header fields as those of mail, which takes a tenth of the
        time of a call. It does so here too, but for responses that look as usual.
        """
        head = _USUAL.match(self.fp.peek()) if self.headers is None else None
        if head is None:
            super().begin()
            return
        headers = http.client.HTTPMessage()
        for field in head[3].decode("ascii").splitlines():
            name, _, value = field.partition(": ")
            headers[name] = value
        length = headers.get("Content-Length", "")
        unusual = {"connection", "transfer-encoding"}.intersection(map(str.lower, headers))
        if unusual or not re.fullmatch("[0-9]{1,18}", length):
            super().begin()
            return
        self.fp.read(head.end())
        self.code = self.status = int(head[1])
        self.reason, self.version = head[2].decode("ascii").strip(), 11
        self.headers = self.msg = headers
        self.chunked, self.will_close, self.length = False, False, int(length)


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: Any, limit: float) -> None:
        self._raw = raw
        self._sock = sock
        self._limit = limit
        self._deadline = time.monotonic() + limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            with contextlib.suppress(OSError):  # a kept connection must not inherit it
                self._sock.settimeout(self._limit)
            self._raw.close()
        super().close()
