"""Which host is preferred for a VM. Pure, so without a simulator."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.errors import HostNotFound, HostUnreachable, SearchIncomplete
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.operations.placement import is_host, preferred, require_host

VMS = [str(uuid.UUID(int=number)) for number in range(300)]


def host(number: int, host_id: str | None = None) -> HostView:
    server = Server(uuid=f"{number:032x}" if host_id is None else host_id, hostname=f"ovm-{number}")
    return HostView(Address(f"127.0.0.{number + 2}", 8899), None, server, (), ())  # type: ignore[arg-type]


HOSTS = [host(number) for number in range(3)]


def test_the_order_in_which_a_client_sees_them_makes_no_difference() -> None:
    for vm_id in VMS[:20]:
        found = {preferred(order, vm_id).address for order in itertools.permutations(HOSTS)}
        assert len(found) == 1


def test_nor_does_the_address_or_the_spelling() -> None:
    """Clients may know one host by different names, and agents write ids in two ways."""
    for vm_id in VMS[:20]:
        others = [
            HostView(
                Address(f"name-{n}", 1),
                None,  # type: ignore[arg-type]
                Server(uuid=str(uuid.UUID(int=n)).upper(), hostname="x"),
                (),
                (),
            )
            for n in range(3)
        ]
        assert HOSTS.index(preferred(HOSTS, vm_id)) == others.index(preferred(others, vm_id))


def test_a_host_that_goes_changes_only_its_own() -> None:
    for vm_id in VMS:
        before = preferred(HOSTS, vm_id)
        assert preferred(HOSTS[:2], vm_id) is before or before is HOSTS[2]


def test_each_host_is_preferred_by_its_share() -> None:
    shares = Counter(preferred(HOSTS, vm_id).label for vm_id in VMS)
    assert len(shares) == 3
    assert min(shares.values()) > len(VMS) / 6


def test_hosts_that_give_no_id_are_told_apart_by_their_addresses() -> None:
    nameless = [host(0, ""), host(1, "")]
    assert {preferred(nameless, vm_id).address for vm_id in VMS} == {h.address for h in nameless}
    assert not is_host(nameless[0], "")
    assert not is_host(nameless[0], " ")
    assert is_host(nameless[1], "127.0.0.3:8899")


def test_whether_there_is_such_a_host() -> None:
    require_host(HOSTS, [], HOSTS[1].server.uuid.upper())
    require_host(HOSTS, [], str(HOSTS[1].address))
    with pytest.raises(HostNotFound, match=r"ovm-0.*ovm-1.*ovm-2"):
        require_host(HOSTS, [], "127.0.0.33")
    require_host(HOSTS, [], "127.0.0.3")
    require_host(HOSTS, [], "ovm-1")
    twins = [host(0, HOSTS[0].server.uuid), host(0, HOSTS[1].server.uuid)]
    with pytest.raises(SearchIncomplete, match="use its id"):
        require_host(twins, [], "ovm-0")
    silent = UnreachableHost("127.0.0.9:8899", HostUnreachable("127.0.0.9:8899: cannot be reached"))
    require_host(HOSTS, [silent], HOSTS[0].server.uuid)
    with pytest.raises(SearchIncomplete, match="cannot be reached"):
        require_host(HOSTS, [silent], "127.0.0.9:8899")
