"""The members of an estate: their agents, and their host modules, where they have one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libcloud_ovm3 import agent
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.agent.liveness import LivenessOptions
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import (
    AgentFault,
    HostNotVerified,
    HostUnreachable,
    MalformedResponse,
    OutcomeUnknown,
)

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.agent.hostmodule_types import AgentReadings

MODULE_MISSING_SECONDS = 600.0  # until a host without the host module is asked for it again
# Until a host that did not answer at all is called again, where that is remembered. More than what
# lies between two readings: the wait for the second one, and that for heartbeats.
SILENT_SECONDS = 15.0


@dataclass(frozen=True)
class ModuleMissing:
    """A host without a usable host module.

    :ivar until: When to ask for it again, by the estate's clock.
    :ivar notice: What to do, if it has one of an incompatible version.
    """

    until: float
    notice: str | None


@dataclass(frozen=True)
class Silence:
    """That a host did not answer at all.

    :ivar since: When that was seen last, by the estate's clock.
    :ivar reason: The error of the call that it did not answer.
    """

    since: float
    reason: HostUnreachable


@dataclass(frozen=True)
class Estate:
    """The hosts to manage, and how to reach them.

    :ivar given: The hosts that the user named.
    :ivar connect: Makes the agent of an address; the flag says whether the user named it, or it was
        found in a pool. Returns None if there is neither pin nor CA for it.
    :ivar whole_pool: Whether the members of the given hosts' pools belong to the estate too.
    :ivar clock: The clock of every wait.
    :ivar second_look: Seconds between the two reads that prove that a VM is absent (rule 3).
    :ivar use_module: Whether the host module is used where a host has it.
    :ivar liveness: How a host that is said to be off is checked.
    :ivar hosts_off: The hosts that the user says are off, as the user named them; of one call only.
    :ivar unguarded: Whether a VM of a repository with claims may be started on a host without them,
        as the user says; of one call only.
    :ivar silent_seconds: How long a host that did not answer at all counts as unreachable without
        being called again, so that not every reading waits for it anew. It never counts as off.
    :ivar traffic_labels: Traffic label -> the NIC, bond, VLAN device or bridge that carries it.
    :ivar default_network: The network of a new VM's card unless its caller says otherwise: a
        bridge, a label, or ``label:vlan``; None: no card.
    :ivar public_networks: The bridges and labels whose addresses count as public.
    :ivar keys_repository: The repository of key pairs, by id or alias; None: where some are.
    :ivar watches_dhcp: Whether the hosts watch which addresses DHCP gives to VMs that are started.
    :ivar unmatched: What options say of hosts that are none of these, which are all members.
    """

    given: tuple[Address, ...]
    connect: Callable[[Address, bool], Agent | None]
    whole_pool: bool = True
    clock: Clock = field(default_factory=Clock)
    second_look: float = 5.0
    use_module: bool = True
    liveness: LivenessOptions = field(default_factory=LivenessOptions)
    hosts_off: tuple[str, ...] = ()
    unguarded: bool = False
    silent_seconds: float = 0.0
    traffic_labels: Mapping[str, str] = field(default_factory=dict)
    default_network: str | None = None
    public_networks: tuple[str, ...] = ()
    keys_repository: str | None = None
    watches_dhcp: bool = False
    unmatched: Callable[[Sequence[Address]], Sequence[str]] = lambda _: ()
    _lacking: dict[Address, ModuleMissing] = field(default_factory=dict)
    _agents: dict[Address, Agent | None] = field(default_factory=dict)
    _silent: dict[Address, Silence] = field(default_factory=dict)
    _older: set[Address] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def agent(self, address: Address) -> Agent:
        """The agent of a host; its connections are kept open for the life of the estate.

        :raises HostNotVerified: There is neither pin nor CA for it; it was not contacted.
        """
        with self._lock:
            if address not in self._agents:
                self._agents[address] = self.connect(address, address in self.given)
            agent = self._agents[address]
        if agent is None:
            raise HostNotVerified(
                f"{address}: not contacted: a pool member with neither a pin nor a CA; "
                f"`ovm3 host certificate {address}` shows its fingerprint, then add "
                f"ex_fingerprint={{{address.host!r}: ...}}",
                host=str(address),
            )
        return agent

    def require_not_silent(self, address: Address) -> None:
        """Do not call a host again that has just not answered at all.

        :raises HostUnreachable: It has not: the error of that time.
        """
        with self._lock:
            silence = self._silent.get(address)
        if silence and self.clock.now() - silence.since < self.silent_seconds:
            raise silence.reason

    def remember_silence(self, address: Address, reason: HostUnreachable) -> None:
        """A call of this host was not answered at all."""
        with self._lock:
            known = self._silent.get(address)
            if known is None or known.reason is not reason:  # else it was not called
                self._silent[address] = Silence(self.clock.now(), reason)

    def confirm_silence(self, address: Address) -> None:
        """This host was checked, and still does not answer."""
        with self._lock:
            if address in self._silent:
                self._silent[address] = Silence(self.clock.now(), self._silent[address].reason)

    def module(self, address: Address) -> HostModule | None:
        """The host module of a host; None if it is not to be used, or was missing recently."""
        lack = self.missing_module(address)
        if not self.use_module or (lack and self.clock.now() < lack.until):
            return None
        return agent.hostmodule.HostModule(self.agent(address).connection)

    def fresh_module(self, address: Address) -> HostModule | None:
        """The same, but asked again even if it was missing recently: before a change, what was
        remembered does not count."""
        return (
            agent.hostmodule.HostModule(self.agent(address).connection) if self.use_module else None
        )

    def missing_module(self, address: Address) -> ModuleMissing | None:
        """What is remembered of a host without a usable module; None if it may have one."""
        with self._lock:
            return self._lacking.get(address)

    def remember_missing_module(self, address: Address, notice: str | None = None) -> None:
        """Do not ask this host for the module for some minutes; it may be installed later."""
        with self._lock:
            self._lacking[address] = ModuleMissing(
                self.clock.now() + MODULE_MISSING_SECONDS, notice
            )

    def is_older(self, address: Address) -> bool:
        """Whether a host's module is known to be from before API 3."""
        with self._lock:
            return address in self._older

    def remember_older(self, address: Address, is_older: bool) -> None:
        """A host's module is from before API 3, or is not (any more)."""
        with self._lock:
            (self._older.add if is_older else self._older.discard)(address)


