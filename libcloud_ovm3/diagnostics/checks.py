"""What ``ovm3 doctor`` finds in pools, repositories and VMs. Pure: out of what was read.

Sources of what things mean: agent-behaviour.md, xend.md, docs/guarantees.md.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from libcloud_ovm3.diagnostics.inventory import has_ha, name_of
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

NO_VM_CFG = "no vm.cfg"  # how such a definition's problem begins

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


def of_repositories(seen: EstateSnapshot, host: HostView) -> Iterator[Finding]:
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
        if one.is_clear:
            yield _of_repository(one, seen, host)
        if one.content is not None or not one.is_clear:
            for problem in one.errors:
                yield _of_problem(one, problem)
        for aside in one.aside:
            yield Finding(
                "warning",
                "repository",
                f"{_named(one)}: {aside.path!r} was set aside by a deletion that may have broken "
                f"off",
                "the file is whole, and in the way of nobody; whether it was to go is not known",
                f"ex_put_back({aside.path!r}, {aside.operation!r}) puts it back",
            )
        owner = one.record.manager_uuid
        if owner and host.server.manager_uuid and owner != host.server.manager_uuid:
            yield Finding(
                "warning",
                "repository",
                f"{_named(one)} belongs to {owner}, the host to {host.server.manager_uuid}",
                "adding or creating a repository under another owner fails",
                "bring host and repository under one owner before changing either",
            )


def _of_repository(one: Repository, seen: EstateSnapshot, host: HostView) -> Finding:
    mounted = [name_of(view) for view in one.mounted_on]
    without = [
        name_of(view)
        for view in seen.hosts
        if view not in one.mounted_on and view.repositories_error is None
    ]
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
            f"{_named(one)} ({where}) cannot be listed: {one.error}",
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
    unknown = [name_of(view) for view in seen.hosts if view not in one.mounted_on]
    said = f"mounted on {', '.join(mounted)}" if unknown else "mounted on every host asked"
    return Finding("ok", "repository", f"{_named(one)} ({where}) is {said}")


def _of_problem(one: Repository, problem: str) -> Finding:
    return Finding(
        "error",
        "repository",
        f"{_named(one)}: {problem}",
        "it may hold VMs, or be used by some, that nobody here knows of, so no disk is deleted"
        if one.is_clear
        else "it is not certain which files are meant by it, so nothing on either is changed",
        ""
        if one.is_clear
        else "one repository id must lead to one place: give a copy an id of "
        "its own, or unmount it",
    )


def _mount_command(one: Repository) -> str:
    """What mounts it on HOST, fit for a shell whatever the storage is called."""
    arguments = [json.dumps(text) for text in (one.record.fs_location, one.path)]
    words = ["ovm3", "api", "call", "--host", "HOST", "--write", "mount_repository_fs", *arguments]
    return shlex.join(words)


def _named(one: Repository) -> str:
    return f"{one.record.alias!r} {one.id}" if one.record.alias else one.id


# ------------------------------------------------------------------ VMs


def of_vms(seen: EstateSnapshot) -> Iterator[Finding]:
    """What is wrong with single VMs, and what may surprise."""
    states = [vm.state.value for vm in seen.vms.values()]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    yield Finding("ok", "VMs", f"{len(states)} VMs" + (f": {counted}" if counted else ""))
    for vm in seen.vms.values():
        yield from _of_vm(vm, seen)


def _of_vm(vm: VM, seen: EstateSnapshot) -> Iterator[Finding]:
    for definition in vm.definitions:
        yield from _of_definition(definition, seen)
        for oddity in definition.config.warnings if definition.config else ():
            yield Finding(
                "warning",
                "vm.cfg",
                f"{definition.place}/vm.cfg: {oddity}",
                "xend refuses the VM, or makes something else of it than was meant",
                "look at the file; compare it with that of a VM that runs",
            )
        yield from _of_automatics(vm, definition)
    if (len(vm.definitions) > 1 or len(vm.live) > 1) and vm.state is not State.MIGRATING:
        yield Finding(
            "error",
            "uuid",
            f"VM {vm.label} is in {len(vm.definitions) + len(vm.live)} places: {vm.where()}",
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
    if vm.live and not vm.definitions:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label} runs, but no vm.cfg of it is in a repository that could be read",
            "once it stops it cannot be started again from here",
            "find its repository, or save what list_vms says of it",
        )
    for doubt in vm.doubts:
        yield Finding(
            "warning",
            "VM",
            f"VM {vm.label}: {doubt}",
            "whether it runs cannot be told, so nothing is done to it",
            "look at that domain on the host; uuid and name in vm.cfg should be its own",
        )
    for place in vm.live:
        if place.domain.disks_error:
            yield Finding(
                "warning",
                "VM",
                f"{place.domain.label} on {name_of(place.host)}: not a whole record: "
                f"{place.domain.disks_error}",
                "which files it holds is not known, so no disk is deleted",
            )
    if any(definition.is_creating for definition in vm.definitions):
        yield Finding(
            "note",
            "VM",
            f"VM {vm.label} is being created, or its creation broke off",
            "nodes that stay pending are unfinished",
            "destroy the node if nobody is creating it",
        )


def _of_definition(definition: Definition, seen: EstateSnapshot) -> Iterator[Finding]:
    one = seen.repository(definition.repository_id)
    if definition.error and one is not None and definition.error == one.error:
        pass  # the repository's own, and said there
    elif definition.error and definition.config is not None:
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}/vm.cfg cannot be relied upon: {definition.error}",
            "nothing is done to its VM, and no disk is deleted that it could mean",
            "look at the directory on a host that has the repository mounted",
        )
    elif definition.error and definition.error.startswith(NO_VM_CFG):
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}: {definition.error}",
            "it may be a VM that was put aside or lost its vm.cfg, and may run: its name is "
            "not free, and no disk is deleted as long as nobody knows which it uses",
            "give the file its name back, or move the directory out of VirtualMachines",
        )
    elif definition.error:
        yield Finding(
            "error",
            "vm.cfg",
            f"{definition.place}/vm.cfg cannot be read: {definition.error}",
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
    if definition.get_text("on_xend_start") == "start":
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_start = start",
            "it does nothing for VMs that the agent starts; a VM that xend manages itself is "
            "started with its host, whatever runs elsewhere meanwhile",
            "do not count on it; take it out",
        )
    if definition.get_text("on_xend_stop") not in ("", "ignore"):
        yield Finding(
            "warning",
            "autostart",
            f"VM {vm.label} has on_xend_stop = {definition.get_text('on_xend_stop')}",
            "each orderly stop or restart of xend acts on it while it runs",
            "do not restart xend on its host without need; take it out",
        )
