"""Pinning a VM to CPUs of its host: in its vm.cfg and, while it runs, in its domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import HARDWARE, HostView, read_hardware
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.settings import HIGHEST_CPU, Pins, cpus_text, live_settings, parse_cpus
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.operations.again import until_first
from libcloud_ovm3.operations.change_settings import (
    SETTINGS,
    Step,
    adopted_notice,
    both,
    change_settings,
)
from libcloud_ovm3.operations.device_changes import Shows, Target, refusal, target_of
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.own_disks import repository_of
from libcloud_ovm3.progress import waiting

ALL = ("", "all")
_EXPECTED = "expected numbers of CPUs, such as 0-3 or 2,5, or 'all' for no pin"


def parse_pin(cpus: Any) -> frozenset[int] | None:
    """The CPUs that a user names; None: all.

    :param cpus: a text as xend reads it (``0-3,^1``), one number, or several; None, ``all``: all.
    :raises InvalidArgument: it is no such thing, or names no CPU.
    """
    if cpus is None or (isinstance(cpus, str) and cpus.strip().lower() in ALL):
        return None
    if isinstance(cpus, int) and not isinstance(cpus, bool):
        cpus = [cpus]
    if isinstance(cpus, list | tuple | set | frozenset | range):
        is_plain = all(isinstance(one, int) and not isinstance(one, bool) for one in cpus)
        found = frozenset(cpus) if is_plain else None
        if found and min(found) >= 0 and max(found) <= HIGHEST_CPU:
            return found
    elif isinstance(cpus, str):
        found = parse_cpus(cpus)
        if found:
            return found
    raise InvalidArgument(f"cpus {cpus!r}: {_EXPECTED}")


def has_pin(settings: Mapping[str, Any], cpus: frozenset[int] | None) -> bool:
    """Whether a node has a pin already, as defined and as live.

    :param settings: ``extra["settings"]`` of the node.
    :param cpus: of :func:`parse_pin`.
    """
    found = [one["cpus"] for one in (settings["defined"], settings["live"]) if one]
    wanted = "" if cpus is None else cpus_text(cpus)
    return bool(found) and all(one == wanted for one in found)


def pin(estate: Estate, vm_id: str, cpus: frozenset[int] | None) -> tuple[VM, list[str]]:
    """Pin all virtual CPUs of a VM that runs, is paused or is stopped to CPUs of its host.

    :param cpus: None: all of them, so that it is not pinned any more.
    :return: the VM as it is then, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises PreconditionFailed: its host, or each one that has its repository, lacks a CPU; or its
        state does not allow it. Nothing was sent.
    :raises AgentFault: the agent refused; the VM is as it was.
    :raises OperationIncomplete: whether it is pinned is unknown.
    """
    return until_first(estate, lambda: _pin(estate, vm_id, cpus))


def _pin(estate: Estate, vm_id: str, cpus: frozenset[int] | None) -> tuple[VM, list[str]]:
    target = target_of(Operation(estate), read_estate(estate, HARDWARE), vm_id, SETTINGS)
    counts, notices = _counts(target), adopted_notice(target)
    if cpus is None:
        if not any(pins is None or any(pins) for pins in _pins(target)):
            return target.vm, notices
        cpus, what = frozenset(range(max(count for _, count in counts))), "removing its pin"
    else:
        what = f"pinning it to CPUs {cpus_text(cpus)}"
        notices += _lacking(target, cpus, counts)
    if target.definition.config and "cpu" in target.definition.config.values:
        notices.append(
            f"VM {target.vm.label}: its vm.cfg has the option cpu as well, which may pin its first "
            f"CPU elsewhere; no source says which of the two holds"
        )
    step = Step(what, {"cpus": cpus_text(cpus)}, _shows(cpus))
    with waiting(f"{what}: VM {target.vm.name!r}", vm=target.vm.id):
        target = change_settings(target, [step], notices)
    return target.vm, [*dict.fromkeys(notices)]


def _pins(target: Target) -> list[Pins]:
    defined, live = both(target)
    return [defined.pins] if live is None else [defined.pins, live.pins]


def _shows(cpus: frozenset[int]) -> Shows:
    """Whether all vcpus of a live domain are listed with these CPUs, and no others."""

    def shows(domain: Domain) -> bool | None:
        pins = live_settings(replace(domain, is_adopted=False)).pins
        return None if pins is None else set(pins) == {cpus}

    return shows


def _counts(target: Target) -> list[tuple[HostView, int]]:
    """How many CPUs the hosts have that matter: its own, or those that have its repository.

    :raises PreconditionFailed: that is not known.
    """
    hosts = [target.host]
    if target.live is None:
        hosts = list(repository_of(target.snapshot, target.definition).mounted_on)
    found = list(zip(hosts, read_hardware(hosts), strict=True))
    counts = [(h, one.cpus) for h, one in found if not isinstance(one, Ovm3Error) and one.cpus]
    if not counts:
        errors = [str(one) for _, one in found if isinstance(one, Ovm3Error)]
        raise refusal(target, "; ".join(["how many CPUs its host has is not known", *errors]))
    return counts


def _lacking(
    target: Target, cpus: frozenset[int], counts: Sequence[tuple[HostView, int]]
) -> list[str]:
    """Which hosts that may start a stopped VM lack one of the CPUs.

    :raises PreconditionFailed: all of them do.
    """
    without = [f"{host.label} has CPUs 0-{n - 1}" for host, n in counts if max(cpus) >= n]
    if len(without) == len(counts):
        raise refusal(target, f"there is no CPU {max(cpus)}: {'; '.join(without)}")
    if not without:
        return []
    return [
        f"VM {target.vm.label}: some hosts that have its repository lack CPU {max(cpus)}: "
        f"{'; '.join(without)}"
    ]
