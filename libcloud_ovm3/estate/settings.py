"""Memory, CPUs, weight, cap and pins of a VM, as its vm.cfg has them and as its host lists its live
domain (xend.md 5, 6). Pure.

After a restart xend lists its defaults for what it does not keep, while Xen keeps the real values:
weight 256, cap 0, any CPU. These are not known then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.config import VMConfig, whole_number

if TYPE_CHECKING:
    from libcloud_ovm3.estate.domains import Domain
    from libcloud_ovm3.estate.vms import VM

WEIGHT, CAP = 256, 0  # xend's defaults, and what it lists after its restart
HIGHEST_CPU = 4095  # that is taken for a number of a CPU

_WORD = re.compile(r"(\^?)([0-9]{1,4})(?:-([0-9]{1,4}))?")

# The CPUs that each vcpu may run on; an empty set: any. None: not known.
Pins = tuple[frozenset[int], ...] | None
_ANY: Pins = (frozenset(),)


@dataclass(frozen=True)
class Settings:
    """What one source says of them; None: it does not, or not so that it is understood.

    :ivar memory_mb: Of a live domain, the target of its balloon: not what the guest uses.
    :ivar vcpus: Of a live domain, those that its guest has online.
    """

    memory_mb: int | None
    max_memory_mb: int | None
    vcpus: int | None
    max_vcpus: int | None
    cpu_weight: int | None
    cpu_cap: int | None
    pins: Pins

    def as_data(self) -> dict[str, Any]:
        """As plain data; ``cpus``: of all vcpus together, as a text; "": any; None: unknown."""
        return {
            "memory_mb": self.memory_mb,
            "max_memory_mb": self.max_memory_mb,
            "vcpus": self.vcpus,
            "max_vcpus": self.max_vcpus,
            "cpu_weight": self.cpu_weight,
            "cpu_cap": self.cpu_cap,
            "cpus": pins_text(self.pins),
        }


def defined_settings(config: VMConfig) -> Settings:
    """Those of a vm.cfg; what is absent in it has xend's default."""
    return Settings(
        memory_mb=config.memory_mb,
        max_memory_mb=config.max_memory_mb,
        vcpus=config.vcpus,
        max_vcpus=config.max_vcpus,
        cpu_weight=whole_number(config.values.get("cpu_weight", WEIGHT)),
        cpu_cap=whole_number(config.values.get("cpu_cap", CAP)),
        pins=_defined_pins(config),
    )


def live_settings(domain: Domain) -> Settings:
    """Those of a live domain."""
    listed: Mapping[str, Any] = domain.listed or {}
    pins = _live_pins(listed.get("cpus"))
    weight, cap = whole_number(listed.get("cpu_weight")), whole_number(listed.get("cpu_cap"))
    if domain.is_adopted:
        weight = None if weight == WEIGHT else weight
        cap = None if cap == CAP else cap
        pins = None if pins is None or all(map(_is_from_zero, pins)) else pins
    return Settings(
        memory_mb=domain.memory_mb,
        max_memory_mb=whole_number(listed.get("maxmem")),
        vcpus=domain.vcpus,
        max_vcpus=whole_number(listed.get("vcpus")),
        cpu_weight=weight,
        cpu_cap=cap,
        pins=pins,
    )


def settings_data(vm: VM) -> dict[str, Any]:
    """Both as plain data: ``defined`` and ``live``, each as :meth:`Settings.as_data`; None: it is
    not defined, or live, in one place.
    """
    config = vm.definitions[0].config if len(vm.definitions) == 1 else None
    domain = vm.live[0].domain if len(vm.live) == 1 else None
    return {
        "defined": defined_settings(config).as_data() if config else None,
        "live": live_settings(domain).as_data() if domain else None,
    }


# ------------------------------------------------------------------ CPUs


def parse_cpus(text: str) -> frozenset[int] | None:
    """CPUs as xend reads them: ``0-3,^1``; None: it is no such text, or means no CPU."""
    found: set[int] = set()
    for word in text.replace(" ", "").split(","):
        match = _WORD.fullmatch(word)
        if match is None:
            return None
        first, last = int(match[2]), int(match[3] or match[2])
        numbers = set(range(first, last + 1))
        if not numbers or last > HIGHEST_CPU:
            return None
        if match[1] and not numbers <= found:  # what is left out has to be there before
            return None
        found = found - numbers if match[1] else found | numbers
    return frozenset(found) or None


def cpus_text(cpus: Iterable[int]) -> str:
    """CPUs as a text that xend reads: ``0-3,8``."""
    runs: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def pins_text(pins: Pins) -> str | None:
    """The CPUs of all vcpus together; "": one of them may run on any; None: that is unknown."""
    if pins is None:
        return None
    if not pins or not all(pins):
        return ""
    return cpus_text(pins[0] if len(pins) == 1 else frozenset().union(*pins))


def _defined_pins(config: VMConfig) -> Pins:
    given = config.values.get("cpus", "")
    if given in ("", []):
        return _ANY
    each = given if isinstance(given, list) else [given]
    found = [parse_cpus(str(one)) for one in each if not isinstance(one, bool)]
    if len(found) < len(each) or None in found:
        return None
    return tuple(one for one in found if one is not None)


def _live_pins(listed: object) -> Pins:
    """One list of numbers for each vcpu."""
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        return None
    found = []
    for one in listed:
        if not isinstance(one, Sequence) or isinstance(one, str):
            return None
        numbers = [whole_number(cpu) for cpu in one]
        if None in numbers:
            return None
        found.append(frozenset(number for number in numbers if number is not None))
    return tuple(found)


def _is_from_zero(cpus: frozenset[int]) -> bool:
    """Whether these are all CPUs up to some number, or any."""
    return cpus == frozenset(range(len(cpus)))
