"""SSH: only to a host whose key is known, and to servers as old as OpenSSH 4.3."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from libcloud_ovm3.errors import BadCredentials, HostKeyRejected, HostUnreachable, InvalidArgument
from libcloud_ovm3.installer import connect
from libcloud_ovm3.installer.keys import fingerprint
from tests.cli.running import run

LATER = ["rsa-sha2-256", "rsa-sha2-512"]  # what OpenSSH 4.3 does not have


class Door(paramiko.ServerInterface):
    """Accepts one user, by key or password."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key
        self.tried: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.tried.append("key")
        is_it = username == "root" and key.asbytes() == self.key.asbytes()
        return paramiko.AUTH_SUCCESSFUL if is_it else paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self.tried.append("password")
        return paramiko.AUTH_SUCCESSFUL if password == "right" else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class OldServer:
    """SSH as EL5 speaks it; SFTP opens, and nothing more."""

    def __init__(self, host_key: paramiko.RSAKey, user_key: paramiko.RSAKey) -> None:
        self.host_key = host_key
        self.door = Door(user_key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(
                client,
                server_sig_algs=False,
                disabled_algorithms={"pubkeys": LATER, "keys": LATER},
            )
            transport.local_version = "SSH-2.0-OpenSSH_4.3"
            self._transports.append(transport)
            options = transport.get_security_options()
            options.kex = ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"]
            options.ciphers = ["aes128-cbc"]
            options.digests = ["hmac-sha1"]
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer)
            try:
                transport.start_server(server=self.door)
            except (paramiko.SSHException, EOFError):
                continue  # a client that did not like the host's key

    def close(self) -> None:
        self._socket.close()
        for transport in self._transports:
            transport.close()


@pytest.fixture(scope="module")
def keys() -> tuple[paramiko.RSAKey, paramiko.RSAKey]:
    return paramiko.RSAKey.generate(2048), paramiko.RSAKey.generate(2048)


@pytest.fixture
def server(keys: tuple[paramiko.RSAKey, paramiko.RSAKey]) -> Iterator[OldServer]:
    made = OldServer(*keys)
    yield made
    made.close()


@pytest.fixture
def key_file(keys: tuple[paramiko.RSAKey, paramiko.RSAKey], tmp_path: Path) -> Path:
    keys[1].write_private_key_file(str(tmp_path / "key"))
    return tmp_path / "key"


def known(server: OldServer, folder: Path, key: paramiko.PKey) -> Path:
    file = folder / "known_hosts"
    file.write_text(f"[127.0.0.1]:{server.port} {key.get_name()} {key.get_base64()}\n")
    return file


def test_an_old_server_by_key(server: OldServer, key_file: Path, tmp_path: Path) -> None:
    file = known(server, tmp_path, server.host_key)
    with connect("127.0.0.1", server.port, key_file=key_file, known_hosts=file) as ssh:
        assert ssh.host == f"127.0.0.1:{server.port}"
    assert server.door.tried == ["key"]


def test_an_old_server_by_fingerprint_and_password(server: OldServer, key_file: Path) -> None:
    pin = fingerprint(server.host_key)
    assert len(pin) == len("SHA256:") + 43
    connect("127.0.0.1", server.port, password="right", host_fingerprint=pin).close()
    server.door.tried.clear()
    with pytest.raises(BadCredentials, match="SSH authentication failed for root"):
        connect("127.0.0.1", server.port, password="wrong", host_fingerprint=pin)


def test_another_host_gets_no_credentials(
    server: OldServer, keys: tuple[paramiko.RSAKey, paramiko.RSAKey], key_file: Path, tmp_path: Path
) -> None:
    other = keys[1]
    ways = [
        {"host_fingerprint": fingerprint(other)},
        {"known_hosts": known(server, tmp_path, other)},
    ]
    for way in ways:
        with pytest.raises(HostKeyRejected, match=fingerprint(server.host_key).replace("+", r"\+")):
            connect("127.0.0.1", server.port, password="right", key_file=key_file, **way)
    (tmp_path / "empty").touch()
    with pytest.raises(HostKeyRejected, match="--ssh-fingerprint"):
        connect("127.0.0.1", server.port, password="right", known_hosts=tmp_path / "empty")
    assert server.door.tried == []


def test_no_known_hosts_at_all(
    server: OldServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(HostKeyRejected):
        connect("127.0.0.1", server.port, password="right")
    with pytest.raises(InvalidArgument, match="no such file"):
        connect("127.0.0.1", server.port, known_hosts=tmp_path / "none")


def test_key_files(
    server: OldServer, keys: tuple[paramiko.RSAKey, paramiko.RSAKey], tmp_path: Path
) -> None:
    pin = fingerprint(server.host_key)
    locked = tmp_path / "locked"
    keys[1].write_private_key_file(str(locked), password="secret")
    connect(
        "127.0.0.1", server.port, key_file=locked, password="secret", host_fingerprint=pin
    ).close()
    server.door.key = server.host_key  # the key is no longer accepted
    server.door.tried.clear()
    with pytest.raises(BadCredentials):
        connect("127.0.0.1", server.port, key_file=locked, password="secret", host_fingerprint=pin)
    assert server.door.tried == ["key"], "the key's password is not sent to the host"
    for file, password, why in (
        (locked, None, "no password was given"),
        (locked, "wrong", "not a usable private key"),
        (tmp_path / "none", None, "No such file"),
    ):
        with pytest.raises(InvalidArgument, match=why):
            connect("127.0.0.1", server.port, key_file=file, password=password,
                    host_fingerprint=pin)  # fmt: skip


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.0 400 Bad\r\n\r\n", b"SSH-1.5-old\r\n", b"SSH-2.0-\xff\r\n", b"SSH-2.0-x\r\nnot it"],
)
def test_other_protocols_are_reported_in_one_line(greeting: bytes) -> None:
    """paramiko logs tracebacks, which Python prints where nobody has set up logging."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.sendall(greeting)
                line.recv(1000)
                line.sendall(b"garbage" * 20)

        threading.Thread(target=serve, daemon=True).start()
        done = run(
            "host", "check", "127.0.0.1", "--insecure", "--ssh-port",
            str(listener.getsockname()[1]), "--ssh-fingerprint", "SHA256:" + "A" * 43, password="x",
        )  # fmt: skip
    assert done.returncode == 1
    assert "SSH connection failed" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HostUnreachable, match=f"127.0.0.1:{port}: SSH connection failed"):
        connect("127.0.0.1", port, password="x", host_fingerprint="SHA256:x")
