"""A real sshd on loopback, run by whoever runs the tests. Make installs it."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SSHD = "/usr/sbin/sshd"
_CONFIG = """\
HostKey {folder}/host_key
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


def make_keys(folder: Path, names: Sequence[str], kind: Sequence[str] = ("ed25519",)) -> None:
    """Make pairs of keys without a passphrase: files of these names, and with ``.pub``.

    :param kind: What ``ssh-keygen`` takes behind ``-t``.
    """
    for name in names:
        make = ["ssh-keygen", "-q", "-t", *kind, "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(make, check=True)


@contextlib.contextmanager
def running(folder: Path, addresses: Sequence[str], config: str) -> Iterator[int]:
    """Run an sshd while the block runs; yields its port. Fails, rather than skips, without one.

    :param folder: Has its ``host_key``; gets its log.
    :param addresses: Where it listens, at the same port.
    :param config: Lines for its configuration, besides those that each has.
    """
    with socket.socket() as free:
        free.bind((addresses[0], 0))
        port: int = free.getsockname()[1]
    listen = "".join(f"ListenAddress {address}:{port}\n" for address in addresses)
    file = folder / "config"
    file.write_text(listen + _CONFIG.format(folder=folder) + config)
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", file], stderr=log)
        try:
            _wait_for(addresses[0], port)
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait_for(address: str, port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection((address, port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("sshd does not come up")
