"""A host's dom0 over SSH: commands and whole files. Nothing about what they are for.

The oldest hosts have OpenSSH 4.3: SHA-1 key exchange and ``ssh-rsa`` only, and an SFTP server with
nothing beyond version 3 of the protocol. paramiko is imported when it is needed.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from libcloud_ovm3.errors import (
    BadCredentials,
    HostKeyRejected,
    HostUnreachable,
    InvalidArgument,
    OperationIncomplete,
    OutcomeUnknown,
    TimedOut,
)
from libcloud_ovm3.installer import shell
from libcloud_ovm3.installer.keys import load, only, private_key, shown
from libcloud_ovm3.installer.shell import BEGIN

if TYPE_CHECKING:
    import paramiko

Kind = Literal["file", "directory", "link", "other"]

_WITHOUT_SHA2 = re.compile(rb"^SSH-[\d.]+-OpenSSH_(?:[1-6]\.|7\.[01])", re.MULTILINE)
# Whoever asks for logs gets paramiko's here. Python would print its tracebacks to who does not.
_LOG = "libcloud_ovm3.ssh"
logging.getLogger(_LOG).addHandler(logging.NullHandler())
_LARGEST = 4 << 20  # bytes of a file that is read; those of ours and of the agent have some kB


class Ran(NamedTuple):
    """What came of a command: exit status, and what it wrote (errors too)."""

    status: int
    output: str


class Ssh:
    """An open line to one host; a context manager.

    Every method raises OutcomeUnknown when the line drops, TimedOut when an answer does not come,
    OperationIncomplete when the host says that it cannot.

    :ivar host: as it was named, for errors.
    """

    def __init__(self, client: paramiko.SSHClient, host: str) -> None:
        self.host = host
        self._client = client
        self._sftp = self._open_sftp()

    def __enter__(self) -> Ssh:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the line. What still runs on the host loses its standard input."""
        self._client.close()

    def run(self, command: str, limit: float = 60) -> Ran:
        """Run a command of dom0's shell to its end.

        :param limit: seconds.
        """
        end = time.monotonic() + limit
        with self._line(command):
            channel = self._open_channel(command)
            channel.shutdown_write()  # so that nothing waits for us to say something
            written = bytearray()
            while chunk := self._received(channel, command, end - time.monotonic()):
                written += chunk
            status = channel.recv_exit_status()
            channel.close()
        if status < 0:
            raise OutcomeUnknown(f"{self.host}: the line dropped during: {_short(command)}")
        return Ran(status, self._ours(channel, bytes(written)).decode("utf-8", "replace"))

    @contextlib.contextmanager
    def running(self, command: str, limit: float = 60) -> Iterator[str]:
        """Keep a command running that waits for the end of its input; gives its first line.

        It is told to end by closing its input, which a dropped line does as well.
        """
        end = time.monotonic() + limit
        with self._line(command):
            channel = self._open_channel(command)
            said = bytearray()
            while not said.partition(BEGIN)[2].endswith(b"\n") and (
                chunk := self._received(channel, command, end - time.monotonic())
            ):
                said += chunk
            first = self._ours(channel, bytes(said))
        try:
            yield first.decode("utf-8", "replace").strip()
        finally:
            with contextlib.suppress(OSError):  # a dropped line has closed it already
                channel.shutdown_write()
                if not channel.closed:
                    channel.status_event.wait(5)
            channel.close()

    def _open_channel(self, command: str) -> paramiko.Channel:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the line is closed")
        channel = transport.open_session(timeout=30)
        channel.exec_command(shell.clean(command))
        return channel

    def _ours(self, channel: paramiko.Channel, written: bytes) -> bytes:
        """What came after our command's beginning.

        :raises OperationIncomplete: it never began.
        """
        greeting, begin, ours = written.partition(BEGIN)
        if not begin:
            while channel.recv_stderr_ready() and len(greeting) < 1000:
                greeting += channel.recv_stderr(1000)
            raise OperationIncomplete(
                f"{self.host}: the login shell did not run a command but wrote "
                f"{shell.shown(greeting)}: see its startup files there (.bashrc)"
            )
        return ours

    def _open_sftp(self) -> paramiko.SFTPClient:
        """By sshd's own way, or, where startup files write into that, by a shell without them.

        :raises OperationIncomplete: neither can be used.
        """
        import paramiko  # noqa: PLC0415

        with self._line("open SFTP"):
            transport = self._client.get_transport()
            if transport is None:
                raise EOFError("the line is closed")
            channel = transport.open_session(timeout=30)
            channel.settimeout(30)
            try:
                channel.invoke_subsystem("sftp")
                sftp = paramiko.SFTPClient(channel)
            except (paramiko.SFTPError, paramiko.SSHException, EOFError, OSError) as error:
                channel.close()
                if not transport.is_active():
                    raise
                channel, sftp = self._sftp_by_shell(error)
            channel.settimeout(60)
            return sftp

    def _sftp_by_shell(self, error: Exception) -> tuple[paramiko.Channel, paramiko.SFTPClient]:
        import paramiko  # noqa: PLC0415

        said, end = bytearray(), time.monotonic() + 30
        try:
            channel = self._open_channel(shell.sftp_server())
            while not said.endswith(BEGIN) and (
                chunk := self._received(channel, "sftp-server", end - time.monotonic())
            ):
                said += chunk
            return channel, paramiko.SFTPClient(channel)
        except (paramiko.SFTPError, paramiko.SSHException, EOFError, OSError, TimedOut):
            greeting, begin, _ = bytes(said).partition(BEGIN)
            why = str(error) or type(error).__name__
            if greeting.strip() or not begin:
                why = (
                    f"startup files of the login shell there (.bashrc) write into it "
                    f"({shell.shown(greeting)}), end it or wait for an answer"
                )
            raise OperationIncomplete(f"{self.host}: SFTP cannot be used: {why}") from None

    def _received(self, channel: paramiko.Channel, command: str, seconds: float) -> bytes:
        channel.settimeout(max(seconds, 0.001))
        try:
            return channel.recv(1 << 16)
        except TimeoutError:
            channel.close()
            raise TimedOut(f"{self.host}: not done in time, maybe still running: "
                           f"{_short(command)}") from None  # fmt: skip

    def read(self, path: str, last: int | None = None) -> bytes | None:
        """A file's content, or its last bytes; None if there is no such file."""
        with self._line(f"read {path}"):
            try:
                with self._sftp.open(path, "rb") as file:
                    size = file.stat().st_size or 0
                    if last is None and size > _LARGEST:
                        raise InvalidArgument(f"{self.host}: {path} has {size} bytes")
                    file.seek(max(0, size - (last or size)))
                    return file.read(min(size, last or size))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes) -> None:
        """Write a file from its beginning. Not atomic: only for temporary names."""
        with self._line(f"write {path}"), self._sftp.open(path, "wb") as file:
            file.set_pipelined(True)
            file.write(content)

    def kind(self, path: str) -> Kind | None:
        """What stands at a path, links not followed; None if nothing does."""
        with self._line(f"look at {path}"):
            try:
                mode = self._sftp.lstat(path).st_mode or 0
            except FileNotFoundError:
                return None
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISDIR(mode):
            return "directory"
        return "link" if stat.S_ISLNK(mode) else "other"

    def names(self, path: str) -> list[str]:
        """What a directory holds, sorted; nothing if there is no such directory."""
        with self._line(f"list {path}"):
            try:
                return sorted(self._sftp.listdir(path))
            except FileNotFoundError:
                return []

    @contextlib.contextmanager
    def _line(self, doing: str) -> Iterator[None]:
        """paramiko's errors as ours."""
        import paramiko  # noqa: PLC0415

        try:
            yield
        except TimeoutError as error:
            raise TimedOut(f"{self.host}: no answer: {_short(doing)}") from error
        except paramiko.SFTPError as error:
            raise OperationIncomplete(
                f"{self.host}: SFTP is garbled: {_short(doing)} ({error})"
            ) from error
        except (paramiko.SSHException, EOFError, ConnectionError) as error:
            raise OutcomeUnknown(
                f"{self.host}: the line dropped: {_short(doing)} ({error})"
            ) from error
        except UnicodeError as error:
            raise OperationIncomplete(
                f"{self.host}: cannot {_short(doing)}: a name that is not UTF-8 ({error})"
            ) from error
        except OSError as error:
            if "closed" in str(error).lower():  # what paramiko says of a line that is gone
                raise OutcomeUnknown(f"{self.host}: the line dropped: {_short(doing)}") from error
            raise OperationIncomplete(f"{self.host}: cannot {_short(doing)}: {error}") from error


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:120] + "..."


