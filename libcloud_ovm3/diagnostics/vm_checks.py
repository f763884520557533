"""What ``ovm3 doctor`` finds in what VMs name: files, disks, addresses, screens, names. Pure.

Sources of what things mean: agent-behaviour.md 4, 6; xend.md 3, 7.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from libcloud_ovm3.agent.identifiers import dashed, undashed
from libcloud_ovm3.diagnostics.checks import Finding
from libcloud_ovm3.diagnostics.inventory import name_of
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.repositories import Repository
from libcloud_ovm3.estate.vms import VM, EstateSnapshot

_REPOSITORIES = "/OVS/Repositories/"
_IN_FOLDERS = ("VirtualMachines", "Templates")  # a directory a VM; the others hold files


# ------------------------------------------------------------------ files


def of_files(seen: EstateSnapshot) -> Iterator[Finding]:
    """Files that a vm.cfg names and that its repository lacks."""
    for vm in seen.vms.values():
        for definition in vm.definitions:
            if definition.is_creating:
                continue
            for path in _paths(definition):
                yield from _of_file(path, definition, vm, seen)


def _paths(definition: Definition) -> list[str]:
    """Files, as dom0 names them: disks, media, and what a kernel is started from."""
    said = [disk.path or "" for disk in definition.disks]
    said += [posixpath.normpath(definition.get_text(key) or ".") for key in ("kernel", "ramdisk")]
    return [path for path in dict.fromkeys(said) if path.startswith("/")]


def _of_file(path: str, definition: Definition, vm: VM, seen: EstateSnapshot) -> Iterator[Finding]:
    repository = _repository_of(path, seen)
    if repository is None:
        if path.startswith(_REPOSITORIES):
            yield Finding(
                "error",
                "file",
                f"VM {vm.label} names {path}, in a repository that no host knows that answered",
                "it cannot be started without it",
                "find the storage that this repository was on, or correct the vm.cfg",
            )
        return
    content = repository.content
    is_there = _is_there(path, repository)
    if content is None or is_there is None or is_there:
        return
    is_sure = not content.not_understood
    yield Finding(
        "error" if is_sure else "warning",
        "file",
        f"VM {vm.label} ({definition.place}) names {path}, which is not in its repository"
        + ("" if is_sure else ", as far as the listing was understood"),
        "it has lost its file and works only as long as it is not stopped"
        if vm.live
        else "it cannot be started without it",
        "look for the file under another name or in another repository; correct the vm.cfg",
    )


def _repository_of(path: str, seen: EstateSnapshot) -> Repository | None:
    for one in seen.repositories:
        if path.startswith(f"{one.path}/"):
            return one
    rest = path.removeprefix(_REPOSITORIES)
    return None if rest == path else seen.repository(undashed(rest.split("/")[0]) or "")


def _is_there(path: str, one: Repository) -> bool | None:
    """Whether a repository has a file; None: its listing does not show such files."""
    prefix = f"{one.path}/" if path.startswith(f"{one.path}/") else _REPOSITORIES
    steps = path.removeprefix(prefix).split("/")
    steps = steps if prefix != _REPOSITORIES else steps[1:]
    folder, content = steps[0], one.content
    if content is None or not steps[-1] or any(step.startswith(".") for step in steps):
        return None
    if folder in _IN_FOLDERS and len(steps) == 3:
        listed = content.templates if folder == "Templates" else content.virtual_machines
        return any(one.name == steps[1] and steps[2] in one.files for one in listed)
    if len(steps) == 2 and folder in ("VirtualDisks", "ISOs"):
        return steps[1] in (content.isos if folder == "ISOs" else content.virtual_disks)
    return None


# ------------------------------------------------------------------ network cards


def of_macs(seen: EstateSnapshot) -> Iterator[Finding]:
    """One MAC address in two VMs."""
    users: dict[str, dict[str, VM]] = {}
    for vm in seen.vms.values():
        for definition in vm.definitions:
            for card in definition.vifs:
                digits = re.sub("[^0-9a-f]", "", (card.mac or "").lower())
                if digits:
                    users.setdefault(digits, {})[vm.id] = vm
    for digits, vms in users.items():
        if len(vms) < 2:
            continue
        live = [vm for vm in vms.values() if vm.live]
        mac = ":".join(re.findall("..?", digits))
        yield Finding(
            "error" if len(live) > 1 else "warning",
            "MAC",
            f"{mac} is in {' and '.join(f'VM {vm.label}' for vm in vms.values())}"
            + ("; more than one of them is live" if len(live) > 1 else ""),
            "in one network they take each other's traffic, and DHCP gives both one address",
            "give all but one another MAC (vif in vm.cfg) while they are stopped",
        )


# ------------------------------------------------------------------ screens


def of_screens(seen: EstateSnapshot) -> Iterator[Finding]:
    """VNC that anybody may look at."""
    for vm in seen.vms.values():
        for definition in vm.definitions:
            wish = definition.config.vnc if definition.config else None
            if wish is None or wish.password or not _is_open(wish.listen or ""):
                continue
            yield Finding(
                "note",
                "VNC",
                f"VM {vm.label}: its screen is open on {wish.listen} without a password",
                "who reaches the host's network can see it, and type",
                "vnclisten=127.0.0.1 and an SSH tunnel; or a vncpasswd",
            )


def _is_open(listen: str) -> bool:
    """Whether others than dom0 itself can reach it; xend's default is 127.0.0.1."""
    return bool(listen) and not listen.startswith("127.") and listen not in ("::1", "localhost")


# ------------------------------------------------------------------ disks and names


def of_disks(seen: EstateSnapshot) -> Iterator[Finding]:
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


def of_names(seen: EstateSnapshot) -> Iterator[Finding]:
    """Names that xend mixes up: it looks for a name, then a domain's number, then a uuid."""
    names = list(_names(seen))
    domids = {p.domain.domid: p for vm in seen.vms.values() for p in vm.live}
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
        if name.startswith(("migrating-", "Domain-")) and not any(vm.live for vm in vms):
            yield Finding(
                "warning",
                "name",
                f"VM {labels} is named {name!r}",
                "xend gives such names to VMs that are leaving or left over, so its state cannot "
                "be told",
                "rename it (name in vm.cfg) while it is stopped",
            )


def _names(seen: EstateSnapshot) -> Iterator[tuple[str, VM]]:
    """Every name that xend knows, or will know, a VM by."""
    for vm in seen.vms.values():
        for definition in vm.definitions:
            if definition.config is not None and definition.xend_name:
                yield definition.xend_name, vm
        for place in vm.live:
            if place.domain.name:
                yield place.domain.name, vm


def _grouped(names: Iterable[tuple[str, VM]]) -> list[tuple[str, list[VM]]]:
    groups: dict[str, dict[str, VM]] = {}
    for name, vm in names:
        groups.setdefault(name, {})[vm.id] = vm
    return [(name, list(vms.values())) for name, vms in groups.items()]