@dataclass(frozen=True)
class ModuleAnswers:
    """What a host's module returned, if there is one.

    :ivar module: The module; None if there is none that can be used.
    :ivar answers: The responses that it brought, by function name: of the agent, and of its own.
    :ivar api: Its number; 0 if it did not say.
    :ivar notice: What is wrong with the module.
    :ivar unlisted: The domains that xenstore has and xend's list lacks (:class:`.AgentReadings`).
    :ivar missing: Why not all domains could be read (likewise).
    :ivar claims: The form of its claims of VMs; 0: it has none.
    """

    module: HostModule | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    notice: str | None = None
    unlisted: tuple[str, ...] = ()
    missing: Exception | None = None
    api: int = 0
    claims: int = 0


def ask_module(estate: Estate, address: Address, functions: Sequence[str]) -> ModuleAnswers:
    """A host's module, and the responses of these reads that it brings, of the agent and of its
    own. Those of its own are left out where it does not bring such (API 2).

    A module that hangs is not used for this read: the agent itself may be fine.

    :raises Ovm3Error: The host did not answer.
    """
    module = estate.module(address)
    if module is None:
        lack = estate.missing_module(address)
        return ModuleAnswers(notice=lack.notice if lack else None)
    try:
        readings = _read_agent(estate, address, module, list(dict.fromkeys(functions)))
    except AgentFault as fault:
        return _without_answers(estate, address, module, fault)
    except MalformedResponse:  # larger than a response may be, for example
        return ModuleAnswers(module)
    except OutcomeUnknown:
        return ModuleAnswers(
            notice=f"{address}: its host module does not respond, so it is not used now"
        )
    if not agent.hostmodule.fits(readings.api):
        estate.remember_missing_module(address, _misfit(address, readings.api))
        return ModuleAnswers(notice=_misfit(address, readings.api))
    return ModuleAnswers(
        module,
        readings.answers,
        unlisted=readings.unlisted or (),
        missing=readings.missing,
        api=readings.api,
        claims=readings.claims,
    )


def _read_agent(
    estate: Estate, address: Address, module: HostModule, functions: list[str]
) -> AgentReadings:
    """The readings. A module that refuses its own functions is asked for the agent's alone, also
    the next time; its number then shows whether it is still such a one.
    """
    agents = [one for one in functions if one not in agent.hostmodule.OWN_READS]
    if not estate.is_older(address):
        try:
            return module.read_agent(functions)
        except AgentFault as fault:
            if agents == functions or not fault.kind.endswith("errors.InvalidArgument"):
                raise
    readings = module.read_agent(agents)
    estate.remember_older(address, readings.api < 3)
    return readings


def _without_answers(
    estate: Estate, address: Address, module: HostModule, fault: AgentFault
) -> ModuleAnswers:
    """Either there is no module, or this call of it failed; the agent itself may still work."""
    absent = agent.hostmodule.is_absent(fault)
    if not absent or not agent.probe.lacks(estate.agent(address), "libcloud_read_agent", fault):
        return ModuleAnswers(module)
    notice = _older_module(address, module)
    estate.remember_missing_module(address, notice)
    return ModuleAnswers(notice=notice)


def _older_module(address: Address, module: HostModule) -> str | None:
    """The notice for a module from before ``libcloud_read_agent``; None if there is no module."""
    try:
        api = module.version()
    except AgentFault:
        return None
    except OutcomeUnknown as error:
        return f"{address}: whether it has a host module is unknown, so none is used: {error}"
    if not agent.hostmodule.fits(api):
        return _misfit(address, api)
    return f"{address}: its host module is incomplete, so it is not used: `ovm3 host install`"


def _misfit(address: Address, api: int) -> str:
    own = agent.hostmodule.API
    what = f"`ovm3 host install {address}`" if api < own else "upgrade this client"
    return (
        f"{address}: its host module ({agent.hostmodule.api_label(api)}) is not compatible "
        f"with this client (api {own}), so it is not used: {what}"
    )
