"""SSH to a host's dom0: runs commands, reads and writes files.

The oldest hosts have OpenSSH 4.3: SHA-1 key exchange and ``ssh-rsa`` only, and an SFTP server that
supports version 3 of the protocol only. paramiko is imported when it is needed.
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
from libcloud_ovm3.installer.keys import accept_only, describe_key, load_known_hosts, private_key
from libcloud_ovm3.installer.shell import BEGIN

if TYPE_CHECKING:
    import paramiko

Kind = Literal["file", "directory", "link", "other"]

_WITHOUT_SHA2 = re.compile(rb"^SSH-[\d.]+-OpenSSH_(?:[1-6]\.|7\.[01])", re.MULTILINE)
# paramiko's log. Without a handler, Python would print its tracebacks on stderr.
_LOG = "libcloud_ovm3.ssh"
logging.getLogger(_LOG).addHandler(logging.NullHandler())
_LARGEST = 4 << 20  # bytes of a file that is read; files of the module and the agent have some kB


class CommandResult(NamedTuple):
    """The exit status of a command, and its output (with stderr)."""

    status: int
    output: str


class SSHConnection:
    """An open SSH connection to one host; a context manager.

    Every method raises OutcomeUnknown when the connection is lost, TimedOut when there is no
    response, and OperationIncomplete when the host reports an error.

    :ivar host: ``host:port``, for errors.
    """

    def __init__(self, client: paramiko.SSHClient, host: str) -> None:
        self.host = host
        self._client = client
        self._sftp = self._open_sftp()

    def __enter__(self) -> SSHConnection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. What still runs on the host loses its standard input."""
        self._client.close()

    def run(self, command: str, limit: float = 60) -> CommandResult:
        """Run a command in dom0's shell until it ends.

        :param limit: seconds.
        """
        end = time.monotonic() + limit
        with self._converting_errors(command):
            channel = self._open_channel(command)
            channel.shutdown_write()  # so that nothing waits for input
            written = bytearray()
            while chunk := self._received(channel, command, end - time.monotonic()):
                written += chunk
            status = channel.recv_exit_status()
            channel.close()
        if status < 0:
            raise OutcomeUnknown(
                f"{self.host}: the SSH connection was lost during: {_short(command)}"
            )
        return CommandResult(
            status, self._own_output(channel, bytes(written)).decode("utf-8", "replace")
        )

    @contextlib.contextmanager
    def running(self, command: str, limit: float = 60) -> Iterator[str]:
        """Run a command in the background that waits for the end of its input.

        It is ended by closing its input, which also happens when the connection is lost.

        :param limit: seconds to wait for its first line.
        :return: its first line.
        """
        end = time.monotonic() + limit
        with self._converting_errors(command):
            channel = self._open_channel(command)
            output = bytearray()
            while not output.partition(BEGIN)[2].endswith(b"\n") and (
                chunk := self._received(channel, command, end - time.monotonic())
            ):
                output += chunk
            first = self._own_output(channel, bytes(output))
        try:
            yield first.decode("utf-8", "replace").strip()
        finally:
            with contextlib.suppress(OSError):  # closed already if the connection was lost
                channel.shutdown_write()
                if not channel.closed:
                    channel.status_event.wait(5)
            channel.close()

    def _open_channel(self, command: str) -> paramiko.Channel:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        channel = transport.open_session(timeout=30)
        channel.exec_command(shell.clean(command))
        return channel

    def _own_output(self, channel: paramiko.Channel, written: bytes) -> bytes:
        """Return the output after the marker of the command's beginning.

        :raises OperationIncomplete: the command did not begin.
        """
        greeting, begin, output = written.partition(BEGIN)
        if not begin:
            while channel.recv_stderr_ready() and len(greeting) < 1000:
                greeting += channel.recv_stderr(1000)
            raise OperationIncomplete(
                f"{self.host}: the login shell did not run the command, but wrote "
                f"{shell.shown(greeting)}: check its startup files on the host (.bashrc)"
            )
        return output

    def _open_sftp(self) -> paramiko.SFTPClient:
        """Open SFTP through sshd or, if startup files interfere, through a shell without them.

        :raises OperationIncomplete: neither works.
        """
        import paramiko  # noqa: PLC0415

        with self._converting_errors("open SFTP"):
            transport = self._client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
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

        output, end = bytearray(), time.monotonic() + 30
        try:
            channel = self._open_channel(shell.sftp_server())
            while not output.endswith(BEGIN) and (
                chunk := self._received(channel, "sftp-server", end - time.monotonic())
            ):
                output += chunk
            return channel, paramiko.SFTPClient(channel)
        except (paramiko.SFTPError, paramiko.SSHException, EOFError, OSError, TimedOut):
            greeting, begin, _ = bytes(output).partition(BEGIN)
            why = str(error) or type(error).__name__
            if greeting.strip() or not begin:
                why = (
                    f"startup files of the login shell on the host (.bashrc) write into it "
                    f"({shell.shown(greeting)}), end it or wait for input"
                )
            raise OperationIncomplete(f"{self.host}: SFTP cannot be used: {why}") from None

    def _received(self, channel: paramiko.Channel, command: str, seconds: float) -> bytes:
        channel.settimeout(max(seconds, 0.001))
        try:
            return channel.recv(1 << 16)
        except TimeoutError:
            channel.close()
            raise TimedOut(f"{self.host}: timed out, may still be running: "
                           f"{_short(command)}") from None  # fmt: skip

    def read(self, path: str, last: int | None = None) -> bytes | None:
        """Return a file's content, or its last bytes; None if there is no such file."""
        with self._converting_errors(f"read {path}"):
            try:
                with self._sftp.open(path, "rb") as file:
                    size = file.stat().st_size or 0
                    if last is None and size > _LARGEST:
                        raise InvalidArgument(f"{self.host}: {path} is too large ({size} bytes)")
                    file.seek(max(0, size - (last or size)))
                    return file.read(min(size, last or size))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes) -> None:
        """Write a file. Not atomic: only for temporary names."""
        with self._converting_errors(f"write {path}"), self._sftp.open(path, "wb") as file:
            file.set_pipelined(True)
            file.write(content)

    def kind(self, path: str) -> Kind | None:
        """Return the type of a path, without following links; None if it does not exist."""
        with self._converting_errors(f"stat {path}"):
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
        """Return the sorted names in a directory; none if there is no such directory."""
        with self._converting_errors(f"list {path}"):
            try:
                return sorted(self._sftp.listdir(path))
            except FileNotFoundError:
                return []

    @contextlib.contextmanager
    def _converting_errors(self, doing: str) -> Iterator[None]:
        """Convert paramiko's errors."""
        import paramiko  # noqa: PLC0415

        try:
            yield
        except TimeoutError as error:
            raise TimedOut(f"{self.host}: timed out: {_short(doing)}") from error
        except paramiko.SFTPError as error:
            raise OperationIncomplete(
                f"{self.host}: invalid SFTP response: {_short(doing)} ({error})"
            ) from error
        except (paramiko.SSHException, EOFError, ConnectionError) as error:
            raise OutcomeUnknown(
                f"{self.host}: the SSH connection was lost: {_short(doing)} ({error})"
            ) from error
        except UnicodeError as error:
            raise OperationIncomplete(
                f"{self.host}: cannot {_short(doing)}: a name is not UTF-8 ({error})"
            ) from error
        except OSError as error:
            if "closed" in str(error).lower():  # paramiko's text for a lost connection
                raise OutcomeUnknown(
                    f"{self.host}: the SSH connection was lost: {_short(doing)}"
                ) from error
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
) -> SSHConnection:
    """Open an SSH connection to a host whose key is known.

    :param password: for login, or of the key file.
    :param key_file: a private key; without it, keys of a running SSH agent and those in ``~/.ssh``
        are tried.
    :param known_hosts: a file in OpenSSH's format; default ``~/.ssh/known_hosts``.
    :param host_fingerprint: ``SHA256:...`` of the host's key, instead of such a file.
    :param timeout: seconds for each step of connecting.
    :raises InvalidArgument: a file does not exist, or paramiko is not installed.
    :raises OperationIncomplete: login succeeded, but SFTP or the shell cannot be used.
    :raises HostKeyRejected: the host presented another key, or none is known for it.
    :raises BadCredentials: authentication failed.
    :raises HostUnreachable: the host cannot be reached.
    """
    try:
        import paramiko  # noqa: PLC0415
    except ImportError as error:
        raise InvalidArgument(
            f"SSH needs the library paramiko, the extra [ssh]: pip install paramiko ({error})"
        ) from None

    where = f"{host}:{port}"
    key = None
    if key_file is not None:
        key, is_encrypted = private_key(key_file, password)
        password = (
            None if is_encrypted else password
        )  # the password of the key is not sent to the host
    with contextlib.ExitStack() as stack:
        client = paramiko.SSHClient()
        client.set_log_channel(_LOG)
        stack.callback(client.close)
        if host_fingerprint is None:
            load_known_hosts(
                client, Path(known_hosts or Path.home() / ".ssh" / "known_hosts"), known_hosts
            )
        client.set_missing_host_key_policy(accept_only(where, host_fingerprint))
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
                f"{where}: the SSH host key has changed: it is {describe_key(error.key)}",
                host=where,
            ) from None
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException) as error:
            raise BadCredentials(
                f"{where}: SSH authentication failed for {user} ({error})", host=where
            ) from None
        except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise HostUnreachable(f"{where}: SSH connection failed: {why}", host=where) from error
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(15)
        connection = SSHConnection(client, where)
        stack.pop_all()
        return connection


def _transport(line: Any, **how: Any) -> paramiko.Transport:
    """Return paramiko's transport, with SHA-1 signatures for a server that knows nothing else.

    By default it uses SHA-2 with every RSA key, and such a server rejects the key. (paramiko's
    ServiceRequestingTransport chooses correctly, but 4.0's misses a response that comes at once.)
    """
    import paramiko  # noqa: PLC0415

    greeting = line.recv(255, socket.MSG_PEEK)  # a server greets first
    if _WITHOUT_SHA2.search(greeting):
        how["disabled_algorithms"] = {"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]}
    return paramiko.Transport(line, **how)
