"""What ``ovm3 doctor`` finds in pools, repositories and VMs. Pure: out of what was read.

Sources of what things mean: agent-behaviour.md, xend.md, docs/promises.md.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.inventory import has_ha, name_of
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, Survey

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    :ivar level: ``ok``; ``note``: no fault, but good to know; ``warning``; ``error``: something
        cannot be used, or data is in danger.
    :ivar about: what it concerns, in one or two words.
    :ivar found: what was seen.
    :ivar means: what follows from that; "" where it is plain.
    :ivar advice: what to do; "" if nothing.
    """

    level: Level
    about: str
    found: str
    means: str = ""
    advice: str = ""


def of_repositories(seen: Survey, host: HostView) -> Iterator[Finding]:
    """Which repositories can be used, from where."""
    if not seen.repositories:
        yield Finding(
            "warning",
            "repository",
            "no host knows a repository",
            "there is no place for VMs, disks and templates",
            "`ovm3 api show create_repository`, `ovm3 api show add_repository`",
        )
    for one in seen.repositories:
        yield _of_repository(one, seen, host)
        owner = one.record.manager_uuid
        if owner and host.server.manager_uuid and owner != host.server.manager_uuid:
            yield Finding(
                "warning",
                "repository",
                f"{_named(one)} belongs to {owner}, the host to {host.server.manager_uuid}",
                "adding or creating a repository under another owner fails",
                "bring host and repository under one owner before changing either",
            )


def _of_repository(one: Repository, seen: Survey, host: HostView) -> Finding:
    mounted = [name_of(view) for view in one.mounted_on]
    without = [name_of(view) for view in seen.hosts if view not in one.mounted_on]
    where = f"{one.record.fs_type} {one.record.fs_location}"
    if not mounted:
        return Finding(
            "error",
            "repository",
            f"{_named(one)} ({where}) is mounted on no host that answered",
            "its VMs, disks and templates cannot be seen, and its VMs cannot be started",
            f"see that the storage is there, then for each host `{_mount_command(one)}`",
        )
    if one.content is None:
        return Finding(
            "error",
            "repository",
            f"{_named(one)} ({where}) cannot be listed: {one.problem}",
            "its VMs, disks and templates cannot be seen; the mount may be stale",
            "look at the storage server, then at the mount on the host",
        )
    if without:
        return Finding(
            "warning",
            "repository",
            f"{_named(one)} ({where}) is mounted on {', '.join(mounted)}, "
            f"not on {', '.join(without)}",
            "its VMs cannot be started on, or moved to, the hosts without it",
            f"for each of these hosts `{_mount_command(one)}`",
        )
    return Finding("ok", "repository", f"{_named(one)} ({where}) is mounted on every host asked")


def _mount_command(one: Repository) -> str:
    """What mounts it on HOST, fit for a shell whatever the storage is called."""
    arguments = [json.dumps(text) for text in (one.record.fs_location, one.path)]
    words = ["ovm3", "api", "call", "--host", "HOST", "--write", "mount_repository_fs", *arguments]
    return shlex.join(words)


def _named(one: Repository) -> str:
    return f"{one.record.alias!r} {one.id}" if one.record.alias else one.id


# ------------------------------------------------------------------ VMs


def of_vms(seen: Survey) -> Iterator[Finding]:
    """What is wrong with single VMs, and what may surprise."""
    states = [vm.state.value for vm in seen.vms.values()]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    yield Finding("ok", "VMs", f"{len(states)} VMs" + (f": {counted}" if counted else ""))
    for vm in seen.vms.values():
        yield from _of_vm(vm)


def _of_vm(vm: VM) -> Iterator[Finding]:
    for definition in vm.definitions:
        if definition.problem:
            yield Finding(
                "error",
                "vm.cfg",
                f"{definition.place}/vm.cfg cannot be read: {definition.problem}",
                "its VM cannot be started, nor shown as stopped; and no disk is deleted as long as "
                "nobody knows whether this file names it",
                "mend the file on a host that has the repository mounted; a copy first",
            )
        elif not definition.own_uuid:
            yield Finding(
                "warning",
                "vm.cfg",
                f"{definition.place}/vm.cfg has no uuid",
                "xend makes up a new one at each start; the VM is known by directory and name only",
                f"add uuid = '{definition.uuid}' to the file while the VM is stopped",
            )
        for oddity in definition.settings.oddities:
            yield Finding(
                "warning",
                "vm.cfg",
                f"{definition.place}/vm.cfg: {oddity}",
                "xend refuses the VM, or makes something else of it than was meant",
                "look at the file; compare it with that of a VM that runs",
            )
        yield from _of_automatics(vm, definition)
    if (len(vm.definitions) > 1 or len(vm.places) > 1) and vm.state is not State.MIGRATING:
        yield Finding(
            "error",
            "uuid",
            f"VM {vm.label} is in {len(vm.definitions) + len(vm.places)} places: {vm.where()}",
            "two machines on one set of disks destroy the file systems on them; start, stop and "
            "destroy are refused",
            "if it is live twice, shut one of them down now; of two definitions, move the wrong "
            "directory out of VirtualMachines, or give it a uuid and disks of its own",
        )
    elif vm.state is State.ERROR:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label} has crashed or is left over: {vm.where()}",
            "it still holds memory and disks",
            "see xend.log on the host; then stop it by force",
        )
    if vm.places and not vm.definitions:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label} runs, but no vm.cfg of it is in a repository that could be read",
            "once it stops it cannot be started again from here",
            "find its repository, or save what list_vms says of it",
        )
    if any(definition.is_creating for definition in vm.definitions):
        yield Finding(
            "note",
            "VM",
            f"VM {vm.label} is being created, or its creation broke off",
            "nodes that stay pending are unfinished",
            "destroy the node if nobody is creating it",
        )


