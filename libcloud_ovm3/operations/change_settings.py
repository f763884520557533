"""Changing settings of a VM: options of its vm.cfg and, where the agent has a setter, of its live
domain, by the same call (agent-behaviour 6.2).

Each setting of a running VM is changed by a call of its own, so that file and domain agree after
each of them, and an error can say which ones are changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import ChangedMeanwhile, Ovm3Error
from libcloud_ovm3.estate.domains import Domain
from libcloud_ovm3.estate.hosts import read_hardware
from libcloud_ovm3.estate.settings import Settings, defined_settings, live_settings
from libcloud_ovm3.estate.xend_memory import free_mb, needed_mb
from libcloud_ovm3.operations.agreement import require_no_more
from libcloud_ovm3.operations.claim_looks import latest
from libcloud_ovm3.operations.device_changes import (
    Outcome,
    Shows,
    Target,
    change_devices,
    incomplete,
    refusal,
    require_done,
)
from libcloud_ovm3.operations.vmcfg_values import differences

SETTINGS = "settings"  # for messages
_OTHERS = (("memory_mb", "memory (MB)"), ("cpu_weight", "weight"), ("cpu_cap", "cap"))


@dataclass(frozen=True)
class Step:
    """One call.

    :ivar what: for messages: "setting its memory to 512 MB".
    :ivar options: of vm.cfg, with their new values.
    :ivar shows: whether a live domain has them.
    :ivar is_request: whether the guest decides if its domain ever shows it: its CPUs.
    """

    what: str
    options: Mapping[str, Any]
    shows: Shows
    is_request: bool = False


def anything(domain: Domain) -> bool:
    """Of options that a live domain does not have."""
    return True


def shows_setting(key: str, value: Any) -> Callable[[Domain], bool]:
    """Whether a live domain has this value of :class:`.Settings`: as it is listed, also by an xend
    that was restarted since, as it lists what was set after that.
    """
    return lambda domain: getattr(live_settings(replace(domain, is_adopted=False)), key) == value


def changed_options(config: VMConfig, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of them that a vm.cfg has not, or otherwise."""
    has = {key: config.values[key] for key in options if key in config.values}
    differ = differences(has, options)
    return {key: value for key, value in options.items() if key in differ}


def change_settings(target: Target, steps: Sequence[Step], notices: list[str]) -> Target:
    """Change settings of a VM, one after the other; of a stopped VM all at once.

    :param notices: gets notices for the user.
    :return: the VM as it is then. What vm.cfg has already is not sent.
    :raises PreconditionFailed: the agent would change more than that, or the VM is not where it
        was. Nothing was sent.
    :raises ChangedMeanwhile: another client was first: to be begun again, from the first read on.
        What it names as done stays.
    :raises AgentFault: the agent refused, and the VM is as it was.
    :raises OperationIncomplete: whether it is done is unknown, or only a part of it is.
    """
    if target.live is None and steps:
        options = {key: value for step in steps for key, value in step.options.items()}
        steps = [Step(", ".join(step.what for step in steps), options, anything)]
    done: list[str] = []
    for step in steps:
        try:
            target = _change(target, step, notices)
        except Ovm3Error as error:
            if not done:
                raise
            text = f"{step.what}: {error}. Done before that: {', '.join(done)}"
            if isinstance(error, ChangedMeanwhile):
                raise ChangedMeanwhile(text, nodes=[target.vm.summary]) from error
            raise incomplete(target, text) from error
        done.append(step.what)
    definition = replace(target.definition, guard=latest(target.operation, target.definition))
    vm = replace(target.vm, definitions=(definition,))
    return replace(target, vm=vm, definition=definition)


def _change(target: Target, step: Step, notices: list[str]) -> Target:
    config = target.definition.config
    assert config is not None, "target_of has checked it"
    options = changed_options(config, step.options)
    if not options:
        _require_shown(target, step, notices)
        return target

    def change(now: VMConfig) -> VMConfig:
        return now.changed(**options)

    require_no_more(target, change)
    _require_memory(target, change(config))
    notices += _other_changes(target, change(config))
    target = replace(target, options=tuple(options))
    outcome = change_devices(target, change, step.shows, notices)
    if not (step.is_request and outcome.is_defined and outcome.failed is None):
        require_done(target, outcome, step.what, ())
    elif outcome.is_live is not True:
        notices.append(_not_followed(target, step, outcome))
    return target.after(outcome)


