"""The options that say which hosts and how to trust them, and what becomes of errors."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.access import Access, read_options
from libcloud_ovm3.cli.output import tell, tell_text
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning, UnexpectedFileContent
from libcloud_ovm3.estate.members import Estate

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PASSWORD = "OVM3_PASSWORD"  # noqa: S105 (the name of a variable)

HOSTS = click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    metavar="HOST[:PORT]",
    help="A host of the pool; several times: these hosts only.",
)
_MODULE = click.option(
    "--no-host-module", is_flag=True, help="Ask the agents only, not the host modules."
)
_ACCESS = (
    click.option("--port", default=None, help="The agents' port (8899)."),
    click.option("--user", default="oracle", show_default=True, help="The agents' user."),
    click.option("--password-file", "password_files", multiple=True, metavar="[HOST=]FILE",
                 help=f"First line: the password. Else ${_PASSWORD}, else it is asked for. "
                 "With HOST=: that host's, where it is another."),
    click.option("--fingerprint", "pins", multiple=True, metavar="[HOST=]SHA256",
                 help="The certificate to accept (ovm3 pin HOST); again for more hosts."),
    click.option("--ca-cert", type=_FILE,
                 help="PEM file to verify certificates with."),
    click.option("--tls-server-name", help="The name in the certificate."),
    click.option("--tls-minimum", default="TLSv1.2", show_default=True,
                 help="TLSv1 for old agents."),
    click.option("--tls-weak-keys", is_flag=True,
                 help="Accept keys below 2048 bits and SHA-1 signatures."),
    click.option("--tls-legacy-renegotiation", is_flag=True,
                 help="Accept hosts without secure renegotiation (RFC 5746)."),
    click.option("--cert-file", type=_FILE,
                 help="Our own certificate (PEM), for hosts that ask for one."),
    click.option("--key-file", type=_FILE, help="Its private key, if that is a file of its own."),
    click.option("--insecure", is_flag=True, help="Accept any certificate. Do not."),
)  # fmt: skip


def access_options(command: _F) -> _F:
    """How to get into hosts that are named otherwise."""
    for option in reversed(_ACCESS):
        command = option(command)
    return command


def driver_options(command: _F) -> _F:
    """Which hosts, and how to get into them."""
    return HOSTS(access_options(_MODULE(command)))


def make_driver(**options: Any) -> OVM3NodeDriver:
    """The driver for what :func:`driver_options` took, and for further arguments of the driver."""
    return OVM3NodeDriver(**_driver_arguments(**options))


def make_access(**options: Any) -> Access:
    """The same without a driver: how to reach the hosts."""
    return read_options(**_driver_arguments(**options))


def make_estate(**options: Any) -> Estate:
    """The estate of these hosts: for commands that read more than libcloud has nouns for."""
    return make_access(**options).estate()


def _driver_arguments(
    hosts: tuple[str, ...],
    port: str | None,
    user: str,
    password_files: tuple[str, ...],
    pins: tuple[str, ...],
    ca_cert: Path | None,
    tls_server_name: str | None,
    tls_minimum: str,
    tls_weak_keys: bool,
    tls_legacy_renegotiation: bool,
    insecure: bool,
    cert_file: Path | None,
    key_file: Path | None,
    no_host_module: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """What :func:`driver_options` took, as the driver takes it; ``more`` likewise."""
    usual, of_hosts = _passwords(password_files)
    return {
        "key": user,
        "secret": usual,
        "host": hosts[0] if len(hosts) == 1 else None,
        "port": port,
        "ca_cert": _path(ca_cert),
        "cert_file": _path(cert_file),
        "key_file": _path(key_file),
        "verify_ssl": not insecure,
        "ex_hosts": None if len(hosts) == 1 else hosts,
        "ex_fingerprint": _pins(pins) or None,
        "ex_tls_server_name": tls_server_name,
        "ex_tls_minimum": tls_minimum,
        "ex_tls_weak_keys": tls_weak_keys,
        "ex_tls_legacy_renegotiation": tls_legacy_renegotiation,
        "ex_passwords": of_hosts,
        "ex_host_module": not no_host_module,
        **more,
    }


def _path(file: Path | None) -> str | None:
    return None if file is None else str(file)


def _passwords(texts: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The usual password, and those of ``HOST=FILE``.

    Never from the command line, which every user of the machine can read.
    """
    usual, of_hosts = "", {}
    for text in texts:
        host, equals, file = text.partition("=")
        if equals and "/" not in host and not Path(text).exists():
            of_hosts[host] = _first_line(file)
        else:
            usual = _first_line(text)
    if not usual:
        usual = os.environ.get(_PASSWORD) or click.prompt("Agent password", hide_input=True)
    return usual, of_hosts


def _first_line(file: str) -> str:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"--password-file {file!r}: {error}") from None
    if not lines or not lines[0]:
        raise InvalidArgument(f"--password-file {file!r}: its first line is empty")
    return lines[0]


def _pins(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """``HOST=PIN`` or, for the one host named, ``PIN``."""
    pins: dict[str, list[str]] = {}
    for text in texts:
        host, _, value = text.rpartition("=")
        pins.setdefault(host, []).append(value)
    return pins


@contextmanager
def reported() -> Iterator[None]:
    """Warnings and errors as one line each, without a traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Ovm3Warning)
        warnings.showwarning = _show_warning
        try:
            yield
        except InvalidArgument as error:
            raise click.UsageError(str(error)) from None
        except UnexpectedFileContent as error:
            tell_text(f"Error: {error}")
            raise SystemExit(1) from None
        except Ovm3Error as error:
            raise click.ClickException(str(error)) from None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {message}")
