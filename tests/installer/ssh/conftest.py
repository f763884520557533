"""A real sshd on loopback, as old as it can be made, and simulated hosts behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.installer import SSHConnection, connect, payload
from tests import sshd as server
from tests.installer.ssh.place import Place

FILES = payload.files()  # once: somebody may be working on the module while these tests run
# What OpenSSH 4.3 has, as far as the one of today still knows it.
_CONFIG = """\
AuthorizedKeysFile {folder}/login_key.pub
UseDNS no
MaxStartups 100
SetEnv HOME={folder}
KexAlgorithms diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1
HostKeyAlgorithms ssh-rsa
PubkeyAcceptedAlgorithms ssh-rsa,rsa-sha2-256,rsa-sha2-512
Ciphers aes128-cbc,aes128-ctr
MACs hmac-sha1
Subsystem sftp {sftp} -p {requests}
"""
# Version 3 of the protocol, without OpenSSH's later extensions.
_REQUESTS = (
    "open,close,read,write,lstat,fstat,setstat,fsetstat,opendir,readdir,remove,mkdir,rmdir,"
    "realpath,stat,rename,readlink,symlink"
)


@pytest.fixture(autouse=True)
def same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "files", lambda: dict(FILES))


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], SSHConnection]]:
    """Yield a function that connects to it. Fails, rather than skips, without an sshd."""
    with _running(tmp_path_factory.mktemp("sshd"), "internal-sftp") as line:
        yield line


@pytest.fixture
def sshd_of_old(tmp_path: Path) -> Iterator[Callable[[], SSHConnection]]:
    """An sshd that starts SFTP through the login shell, as dom0's does."""
    with _running(tmp_path, "/usr/lib/openssh/sftp-server") as line:
        yield line


@contextlib.contextmanager
def _running(folder: Path, sftp: str) -> Iterator[Callable[[], SSHConnection]]:
    server.make_keys(folder, ("host_key", "login_key"), ("rsa", "-b", "2048"))
    config = _CONFIG.format(folder=folder, requests=_REQUESTS, sftp=sftp)
    with server.running(folder, ["127.0.0.1", "127.0.0.2"], config) as port:
        known = (folder / "host_key.pub").read_text().split()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {known[0]} {known[1]}\n")

        def line() -> SSHConnection:
            return connect(
                "127.0.0.1",
                port,
                key_file=folder / "login_key",
                known_hosts=folder / "known_hosts",
            )

        line.folder = folder  # type: ignore[attr-defined]
        line.port = port  # type: ignore[attr-defined]
        yield line


@pytest.fixture(params=["3.2.1", "3.2.1 older", "3.3.3", "3.3.3 older"])
def place(request: pytest.FixtureRequest, sshd: Callable[[], SSHConnection]) -> Iterator[Place]:
    """A host in each form, without and with an older integration's module."""
    version, _, older = request.param.partition(" ")
    with Place.of(version, bool(older), sshd) as made:
        yield made
