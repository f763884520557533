"""vm.cfg under claims: two clients change it through two hosts, and no change is lost.

A state is ``(server, pages, claim, processes, clients, done)``. server: the content of vm.cfg
where it is stored, a set of changes or TORN; pages: what each host has of it in memory,
``(content, dirty)`` or None; claim: ``(host or -1, the digest recorded, vm.cfg before)``, while it
is free what a person has read through host 0 in place of the latter; processes: of each host;
clients: each makes one change and tries again until it is done; done: the changes whose outcome is
recorded. An ordinary read may find an old page (NFS: the same size, the same tick); the agent
writes what the client has sent, in two steps. Kills and reboots have no limit. With ``accepts``
there are none; somebody edits the file once, between the changes of the clients, and persons accept
what they see as often as they like, from a claim that stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.models.explorer import Found, Step, explore
from tests.models.rules import load, load_words

State = Any
TORN = "torn"
RULES = load("claim_digests")
CLAIMS = load()
WORDS = load_words(CLAIMS)


@dataclass(frozen=True)
class Model:
    refusal: Any = RULES.digest_refusal
    digest_after: Any = RULES.digest_after
    has_direct: bool = True  # O_DIRECT
    is_synced: bool = True  # before the outcome is recorded
    is_put_back: bool = True  # a file that is not whole
    accepts: tuple[int, ...] = ()  # the hosts that have to see the same before a person accepts it
    has_trouble: bool = True  # kills and reboots


def starts() -> Iterator[State]:
    old: frozenset[str] = frozenset()
    yield old, (None, None), (-1, old, None), (None, None), (None, None), old


def put(pair: Any, i: int, value: Any) -> Any:
    return (value, pair[1]) if i == 0 else (pair[0], value)


def digest(content: Any) -> str:
    return str(sorted(content))


def read(state: Any, x: int) -> Any:
    """As an ordinary open and read finds it on a host."""
    page = state[1][x]
    return state[0] if page is None else page[0]


def successors(model: Model, state: State) -> Iterator[Step]:
    server, pages, claim, processes, clients, done = state
    for x in (0, 1):
        page = pages[x]
        if page is None and server != TORN:
            after = put(pages, x, (server, False))
            yield f"host {x} keeps a page", (server, after, *state[2:]), False
        elif page is not None and page[1]:
            after = put(pages, x, (page[0], False))
            yield f"host {x} writes its page out", (page[0], after, *state[2:]), False
        elif page is not None:
            yield f"host {x} drops its page", (server, put(pages, x, None), *state[2:]), True
        stopped = put(processes, x, None)
        if processes[x] is not None and model.has_trouble:
            yield f"host {x}: a kill", (server, pages, claim, stopped, clients, done), False
        lost = put(pages, x, None)
        if model.has_trouble:
            yield f"host {x}: a reboot", (server, lost, claim, stopped, clients, done), False
        yield from _process(model, state, x)
        if claim[0] < 0 and model.accepts:
            yield from _person(model, state, x)
    for i, name in enumerate("ab"):
        yield from _client(state, i, name)


def _person(model: Model, state: State, x: int) -> Iterator[Step]:
    """Edits vm.cfg on host x, which sees it as it is; or accepts there what he has seen before."""
    server, pages, (_, recorded, seen), *rest = state
    found = read(state, x)
    if found == server and server != TORN and "e" not in server:
        edited = server | {"e"}
        after = put(pages, x, (edited, False))
        yield f"host {x}: it is edited", (edited, after, (-1, recorded, None), *rest), False
    if seen is None and x == 0 and found != TORN:
        yield "a person reads it", (server, pages, (-1, recorded, found), *rest), False
    elif seen is not None and found == seen and all(read(state, y) == seen for y in model.accepts):
        claim = CLAIMS.settled(CLAIMS.first_claim([("h", "1")]), ("h", "1"), "nowhere")[0]
        made = WORDS.accepted(claim, ("h", "1"), digest(seen), "who")[0]
        direct = digest(server) if model.has_direct else made["digest"]
        if made["digest"] == direct == digest(seen):
            yield f"host {x}: it is accepted", (server, pages, (-1, seen, None), *rest), False


def _client(state: State, i: int, name: str) -> Iterator[Step]:
    server, pages, claim, processes, clients, done = state
    request = clients[i]
    if request is None and name not in done:
        for x in (0, 1):
            content = read(state, x)
            if content != TORN:
                asked = put(clients, i, ("read", content))
                label = f"client {name} reads through host {x}"
                yield label, (server, pages, claim, processes, asked, done), True
    elif request is not None and request[0] == "read":
        for x in (0, 1):
            asked = put(clients, i, ("sent", request[1], x))
            label = f"client {name} reads the claim, asks host {x}"
            yield label, (server, pages, claim, processes, asked, done), True
    elif request is not None:
        _, content, x = request
        after = put(clients, i, None)
        yield "a request is lost", (server, pages, claim, processes, after, done), False
        # what is kept to be put back is what the client has read, or nothing begins
        if claim[0] < 0 and processes[x] is None and content == read(state, x):
            # the new version makes the other request late, which is refused whatever it asks
            before = read(state, x)
            begun = put(processes, x, ("compare", content, name, claim[1]))
            linked = (x, claim[1], before)
            late = (None, None)
            other = clients[1 - i]
            if other is not None and other[0] == "read":
                late = put(late, 1 - i, other)
            yield f"host {x} begins {name}", (server, pages, linked, begun, late, done), True


def _process(model: Model, state: State, x: int) -> Iterator[Step]:
    server, pages, claim, processes, clients, done = state
    process = processes[x]

    def become(label: str, to: Any, page: Any = pages[x], stored: Any = server) -> Step:
        after = (stored, put(pages, x, page), claim, put(processes, x, to), clients, done)
        return f"host {x}: {label}", after, True

    if process is None:
        if claim[0] == x:
            yield become("settles", ("settle", "", ""))
    elif process[0] == "compare":
        _, content, name, recorded = process
        direct = digest(server) if model.has_direct else None
        before = {"digest": digest(recorded)}
        refused = model.refusal(before, digest(content), digest(read(state, x)), direct)
        following = ("settle", "", "not done") if refused else ("write", content, name)
        yield become("vm.cfg is another" if refused else "vm.cfg is the same", following)
    elif process[0] == "write":
        yield become("the agent begins to write", ("writing", *process[1:]), (TORN, True))
    elif process[0] == "writing":
        content = process[1] | {process[2]}
        following = ("sync", process[2]) if model.is_synced else ("settle", process[2], "done")
        yield become("the agent has written", following, (content, True))
    elif process[0] == "sync":
        page, stored = _synced(state, x)
        yield become("it is on its disk", ("settle", process[1], "done"), page, stored)
    else:
        yield _settle(model, state, x, *process[1:])


def _synced(state: State, x: int) -> tuple[Any, Any]:
    """What host x has of it in memory, and what is stored, when its own writes have arrived."""
    server, page = state[0], state[1][x]
    return ((page[0], False), page[0]) if page is not None and page[1] else (page, server)


def _settle(model: Model, state: State, x: int, name: str, outcome: str) -> Step:
    """What is there, whole and on its disk, is recorded."""
    server, pages, (_, recorded, before), processes, clients, done = state
    if read(state, x) == TORN and model.is_put_back:
        server, pages = before, put(pages, x, (before, False))
    elif model.is_synced:
        page, server = _synced(state, x)
        pages = put(pages, x, page)
    names = {digest(each): each for each in (recorded, server, read((server, pages), x))}
    claim = {"digest": digest(recorded), "outcome": outcome, "function": "configure_vm"}
    direct = digest(server) if model.has_direct else None
    found = digest(read((server, pages), x))
    free = (-1, names[model.digest_after(claim, digest(before), found, direct)], None)
    after = (server, pages, free, put(processes, x, None), clients, done | set(name))
    return f"host {x}: recorded", after, True


def wrong_with(state: State) -> str:
    server, _, claim, _, _, done = state
    if claim[0] >= 0:
        return ""
    if server == TORN:
        return "vm.cfg is torn"
    return "" if done <= server else "a change is lost"


def is_settled(state: State) -> bool:
    return bool(state[2][0] < 0)


def run(model: Model) -> Found:
    return explore(starts(), lambda state: successors(model, state), wrong_with, is_settled, 10**6)


def as_read_alone(_: Any, wanted: str, found: str, direct: str | None) -> str:
    return "" if wanted == found else "another"


def without_record(claim: Any, wanted: str, found: str, direct: str | None) -> str:
    return str(RULES.digest_refusal(claim, wanted, found, found if direct is None else direct))


def as_found(claim: Any, before: str, found: str, direct: str | None) -> str:
    return found if direct is None else direct


SIMPLER = {
    "13: the digest that this host reads is enough": ("a change is lost", Model(as_read_alone)),
    "13: without O_DIRECT no digest is recorded": (
        "a change is lost",
        Model(without_record, has_direct=False),
    ),
    "13: without O_DIRECT what this host reads is recorded": (
        "a change is lost",
        Model(digest_after=as_found, has_direct=False),
    ),
    "13: the outcome is recorded before the write has arrived": (
        "a change is lost",
        Model(is_synced=False),
    ),
    "24: what one host sees is accepted": (
        "a change is lost",
        Model(has_direct=False, accepts=(0,), has_trouble=False),
    ),
    "14: what is torn stays": ("vm.cfg is torn", Model(is_put_back=False)),
}
