"""The options for hosts, credentials and TLS, and how errors and warnings are printed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver
from libcloud_ovm3.access import Access, read_options
from libcloud_ovm3.agent.address import DEFAULT_PORT, parse_address, parse_port
from libcloud_ovm3.cli.asking import ask_password
from libcloud_ovm3.cli.completion import estate_names
from libcloud_ovm3.cli.exit_codes import FAILED, failure_of
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.output import tell, tell_text
from libcloud_ovm3.cli.sections import ConnectionOption
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning, UnexpectedFileContent
from libcloud_ovm3.estate.members import SILENT_SECONDS, Estate
from libcloud_ovm3.estates_file.named import NamedEstate, read_password_file
from libcloud_ovm3.estates_file.reading import find_estate, read_estates

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# Names of variables.
_PASSWORD = "OVM3_PASSWORD"  # noqa: S105
_HOST, _NAME = "OVM3_HOST", "OVM3_ESTATE"

_connection = partial(click.option, cls=ConnectionOption)

HOSTS = _connection(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="A host of the pool. Given several times: these hosts only. "
    f"[default: the estate's, or ${_HOST}]",
)
_MODULE = _connection("--no-host-module", is_flag=True, help="Do not use the host modules.")
_ESTATE = _connection(
    "--estate", metavar="NAME", shell_complete=estate_names,
    help="Take what is not given from this estate (see `ovm3 estate list`).  "
    f"[default: ${_NAME}, or the default estate]",
)  # fmt: skip
PORT = _connection("--port", metavar="PORT", help="Port of the agents.  [default: 8899]")
USER = _connection("--user", metavar="NAME", help="User of the agents.  [default: oracle]")
PASSWORD_FILES = _connection(
    "--password-file", "password_files", multiple=True, metavar="[HOST=]FILE",
    help="File with the agents' password in its first line. With HOST=: for that host only. "
    f"[default: the estate's, else ${_PASSWORD} or a prompt]",
)  # fmt: skip
TRUST = (
    _connection("--fingerprint", "pins", multiple=True, metavar="[HOST=]SHA256",
                 help="The certificate to accept (see `ovm3 host certificate HOST`); once per "
                 "host."),
    _connection("--ca-cert", type=_FILE,
                 help="CA certificates (PEM) with which to verify the hosts."),
    _connection("--tls-server-name", metavar="NAME",
                 help="Name to expect in the certificate."),
    _connection("--tls-minimum", metavar="VERSION",
                 help="Lowest TLS version to accept; agents of OVM 3.2 need TLSv1.  "
                 "[default: TLSv1.2]"),
    _connection("--tls-weak-keys", is_flag=True,
                 help="Accept keys below 2048 bits and SHA-1 signatures."),
    _connection("--tls-legacy-renegotiation", is_flag=True,
                 help="Accept hosts without secure renegotiation (RFC 5746)."),
    _connection("--cert-file", type=_FILE,
                 help="Client certificate (PEM), for hosts that require one."),
    _connection("--key-file", type=_FILE, help="Client private key, if separate."),
)  # fmt: skip
NETWORKS = (
    _connection("--traffic-label", "traffic_labels", multiple=True, metavar="LABEL=INTERFACE",
                help="The NIC, bond, VLAN device or bridge that carries guest, public, management "
                "or storage traffic; once per label."),
    _connection("--default-network", metavar="NETWORK",
                help="Bridge, label or LABEL:VLAN for the card of a VM that is created without "
                "one.  [default: no card]"),
    _connection("--public-network", "public_networks", multiple=True, metavar="NETWORK",
                help="Bridge, or label (with all VLANs of its bridge), whose addresses are public; "
                "once per network."),
)  # fmt: skip
KEYS_REPOSITORY = _connection(
    "--keys-repository", metavar="ID|ALIAS",
    help="Repository of the key pairs.  [default: where some are]",
)  # fmt: skip
_INSECURE = _connection(
    "--insecure", is_flag=True, help="Disable certificate verification (insecure)."
)
_ACCESS = (_ESTATE, PORT, USER, PASSWORD_FILES, *TRUST, _INSECURE)


def access_options(command: _F) -> _F:
    """Add the options for credentials and TLS."""
    for option in reversed(_ACCESS):
        command = option(command)
    return command


def on_option(default: str) -> Callable[[_F], _F]:
    """Return the option for the hosts that are changed.

    :param default: which they are without it.
    """
    return click.option(
        "--on",
        "locations",
        multiple=True,
        metavar="HOST[:PORT]|ID",
        help=f"A host to change. Can be repeated.  [default: {default}]",
    )


_HOSTS_OFF = (
    click.option("--host-off", "hosts_off", multiple=True, metavar="HOST[:PORT]",
                 help="A host that you have seen to be powered off: this command believes that it "
                 "runs nothing, unless it answers. Read a-host-is-dead.md first, in the "
                 "documentation (`ovm3 --help` shows where it is)."),
    click.option("--ssh-port", "ex_ssh_port", metavar="PORT",
                 help="SSH port of the hosts, which a --host-off must not answer at.  "
                 "[default: 22]"),
)  # fmt: skip


WATCH_DHCP = click.option(
    "--watch-dhcp", "ex_watch_dhcp", is_flag=True,
    callback=lambda _context, _option, is_given: is_given or None,  # not False: see the estate
    help="Have the host watch for ten minutes which addresses DHCP gives to its network cards.",
)  # fmt: skip

UNGUARDED_OPTION = click.option(
    "--unguarded", is_flag=True,
    help="Start it --on a host without claims although its repository has claims: nothing keeps it "
    "from being started twice then.",
)  # fmt: skip


def hosts_off_options(command: _F) -> _F:
    """Add the options for hosts that are powered off."""
    for option in reversed(_HOSTS_OFF):
        command = option(command)
    return command


def network_options(command: _F) -> _F:
    """Add the options for traffic labels and networks."""
    for option in reversed(NETWORKS):
        command = option(command)
    return command


def driver_options(command: _F) -> _F:
    """Add the options for hosts, credentials, TLS, networks and key pairs."""
    return HOSTS(access_options(_MODULE(network_options(KEYS_REPOSITORY(command)))))


def make_driver(**options: Any) -> OVM3NodeDriver:
    """Return the driver for the values of :func:`driver_options` and further arguments.

    A command reads the hosts several times, and does not wait each time for one that is dead.
    """
    driver = OVM3NodeDriver(**_driver_arguments(**options))
    driver._estate = replace(driver._estate, silent_seconds=SILENT_SECONDS)
    return driver


def storage_options(command: _F) -> _F:
    """Add the options for hosts, credentials and TLS, for the storage driver."""
    return HOSTS(access_options(_MODULE(command)))


def make_storage(**options: Any) -> OVM3StorageDriver:
    """Return the storage driver for the values of :func:`storage_options`."""
    driver = OVM3StorageDriver(**_driver_arguments(**options))
    driver._estate = replace(driver._estate, silent_seconds=SILENT_SECONDS)
    return driver


def make_access(**options: Any) -> Access:
    """Return how to reach the hosts, without a driver."""
    return read_options(**_driver_arguments(**options))


def make_estate(**options: Any) -> Estate:
    """Return the estate of these hosts, for what libcloud has no objects for."""
    return make_access(**options).estate()


def _driver_arguments(
    hosts: tuple[str, ...],
    estate: str | None,
    port: str | None,
    user: str | None,
    password_files: tuple[str, ...],
    pins: tuple[str, ...],
    ca_cert: Path | None,
    insecure: bool,
    no_host_module: bool = False,
    traffic_labels: tuple[str, ...] = (),
    default_network: str | None = None,
    public_networks: tuple[str, ...] = (),
    keys_repository: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the driver's arguments for the values of :func:`driver_options`; ``more`` as it is.

    :raises InvalidArgument: the options contradict each other, or a file cannot be read.
    """
    is_verified = bool(pins) or ca_cert is not None or insecure
    hosts, found = _hosts_and_estate(hosts, estate, port, is_verified)
    whose = _whose_password(hosts, port, found)
    password, host_passwords = passwords(
        password_files, whose if found is None or not found.has_password else None
    )
    return {
        "key": user or (None if found else "oracle"),
        "secret": password,
        "host": hosts[0] if len(hosts) == 1 else None,
        "port": port,
        "verify_ssl": not insecure,
        "ex_hosts": hosts if len(hosts) > 1 else None,
        "ex_passwords": host_passwords or None,
        "ex_host_module": False if no_host_module else None,
        "ex_estate": found,
        "ex_keys_repository": keys_repository,
        **network_arguments(traffic_labels, default_network, public_networks),
        **trust_arguments(pins=pins, ca_cert=ca_cert, **more),
    }


