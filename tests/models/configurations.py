"""What is explored: the bounds of each model of a VM's life.

Two hosts, one VM. Of each host: one process of the module at a time, as it has a lock; at most so
many ``xm`` of this project's as ``works`` says, as a stop is allowed in doubt. Everything else may
happen any number of times, at any step and in any order: there are no limits on operations, kills,
reboots of guests, of xend and of hosts. Another tool starts the VM once at most.

With the words of persons (persons.py) a host that crashes or is shut down is off until it is
switched on, perhaps for good; there are as many words as anybody likes, of both hosts. One
configuration has true words only, and what always holds holds there. In the others words may be
wrong: of hosts that are off, and will restore a saved guest; or that live. There two domains may
run, never three, and the claim has to say so.

Left out: words of a host about itself, which only take the place of its log, and one that does not
reach back (the claim stays: tests/hostside/test_claims.py, test_claim_words.py); elsewhere a reboot
is one step; time, and a pause that was asked for, create and delete. Saved guests have a model of
their own (saved.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from tests.models import invariants, life, persons, world
from tests.models.explorer import Found, explore
from tests.models.life import Model, State
from tests.models.rules import Rules, load

TROUBLE = frozenset(("kills", "crash", "orderly", "xend", "guests"))
_SOME = frozenset(("kills", "orderly", "guests"))
_SHORT = ("start_vm", "stop_vm", "configure_vm")
_ALL = (*_SHORT, "migrate_vm")


@dataclass(frozen=True)
class Bounds:
    functions: tuple[str, ...]
    trouble: frozenset[str]
    foreign: int = 0
    clients: int = 0
    works: int = 1
    words: str = ""
    bare: tuple[int, ...] = ()


BOUNDS = {
    "starts and stops, one xm": Bounds(_SHORT, TROUBLE),  # for make test: a second
    "starts and stops": Bounds(_SHORT, TROUBLE, works=2),
    "migrations": Bounds(_ALL, TROUBLE, works=2),
    "another tool": Bounds(("start_vm", "stop_vm"), TROUBLE, foreign=1),
    # the requests of two clients, each of them late, lost and repeated
    "requests": Bounds(("start_vm", "stop_vm"), _SOME, clients=2),
    # of "another tool" what the simpler rules for a start need
    "another tool at a start": Bounds(("start_vm",), frozenset(("guests", "xend")), foreign=1),
    "another tool and migrations": Bounds(
        ("migrate_vm", "stop_vm"), frozenset(("kills",)), foreign=1
    ),
    "true words": Bounds(_SHORT, TROUBLE, words=persons.TRUE),
    "true words of a host without the module": Bounds(_SHORT, _SOME, words=persons.TRUE, bare=(1,)),
    "words of hosts that are off": Bounds(_SHORT[:2], frozenset(("orderly",)), words=persons.OFF),
    "wrong words of one host": Bounds(
        ("start_vm", "stop_vm", "unpause_vm"), frozenset(("orderly", "guests")), words=persons.ONE
    ),
    "any words": Bounds(("start_vm",), frozenset(("orderly",)), words=persons.ANY),
}


def model_of(name: str, **changes: Any) -> Model:
    bounds = BOUNDS[name]
    values = {each.name: getattr(bounds, each.name) for each in fields(bounds)}
    return Model(Rules(load()), **{**values, **changes})


def starts(model: Model) -> Iterator[State]:
    """A VM that nobody has claimed yet: nowhere, live, in the gap of its reboot, saved."""
    for domains, saved in (((), ""), (("L.",), ""), (("G.",), ""), ((), ".")):
        hosts = ((None, (), domains, saved), world.IDLE)
        yield None, hosts, model.foreign, (None,) * model.clients


def run(model: Model, limit: int = 3_000_000) -> Found:
    return explore(
        starts(model),
        lambda state: life.successors(model, state),
        invariants.wrong_with if model.words in ("", persons.TRUE) else invariants.wrong_with_words,
        lambda state: (
            invariants.is_said(model, state) if model.words else invariants.is_settled(state)
        ),
        limit,
    )
