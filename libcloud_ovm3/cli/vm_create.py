"""``ovm3 vm create``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from libcloud.compute.base import Node

from libcloud_ovm3 import OVM3NodeDriver, progress
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.exit_codes import Incomplete
from libcloud_ovm3.cli.option_names import with_option_names
from libcloud_ovm3.cli.options import (
    UNGUARDED_OPTION,
    WATCH_DHCP,
    driver_options,
    hosts_off_options,
    make_driver,
    reported,
)
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command
from libcloud_ovm3.cli.several import label
from libcloud_ovm3.cli.vm_guest import guest_arguments, guest_options
from libcloud_ovm3.compute.find import find_host, find_image, find_size, find_volumes
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error

_START_LIMIT = 600  # seconds; libcloud's own for wait_until_running
_WAIT_PERIOD = 2.0
_COUNT = click.IntRange(min=1)


@click.command(
    cls=Command,
    epilog=examples(
        "ovm3 vm create web-2 --image oracle-linux-6 --size small",
        "ovm3 vm create web-3 --image oracle-linux-6 --memory 768 --cpus 2 --on ovm-2 --wait",
        "ovm3 vm create web-4 --image oracle-linux-6 --size small --network guest:160",
        "ovm3 vm create ol-1 --image oracle-linux-6-boot.iso --size small --disk 2 --no-start",
        "ovm3 vm create web-6 --image oracle-linux-6 --size small --network guest:160 "
        "--ssh-key id_ed25519.pub",
        "ovm3 vm create web-5 --image oracle-linux-6 --size small --type hvm --no-start",
    ),
)
@click.option("--image", required=True, metavar="NAME|ID", help="A template or an ISO.")
@click.option(
    "--size",
    "size_id",
    metavar="ID",
    help="Memory and CPUs (see `ovm3 size list`). Without it, --memory is required.",
)
@click.option(
    "--memory",
    type=_COUNT,
    metavar="MB",
    help="Memory, instead of that of the size.",
)
@click.option(
    "--cpus",
    type=_COUNT,
    metavar="N",
    help="Virtual CPUs, likewise.  [default without --size: 1]",
)
@click.option(
    "--disk",
    "disk_gb",
    type=click.FloatRange(min=0),
    metavar="GB",
    help="The size of its first disk.  [default: that of the template]",
)
@click.option(
    "--type",
    "domain_type",
    type=click.Choice(["pv", "hvm"]),
    help="Paravirtualized or HVM.  [default: that of the template; of a disk image: pv]",
)
@click.option(
    "--iso", metavar="NAME|ID", help="An ISO for a CD drive of it, besides what the image has."
)
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    metavar="NAME|ID",
    help="A volume that it has from the beginning; once for each.",
)
@click.option("--description", metavar="TEXT", help="Its description.")
@click.option("--on", "location", metavar="HOST[:PORT]|ID", help="The host on which to start it.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NETWORK[,KEY=VALUE...]",
    help="A network card on this bridge, traffic label or LABEL:VLAN; once for each card. Keys: "
    "mac, address, gateway, dns, model, type.  [default: the template's cards, else the default "
    "network's]",
)
@click.option(
    "--no-network", is_flag=True, help="No network card, whatever the template or the default says."
)
@guest_options
@click.option(
    "--allow-same-name", is_flag=True, help="Create it even if another VM may have this name."
)
@click.option(
    "--idempotency-key",
    metavar="TEXT",
    help="Your own name for this creation: with the same one again, it is not created twice.",
)
@click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    help="A text to record of it; once for each.",
)
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="A tag; once for each.")
@click.option("--no-start", is_flag=True, help="Leave it off.")
@click.option("--wait", is_flag=True, help="Wait until it runs.")
@click.option(
    "--timeout",
    type=click.IntRange(min=0),
    default=_START_LIMIT,
    show_default=True,
    help="Seconds to --wait at most.",
)
@UNGUARDED_OPTION
@WATCH_DHCP
@hosts_off_options
@driver_options
@click.argument("name")
def create(
    name: str, image: str, size_id: str | None, memory: int | None, cpus: int | None,
    disk_gb: float | None, domain_type: str | None, iso: str | None, description: str | None,
    location: str | None, networks: tuple[str, ...], no_network: bool, allow_same_name: bool,
    volumes: tuple[str, ...], idempotency_key: str | None,
    metadata: tuple[str, ...], tags: tuple[str, ...], no_start: bool, wait: bool, timeout: int,
    unguarded: bool, hosts_off: tuple[str, ...], ssh_key: Path | None, key_name: str | None,
    root_password_file: Path | None, user_data: Path | None, network_format: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Create a VM, start it, and print its id.

    Its disks are copies of a template's. Of an ISO it gets an empty disk of --disk GB, and boots
    from the ISO first.
    """
    with reported():
        driver = make_driver(**options)
        if wait and no_start:
            raise InvalidArgument("--wait and --no-start contradict each other")
        if networks and no_network:
            raise InvalidArgument("--network and --no-network contradict each other")
        guest = guest_arguments(ssh_key, key_name, root_password_file, user_data, network_format)
        if size_id is None and memory is None:
            raise InvalidArgument("--size or --memory is required (see `ovm3 size list`)")
        size = find_size(driver, size_id, memory, cpus)
        on = None if location is None else find_host(driver, location)
        node = driver.create_node(
            name,
            size,
            find_image(driver, image),
            on,
            **guest,
            ex_allow_same_name=allow_same_name,
            ex_description=description,
            ex_disk_gb=disk_gb,
            ex_domain_type=domain_type,
            ex_idempotency_key=idempotency_key,
            ex_iso=None if iso is None else find_image(driver, iso),
            ex_hosts_off=hosts_off,
            ex_metadata=pairs(metadata),
            ex_networks=list(networks) if networks or no_network else None,
            ex_progress=progress.copied,
            ex_start=not no_start,
            ex_tags=list(tags),
            ex_unguarded=unguarded,
            ex_volumes=find_volumes(driver, volumes) if volumes else None,
        )
        show(str(node.id))
        if wait:
            _wait(driver, node, timeout)


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Texts by their keys."""
    pairs = [text.partition("=") for text in texts]
    for text, (key, sign, _) in zip(texts, pairs, strict=True):
        if not sign or sum(key == other for other, _, _ in pairs) > 1:
            raise InvalidArgument(f"--metadata {text!r}: expected KEY=VALUE, each key once")
    return {key: value for key, _, value in pairs}


def _wait(driver: OVM3NodeDriver, node: Node, limit: int) -> None:
    """Wait until a VM runs that was just created, so no error means that nothing was changed."""
    try:
        driver.wait_until_running([node], wait_period=_WAIT_PERIOD, timeout=limit)
    except Ovm3Error as error:
        reason = with_option_names(str(error))
        raise Incomplete(
            f"{label(node)} was created and started; whether it runs is unknown: {reason}"
        ) from None
