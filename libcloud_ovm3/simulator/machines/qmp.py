"""QMP, by which QEMU is told what to do, and tells what happens: JSON, one message per line."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

SECONDS = 30.0  # for an answer; a busy machine must not fail


class Qmp:
    """The connection to one QEMU. It is not thread-safe: its user holds the host's lock.

    :ivar greeted: Whether QEMU has said hello, after which it takes ``qmp_capabilities``.
    :ivar events: What QEMU has told.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._buffer = b""
        self._ended = False
        self.greeted = False
        self.events: list[dict[str, Any]] = []

    def ask(self, command: str, **arguments: Any) -> Any:
        """Run a command.

        :raises OSError: QEMU has ended or refuses it, or does not answer.
        """
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        end = time.monotonic() + SECONDS
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            messages = self._received()
            if not messages and self._ended:
                raise ConnectionResetError(f"QEMU ended before it answered {command}")
            for message in messages:
                if "error" in message:
                    raise OSError(f"QEMU refuses {command}: {message['error'].get('desc')}")
                if "return" in message:
                    return message["return"]
        raise TimeoutError(f"QEMU did not answer {command} within {SECONDS:g} s")

    def listen(self) -> None:
        """Take what QEMU has told meanwhile into ``events``."""
        self._received()

    def _received(self) -> list[dict[str, Any]]:
        """The answers that have arrived; events are put aside."""
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._ended = True
                break
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        messages = [json.loads(line) for line in lines if line.strip()]
        self.greeted = self.greeted or any("QMP" in message for message in messages)
        self.events += [message for message in messages if "event" in message]
        return [message for message in messages if "event" not in message]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
