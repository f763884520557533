"""The commands of ``ovm3``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from cryptography import x509

from libcloud_ovm3 import OVM3NodeDriver, __version__
from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.tls import check_minimum, fingerprint, presented_certificate
from libcloud_ovm3.cli import demo as demo_steps
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.tables import show_hosts, show_images, show_nodes
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PASSWORD = "OVM3_PASSWORD"  # noqa: S105 (the name of a variable)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def ovm3() -> None:
    """Oracle VM Server 3 hosts, straight from their agents."""


def driver_options(command: _F) -> _F:
    """The options that say which hosts, and how to trust them."""
    options = [
        click.option("--host", "hosts", multiple=True, required=True, metavar="HOST[:PORT]",
                     help="A host of the pool; several times: these hosts only."),
        click.option("--port", default=None, help="The agents' port (8899)."),
        click.option("--user", default="oracle", show_default=True, help="The agents' user."),
        click.option("--password-file", type=_FILE,
                     help=f"First line: the password. Else ${_PASSWORD}, else it is asked for."),
        click.option("--fingerprint", "pins", multiple=True, metavar="[HOST=]SHA256",
                     help="The certificate to accept (ovm3 pin HOST); again for more hosts."),
        click.option("--ca-cert", type=_FILE,
                     help="PEM file to verify certificates with."),
        click.option("--tls-server-name", help="The name in the certificate."),
        click.option("--tls-minimum", default="TLSv1.2", show_default=True,
                     help="TLSv1 for old agents."),
        click.option("--insecure", is_flag=True, help="Accept any certificate. Do not."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@ovm3.command()
@driver_options
def hosts(**options: Any) -> None:
    """The hosts of the pool: CPUs, memory, versions."""
    with _reported():
        locations = _driver(**options).list_locations()
        show_hosts(locations)
        for location in locations:
            if location.extra["status"] != "ok":
                click.echo(f"warning: {location.extra['reason']}", err=True)


@ovm3.command()
@driver_options
def nodes(**options: Any) -> None:
    """All VMs, running and stopped, on all hosts."""
    with _reported():
        show_nodes(_driver(**options).list_nodes())


@ovm3.command()
@driver_options
def images(**options: Any) -> None:
    """Templates and ISOs."""
    with _reported():
        show_images(_driver(**options).list_images())


@ovm3.command()
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--tls-minimum", default="TLSv1.2", show_default=True, help="TLSv1 for old agents.")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds.")
def pin(host: str, tls_minimum: str, timeout: float) -> None:
    """Show the certificate that HOST presents, and how to pin it. Sends no password."""
    with _reported():
        address = parse_address(host)
        der = presented_certificate(address, check_minimum(tls_minimum), timeout)
        for line in _certificate_lines(der):
            show(line)
        show(f"SHA-256      {fingerprint(der)}")
        show("Compare it with `openssl x509 -in /etc/ovs-agent/cert/certificate.pem -noout "
             "-fingerprint -sha256` on the host itself; then")  # fmt: skip
        show(f"command line --host {address} --fingerprint {fingerprint(der)}")
        show(f'Python       ex_fingerprint={{"{address.host}": "{fingerprint(der)}"}}')


@ovm3.command()
@click.option("--speed", default=30.0, show_default=True, help="How much faster than life.")
@click.option("--version", default="3.3.3", show_default=True, help="The agents' version.")
def demo(speed: float, version: str) -> None:
    """A simulated pool of three hosts: look at it, make nodes, run them, destroy them."""
    with _reported():
        demo_steps.run(speed=speed, version=version)


def _certificate_lines(der: bytes) -> list[str]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        return [
            f"subject      {certificate.subject.rfc4514_string()}",
            f"issuer       {certificate.issuer.rfc4514_string()}",
            f"valid        {_day(certificate.not_valid_before_utc)} to "
            f"{_day(certificate.not_valid_after_utc)}",
        ]
    except ValueError as error:  # odd old certificates: the fingerprint is what counts
        return [f"certificate  cannot be read: {error}"]


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _driver(
    hosts: tuple[str, ...],
    port: str | None,
    user: str,
    password_file: Path | None,
    pins: tuple[str, ...],
    ca_cert: Path | None,
    tls_server_name: str | None,
    tls_minimum: str,
    insecure: bool,
) -> OVM3NodeDriver:
    return OVM3NodeDriver(
        user,
        _password(password_file),
        host=hosts[0] if len(hosts) == 1 else None,
        port=port,
        ca_cert=None if ca_cert is None else str(ca_cert),
        verify_ssl=not insecure,
        ex_hosts=None if len(hosts) == 1 else hosts,
        ex_fingerprint=_pins(pins) or None,
        ex_tls_server_name=tls_server_name,
        ex_tls_minimum=tls_minimum,
    )


def _password(file: Path | None) -> str:
    """Never from the command line, which every user of the machine can read."""
    if file is not None:
        lines = file.read_text(encoding="utf-8").splitlines()
        return lines[0] if lines else ""
    return os.environ.get(_PASSWORD) or click.prompt("Agent password", hide_input=True)


def _pins(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """``HOST=PIN`` or, for the one host named, ``PIN``."""
    pins: dict[str, list[str]] = {}
    for text in texts:
        host, _, value = text.rpartition("=")
        pins.setdefault(host, []).append(value)
    return pins


@contextmanager
def _reported() -> Iterator[None]:
    """Warnings and errors as one line each, without a traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Ovm3Warning)
        warnings.showwarning = _show_warning
        try:
            yield
        except InvalidArgument as error:
            raise click.UsageError(str(error)) from None
        except Ovm3Error as error:
            raise click.ClickException(str(error)) from None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)
