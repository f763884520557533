"""From what a user types, a name or an id, to libcloud's object."""

from __future__ import annotations

from collections.abc import Sequence

from libcloud.compute.base import Node, NodeImage, NodeLocation, NodeSize

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.errors import HostNotFound, ImageNotFound, InvalidArgument, NodeNotFound


def find_vm(driver: OVM3NodeDriver, text: str, hosts_off: Sequence[str] = ()) -> Node:
    """Return a VM by its id, if the text is one, else by its name.

    :raises NodeNotFound: there is none; names the command that lists those that there are.
    """
    find = driver.ex_get_node if dashed(text) else driver.ex_get_node_by_name
    try:
        return find(text, ex_hosts_off=hosts_off)
    except NodeNotFound as error:
        raise NodeNotFound(f"{error}; `ovm3 vm list` lists all VMs") from None


def find_vms(driver: OVM3NodeDriver, texts: Sequence[str]) -> list[Node]:
    """Return several VMs, each once."""
    nodes = [find_vm(driver, text) for text in texts]
    return list({node.id: node for node in nodes}.values())


def find_image(driver: OVM3NodeDriver, text: str) -> NodeImage:
    """Return an image by its id or its name.

    :raises ImageNotFound: there is none; names those that there are.
    :raises InvalidArgument: several have this name.
    """
    images = driver.list_images()
    found = [one for one in images if text == one.id] or [one for one in images if text == one.name]
    if not found:
        known = ", ".join(one.name for one in images) or "none"
        raise ImageNotFound(f"no image {text!r}; images: {known}")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise InvalidArgument(f"several images are named {text!r}; use one of the ids: {ids}")
    return found[0]


def find_size(
    driver: OVM3NodeDriver,
    size_id: str | None = None,
    memory_mb: int | None = None,
    vcpus: int | None = None,
) -> NodeSize:
    """Return the size of this id, with the memory and CPUs that are given beside it.

    :raises InvalidArgument: there is no such size, or neither a size nor memory is given.
    """
    sizes = {one.id: one for one in driver.list_sizes()}
    if size_id is not None:
        if size_id not in sizes:
            raise InvalidArgument(f"size {size_id!r}: expected one of {', '.join(sizes)}")
        memory_mb = sizes[size_id].ram if memory_mb is None else memory_mb
        vcpus = sizes[size_id].extra["cpus"] if vcpus is None else vcpus
    if memory_mb is None:
        raise InvalidArgument(f"neither a size ({', '.join(sizes)}) nor memory is given")
    extra = {"cpus": 1 if vcpus is None else vcpus}
    return NodeSize("custom", "custom", memory_mb, 0, None, 0.0, driver, extra=extra)


def find_host(driver: OVM3NodeDriver, text: str) -> NodeLocation:
    """Return a host by its name, its address with or without the port, or its id.

    :raises HostNotFound: there is none; names those that there are.
    :raises InvalidArgument: the text may be any of several.
    """
    locations = driver.list_locations()
    found = [one for one in locations if _is_host(one, text)]
    if len(found) == 1:
        return found[0]
    some = ", ".join(f"{one.name} ({one.extra['address']})" for one in found or locations)
    if not found:
        raise HostNotFound(f"no host {text!r}; hosts: {some}")
    raise InvalidArgument(f"several hosts are named {text!r}; use the address: {some}")


def _is_host(location: NodeLocation, text: str) -> bool:
    address = location.extra["address"]
    names = (location.id, location.name, address, parse_address(address).host)
    return (
        text in names
        or text.lower() in names[2:]
        or (dashed(text) or "") == dashed(str(location.id))
    )
