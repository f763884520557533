"""Doctor checks of the pool as a whole: masters, uniformity, unreachable members, clocks.

Pure: no I/O. Sources: agent-behaviour.md 8.1, 10; xend.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.diagnostics.collect import CLOCK_TOLERANCE, MemberData
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.diagnostics.inventory_data import InventoryData
from libcloud_ovm3.errors import CertificateRejected, HostUnreachable, Ovm3Error
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.pages import page


def check_pool(inventory: InventoryData) -> Iterator[Finding]:
    """Check that the pool of the named host can be read and has exactly one master."""
    pool = inventory.pools[0]
    if isinstance(pool, Ovm3Error):
        yield Finding("error", "pool", str(pool), "its members are not known")
    elif pool is None:
        yield Finding("note", "pool", "not in a pool", "only this host is checked")
    else:
        yield _check_masters(pool, inventory)


def _check_masters(pool: documents.ServerPool, inventory: InventoryData) -> Finding:
    masters = [view for view in inventory.snapshot.hosts if view.server.is_master]
    pool_id = dashed(pool.uuid) or pool.uuid
    label = f"{pool.alias!r} {pool_id}, {len(pool.members)} members, VIP {pool.virtual_ip}"
    if len(masters) == 1:
        return Finding("ok", "pool", f"{label}, master {name_of(masters[0])}")
    if masters:
        return Finding(
            "error",
            "pool",
            f"{label}; {len(masters)} masters: {', '.join(map(name_of, masters))}",
            "split brain: each part of the pool may start the same VMs",
            "start nothing until it is known which VMs run where",
        )
    return Finding(
        "note" if inventory.snapshot.unreachable else "warning",
        "pool",
        f"{label}; none of the reachable hosts is its master",
        "without a cluster the master role does not move to another host; single hosts can still "
        "be managed",
    )


def check_uniformity(hosts: Sequence[HostView]) -> Iterator[Finding]:
    """Check that all hosts report the same pool, owner and agent version."""
    for about, value_of in (
        ("pool", lambda view: view.server.pool_uuid or "none"),
        ("owner", lambda view: view.server.manager_uuid or "nobody"),
        ("versions", lambda view: view.server.agent_version),
    ):
        values = {value_of(view): name_of(view) for view in hosts}
        if len(values) > 1:
            listed = ", ".join(f"{name}: {value}" for value, name in values.items())
            yield Finding(
                "warning",
                about,
                f"the hosts of the pool differ: {listed}",
                "what works on one of them may fail on another",
                "make them match",
            )


def check_member_lists(inventory: InventoryData) -> Iterator[Finding]:
    """Check that hosts of one pool list the same members: each has a list of its own."""
    lists: dict[str, dict[str, frozenset[str]]] = {}
    for view, pool in zip(inventory.snapshot.hosts, inventory.pools, strict=True):
        if isinstance(pool, documents.ServerPool):
            members = frozenset(ip for ip in pool.members if ip)
            lists.setdefault(pool.uuid, {})[name_of(view)] = members
    for of_pool in lists.values():
        every = frozenset().union(*of_pool.values())
        lacking = {name: sorted(every - members) for name, members in of_pool.items()}
        listed = "; ".join(f"{name} lacks {', '.join(ips)}" for name, ips in lacking.items() if ips)
        if listed:
            yield Finding(
                "warning",
                "pool",
                f"the hosts have different lists of its members: {listed}",
                "a host that was down when the pool changed has an old list; whoever is in one of "
                "the lists counts as a member",
                "set the list of all members on each host: `ovm3 api show set_pool_member_ip_list`",
            )


def check_unreachable(hosts: Sequence[UnreachableHost]) -> Iterator[Finding]:
    """Report each pool member that could not be read, with the reason and its own advice."""
    for host in hosts:
        means = (
            "what it runs is not known: a VM that no other host lists is shown as unknown, and "
            "start and destroy of it are refused"
        )
        if host.kind == "duplicate":
            means = (
                "the two hosts cannot be told apart, so what the second one runs is not shown, and "
                "nothing on it is changed; both continue to run their VMs"
            )
        yield Finding("error", "member", str(host.reason), means, _member_advice(host))


def check_options(snapshot: EstateSnapshot) -> Iterator[Finding]:
    """Report pins and passwords for hosts that the pool does not have."""
    for notice in snapshot.unmatched:
        yield Finding(
            "warning",
            "options",
            notice,
            "a host that it was meant for is reached with the usual password, or not at all",
            "correct the name of the host, or remove the entry",
        )


def _member_advice(host: UnreachableHost) -> str:
    if host.kind == "unverified":
        address = host.address.rpartition(":")[0]
        return f"`ovm3 host certificate {host.address}`, then add --fingerprint {address}=SHA256"
    if host.kind == "password":
        return (
            f"its agent has a different password: put it into a file, and add "
            f"--password-file {host.address}=FILE"
        )
    if host.kind == "duplicate":
        return (
            "give one of them a unique id: the agent takes it from the SMBIOS system UUID, where "
            "some vendors leave a placeholder; the vendor's firmware tool can set it"
        )
    if isinstance(host.reason, CertificateRejected):
        return (
            f"`ovm3 host certificate {host.address}` and compare on the host itself: it may have "
            f"been reinstalled, or this is a man in the middle; then give the new "
            f"--fingerprint, or correct its pin in the file that `ovm3 estate show` names"
        )
    advice = f"bring it online; `ovm3 doctor {host.address}`"
    if isinstance(host.reason, HostUnreachable):
        where = page("a-host-is-dead.md")
        advice += f". If it is dead: {where} shows how to start its VMs elsewhere"
    return advice


def check_clocks(members: Sequence[MemberData]) -> Iterator[Finding]:
    """Check that the hosts' clocks agree to within half a minute."""
    offsets = {m.view: m.clock_offset for m in members if not isinstance(m.clock_offset, Ovm3Error)}
    for member in members:
        if isinstance(member.clock_offset, Ovm3Error):
            text = f"the clock of {name_of(member.view)} could not be read: {member.clock_offset}"
            yield Finding("note", "clock", text, "whether it is correct is not known")
    if len(offsets) < 2:
        return
    median = sorted(offsets.values())[(len(offsets) - 1) // 2]
    deviations = {view: offset - median for view, offset in offsets.items()}
    if max(deviations.values()) - min(deviations.values()) <= CLOCK_TOLERANCE:
        yield Finding("ok", "clock", f"the clocks of {len(offsets)} hosts agree")
        return
    listed = ", ".join(
        f"{name_of(view)} {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}"
        for view, seconds in deviations.items()
        if abs(seconds) > CLOCK_TOLERANCE / 2
    )
    yield Finding(
        "warning",
        "clock",
        f"the hosts' clocks differ: {listed}",
        "log timestamps cannot be compared, ages of guests and files are wrong, and cluster "
        "members may fail to join",
        "configure NTP on all hosts: `ovm3 api show set_ntp`",
    )
