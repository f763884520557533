"""A guest's memory is saved and restored under claims, and its disks go on or not: every order.

A state is ``(claim, domain, image, process, works, boots, silent)``. domain: ``(host, whether it is
paused, where its memory comes from)`` or None; image: what the file holds: ``part``, ``fresh``
(all, and nothing has run since) or ``old``; process: ``(host, function, outcome, step)`` of the
module, one at a time, as claims never allow two (tests/models/life.py); works: what xend still does
for one that was killed; boots: of the two hosts; silent: whether the memory went into the file, was
not seen to live again, and nobody has said that it is not needed. Kills, failures, guests that
power off, other tools whose start is seen, and people who discard what is saved have no limit; each
host reboots once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from tests.models.explorer import Found, Step, explore
from tests.models.rules import load

State = Any
HOSTS = ("h", "g")
FUNCTIONS = ("save_vm", "restore_vm", "start_vm", "stop_vm", "unpause_vm")
_LIMIT = 200_000


@dataclass(frozen=True)
class Model:
    module: ModuleType = field(default_factory=load)
    is_paused: bool = True  # what is restored


_PLAIN = load()
_SHOWN = ("kind", "function", "operation", "outcome", "paused", "saved")  # all that decides here


def frozen(claim: dict[str, Any]) -> Any:
    return (tuple(claim["hosts"]), tuple(claim[key] for key in _SHOWN))


@cache
def thawed(claim: Any) -> dict[str, Any]:
    fields = dict.fromkeys(_PLAIN.FIELDS, "")
    return {**fields, **dict(zip(_SHOWN, claim[1], strict=True)), "hosts": list(claim[0])}


def starts() -> Iterator[State]:
    here = ("h", "0")
    claim = _PLAIN.settled(_PLAIN.first_claim([here]), here, "present")[0]
    yield frozen(claim), ("h", False, "boot"), None, None, (), (0, 0), False


def successors(model: Model, state: State) -> Iterator[Step]:
    claim, domain, image, process, works, boots, silent = state
    for x, host in enumerate(HOSTS):
        here = (host, str(boots[x]))
        if process is None:
            yield from _begin(model, state, x, here)
            if not _goes_on_there(works, host):
                after = _settled(model, state, here, thawed(claim))
                yield f"{host} looks", after, True
            if domain is None and not works:
                foreign = (host, False, "boot")
                begun = (claim, foreign, "old" if image == "fresh" else image, *state[3:])
                after = _settled(model, begun, here, thawed(claim))
                yield f"another tool starts it on {host}, which looks", after, False
        if boots[x] < 1:
            yield f"{host} reboots", _rebooted(state, x), False
    if process is not None:
        yield from _goes_on(model, state)
    for work in works:
        left = tuple(one for one in works if one != work)
        for label, made in _effects(model, work, domain, image):
            yield f"late: {label}", (claim, *made, process, left, boots, silent), True
    if domain and not domain[1]:
        yield "it powers off", (claim, None, *state[2:]), False
    if process is None and claim and _is_saved(claim):
        discarded = dict(thawed(claim), saved="")  # taken_hosts.discarded
        yield "discarded", (frozen(discarded), *state[1:6], False), False


def _goes_on_there(works: tuple[tuple[str, str], ...], host: str) -> bool:
    return any(work[1] == host for work in works)


def _is_saved(claim: Any) -> bool:
    found = thawed(claim)
    return found["kind"] == "free" and bool(found["saved"])


def _rebooted(state: State, x: int) -> State:
    claim, domain, image, process, works, boots, silent = state
    if domain and domain[0] == HOSTS[x]:
        domain = None
    if process and process[0] == x:
        process = None
    works = tuple(work for work in works if work[1] != HOSTS[x])
    boots = tuple(number + (i == x) for i, number in enumerate(boots))
    return claim, domain, image, process, works, boots, silent


def _begin(model: Model, state: State, x: int, here: tuple[str, str]) -> Iterator[Step]:
    claim, domain, image, _, works, boots, silent = state
    found = thawed(claim)
    is_here = domain is not None and domain[0] == here[0]
    for function in FUNCTIONS:
        if model.module.refusal(function, found, here):
            continue
        wanted = {"save_vm": False, "unpause_vm": True}.get(function)
        if wanted is not None and not (is_here and domain[1] == wanted):
            continue
        if function in ("start_vm", "restore_vm") and is_here:
            continue
        begun = model.module.begun(function, found, here, {"operation": "op", "outcome": ""})
        if function in ("start_vm", "stop_vm"):
            silent = False  # somebody wants it so
        after = (frozen(begun), domain, image, (x, function, "", "call"), works, boots, silent)
        yield f"{here[0]}: {function} begins", after, False


def _effects(
    model: Model, work: tuple[str, str], domain: Any, image: Any
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What xend makes of it: the domain and the image then."""
    function, host = work
    if function == "save_vm" and domain and domain[0] == host and not domain[1]:
        yield "saved", (None, "fresh")
        yield "not saved, it runs on", (domain, "part")
        yield "the file was not opened", (domain, image)
        yield "it powered off meanwhile", (None, "part")
        yield "it powered off before", (None, image)
    elif function == "restore_vm" and domain is None and image in ("fresh", "old"):
        made = (host, model.is_paused, image)
        yield "restored", (made, image if model.is_paused else "old")
        yield "not restored", (None, image)
        if not model.is_paused:
            yield "restored, and it powered off", (None, "old")
    elif function == "start_vm" and domain is None:
        yield "started", ((host, False, "boot"), "old" if image == "fresh" else image)
    elif function == "stop_vm" and domain and domain[0] == host:
        yield "stopped", (None, image)
    elif function == "unpause_vm" and domain and domain[0] == host:
        yield "runs", ((host, False, domain[2]), "old" if image == "fresh" else image)
    yield "refused", (domain, image)