def connect(
    host: str,
    port: int = 22,
    user: str = "root",
    *,
    password: str | None = None,
    key_file: str | Path | None = None,
    known_hosts: str | Path | None = None,
    host_fingerprint: str | None = None,
    timeout: float = 30,
) -> Ssh:
    """Open a line to a host whose key is known.

    :param password: for logging in, or of the key file.
    :param key_file: a private key; without it, keys of a running SSH agent and those in ``~/.ssh``
        are tried.
    :param known_hosts: a file as OpenSSH keeps it; default ``~/.ssh/known_hosts``.
    :param host_fingerprint: ``SHA256:...`` of the host's key, instead of such a file.
    :param timeout: seconds for each step of connecting.
    :raises InvalidArgument: a file that is not there, or paramiko is not installed.
    :raises OperationIncomplete: it lets us in, and SFTP or its shell cannot be used.
    :raises HostKeyRejected: the host presented another key, or none is known for it.
    :raises BadCredentials: the host does not let us in.
    :raises HostUnreachable: it cannot be reached.
    """
    try:
        import paramiko  # noqa: PLC0415
    except ImportError as error:
        raise InvalidArgument(f"pip install 'libcloud-ovm3[ssh]': {error}") from None

    where = f"{host}:{port}"
    key = None
    if key_file is not None:
        key, is_encrypted = private_key(key_file, password)
        password = None if is_encrypted else password  # a key's password is not for the host
    with contextlib.ExitStack() as stack:
        client = paramiko.SSHClient()
        client.set_log_channel(_LOG)
        stack.callback(client.close)
        if host_fingerprint is None:
            load(client, Path(known_hosts or Path.home() / ".ssh" / "known_hosts"), known_hosts)
        client.set_missing_host_key_policy(only(where, host_fingerprint))
        try:
            client.connect(
                host,
                port,
                user,
                password=password,
                pkey=key,
                allow_agent=key is None,
                look_for_keys=key is None,
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                transport_factory=_transport,
            )
        except paramiko.BadHostKeyException as error:
            raise HostKeyRejected(
                f"{where}: not the host that is known: its key is {shown(error.key)}",
                host=where,
            ) from None
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException) as error:
            raise BadCredentials(
                f"{where}: SSH does not let {user} in ({error})", host=where
            ) from None
        except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise HostUnreachable(f"{where}: no SSH: {why}", host=where) from error
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(15)
        line = Ssh(client, where)
        stack.pop_all()
        return line


def _transport(line: Any, **how: Any) -> paramiko.Transport:
    """paramiko's own, which signs with SHA-1 for a server that knows nothing else.

    By itself it would try SHA-2 with every RSA key, and such a server refuses the key. (paramiko's
    ServiceRequestingTransport chooses rightly, but 4.0's misses an answer that comes at once.)
    """
    import paramiko  # noqa: PLC0415

    greeting = line.recv(255, socket.MSG_PEEK)  # a server greets first
    if _WITHOUT_SHA2.search(greeting):
        how["disabled_algorithms"] = {"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]}
    return paramiko.Transport(line, **how)
