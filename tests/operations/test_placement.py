"""Which host is preferred for a VM. Pure, so without a simulator."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import RepositoryRecord, Server
from libcloud_ovm3.errors import HostNotFound, HostUnreachable, PreconditionFailed, SearchIncomplete
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.placement import (
    choose_for_new,
    choose_host,
    is_host,
    preferred,
    require_host,
)

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


# ------------------------------------------------------------------ memory that is not known


RECORD = RepositoryRecord(id="0004fb" + "0" * 26, is_mounted=True)


def hardware(free_mb: int | None) -> str:
    pages = "" if free_mb is None else free_mb * 256
    return (
        f"<Discover_Hardware_Result><NodeInformation><VMM><PhysicalInfo><FreePages>{pages}"
        "</FreePages></PhysicalInfo></VMM></NodeInformation></Discover_Hardware_Result>"
    )


def with_memory(free_mb: Sequence[int | None]) -> EstateSnapshot:
    """Hosts with so much free memory (None: unknown), all with one repository mounted."""
    hosts = tuple(
        replace(host(number), answers={"discover_hardware": hardware(mb)})
        for number, mb in enumerate(free_mb)
    )
    return EstateSnapshot(hosts, (), (Repository(RECORD, hosts, None),))


def needing(**memory: int) -> Definition:
    return Definition(RECORD.id, "a" * 32, VMConfig({"disk": [], **memory}))


def test_a_host_whose_free_memory_is_unknown_is_not_chosen() -> None:
    snapshot = with_memory([None, 0, 2048])
    assert choose_for_new(snapshot, [RECORD.id], 1024)[0] is snapshot.hosts[2]
    for definition in (needing(memory=1024), needing()):
        chosen = {choose_host(snapshot, definition, vm_id).label for vm_id in VMS}
        assert snapshot.hosts[0].label not in chosen
        assert snapshot.hosts[2].label in chosen
    with pytest.raises(PreconditionFailed, match=r"4096 MB .*ovm-0 \S+ unknown, ovm-1 \S+ 0 MB"):
        choose_for_new(snapshot, [RECORD.id], 4096)


@given(
    st.lists(st.none() | st.integers(0, 8192), min_size=1, max_size=5),
    st.sampled_from(VMS),
)
def test_a_new_node_goes_where_most_memory_is_free(free: list[int | None], vm_id: str) -> None:
    """And its id prefers that host. One whose id is given goes where all clients start it."""
    snapshot, needed = with_memory(free), 1024
    able = [h for h, mb in zip(snapshot.hosts, free, strict=True) if mb and mb >= needed]
    if not able:
        numbers = ".*".join("unknown" if mb is None else f"{mb} MB" for mb in free)
        with pytest.raises(PreconditionFailed, match=f"1024 MB of memory free; free: .*{numbers}"):
            choose_for_new(snapshot, [RECORD.id], needed, vm_id=vm_id)
        return
    chosen, new_id = choose_for_new(snapshot, [RECORD.id], needed)
    assert free[snapshot.hosts.index(chosen)] == max(mb for mb in free if mb is not None)
    assert preferred(able, new_id) is chosen
    found = choose_for_new(snapshot, [RECORD.id], needed, vm_id=vm_id)
    assert found == (preferred(able, vm_id), vm_id)


def test_a_named_host_whose_free_memory_is_unknown() -> None:
    """It is refused for a VM whose memory is known, and accepted for one whose memory is not."""
    snapshot = with_memory([None, None])
    named = snapshot.hosts[0]
    with pytest.raises(PreconditionFailed, match=r"known to have 512 MB .*unknown"):
        choose_host(snapshot, needing(memory=512), VMS[0], named.server.uuid)
    with pytest.raises(PreconditionFailed, match=r"^host '0*' is not known to have 512 MB .*unkn"):
        choose_for_new(snapshot, [RECORD.id], 512, named.server.uuid)
    assert choose_host(snapshot, needing(), VMS[0], named.server.uuid) is named
    with pytest.raises(PreconditionFailed, match=r"neither the VM's memory nor"):
        choose_host(snapshot, needing(), VMS[0])


def test_hosts_that_are_left_out_are_named() -> None:
    """Else nobody learns why the empty one beside them was not asked for its memory."""
    silent = UnreachableHost("127.0.0.9:8899", HostUnreachable("127.0.0.9:8899: cannot be reached"))
    whole = with_memory([1024, 8192])
    repositories = (Repository(RECORD, whole.hosts[:1], None),)
    snapshot = EstateSnapshot(whole.hosts, (silent,), repositories)
    text = r"free: ovm-0 \S+ 1024 MB\. Left out: 127.0.0.9:8899: cannot .*; ovm-1 \S+ it has not mo"
    with pytest.raises(PreconditionFailed, match=text):
        choose_for_new(snapshot, [RECORD.id], 4096)
    nowhere = EstateSnapshot(whole.hosts, (), (Repository(RECORD, (), None),))
    with pytest.raises(
        PreconditionFailed, match=r"could be read\. Left out: ovm-0 .*ovm-1 .*Expect"
    ):
        choose_for_new(nowhere, [RECORD.id], 512)