def trust_arguments(
    pins: tuple[str, ...],
    ca_cert: Path | None,
    tls_server_name: str | None,
    tls_minimum: str | None,
    tls_weak_keys: bool,
    tls_legacy_renegotiation: bool,
    cert_file: Path | None,
    key_file: Path | None,
    **more: Any,
) -> dict[str, Any]:
    """Return the driver's arguments for the options of ``TRUST``; None for those not given."""
    return {
        "ca_cert": _path(ca_cert),
        "cert_file": _path(cert_file),
        "key_file": _path(key_file),
        "ex_fingerprint": pins or None,
        "ex_tls_server_name": tls_server_name,
        "ex_tls_minimum": tls_minimum,
        "ex_tls_weak_keys": tls_weak_keys or None,
        "ex_tls_legacy_renegotiation": tls_legacy_renegotiation or None,
        **more,
    }


def network_arguments(
    traffic_labels: tuple[str, ...],
    default_network: str | None,
    public_networks: tuple[str, ...],
) -> dict[str, Any]:
    """Return the driver's arguments for the options of ``NETWORKS``; None for those not given.

    :raises InvalidArgument: a label is given twice, or is not ``LABEL=INTERFACE``.
    """
    labels: dict[str, str] = {}
    for text in traffic_labels:
        label, equals, interface = text.partition("=")
        if not equals or label in labels:
            raise InvalidArgument(
                f"--traffic-label {text!r}: expected LABEL=INTERFACE, once per label"
            )
        labels[label] = interface
    return {
        "ex_traffic_labels": labels or None,
        "ex_default_network": default_network,
        "ex_public_networks": list(public_networks) or None,
    }


