"""Changing memory, virtual CPUs, weight and cap of a VM: in its vm.cfg and, while it runs, in its
domain.

A running domain keeps the maxima that it was built with (xend.md 5), and its guest decides what it
makes of a new amount: memory is a target, and CPUs are a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.hosts import HARDWARE, read_hardware
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.settings import Settings
from libcloud_ovm3.estate.vms import VM, read_estate
from libcloud_ovm3.estate.xend_memory import free_mb
from libcloud_ovm3.operations.again import until_first
from libcloud_ovm3.operations.change_settings import (
    SETTINGS,
    Step,
    adopted_notice,
    anything,
    both,
    change_settings,
    changed_options,
    shows_setting,
)
from libcloud_ovm3.operations.device_changes import Target, refusal, target_of
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.presence import POLL, READS
from libcloud_ovm3.progress import waiting

HIGHEST_WEIGHT = 65535  # xend.md 3, as are the next two
CAP_OF_ONE = 100  # per cent of a CPU, for each of its vcpus
MOST_OF_HVM = 128  # vcpus

# Argument -> option of vm.cfg, in the order of the calls: maxima first.
OPTIONS = {
    "max_memory_mb": "maxmem",
    "max_vcpus": "maxvcpus",
    "memory_mb": "memory",
    "vcpus": "vcpus",
    "cpu_weight": "cpu_weight",
    "cpu_cap": "cpu_cap",
}
_NAMES = {
    "max_memory_mb": "ex_max_memory_mb",
    "max_vcpus": "ex_max_cpus",
    "memory_mb": "size.ram (or ex_memory_mb)",
    "vcpus": "the size's CPUs (or ex_cpus)",
    "cpu_weight": "ex_cpu_weight",
    "cpu_cap": "ex_cpu_cap",
}
_WORDS = {
    "max_memory_mb": "its maximum memory to {} MB",
    "max_vcpus": "its maximum of CPUs to {}",
    "memory_mb": "its memory to {} MB",
    "vcpus": "its CPUs to {}",
    "cpu_weight": "its weight to {}",
    "cpu_cap": "its cap to {}",
}


@dataclass(frozen=True)
class NewSize:
    """What a VM is to have; None: what it has.

    :ivar cpu_weight: its share of the CPUs, against other VMs' of the host; xend's default is 256.
    :ivar cpu_cap: in per cent of one CPU; 0: no cap.
    """

    memory_mb: int | None = None
    max_memory_mb: int | None = None
    vcpus: int | None = None
    max_vcpus: int | None = None
    cpu_weight: int | None = None
    cpu_cap: int | None = None

    @property
    def given(self) -> dict[str, int]:
        """Those that are given, in the order of the calls."""
        return {key: value for key in OPTIONS if (value := getattr(self, key)) is not None}


def check(size: NewSize) -> None:
    """Check what can be checked before anything is read.

    :raises InvalidArgument: nothing is to be changed, or a number is out of its range.
    """
    if not size.given:
        raise InvalidArgument(
            "nothing to change: expected a size, ex_memory_mb, ex_cpus, ex_max_memory_mb, "
            "ex_max_cpus, ex_cpu_weight or ex_cpu_cap"
        )
    for key, value in size.given.items():
        least = 0 if key == "cpu_cap" else 1
        most = HIGHEST_WEIGHT if key == "cpu_weight" else 2**31 - 1
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or not least <= value <= most:
            upto = f"{least} to {most}" if key == "cpu_weight" else f"{least} or more"
            raise InvalidArgument(f"{_NAMES[key]} {value!r}: expected a whole number, {upto}")


def resize(estate: Estate, vm_id: str, size: NewSize) -> tuple[VM, list[str]]:
    """Change memory, CPUs, weight and cap of a VM that runs, is paused or is stopped.

    :param size: has been checked.
    :return: the VM as it is then, and notices for the user.
    :raises NodeNotFound: there is no such VM.
    :raises InvalidArgument: a number does not go with what the VM has.
    :raises PreconditionFailed: it runs, and can have that only after a stop; or its host lacks the
        memory; or its state does not allow it. Nothing was sent.
    :raises AgentFault: the agent refused; the VM is as it was.
    :raises OperationIncomplete: whether it is changed is unknown, or only a part of it is.
    """
    return until_first(estate, lambda: _resize(estate, vm_id, size))


def _resize(estate: Estate, vm_id: str, size: NewSize) -> tuple[VM, list[str]]:
    target = target_of(Operation(estate), read_estate(estate, HARDWARE), vm_id, SETTINGS)
    wanted = wanted_of(target, size)
    notices = adopted_notice(target)
    before_mb = _free_before(target, wanted)
    with waiting(f"changing the {SETTINGS} of VM {target.vm.name!r}", vm=target.vm.id):
        target = change_settings(target, _steps(wanted), notices)
        if before_mb is not None:
            notices += _given_back(target, *before_mb)
    return target.vm, [*dict.fromkeys(notices)]


def wanted_of(target: Target, size: NewSize) -> dict[str, int]:
    """What is to be set, with the maxima that a stopped VM needs for it.

    :raises InvalidArgument: a number does not go with what the VM has.
    :raises PreconditionFailed: it runs, and can have that only after a stop.
    """
    defined, live = both(target)
    wanted = dict(size.given)
    if live is None:
        for key in ("memory_mb", "vcpus"):
            has = getattr(defined, f"max_{key}")
            if key in wanted and has is not None and wanted[key] > has:
                wanted.setdefault(f"max_{key}", wanted[key])
    else:
        _require_live_maxima(target, wanted, live)
    then = _config_of(target).changed(**{OPTIONS[key]: value for key, value in wanted.items()})
    for key in ("memory_mb", "vcpus"):
        _require_within(target, wanted, then, key)
    _require_pins(target, wanted)
    if then.is_hvm:
        _require_range(target, wanted, ("vcpus", "max_vcpus"), MOST_OF_HVM, "an HVM guest has")
    vcpus = (live.max_vcpus if live else None) or then.max_vcpus
    if vcpus is not None:
        cap = CAP_OF_ONE * vcpus
        _require_range(target, wanted, ("cpu_cap",), cap, f"with {vcpus} CPUs it is")
    return {key: wanted[key] for key in OPTIONS if key in wanted}


def _config_of(target: Target) -> VMConfig:
    assert target.definition.config is not None, "target_of has checked it"
    return target.definition.config


def _require_live_maxima(target: Target, wanted: Mapping[str, int], live: Settings) -> None:
    """A running VM keeps its maxima: that of its CPUs has no setter, and that of its memory has no
    effect on what an HVM guest was built with, and no known one on a PV guest."""
    for key in ("max_memory_mb", "max_vcpus"):
        if key in wanted and changed_options(_config_of(target), {OPTIONS[key]: wanted[key]}):
            raise refusal(target, f"it runs, and {_NAMES[key]} needs a stop: stop it first")
    for key in ("memory_mb", "vcpus"):
        most = getattr(live, f"max_{key}")
        if key in wanted and most is not None and wanted[key] > most:
            unit = " MB" if key == "memory_mb" else ""
            raise refusal(
                target,
                f"{_NAMES[key]} {wanted[key]}: it was started with at most {most}{unit}, which "
                f"does not change while it runs: stop it, and then change it",
            )


def _require_within(target: Target, wanted: Mapping[str, int], then: VMConfig, key: str) -> None:
    """The amount is not above the maximum, in vm.cfg either: it could not be started again."""
    amount, most = getattr(then, key), getattr(then, f"max_{key}")
    if {key, f"max_{key}"} & wanted.keys() and None not in (amount, most) and amount > most:
        raise InvalidArgument(
            f"VM {target.vm.label}: {_NAMES[key]} {amount} is more than its maximum, {most} "
            f"({_NAMES[f'max_{key}']})"
        )


def _require_range(
    target: Target, wanted: Mapping[str, int], keys: tuple[str, ...], most: int, why: str
) -> None:
    for key in keys:
        if wanted.get(key, 0) > most:
            raise InvalidArgument(
                f"VM {target.vm.label}: {_NAMES[key]} {wanted[key]}: {why} at most {most}"
            )


def _require_pins(target: Target, wanted: Mapping[str, int]) -> None:
    """A list of pins has one for each vcpu, or xend does not start the VM (xend.md 3).

    :raises PreconditionFailed: it would not fit any more.
    """
    pins = _config_of(target).values.get("cpus")
    if "vcpus" in wanted and isinstance(pins, list) and len(pins) != wanted["vcpus"]:
        raise refusal(
            target,
            f"its vm.cfg pins each of {len(pins)} CPUs by itself, and with {wanted['vcpus']} it "
            f"could not be started: pin all of them alike first (ex_pin_node)",
        )


def _steps(wanted: Mapping[str, int]) -> list[Step]:
    return [_step(key, value) for key, value in wanted.items()]


def _step(key: str, value: int) -> Step:
    what = f"setting {_WORDS[key].format(value)}"
    shows = anything if key.startswith("max_") else shows_setting(key, value)
    return Step(what, {OPTIONS[key]: value}, shows, is_request=key == "vcpus")


# ------------------------------------------------------------------ whether the guest follows


def _free_before(target: Target, wanted: Mapping[str, Any]) -> tuple[int, int] | None:
    """Of a running VM that is to have less memory: how much less, and what its host has free now,
    in MB; None: nothing can be said."""
    now_mb = target.live.domain.memory_mb if target.live else None
    if now_mb is None or wanted.get("memory_mb", now_mb) >= now_mb:
        return None
    free = free_mb(read_hardware([target.host])[0])
    return None if free is None else (now_mb - wanted["memory_mb"], free)


def _given_back(target: Target, less_mb: int, before_mb: int) -> list[str]:
    """Whether the guest has given the memory back: no agent tells what it holds, but its host what
    is free, which other VMs change too. Looked at some times at most."""
    now = replace(target.host, answers={})  # not what was read before the change
    more = 0
    for number in range(READS):
        if number:
            target.operation.estate.clock.sleep(POLL)
        free = free_mb(read_hardware([now])[0])
        more = max(more, 0 if free is None else free - before_mb)
        if free is not None and more >= less_mb:
            return []
    return [
        f"VM {target.vm.label}: it is to use {less_mb} MB less memory, and {target.host.label} has "
        f"{more} MB more free: its guest has not given all of it back (yet), or another VM has "
        f"taken it"
    ]