def _of_automatics(vm: VM, definition: Definition) -> Iterator[Finding]:
    if has_ha(definition):
        yield Finding(
            "warning",
            "HA",
            f"VM {vm.label} has the agent's HA flag",
            "in a clustered pool the agents may start it by themselves on another host when its "
            "host fails, and so beside a start of ours",
            "before starting it by hand see that no host runs it; take the flag away with "
            "configure_vm_ha if nobody wants it (`ovm3 api show configure_vm_ha`)",
        )
    if definition.say("on_xend_start") == "start":
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_start = start",
            "it does nothing for VMs that the agent starts; a VM that xend manages itself is "
            "started with its host, whatever runs elsewhere meanwhile",
            "do not count on it; take it out",
        )
    if definition.say("on_xend_stop") not in ("", "ignore"):
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_stop = {definition.say('on_xend_stop')}",
            "each orderly stop or restart of xend acts on it while it runs",
            "do not restart xend on its host without need; take it out",
        )


# ------------------------------------------------------------------ disks and names


def of_disks(seen: Survey) -> Iterator[Finding]:
    """Disks that two definitions name."""
    users: dict[str, dict[str, tuple[str, str]]] = {}
    for vm in seen.vms.values():
        for definition in vm.definitions:
            for disk in definition.disks:
                if disk.path and not disk.is_cdrom:
                    one = f"LUN {disk.wwid}" if disk.wwid else disk.path
                    users.setdefault(one, {})[definition.place] = (disk.mode, vm.name)
    for path, by_place in users.items():
        modes = {mode for mode, _ in by_place.values()}
        if len(by_place) < 2 or modes <= {"r", "r!"}:
            continue
        named = ", ".join(f"{name!r} ({mode}, {place})"
                          for place, (mode, name) in by_place.items())  # fmt: skip
        if modes == {"w!"}:
            yield Finding(
                "note",
                "disk",
                f"{path} is shared on purpose (w!) by {named}",
                "only a cluster file system or a database made for it stands that",
            )
            continue
        yield Finding(
            "error",
            "disk",
            f"{path} is used by {named}",
            "whoever starts both destroys what is on it: no host knows what another one runs, and "
            "Xen 4.1.3 does not even look on the same host",
            "start only one of them; give the other a copy",
        )


def of_names(seen: Survey) -> Iterator[Finding]:
    """Names that xend mixes up: it looks for a name, then a domain's number, then a uuid."""
    names = list(_names(seen))
    domids = {p.domain.domid: p for vm in seen.vms.values() for p in vm.places}
    for name, vms in _grouped(names):
        labels = " and ".join(vm.label for vm in vms)
        if name.isdigit():
            hit = domids.get(int(name)) if len(name) < 10 else None
            danger = f"; domain {name} on {name_of(hit.host)} is another one now" if hit else ""
            other = hit is not None and hit.domain.uuid not in {vm.id for vm in vms}
            yield Finding(
                "error" if other else "warning",
                "name",
                f"xend knows VM {labels} as {name!r}, a number" + (danger if other else ""),
                "where no VM of that name is live, xend takes the name for a domain's number, and "
                "what was meant for it hits whatever has that number",
                "rename it (name in vm.cfg) while it is stopped; never stop one that does not run",
            )
        elif any(dashed(name) not in (None, vm.id) for vm in vms) and dashed(name) in seen.vms:
            yield Finding(
                "error",
                "name",
                f"xend knows VM {labels} as {name!r}, the uuid of another VM",
                "what is meant for one of them can hit the other",
                "rename it (name in vm.cfg) while it is stopped",
            )
        if len(vms) > 1:
            yield Finding(
                "warning",
                "name",
                f"xend knows {len(vms)} VMs as {name!r}: {labels}",
                "only one of them can be live on a host, and what is meant for one that is not "
                "live there hits the other",
                "rename all but one (name in vm.cfg) while they are stopped",
            )
        if name.startswith(("migrating-", "Domain-")) and not any(vm.places for vm in vms):
            yield Finding(
                "warning",
                "name",
                f"VM {labels} is named {name!r}",
                "xend gives such names to VMs that are leaving or left over, so its state cannot "
                "be told",
                "rename it (name in vm.cfg) while it is stopped",
            )


def _names(seen: Survey) -> Iterator[tuple[str, VM]]:
    """Every name that xend knows, or will know, a VM by."""
    for vm in seen.vms.values():
        for definition in vm.definitions:
            if definition.config is not None and definition.xend_name:
                yield definition.xend_name, vm
        for place in vm.places:
            if place.domain.name:
                yield place.domain.name, vm


def _grouped(names: Iterable[tuple[str, VM]]) -> list[tuple[str, list[VM]]]:
    groups: dict[str, dict[str, VM]] = {}
    for name, vm in names:
        groups.setdefault(name, {})[vm.id] = vm
    return [(name, list(vms.values())) for name, vms in groups.items()]
