"""Plays QEMU for tests: speaks QMP, writes down what it is told, and ends as its guest does.

A file ``reset`` or ``break`` in its directory makes the guest reboot by itself, or QEMU die.
"""

import json
import os
import select
import socket
import sys

words = sys.argv[1:]
[fd] = [int(word.rpartition("=")[2]) for word in words if word.startswith("socket,id=qmp,fd=")]
[serial] = [word.rpartition("path=")[2] for word in words if word.startswith("file,id=serial")]
folder = os.path.dirname(serial)
connection = socket.socket(fileno=fd)


def tell(**message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\r\n")


def end(reason: str) -> None:
    tell(event="SHUTDOWN", data={"guest": True, "reason": reason})
    sys.exit()


def do(request: dict[str, str]) -> None:
    with open(os.path.join(folder, "told"), "a") as told:
        told.write(request["execute"] + "\n")
    tell(**{"return": {}})
    if request["execute"] == "system_powerdown":
        end("guest-shutdown")


tell(QMP={})
buffer = b""
while True:
    if select.select([connection], [], [], 0.01)[0]:
        buffer += connection.recv(4096)
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            do(json.loads(line))
    if os.path.exists(os.path.join(folder, "reset")):
        os.unlink(os.path.join(folder, "reset"))
        end("guest-reset")
    if os.path.exists(os.path.join(folder, "break")):
        os.unlink(os.path.join(folder, "break"))
        sys.exit("qemu: no more memory")
