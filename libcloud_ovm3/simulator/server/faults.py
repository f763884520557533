"""Fault injection for calls: which call fails, and how."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.simulator.agent.functions import FUNCTIONS
from libcloud_ovm3.simulator.agent.names import AGENT_FUNCTIONS
from libcloud_ovm3.simulator.errors import AgentFault, SimulatorError, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost

KINDS = {
    "latency": "wait `seconds`, then respond",
    "fault": "no effect; respond with a fault with `text`",
    "fault_after": "effect, then a fault with `text`",
    "drop_before": "close the connection, no effect",
    "drop_after": "effect, then close the connection without a response",
    "delayed": "close the connection; the effect follows after `seconds`, or at flush_delayed()",
    "hang": "effect, but no response until the client disconnects",
    "hang_before": "no effect and no response until the client disconnects",
    "slow": "effect, then the response in small pieces over `seconds`",
    "truncate": "effect, then the first half of the response body, then close",
    "hook": 'call hook("before"), the effect, hook("after"), respond',
    "answer": "no effect; respond with `value`",
}
#: The kinds that also apply to calls which a module in the same agent makes.
INSIDE = ("latency", "fault", "fault_after", "hook", "answer")


@dataclass
class Rule:
    """One injected fault. Times are *real* seconds, which ``speed`` does not divide, or seconds of
    the :class:`.SimulatedTime` if the simulator has one.

    :param kind: A key of ``KINDS``.
    :param function: Name of the agent function, or ``*`` for every function.
    :param host: Index of the host, None for any host.
    :param nth: The first matching call that is affected, counted from 1.
    :param times: How many calls are affected from there on, None for all.
    :param seconds: Duration, for the kinds that have one.
    :param text: Text of the fault.
    :param hook: Function to call, for the kind ``hook``.
    :param value: Value to respond with, for the kind ``answer``.
    :param hits: How many calls the rule has affected.
    :param seen: How many calls it has matched, affected or not.
    :raises SimulatorError: The kind is unknown, or a setting that it needs is missing.
    """

    kind: str
    function: str
    host: int | None = None
    nth: int = 1
    times: int | None = 1
    seconds: float | None = None
    text: str | None = None
    hook: Callable[[str], None] | None = None
    value: Any = None
    hits: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = ", ".join(KINDS)
            raise SimulatorError(f"unknown kind of misbehaviour {self.kind!r}; known: {known}")
        if self.kind in ("latency", "slow") and self.seconds is None:
            raise SimulatorError(f"misbehaviour {self.kind!r} needs seconds=")
        if self.kind == "hook" and self.hook is None:
            raise SimulatorError("misbehaviour 'hook' needs hook=")
        for name, number in (("nth", self.nth), ("times", self.times)):
            if number is not None and number < 1:
                raise SimulatorError(f"misbehaviour: {name} must be 1 or more, not {number!r}")


def require_possible(rule: Rule, hosts: Sequence[SimulatedHost]) -> None:
    """Require that a call can come that the rule affects: else a test would pass without a fault.

    Functions of a host module that is not there yet are possible, as it can still be installed; and
    ``answer`` for any function, as it stands in for modules that the simulator lacks.

    :raises SimulatorError: No host has this function, or there is no host with this index.
    """
    name = rule.function
    if rule.host is not None and rule.host not in range(len(hosts)):
        raise SimulatorError(f"there is no host {rule.host!r}: host= is 0 to {len(hosts) - 1}")
    is_known = name in AGENT_FUNCTIONS or name in FUNCTIONS or name.startswith("libcloud_")
    in_modules = (host.code is not None and host.code.find(name) for host in hosts)
    if not (name == "*" or rule.kind == "answer" or is_known or any(in_modules)):
        near = difflib.get_close_matches(name, AGENT_FUNCTIONS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SimulatorError(f"misbehaviour: the agent has no function {name!r}{hint}")


class Rules:
    """The rules in force. A call is affected by the first rule that applies to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, rule: Rule, hosts: Sequence[SimulatedHost]) -> None:
        """Put a rule in force.

        :param hosts: Empty before they are started; :meth:`check` comes then.
        """
        if hosts:
            require_possible(rule, hosts)
        with self._lock:
            self._rules.append(rule)

    def check(self, hosts: Sequence[SimulatedHost]) -> None:
        """Require that a call can come that each rule affects."""
        for rule in self._rules:
            require_possible(rule, hosts)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def find(self, function: str, host: int, *, inside: bool = False) -> Rule | None:
        """Count a call and return the rule that affects it, if any.

        :param inside: Whether a module in the same agent makes the call. There is no connection
            to close then, and rules for every function (``*``) do not apply.
        """
        with self._lock:
            found = None
            for rule in self._rules:
                named = rule.function == function and (not inside or rule.kind in INSIDE)
                every = rule.function == "*" and not inside
                if not (named or every) or rule.host not in (None, host):
                    continue
                rule.seen += 1
                last = None if rule.times is None else rule.nth + rule.times - 1
                due = rule.nth <= rule.seen and (last is None or rule.seen <= last)
                if due and found is None:
                    rule.hits += 1
                    found = rule
            return found

    def call_inside(self, host: SimulatedHost, name: str, act: Callable[[], Any]) -> Any:
        """Perform a call that a module in the agent makes, with the rule that affects it.

        :raises AgentFault: The rule asks for a fault, or the call itself faults.
        """
        rule = self.find(name, host.index, inside=True)
        if rule is None:
            return act()
        if rule.kind == "answer":
            return rule.value
        if rule.kind == "fault":
            raise rule_fault(rule, name)
        if rule.kind == "latency":
            host.clock.pause(rule.seconds or 0)
        if rule.hook is not None:
            with host.clock.idle():
                rule.hook("before")
        value = act()
        if rule.hook is not None:
            with host.clock.idle():
                rule.hook("after")
        if rule.kind == "fault_after":
            raise rule_fault(rule, name)
        return value


def rule_fault(rule: Rule, name: str) -> AgentFault:
    """The fault of a rule: ``module.Class:text``, or an ``exceptions.Exception`` with the text."""
    text = rule.text or f"{rule.kind} of {name} as requested of the simulator"
    kind, colon, rest = text.partition(":")
    if colon and "." in kind and " " not in kind:
        return AgentFault(kind, rest)
    return plain_fault(text)


def parse(text: str) -> Rule:
    """Read a rule from the command line: ``drop_after:start_vm:nth=2,host=0``.

    :raises SimulatorError: The text does not have this form.
    """
    kind, _, rest = text.partition(":")
    function, _, settings = rest.partition(":")
    if not function:
        raise SimulatorError(f"misbehaviour {text!r}: write KIND:FUNCTION[:key=value,...]")
    values: dict[str, Any] = {}
    for setting in filter(None, settings.split(",")):
        key, equals, value = setting.partition("=")
        try:
            if key in ("nth", "times", "host"):
                values[key] = None if key == "times" and value == "all" else int(value)
            elif key == "seconds":
                values[key] = float(value)
            elif key in ("text", "value") and equals:
                values[key] = value
            else:
                raise SimulatorError(f"misbehaviour {text!r}: unknown setting {setting!r}")
        except ValueError:
            raise SimulatorError(f"misbehaviour {text!r}: {setting!r} is not a number") from None
    return Rule(kind, function, **values)
