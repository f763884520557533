"""The options for hosts, credentials and TLS, and how errors and warnings are printed."""

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
from libcloud_ovm3.cli.option_names import with_option_names
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
    help="A host of the pool. Given several times: these hosts only.",
)
_MODULE = click.option("--no-host-module", is_flag=True, help="Do not use the host modules.")
_ACCESS = (
    click.option("--port", default=None, metavar="PORT",
                 help="Port of the agents.  [default: 8899]"),
    click.option("--user", default="oracle", show_default=True, metavar="NAME",
                 help="User of the agents."),
    click.option("--password-file", "password_files", multiple=True, metavar="[HOST=]FILE",
                 help="File with the agents' password in its first line. With HOST=: for that "
                 f"host only. Without this option, ${_PASSWORD} or a prompt."),
    click.option("--fingerprint", "pins", multiple=True, metavar="[HOST=]SHA256",
                 help="The certificate to accept (see `ovm3 pin HOST`); once per host."),
    click.option("--ca-cert", type=_FILE,
                 help="CA certificates (PEM) with which to verify the hosts."),
    click.option("--tls-server-name", metavar="NAME",
                 help="Name to expect in the certificate."),
    click.option("--tls-minimum", default="TLSv1.2", show_default=True, metavar="VERSION",
                 help="Lowest TLS version to accept; agents of OVM 3.2 need TLSv1."),
    click.option("--tls-weak-keys", is_flag=True,
                 help="Accept keys below 2048 bits and SHA-1 signatures."),
    click.option("--tls-legacy-renegotiation", is_flag=True,
                 help="Accept hosts without secure renegotiation (RFC 5746)."),
    click.option("--cert-file", type=_FILE,
                 help="Client certificate (PEM), for hosts that require one."),
    click.option("--key-file", type=_FILE, help="Client private key, if separate."),
    click.option("--insecure", is_flag=True,
                 help="Disable certificate verification (insecure)."),
)  # fmt: skip


def access_options(command: _F) -> _F:
    """Add the options for credentials and TLS."""
    for option in reversed(_ACCESS):
        command = option(command)
    return command


_HOSTS_OFF = (
    click.option("--host-off", "hosts_off", multiple=True, metavar="HOST[:PORT]",
                 help="A host that you have seen to be powered off: this command believes that it "
                 "runs nothing, unless it answers. Read docs/a-host-is-dead.md first."),
    click.option("--ssh-port", "ex_ssh_port", default=22, show_default=True,
                 help="SSH port of the hosts, which a --host-off must not answer at."),
)  # fmt: skip


def hosts_off_options(command: _F) -> _F:
    """Add the options for hosts that are powered off."""
    for option in reversed(_HOSTS_OFF):
        command = option(command)
    return command


def driver_options(command: _F) -> _F:
    """Add the options for hosts, credentials and TLS."""
    return HOSTS(access_options(_MODULE(command)))


def make_driver(**options: Any) -> OVM3NodeDriver:
    """Return the driver for the values of :func:`driver_options` and further arguments."""
    return OVM3NodeDriver(**_driver_arguments(**options))


def make_access(**options: Any) -> Access:
    """Return how to reach the hosts, without a driver."""
    return read_options(**_driver_arguments(**options))


def make_estate(**options: Any) -> Estate:
    """Return the estate of these hosts, for what libcloud has no objects for."""
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
    """Return the driver's arguments for the values of :func:`driver_options`; ``more`` as it is.

    :raises InvalidArgument: the options contradict each other, or a file cannot be read.
    """
    password, host_passwords = _passwords(password_files)
    pins_by_host = _pins(pins)
    if len(hosts) > 1 and "" in pins_by_host:
        raise InvalidArgument("--fingerprint: with several --host, expected HOST=SHA256 for each")
    return {
        "key": user,
        "secret": password,
        "host": hosts[0] if len(hosts) == 1 else None,
        "port": port,
        "ca_cert": _path(ca_cert),
        "cert_file": _path(cert_file),
        "key_file": _path(key_file),
        "verify_ssl": not insecure,
        "ex_hosts": None if len(hosts) == 1 else hosts,
        "ex_fingerprint": pins_by_host or None,
        "ex_tls_server_name": tls_server_name,
        "ex_tls_minimum": tls_minimum,
        "ex_tls_weak_keys": tls_weak_keys,
        "ex_tls_legacy_renegotiation": tls_legacy_renegotiation,
        "ex_passwords": host_passwords,
        "ex_host_module": not no_host_module,
        **more,
    }


def _path(file: Path | None) -> str | None:
    return None if file is None else str(file)


def _passwords(texts: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the default password, and those of ``HOST=FILE`` by host.

    Never from the command line, which every user of the machine can read.
    """
    default, by_host = "", {}
    for text in texts:
        host, equals, file = text.partition("=")
        if equals and "/" not in host and not Path(text).exists():
            by_host[host] = _first_line(file)
        else:
            default = _first_line(text)
    if not default:
        default = os.environ.get(_PASSWORD) or click.prompt("Agent password", hide_input=True)
    return default, by_host


def _first_line(file: str) -> str:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"--password-file {file!r}: {error}") from None
    if not lines or not lines[0]:
        raise InvalidArgument(f"--password-file {file!r}: its first line is empty")
    return lines[0]


def _pins(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """Parse ``HOST=PIN`` or, for a single host, ``PIN`` (key ``""``)."""
    pins: dict[str, list[str]] = {}
    for text in texts:
        host, _, value = text.rpartition("=")
        pins.setdefault(host, []).append(value)
    return pins


@contextmanager
def reported() -> Iterator[None]:
    """Print warnings and errors as one line each, with names of options, without a traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Ovm3Warning)
        warnings.showwarning = _show_warning
        try:
            yield
        except InvalidArgument as error:
            raise click.UsageError(with_option_names(str(error))) from None
        except UnexpectedFileContent as error:
            tell_text(f"Error: {with_option_names(str(error))}")
            raise SystemExit(1) from None
        except Ovm3Error as error:
            raise click.ClickException(with_option_names(str(error))) from None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {with_option_names(str(message))}")
