"""One named estate: the driver's arguments that it stands for, and its passwords."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.agent.address import Address, by_host, parse_address, parse_flag
from libcloud_ovm3.agent.tls import parse_pins
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed, warn
from libcloud_ovm3.estates_file.content import ARGUMENTS, FILES, listed_hosts

COMMAND_SECONDS = 60.0  # for a password command, which may have to ask its user for something
_MOST_BYTES = 1 << 20  # that it may print
_PERIOD = 0.02  # seconds between two looks whether it has ended
DEFAULT_USER = "oracle"  # on every real host
_USERS_LINE = 7  # stack levels from a warning in here to the line that makes the driver


@dataclass(frozen=True)
class NamedEstate:
    """One estate of the file, checked.

    :ivar path: The file.
    :ivar entry: What the file says of it, by key.
    """

    name: str
    path: Path
    entry: Mapping[str, Any]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are asked, in this order; at least one."""
        return tuple(listed_hosts(self.entry["hosts"]))

    @property
    def only(self) -> bool:
        """Whether these hosts are all, instead of the whole pools of them."""
        return parse_flag(self.entry.get("only", False), "only")

    @property
    def read_only(self) -> bool:
        """Whether only reads are allowed, whatever the arguments say."""
        return parse_flag(self.entry.get("read_only", False), "read_only")

    @property
    def has_password(self) -> bool:
        """Whether the file says where the password comes from."""
        return "password_file" in self.entry or "password_command" in self.entry

    @property
    def password_paths(self) -> tuple[Path, ...]:
        """The files with its passwords."""
        files = [self.entry[key] for key in ("password_file",) if key in self.entry]
        return tuple(map(self._file, [*files, *self.entry.get("password_files", {}).values()]))

    def has_host(self, address: Address) -> bool:
        """Whether a host is one of ``hosts`` or has a pin in it."""
        pins = parse_pins(self.entry.get("pins"))
        return address in map(parse_address, self.hosts) or bool(
            {str(address), address.host} & set(pins)
        )

    def complete(self, explicit: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the driver: those that are given, completed by the estate.

        :param explicit: Those that are given; of arguments by host, those of their hosts. The
            password is read only if it is not among them; with ``secure=False`` or
            ``verify_ssl=False`` there is nothing to verify with. A host is asked before the
            estate's, which remain, unless ``ex_hosts`` is given.
        :raises InvalidArgument: There is no password, or a password file cannot be read.
        :raises PreconditionFailed: The password command failed.
        """
        own: dict[str, Any] = {"key": DEFAULT_USER, "ex_hosts": self.hosts}
        for key, argument in ARGUMENTS.items():
            if key in self.entry:
                own[argument] = self.entry[key]
        for key in FILES & set(own):
            own[key] = str(self._file(own[key]))
        flags = [(name, explicit.get(name, True)) for name in ("secure", "verify_ssl")]
        if not all(parse_flag(value, name) for name, value in flags):
            for name in ("ex_fingerprint", "ca_cert", "ex_tls_server_name"):
                own.pop(name, None)
        arguments = {**own, **explicit}
        if "ex_fingerprint" in own and "ex_fingerprint" in explicit:
            pins = [parse_pins(one["ex_fingerprint"]) for one in (own, explicit)]
            arguments["ex_fingerprint"] = by_host(*pins)
        if "secret" not in explicit:
            arguments["secret"] = self._password()
        arguments["ex_passwords"] = self._own_passwords(explicit.get("ex_passwords", {}))
        return arguments

    def _own_passwords(self, given: Any) -> Any:
        """Passwords by host: those that are given, then those of the files."""
        if not isinstance(given, Mapping):
            return given  # refused where it is used
        files = by_host(self.entry.get("password_files", {}), dict.fromkeys(given))
        read = {
            host: self._read_password(file, f"password_files: {host}")
            for host, file in files.items()
            if file is not None
        }
        return {**read, **given}

    def _password(self) -> str:
        if "password_file" in self.entry:
            return self._read_password(self.entry["password_file"], "password_file")
        if "password_command" in self.entry:
            return self._run(self.entry["password_command"])
        raise InvalidArgument(
            f"estate {self.name!r} has no password in {self.path}: expected secret, or the key "
            f"password_file or password_command in the file"
        )

    def _file(self, path: str) -> Path:
        try:
            return self.path.parent / Path(path).expanduser()
        except RuntimeError as error:  # no such user, no home directory
            raise InvalidArgument(f"estate {self.name!r}: {path}: {error}") from None

    def _read_password(self, file: str, key: str) -> str:
        path = self._file(file)
        with contextlib.suppress(OSError):
            if path.stat().st_mode & 0o077:
                text = f"{path}: a password that others can read: `chmod 600 {path}`"
                warn(text, stacklevel=_USERS_LINE)
        return read_password_file(path, f"estate {self.name!r}: {key}")

    def _run(self, command: str | list[str]) -> str:
        """The first line that the password command prints; what it prints may be a secret."""
        words = shlex.split(command) if isinstance(command, str) else command
        failed = f"estate {self.name!r}: its password_command"
        try:
            with subprocess.Popen(  # noqa: S603 (the user's own command, without a shell)
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            ) as command_run:
                try:
                    output = _printed(command_run, COMMAND_SECONDS)
                except subprocess.TimeoutExpired:
                    command_run.kill()  # what it started itself may go on
                    raise PreconditionFailed(
                        f"{failed} did not end within {COMMAND_SECONDS:.0f} s"
                    ) from None
                if output is None:
                    command_run.kill()
                    raise PreconditionFailed(f"{failed} prints more than a password")
        except OSError as error:
            raise PreconditionFailed(f"{failed} cannot be run: {error.strerror}") from None
        if command_run.returncode != 0:
            raise PreconditionFailed(
                f"{failed} failed with exit status {command_run.returncode}; run it by hand to "
                f"see why"
            )
        password = first_line(output, "surrogateescape")
        if not password:
            raise PreconditionFailed(f"{failed} printed no password in its first line")
        return password


def _printed(run: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """What a command prints until it ends; None if that is far too much.

    What it has started itself may go on, and hold the pipe.

    :raises TimeoutExpired: It does not end.
    """
    assert run.stdout is not None
    end, output = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(run.stdout, selectors.EVENT_READ)
        while len(output) <= _MOST_BYTES:
            has_ended = run.poll() is not None  # before it is read: then nothing is missed
            is_ready = bool(selector.select(0 if has_ended else _PERIOD))
            part = os.read(run.stdout.fileno(), 1 << 16) if is_ready else b""
            output += part
            if is_ready and not part:
                run.wait(max(0.0, end - time.monotonic()))
                return output
            if has_ended and not is_ready:
                return output
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(run.args, seconds)
    return None


def read_password_file(path: Path, label: str) -> str:
    """The first line of a password file.

    :param label: What names the file, for the error.
    :raises InvalidArgument: It cannot be read, or its first line is empty.
    """
    try:
        password = first_line(path.read_bytes())
    except OSError as error:
        raise InvalidArgument(f"{label} {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidArgument(f"{label} {str(path)!r}: {error}") from None
    if not password:
        raise InvalidArgument(f"{label} {str(path)!r}: its first line is empty")
    return password


def first_line(content: bytes, errors: str = "strict") -> str:
    """The first line, without the mark that some editors begin a file with.

    Only a line feed ends it: a password may have any other character that Unicode calls a break.
    """
    return content.decode("utf-8-sig", errors).partition("\n")[0].removesuffix("\r")
