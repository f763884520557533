"""The hosts to work with, and how: their agents, and their host modules, where they have one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libcloud_ovm3 import agent
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import AgentFault, HostNotVerified, MalformedResponse, OutcomeUnknown

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule

MODULE_MISSING_SECONDS = (
    600.0  # so long a host that lacks the host module is not asked for it again
)


@dataclass(frozen=True)
class ModuleMissing:
    """A host without a host module that could be used.

    :ivar until: by the estate's clock.
    :ivar remark: what to do, if there is one of a version that does not fit.
    """

    until: float
    notice: str | None


@dataclass(frozen=True)
class Estate:
    """The hosts to work with, and how.

    :ivar given: the hosts that the user named; the first is asked first.
    :ivar connect: makes the agent of an address (named by the user or found in a pool); None: there
        is neither pin nor CA for it.
    :ivar whole_pool: whether the members of the given host's pool belong to the estate too.
    :ivar clock: what every wait goes by.
    :ivar second_look: seconds between the two looks that prove that a VM is absent (rule 3).
    :ivar use_module: whether hosts are asked through the host module, where it is.
    """

    given: tuple[Address, ...]
    connect: Callable[[Address, bool], Agent | None]
    whole_pool: bool = True
    clock: Clock = field(default_factory=Clock)
    second_look: float = 5.0
    use_module: bool = True
    _lacking: dict[Address, ModuleMissing] = field(default_factory=dict)
    _agents: dict[Address, Agent | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def agent(self, address: Address) -> Agent:
        """The agent of a host; its lines are kept open for the life of the estate.

        :raises HostNotVerified: there is neither pin nor CA for it; it is not contacted.
        """
        with self._lock:
            if address not in self._agents:
                self._agents[address] = self.connect(address, address in self.given)
            agent = self._agents[address]
        if agent is None:
            raise HostNotVerified(
                f"{address}: a pool member without pin or CA, so it was not contacted; see what it "
                f"presents with `ovm3 pin {address}`, then add it to ex_fingerprint",
                host=str(address),
            )
        return agent

    def module(self, address: Address) -> HostModule | None:
        """The host module of a host; None: it is known to lack it."""
        lack = self.missing_module(address)
        if not self.use_module or (lack and self.clock.now() < lack.until):
            return None
        return agent.hostmodule.HostModule(self.agent(address).connection)

    def fresh_module(self, address: Address) -> HostModule | None:
        """The same, whatever was seen before: what is remembered only ever saves reads."""
        return (
            agent.hostmodule.HostModule(self.agent(address).connection) if self.use_module else None
        )

    def missing_module(self, address: Address) -> ModuleMissing | None:
        """What was last seen of a host that lacks a module that could be used."""
        with self._lock:
            return self._lacking.get(address)

    def remember_missing_module(self, address: Address, remark: str | None = None) -> None:
        """Do not ask this host for the module for a while; then it may have been installed."""
        with self._lock:
            self._lacking[address] = ModuleMissing(
                self.clock.now() + MODULE_MISSING_SECONDS, remark
            )


@dataclass(frozen=True)
class ModuleAnswers:
    """What a host's module has said, if there is one.

    :ivar remark: what is wrong with it.
    :ivar unlisted: what lives by xenstore's word though the list leaves it out (:class:`.Look`).
    :ivar missing: why not all that lives could be had (likewise).
    """

    module: HostModule | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    notice: str | None = None
    unlisted: tuple[str, ...] = ()
    missing: Exception | None = None


def ask_module(estate: Estate, address: Address, functions: Sequence[str]) -> ModuleAnswers:
    """A host's module, and what it says of these reads of the agent; nothing without it.

    One that hangs is left out of this look: the agent itself may be well.

    :raises Ovm3Error: the host does not answer.
    """
    module = estate.module(address)
    if module is None:
        lack = estate.missing_module(address)
        return ModuleAnswers(notice=lack.notice if lack else None)
    try:
        readings = module.read_agent(list(dict.fromkeys(functions)))
    except AgentFault as fault:
        return _without_answers(estate, address, module, fault)
    except MalformedResponse:  # longer than one answer may be, for example
        return ModuleAnswers(module)
    except OutcomeUnknown:
        return ModuleAnswers(
            notice=f"{address}: its host module does not answer, so it is not used now"
        )
    if not agent.hostmodule.fits(readings.api):
        estate.remember_missing_module(address, _misfit(address, readings.api))
        return ModuleAnswers(notice=_misfit(address, readings.api))
    return ModuleAnswers(module, readings.answers, None, readings.unlisted or (), readings.missing)


def _without_answers(
    estate: Estate, address: Address, module: HostModule, fault: AgentFault
) -> ModuleAnswers:
    """Either there is no module, or it fails, just now or with this; the agent itself may not."""
    if agent.hostmodule.is_absent(fault) and agent.probe.lacks(
        estate.agent(address), "libcloud_read_agent", fault
    ):
        estate.remember_missing_module(address)
        return ModuleAnswers()
    return ModuleAnswers(module)


def _misfit(address: Address, api: int) -> str:
    own = agent.hostmodule.API
    what = f"`ovm3 host install {address}`" if api < own else "upgrade this client"
    return (
        f"{address}: its host module (api {api}) does not fit this client (api {own}), "
        f"so it is not used: {what}"
    )
