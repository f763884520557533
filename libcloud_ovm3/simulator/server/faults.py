"""Misbehaviour on request: which call goes wrong, and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from libcloud_ovm3.simulator.clock import Clock
from libcloud_ovm3.simulator.errors import AgentFault, SimulatorError, plain_fault

KINDS = {
    "latency": "wait `seconds`, then answer",
    "fault": "no effect; answer a fault with `text`",
    "fault_after": "effect, then a fault with `text`",
    "drop_before": "close the connection, no effect",
    "drop_after": "effect, then close the connection without an answer",
    "late": "close the connection at once; the effect lands `seconds` later, or at land()",
    "hang": "effect, but no answer until the client gives up",
    "hang_before": "no effect and no answer until the client gives up",
    "slow": "effect, then the answer in small pieces over `seconds`",
    "truncate": "effect, then half of the answer's body, then close",
    "hook": 'call hook("before"), the effect, hook("after"), answer',
    "answer": "no effect; answer `value`",
}
#: Those that can befall what a module in the same agent calls.
INSIDE = ("latency", "fault", "fault_after", "hook", "answer")


@dataclass
class Rule:
    """One rule. Times are *real* seconds: ``speed`` does not divide them. With a
    :class:`.SimulatedTime` they are seconds of that.

    :param function: name of the function, or ``*``
    :param host: index of the host, None = any
    :param nth: the first matching call that it strikes, from 1
    :param times: how many calls it strikes from there on, None = all
    :param hits: how many it has struck
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
            raise SimulatorError(f"unknown misbehaviour {self.kind!r}: {', '.join(KINDS)}")
        if self.kind in ("latency", "slow") and self.seconds is None:
            raise SimulatorError(f"misbehaviour {self.kind!r} needs seconds=")
        if self.kind == "hook" and self.hook is None:
            raise SimulatorError("misbehaviour 'hook' needs hook=")


class Rules:
    """The rules in force; the first one that a call meets strikes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def strike(self, function: str, host: int, *, inside: bool = False) -> Rule | None:
        """Count the call and return the rule that strikes it, if any.

        :param inside: whether a module in the same agent calls: no connection can be closed then,
            and rules for every function are for those that come from outside
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


def rule_fault(rule: Rule, name: str) -> AgentFault:
    """The fault of a rule: ``module.Class:text``, or an ``exceptions.Exception`` with the text."""
    text = rule.text or f"{rule.kind} of {name} as requested of the simulator"
    kind, colon, rest = text.partition(":")
    if colon and "." in kind and " " not in kind:
        return AgentFault(kind, rest)
    return plain_fault(text)


def strike_inside(rule: Rule, name: str, act: Callable[[], Any], clock: Clock) -> Any:
    """Let a rule strike a call of a module's.

    :raises AgentFault: it asks for one
    """
    if rule.kind == "answer":
        return rule.value
    if rule.kind == "fault":
        raise rule_fault(rule, name)
    if rule.kind == "latency":
        clock.pause(rule.seconds or 0)
    if rule.hook is not None:
        with clock.idle():
            rule.hook("before")
    answer = act()
    if rule.hook is not None:
        with clock.idle():
            rule.hook("after")
    if rule.kind == "fault_after":
        raise rule_fault(rule, name)
    return answer


def parse(text: str) -> Rule:
    """A rule from the command line: ``drop_after:start_vm:nth=2,host=0``.

    :raises SimulatorError: it cannot be read
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
            raise SimulatorError(f"misbehaviour {text!r}: {setting!r} is no number") from None
    return Rule(kind, function, **values)