def _path(file: Path | None) -> str | None:
    return None if file is None else str(file.absolute())


def _hosts_and_estate(
    hosts: tuple[str, ...], name: str | None, port: str | None, is_verified: bool
) -> tuple[tuple[str, ...], NamedEstate | None]:
    """Which hosts were named, and which estate completes what is not given.

    ``--host``, then ``--estate``, $OVM3_HOST, $OVM3_ESTATE and the default estate. Hosts without
    ``--estate`` get the estate of the last two if it has them, and there is no other way to verify
    them.

    :raises InvalidArgument: there is neither host nor estate, or no estate of this name.
    """
    if name:
        return hosts, find_estate(name)
    hosts = hosts or tuple(os.environ.get(_HOST, "").replace(",", " ").split())
    if hosts and is_verified:
        return hosts, None
    if os.environ.get(_NAME):
        found: NamedEstate | None = find_estate(os.environ[_NAME])
    else:
        known = read_estates()
        found = known.estates[known.default] if known.default else None
        if not hosts and found is None:
            saved = ", ".join(known.estates) or "none"
            raise InvalidArgument(
                f"no host is given: expected --host HOST, --estate NAME, ${_HOST}, ${_NAME}, or a "
                f"default estate (`ovm3 estate add NAME HOST` makes one, `ovm3 estate use NAME` "
                f"chooses one; saved estates: {saved})"
            )
    default_port = parse_port(port or DEFAULT_PORT)
    if found and not all(found.has_host(parse_address(host, default_port)) for host in hosts):
        found = None
    return hosts, found


def _whose_password(hosts: tuple[str, ...], port: str | None, estate: NamedEstate | None) -> str:
    """Say for what a password is asked: a host without its port may not be the estate's."""
    default_port = parse_port(port or DEFAULT_PORT)
    addresses = [parse_address(host, default_port) for host in hosts]
    if estate is not None and all(map(estate.has_host, addresses)):
        return f"estate {estate.name}"
    also = [] if estate is None else [f"the hosts of estate {estate.name}"]
    return ", ".join([*map(str, addresses), *also])


def passwords(texts: tuple[str, ...], whose: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the default password, and those of ``HOST=FILE`` by host.

    Never from the command line, which every user of the machine can read.

    :param whose: whose password $OVM3_PASSWORD or a prompt has if no file does; None: neither.
    """
    default, by_host = None, {}
    for host, file in password_files_by_host(texts):
        password = read_password_file(file, "--password-file")
        if host:
            by_host[host] = password
        else:
            default = password
    if default is None and whose is not None:
        default = os.environ.get(_PASSWORD) or ask_password(
            f"Agent password for {whose}",
            f"use --password-file FILE or the environment variable {_PASSWORD}",
        )
    return default, by_host


def password_files_by_host(texts: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Split ``HOST=FILE``; the host is "" for a file alone."""
    found = []
    for text in texts:
        host, equals, file = text.partition("=")
        is_for_host = equals and "/" not in host and not Path(text).exists()
        found.append((host, Path(file)) if is_for_host else ("", Path(text)))
    return found


@contextmanager
def reported(is_read: bool = False) -> Iterator[None]:
    """Print warnings and errors as one line each, with names of options, without a traceback.

    :param is_read: whether the block changes nothing: then no error means that it may have.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", Ovm3Warning)
        warnings.showwarning = _show_warning
        try:
            yield
        except InvalidArgument as error:
            raise click.UsageError(with_option_names(str(error))) from None
        except UnexpectedFileContent as error:
            tell_text(f"Error: {with_option_names(error.on_lines())}")
            raise SystemExit(FAILED) from None
        except Ovm3Error as error:
            raise failure_of(error, with_option_names(str(error)), is_read) from None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"warning: {with_option_names(str(message))}")
