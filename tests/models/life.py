"""A VM's life under claims, on two hosts: who asks for what, what the module does, step by step.

A state is ``(claim, (host, host), foreign, requests)``. Every decision is hostside/claims.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.models import persons, rules, world
from tests.models.explorer import Step
from tests.models.rules import Claim, Rules
from tests.models.world import Hosts, changed

State = tuple[Claim, Hosts, int, Any]
WORK = {"start_vm": "create", "stop_vm": "destroy", "migrate_vm": "migrate"}
_CURRENT = 5  # the number of the newest version, wherever one is named


@dataclass(frozen=True)
class Model:
    """What may happen, and by which rules."""

    rules: Rules
    functions: tuple[str, ...]
    trouble: frozenset[str]  # of: kills, crash, orderly, xend, guests
    foreign: int = 0  # how many times another tool starts the VM
    works: int = 1  # how many xm a host may have: a stop is allowed in doubt, whatever goes on
    clients: int = 0  # whose requests are late, lost and repeated; 0: see `_arrivals`
    # another answer of a look, by its name (with " at a start") and the domains
    domains: Callable[[str, tuple[str, ...]], str] | None = None
    looks: Callable[[Claim, int], tuple[str, ...]] | None = None  # other looks of `settle`
    is_looking: bool = True  # before a start
    words: str = ""  # of a person: persons.TRUE, or persons.ANY; hosts are off for some time then
    bare: tuple[int, ...] = ()  # the hosts without the module
    forgets: bool = False  # the sessions of operations before the newest


def successors(model: Model, state: State) -> Iterator[Step]:
    claim, hosts, foreign, requests = state
    if claim is None:
        for x in (0, 1):
            if x not in model.bare and not world.is_off(hosts[x]):
                yield f"host {x}: the first claim", (model.rules.first(x), *state[1:]), True
    else:
        for label, after, by, said in persons.steps(model, claim, hosts):
            following = (claim, after, foreign, requests)
            if by is not None:
                following = _written(following, by, said)
            yield label, _canonical(following), False
    for x in (0, 1):
        for label, following, is_progress in _of_host(model, state, x):
            yield f"host {x}: {label}", _canonical(following), is_progress
        yield from _booting(model, state, x)
        for label, after, is_progress in _of_world(model, hosts, x):
            yield f"host {x}: {label}", _canonical((claim, after, foreign, requests)), is_progress
        if foreign:
            for label, after, _ in world.of_others(hosts, x):
                yield f"host {x}: {label}", _canonical((claim, after, 0, requests)), False


def _of_world(model: Model, hosts: Hosts, x: int) -> Iterator[world.Event]:
    yield from world.of_works(hosts, x)
    yield from world.of_xendomains(hosts, x)
    for event in world.of_guests(hosts, x):
        if event[2] or "guests" in model.trouble:
            yield event
    if "xend" in model.trouble:
        yield from world.of_xend(hosts, x)
    if "kills" in model.trouble:
        yield from world.of_kills(hosts, x)


def _booting(model: Model, state: State, x: int) -> Iterator[Step]:
    claim, hosts, foreign, requests = state
    if world.is_off(hosts[x]):
        yield f"host {x}: it is on again", _with_process(state, x, None), True
        return
    for is_orderly, word in ((False, "crash"), (True, "orderly")):
        if word in model.trouble:
            after = world.rebooted(hosts, x, is_orderly)
            new = rules.rebooted(claim, x)
            if model.words:  # it is off, perhaps for good
                after = world.changed(after, x, (world.OFF, *after[x][1:]))
            yield f"host {x}: reboot ({word})", _canonical((new, after, foreign, requests)), False


def _canonical(state: State) -> State:
    """A domain of another tool that a claim has is the VM, once nothing else of the VM is left."""
    _, hosts, _, _ = state
    marks = [each[1] for host in hosts for each in host[2]] + [host[3] for host in hosts if host[3]]
    if marks.count("k") != 1 or len(marks) != 1:
        return state
    if any(host[1] or (host[0] and host[0][0] in ("start", "go", "called")) for host in hosts):
        return state
    only = [(*host[:2], tuple(e[0] + "." for e in host[2]), host[3] and ".") for host in hosts]
    return (state[0], (only[0], only[1]), *state[2:])


# --- what is asked for --------------------------------------------------------------------------


def _of_host(model: Model, state: State, x: int) -> Iterator[Step]:
    claim, hosts, _, _ = state
    if claim is None or x in model.bare or world.is_off(hosts[x]):
        return
    if hosts[x][0] is not None:
        yield from _process(model, state, x)
        return
    yield from _arrivals(model, state, x)
    if (
        claim[1][x] or claim[4][x] or hosts[x][2]
    ):  # else it could only find what comes later, as a later one does
        yield "settle", _with_process(state, x, ("settle", 0, False)), True
    if not model.rules.uninstall_refusal(claim, x):
        entries = tuple(0 if i == x else entry for i, entry in enumerate(claim[1]))
        if entries != claim[1]:
            kind = claim[0] if any(entries) else "free"
            yield "uninstall", _written(state, x, (kind, entries, -1, *claim[3:])), False


def _arrivals(model: Model, state: State, x: int) -> Iterator[Step]:
    """Requests that arrive. Who has won is for ``winner`` to say.

    Without ``clients``: one whose version is the newest may be sent at any time, so that none has
    to be remembered on its way; one whose version is older, or that came before, never wins,
    whatever else the state is: nothing comes of it. With ``clients`` each has a request on its way,
    which is lost, late, and delivered any number of times, also when the client is long gone.
    """
    if not model.clients:
        for function in model.functions:
            if _wins(model, True, False):
                yield from _begin(model, state, x, function)
        return
    requests = state[3]
    for i, request in enumerate(requests):
        if request is None:
            for function in model.functions:
                sent = (function, x, True, False)
                yield f"client {i} sends {function}", (*state[:3], _put(requests, i, sent)), False
            continue
        function, at, is_fresh, was_made = request
        if at != x:
            continue
        yield f"request {i} is lost", (*state[:3], _put(requests, i, None)), False
        if not _wins(model, is_fresh, was_made):
            continue
        for label, begun, _ in _begin(model, state, x, function, is_fresh):
            following = begun
            if is_fresh:
                made = (function, at, False, True)
                following = (*begun[:3], _put(begun[3], i, made))
            yield f"request {i} arrives: {label}", following, False


def _put(requests: tuple[Any, ...], i: int, request: Any) -> tuple[Any, ...]:
    return (*requests[:i], request, *requests[i + 1 :])


def _wins(model: Model, is_fresh: bool, was_made: bool) -> bool:
    winner = model.rules.module.winner
    if is_fresh:  # it links the version after the newest
        return bool(winner(_CURRENT + 1, "own", True, {_CURRENT + 1: ("own", "before")}) == "won")
    before = "own" if was_made else "another"
    return bool(winner(_CURRENT, "own", False, {_CURRENT: (before, "before")}) == "won")


def _begin(
    model: Model, state: State, x: int, function: str, is_linking: bool = True
) -> Iterator[Step]:
    claim, hosts, _, _ = state
    if is_linking and (claim[4][x] or model.rules.refusal(function, claim, x)):
        return  # one that was taken out looks first
    if function == "unpause_vm" and not world.own(hosts[x][2], "P"):
        return
    if function == "migrate_vm" and (
        1 - x in model.bare
        or world.is_off(hosts[1 - x])
        or _look_at_start(model, hosts[1 - x], "all")
    ):
        return  # the target was asked
    first = ("go", function)
    if function == "start_vm" and model.is_looking:
        first = ("start", 0, False)
    domains = hosts[x][2]
    if function == "start_vm":
        domains = tuple(sorted(e[0] + "f" if e[1] == "F" else e for e in domains))
    works = hosts[x][1]
    if model.forgets:  # 2: it lives, and nobody looks for it
        works = tuple(sorted((*work[:2], work[2] and 2) for work in works))
    host = (first, works, domains, hosts[x][3])
    following = (claim, changed(hosts, x, host), *state[2:])
    if is_linking:
        following = _linked(following, x, model.rules.begun(function, claim, x))
    yield f"{function} begins", following, False


# --- what the module does -----------------------------------------------------------------------


def _with_process(state: State, x: int, process: Any) -> State:
    host = (process, *state[1][x][1:])
    return (state[0], changed(state[1], x, host), *state[2:])


def _linked(state: State, x: int, claim: Claim) -> State:
    """A new version: who settles on the other host has lost, and so has each request that is late;
    a start that finds it when it has looked is not run."""
    if claim == state[0]:  # a new version all the same, but one that nobody can tell from the old
        return state
    hosts, requests = state[1], state[3]
    other = hosts[1 - x]
    if other[0] is not None and other[0][0] in ("settle", "copy", "write"):
        hosts = changed(hosts, 1 - x, (None, *other[1:]))
    elif other[0] is not None and other[0][0] == "start":
        hosts = changed(hosts, 1 - x, (("settle", 0, False), *other[1:]))
    elif other[0] is not None and other[0][0] == "pause":
        hosts = changed(hosts, 1 - x, (("pause", False), *other[1:]))
    late = tuple(one and (one[0], one[1], False, one[3]) for one in requests)
    return (claim, hosts, state[2], late)


def _written(state: State, x: int, claim: Claim) -> State:
    return _linked(_with_process(state, x, None), x, claim)


def _process(model: Model, state: State, x: int) -> Iterator[Step]:
    """The next step of the process on host x."""
    process, works, domains, saved = state[1][x]
    step = process[0]
    if step == "start":
        _, number, restarted = process
        look = model.rules.START_LOOKS[number]
        if _look_at_start(model, state[1][x], look, restarted):
            yield f"start is refused ({look})", _with_process(state, x, ("settle", 0, False)), True
        elif number + 1 < len(model.rules.START_LOOKS):
            following = _with_process(state, x, ("start", number + 1, restarted))
            yield f"nothing in {look}", following, True
        else:
            yield f"nothing in {look}", _with_process(state, x, ("go", "start_vm")), True
    elif step == "go":
        kind = WORK.get(process[1])
        if kind and len(works) < model.works:
            works = tuple(sorted((*works, (kind, "X", 1))))
        if process[1] == "unpause_vm" and world.own(domains, "P"):
            paused = world.own(domains, "P")
            domains = world.swapped(domains, paused, "L" + paused[1])
        host = (("called",), works, domains, saved)
        following = (state[0], changed(state[1], x, host), *state[2:])
        yield f"{process[1]} is called", following, True
    elif step == "called":  # a success or a fault: neither proves anything
        yield "the function returns", _with_process(state, x, ("settle", 0, False)), True
    elif step == "settle":
        yield from _settle(model, state, x, process[1], process[2])
    elif step == "copy":
        yield from _copy(model, state, x)
    elif step == "pause":
        for label, after in persons.pause(state[1], x):
            yield label, (state[0], after, *state[2:]), True
    elif process[1:] == ("present",) and model.rules.gives_way(state[0], x):
        yield "it has to give way", _with_process(state, x, ("pause", True)), True
    else:
        yield f"written: {process[1]}", _settled(model, state, x, process[1]), True


def _settle(model: Model, state: State, x: int, number: int, restarted: bool) -> Iterator[Step]:
    looks = _looks(model, state[0], x)
    look = looks[number]
    is_works = look in ("processes", "connections")
    name = "works" if is_works else "look" if look == "early" else look
    answer = model.rules.module.after_look(name, _answer(model, state[1][x], look, restarted))
    if number + 1 == len(looks) and answer == "go on":
        answer = "nowhere"
    elif number + 1 < len(looks) and answer == "nowhere":
        answer = "go on"
    if answer == "go on":
        yield f"{look}: go on", _with_process(state, x, ("settle", number + 1, restarted)), True
    elif answer == "stays":
        yield f"{look}: the claim stays", _with_process(state, x, None), True
    elif answer == "copy":
        yield f"{look}: a copy", _with_process(state, x, ("copy",)), True
    else:
        yield f"{look}: {answer}", _with_process(state, x, ("write", answer)), True


def _looks(model: Model, claim: Claim, x: int) -> tuple[str, ...]:
    """The looks, "works" as its two steps: processes first, as each may become a connection."""
    looks = model.looks(claim, x) if model.looks else model.rules.LOOKS
    if "works" in looks:
        at = looks.index("works")
        looks = (*looks[:at], "processes", "connections", *looks[at + 1 :])
    return looks


def _answer(model: Model, host: world.Host, look: str, restarted: bool, when: str = "") -> Any:
    _, works, domains, saved = host
    if model.domains is not None:
        other = model.domains(look + when, domains)
        if other:
            return other
    if look == "processes":
        return "some" if any(work[2] == 1 for work in works) else "none"
    if look == "connections":
        return "some" if any(work[1] != "X" for work in works) else "none"
    if look == "comebacks":
        return "some" if saved else "none"
    if look in ("look", "early"):
        listed = [e[0] for e in domains if e[0] in world.LISTED]
        return [{"incoming": e in world.COPIES, "paused": e == "P"} for e in listed]
    if look == "log":
        if any(e[0] in world.OPEN for e in domains):
            return "open"
        return "cannot tell" if restarted else "closed"
    return "some" if any(e[0] == "b" for e in domains) else "none"


def _look_at_start(model: Model, host: world.Host, look: str, restarted: bool = False) -> bool:
    """Whether this look, or all of them, speak against a start there."""
    answers: dict[str, Any] = {"look": [], "log": "closed", "backends": "none"}
    for name in answers:
        if look in (name, "all"):
            answers[name] = _answer(model, host, name, restarted, " at a start")
    return bool(model.rules.module.start_refusal(answers))


def _copy(model: Model, state: State, x: int) -> Iterator[Step]:
    _, works, domains, saved = state[1][x]
    left = next((each for each in domains if each[0] in world.COPIES), "")
    if not left or model.rules.copy_refusal(state[0]):
        yield "the copy stays", _with_process(state, x, None), True
        return
    host = (("settle", 0, False), works, world.swapped(domains, left), saved)
    yield "a copy is destroyed", (state[0], changed(state[1], x, host), *state[2:]), True


def _settled(model: Model, state: State, x: int, finding: str) -> State:
    claim = model.rules.settled(state[0], x, finding)
    if finding != "nowhere" and claim[1][x]:  # it has it now, whoever has started it
        process, works, domains, saved = state[1][x]
        known = domains
        if any(e[1] in "Ff" for e in domains):
            known = tuple(sorted(e[0] + "k" for e in domains))
        state = (state[0], changed(state[1], x, (process, works, known, saved)), *state[2:])
    return _written(state, x, claim)
