"""One time limit for a complete HTTP response, however slowly its bytes arrive.

A socket's own timeout starts anew with every byte, so a response that trickles in would never end.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import time
from typing import Any


class TimedResponse(http.client.HTTPResponse):
    """An HTTP response whose time limit is the socket's timeout when reading starts."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit = sock.gettimeout()
        if limit is not None:
            self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, limit))


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