def _goes_on(model: Model, state: State) -> Iterator[Step]:
    claim, domain, image, process, works, boots, silent = state
    x, function, _, step = process
    work = (function, HOSTS[x])
    if step == "call":
        for label, made in _effects(model, work, domain, image):
            for outcome in ("done", "failed"):
                is_it = label in ("saved", "restored") or function[:-3] not in ("save", "restore")
                if outcome == "done" and not is_it:
                    continue  # success is success
                wrote = silent or label == "saved"
                after = (claim, *made, (x, function, outcome, "settle"), works, boots, wrote)
                yield f"{label}, {outcome}", after, True
        if not works:
            yield "killed before", (claim, domain, image, None, (work,), boots, silent), False
        yield "not called", (*state[:3], (x, function, "not done", "settle"), *state[4:]), True
        return
    over = (*state[:3], None, *state[4:])
    yield "killed after", over, False
    here, found = (HOSTS[x], str(boots[x])), dict(thawed(claim), outcome=process[2])
    if not _goes_on_there(works, HOSTS[x]):
        yield "it settles", _settled(model, over, here, found), True
    elif function == "save_vm":  # claim_changes.py: it cannot tell, and writes its outcome
        yield "it stays", (frozen(found), *over[1:]), True
    else:
        yield "it stays", over, True


def _settled(model: Model, state: State, here: tuple[str, str], claim: dict[str, Any]) -> State:
    domain = state[1]
    finding = "nowhere"
    if domain is not None and domain[0] == here[0]:
        finding = "paused" if domain[1] else "present"
    made, _ = model.module.settled(claim, here, finding)
    if made is None:
        return state
    return (frozen(made), *state[1:6], state[6] and made["kind"] != "on")


def wrong_with(state: State) -> str:
    claim, domain, image, process, works, _, silent = state
    found = thawed(claim)
    if domain is not None and not domain[1] and domain[2] == "old":
        return "old memory runs on newer disks"
    is_over = process is None and not works
    is_free = found["kind"] == "free" and domain is None and is_over
    if is_free and found["saved"] and not found["saved"].startswith("unsure") and image != "fresh":
        return "it is to be restored, and has run since"
    if is_free and silent and image == "fresh" and not found["saved"]:
        return "its memory is lost, and nobody is told"
    return ""


def is_settled(state: State) -> bool:
    return state[3] is None and thawed(state[0])["kind"] in ("free", "on")


def run(model: Model) -> Found:
    return explore(starts(), lambda state: successors(model, state), wrong_with, is_settled, _LIMIT)