def _require_shown(target: Target, step: Step, notices: list[str]) -> None:
    """Of what vm.cfg has already, and a change of it would not be sent.

    :raises PreconditionFailed: the live domain has it otherwise.
    """
    if target.live is None or step.shows(target.live.domain):
        return
    text = f"{step.what}: its vm.cfg says so already, and its live domain has it otherwise"
    if step.is_request:
        notices.append(f"VM {target.vm.label}: {text}: its guest has not followed")
        return
    if target.live.domain.is_adopted:
        notices.append(
            f"VM {target.vm.label}: {step.what}: its vm.cfg says so already. Whether its live "
            f"domain has it is not known, as xend was restarted since: it is from the next start"
        )
        return
    raise refusal(
        target,
        f"{text}; the agent is sent changes of vm.cfg only. Set another value first, or stop the "
        f"VM and start it again",
    )


def _not_followed(target: Target, step: Step, outcome: Outcome) -> str:
    vcpus = None if outcome.domain is None else outcome.domain.vcpus
    return (
        f"VM {target.vm.label}: {step.what} is requested, and its guest has not followed (yet): it "
        f"has {'an unknown number' if vcpus is None else vcpus} online"
    )


def _require_memory(target: Target, wanted: VMConfig) -> None:
    """Whether the host of a running VM has the memory free that it would grow by. xend would wait
    for it up to minutes, with the lock held that all others need (xend.md 2).

    :raises PreconditionFailed: it has not, or that cannot be read.
    """
    if target.live is None:
        return
    now_mb, then_mb = target.live.domain.memory_mb, wanted.memory_mb
    if then_mb is None or (now_mb is not None and then_mb <= now_mb):
        return
    if now_mb is None:
        raise refusal(target, "its host does not list how much memory it has now")
    growth = (needed_mb(wanted, then_mb) or 0) - (needed_mb(wanted, now_mb) or 0)
    [hardware] = read_hardware([target.host])
    free = free_mb(hardware)
    if free is None or free < growth:
        has = "it is not known how much is" if free is None else f"{free} MB are"
        why = f": {hardware}" if isinstance(hardware, Ovm3Error) else ""
        raise refusal(
            target,
            f"with {then_mb} MB in its vm.cfg it would need {growth} MB more than its {now_mb} MB "
            f"on {target.host.label}, where {has} free{why}",
        )


def _other_changes(target: Target, wanted: VMConfig) -> list[str]:
    """What else the agent may change in the live domain, as vm.cfg is sent as a whole."""
    if target.live is None or target.definition.config is None:
        return []
    before, then = defined_settings(target.definition.config), defined_settings(wanted)
    live = live_settings(target.live.domain)
    found = [
        f"{name} {getattr(live, key)}, which its vm.cfg has as {getattr(then, key)}"
        for key, name in _OTHERS
        if getattr(before, key) == getattr(then, key)
        and None not in (getattr(live, key), getattr(then, key))
        and getattr(live, key) != getattr(then, key)
    ]
    if not found:
        return []
    return [
        f"VM {target.vm.label}: its live domain has {'; '.join(found)}: the agent may change that "
        f"too, as it is sent the whole vm.cfg"
    ]


def adopted_notice(target: Target) -> list[str]:
    """That what xend lists of a live domain is not all real."""
    if target.live is None or not target.live.domain.is_adopted:
        return []
    return [
        f"VM {target.vm.label}: xend of {target.host.label} was restarted since its start: weight, "
        f"cap and pins that were not set since are not known, and the next reboot of its guest "
        f"makes them xend's defaults. Stop it and start it to have those of its vm.cfg"
    ]


def both(target: Target) -> tuple[Settings, Settings | None]:
    """The settings in the vm.cfg of a VM, and in its live domain; None: it is not live."""
    assert target.definition.config is not None, "target_of has checked it"
    live = live_settings(target.live.domain) if target.live else None
    return defined_settings(target.definition.config), live
