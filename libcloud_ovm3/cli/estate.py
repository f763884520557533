"""``ovm3 estate``: named estates in the configuration file (docs/estates.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from libcloud_ovm3.access import Access, read_options
from libcloud_ovm3.agent.address import (
    DEFAULT_PORT,
    Address,
    host_key,
    of_host,
    parse_address,
    parse_port,
    parse_repository,
)
from libcloud_ovm3.agent.network_options import NetworkOptions
from libcloud_ovm3.agent.tls import parse_pins
from libcloud_ovm3.cli import estate_add as steps
from libcloud_ovm3.cli.asking import is_confirmed
from libcloud_ovm3.cli.completion import estate_names
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, output_option, show_record, show_records
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import (
    KEYS_REPOSITORY,
    NETWORKS,
    PASSWORD_FILES,
    PORT,
    TRUST,
    USER,
    network_arguments,
    password_files_by_host,
    passwords,
    reported,
    trust_arguments,
)
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file import changing
from libcloud_ovm3.estates_file.content import ARGUMENTS, check_name, require_hosts
from libcloud_ovm3.estates_file.named import DEFAULT_USER, NamedEstate, read_password_file
from libcloud_ovm3.estates_file.reading import (
    Estates,
    estates_path,
    existing,
    find_estate,
    read_estates,
)
from libcloud_ovm3.pages import page

_KEYS = {argument: key for key, argument in ARGUMENTS.items()}


@click.group(
    cls=NounGroup, epilog=examples("ovm3 estate add lab ovm-1.example.com", "ovm3 estate use lab")
)
def estate() -> None:
    """Save, list, show, choose and remove named sets of hosts.

    An estate is a name for hosts with their certificates and password.

    A command takes the default estate, or the one that --estate or $OVM3_ESTATE names.
    """


def _trust_options(command: Any) -> Any:
    for option in reversed((PORT, USER, PASSWORD_FILES, *TRUST, *NETWORKS, KEYS_REPOSITORY)):
        command = option(command)
    return command


@estate.command(
    epilog=examples(
        "ovm3 estate add lab ovm-1.example.com",
        "ovm3 estate add lab ovm-1.example.com --fingerprint ovm-1.example.com=SHA256",
    )
)
@click.argument("name")
@click.argument("hosts", metavar="HOST[:PORT]...", nargs=-1, required=True)
@_trust_options
@click.option("--password-command", metavar="COMMAND",
              help="A program that prints the password in its first line. Run without a shell, "
              "whenever the estate is used.")  # fmt: skip
@click.option("--no-save-password", is_flag=True, help="Ask for the password in each command.")
@click.option("--containers-repository", metavar="ID|ALIAS",
              help="Repository in which programs make containers for files.  [default: the only "
              "one]")  # fmt: skip
@click.option("--watch-dhcp", is_flag=True,
              help="Have each host watch which addresses DHCP gives to VMs "
              "that it starts.")  # fmt: skip
@click.option("--only", is_flag=True, help="These hosts only, instead of their whole pools.")
@click.option("--default", "is_default", is_flag=True, help="Make it the default estate.")
@click.option("--yes", is_flag=True, help="Accept certificates without comparing them (insecure).")
def add(
    name: str,
    hosts: tuple[str, ...],
    port: str | None,
    user: str | None,
    password_files: tuple[str, ...],
    password_command: str | None,
    no_save_password: bool,
    only: bool,
    is_default: bool,
    yes: bool,
    traffic_labels: tuple[str, ...],
    default_network: str | None,
    public_networks: tuple[str, ...],
    keys_repository: str | None,
    containers_repository: str | None,
    watch_dhcp: bool,
    **trust: Any,
) -> None:
    """Save the hosts of the pool of HOST as the estate NAME.

    The certificates of HOST, and then those of the other members of its pool, are shown, to be
    compared with what the hosts themselves print. With --fingerprint or --ca-cert, what these
    verify is not asked. The password is sent to verified hosts only.
    """
    with reported():
        check_name(name)
        path = estates_path()
        changing.require_new(path, read_estates().estates, name)
        changing.require_writable()  # before anybody is asked
        more = _more_keys(
            network_arguments(traffic_labels, default_network, public_networks),
            {
                "ex_keys_repository": keys_repository,
                "ex_containers_repository": containers_repository,
            },
            watch_dhcp,
        )
        given = trust_arguments(**trust)
        default_port = parse_port(port or DEFAULT_PORT)
        addresses = list(dict.fromkeys(parse_address(host, default_port) for host in hosts))
        pins = _given_pins(given.pop("ex_fingerprint"), addresses)
        has_ca = given["ca_cert"] is not None
        files = _password_keys(password_files, password_command)
        named = {"pins": pins, "password_files": files.get("password_files", {})}
        if only:
            _require_hosts(named, addresses)
        for _, password_path in password_files_by_host(password_files):
            read_password_file(password_path, "--password-file")  # before anybody is asked
        typed = [steps.read_presented(address) for address in addresses]
        steps.accept(typed, pins, has_ca, yes)

        tls = {_KEYS[argument]: value for argument, value in given.items()}
        entry = _entry(typed, tls, pins, user, only)
        entry |= files | more
        password = None
        if not {"password_file", "password_command"} & set(entry):
            if not no_save_password:
                own = changing.password_file_of(name)
                show(f"The password will be saved in {path.with_name(own)}, readable by you only.")
            password, _ = passwords((), ", ".join(map(str, addresses)))
        options: dict[str, Any] = {"secret": password, "ex_read_only": True}

        def entry_of(accepted: list[steps.Presented]) -> dict[str, Any]:
            return {**entry, **_entry(accepted, tls, pins, user, only)}

        def access_of(accepted: list[steps.Presented]) -> Access:
            return read_options(ex_estate=NamedEstate(name, path, entry_of(accepted)), **options)

        members: list[steps.Presented] = []
        others: list[Address] = []
        if not only:
            members, others = steps.accept_members(typed, access_of, pins, has_ca, yes)
        _require_hosts(named, [*addresses, *others])
        entry = entry_of([*typed, *members])
        silent = set(others) - {one.address for one in members}
        if given_pins := _pins_of(silent, pins):
            entry["pins"] = {**entry.get("pins", {}), **given_pins}
        saved_hosts = addresses if has_ca else steps.entry_hosts(typed, members)
        for one in [] if has_ca else typed:
            if file := of_host(entry.get("password_files", {}), one.address, named=False):
                saved_as = steps.host_text(steps.entry_host(one, members))
                entry["password_files"].setdefault(saved_as, file)
        entry["hosts"] = [steps.host_text(address) for address in saved_hosts]
        access = read_options(ex_estate=NamedEstate(name, path, entry), **options)
        for error in steps.refusals(access):
            tell(f"warning: {with_option_names(str(error))}")
        saved = None if no_save_password else password
        is_default = changing.add_estate(name, entry, saved, is_default)
        _show_added(name, path, entry, is_default)


def _given_pins(pins: tuple[str, ...] | None, hosts: list[Address]) -> dict[str, Any]:
    found = parse_pins(pins)
    if "" in found and len(hosts) > 1:
        raise InvalidArgument("--fingerprint: for more than one host, expected HOST=SHA256")
    return {host or str(hosts[0]): pin for host, pin in found.items()}


def _entry(
    hosts: list[steps.Presented],
    tls: dict[str, Any],
    pins: dict[str, Any],
    user: str | None,
    only: bool,
) -> dict[str, Any]:
    """What the file will say of these hosts. With a CA, only the pins that were given are saved."""
    entry: dict[str, Any] = {"hosts": [steps.host_text(host.address) for host in hosts]}
    entry |= {"only": True} if only else {}
    entry["user"] = user or DEFAULT_USER
    pinned = [one for one in hosts if not tls["ca_cert"] or of_host(pins, one.address, named=False)]
    entry |= {"pins": steps.entry_pins(pinned)} if pinned else {}
    return entry | steps.tls_options(hosts, tls)


def _password_keys(files: tuple[str, ...], command: str | None) -> dict[str, Any]:
    """Where the password comes from, as the file names it."""
    keys: dict[str, Any] = {} if command is None else {"password_command": command}
    for host, file in password_files_by_host(files):
        if host:
            keys.setdefault("password_files", {})[host_key(host)] = str(file.absolute())
        else:
            keys["password_file"] = str(file.absolute())
    if {"password_file", "password_command"} <= set(keys):
        raise InvalidArgument("expected --password-file or --password-command, not both")
    return keys


def _more_keys(
    networks: dict[str, Any], repositories: dict[str, str | None], watch_dhcp: bool
) -> dict[str, Any]:
    """What the options of networks, repositories and DHCP become in the file.

    :raises InvalidArgument: one is not valid.
    """
    NetworkOptions.of(*networks.values())
    given = {**networks, "ex_watch_dhcp": watch_dhcp}
    for name, repository in repositories.items():
        if repository is not None:
            given[name] = parse_repository(repository, name)
    return {_KEYS[argument]: value for argument, value in given.items() if value}


def _require_hosts(named: dict[str, Any], hosts: list[Address]) -> None:
    """Check that each pin and each password is for one of these hosts.

    :raises InvalidArgument: one is not.
    """
    try:
        require_hosts(named, hosts)
    except InvalidArgument as error:
        option, _, text = str(error).partition(": ")
        words = {"pins": "--fingerprint", "password_files": "--password-file"}
        raise InvalidArgument(f"{words[option]}: {text}; nothing was saved") from None


def _pins_of(hosts: set[Address], pins: dict[str, Any]) -> dict[str, list[str]]:
    """The pins that were given for these hosts."""
    return {
        steps.host_text(host): list(found)
        for host in sorted(hosts)
        if (found := of_host(pins, host, named=False))
    }


def _show_added(name: str, path: Path, entry: dict[str, Any], is_default: bool) -> None:
    needs = [key for key in ("tls_minimum", "tls_weak_keys", "tls_legacy_renegotiation")
             if key in entry]  # fmt: skip
    for key in needs:
        show(f"saved for these hosts: {key}: {entry[key]} ({page('tls.md')} has the risk)")
    show(f"estate {name} with {len(entry['hosts'])} hosts saved in {path}")
    if is_default:
        show("It is the default estate: `ovm3 doctor` checks it.")
    else:
        show(f"`ovm3 doctor --estate {name}` checks it; `ovm3 estate use {name}` makes it the "
             "default.")  # fmt: skip


@estate.command("list", epilog=examples("ovm3 estate list", "ovm3 estate list -o name"))
@output_option
def list_estates(form: str) -> None:
    """List the estates of the configuration file."""
    with reported():
        found = read_estates()
        records = [_record(found, one) for one in found.estates.values()]
        columns = (
            Column("estate", "name"),
            Column("default", lambda one: "yes" if one["is_default"] else "no"),
            Column("hosts", lambda one: ", ".join(one["hosts"])),
        )
        show_records(form, records, columns, f"no estates in {found.path}", key="name")


@estate.command("show", epilog=examples("ovm3 estate show lab", "ovm3 estate show -o yaml"))
@output_option
@click.argument("name", required=False, shell_complete=estate_names)
def show_estate(form: str, name: str | None) -> None:
    """Show what is saved of the estate NAME.

    Without NAME, of the default estate.
    """
    with reported():
        found = read_estates()
        if not (name or found.default):
            raise InvalidArgument("expected the NAME of an estate, as there is no default estate")
        record = _record(found, existing(found, name or found.default or ""))
        show_record(form, record, _lines(record), key="name")


def _record(found: Estates, one: NamedEstate) -> dict[str, Any]:
    head = {"name": one.name, "file": str(one.path), "is_default": one.name == found.default}
    return {**head, **one.entry, "hosts": list(one.hosts)}


def _lines(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        by_host = value if isinstance(value, dict) else {}
        texts = [f"{host}={_words(item)}" for host, item in by_host.items()] or [_words(value)]
        yield key, texts[0]
        for text in texts[1:]:
            yield "", text


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@estate.command(epilog=examples("ovm3 estate use lab"))
@click.argument("name", shell_complete=estate_names)
def use(name: str) -> None:
    """Make NAME the default estate.

    Commands take it if neither a host nor an estate is named.
    """
    with reported():
        changing.use_estate(name)
        show(f"{name} is the default estate")


@estate.command(epilog=examples("ovm3 estate remove lab --yes"))
@click.argument("name", shell_complete=estate_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove the estate NAME from the configuration file. The hosts are not contacted."""
    with reported():
        found = find_estate(name)
        if not yes:
            question = f"Remove the estate {name} from {found.path}?"
            if not is_confirmed(question, "add --yes to remove it without a question"):
                raise click.Abort
        deleted, kept = changing.remove_estate(name)
        show(f"estate {name} removed from {found.path}")
        if deleted is not None:
            show(f"{deleted} deleted")
        for path in kept:
            show(f"{path} kept: it is your own, or another estate has its password there")
        left = read_estates()
        if left.estates and left.default is None:
            show("There is no default estate now: `ovm3 estate use NAME` chooses one.")
