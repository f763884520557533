"""What is explored: the bounds of each model of a VM's life.

Two hosts, one VM. Of each host: one process of the module at a time, as it has a lock; at most so
many ``xm`` of this project's as ``works`` says, as a stop is allowed in doubt. Everything else may
happen any number of times, at any step and in any order: there are no limits on operations, kills,
reboots of guests, of xend and of hosts. Another tool starts the VM once at most.

Left out: a person who takes a host out, hosts that are off for some time (a reboot is one step), a
log that does not reach back (the claim stays, as tests/hostside/test_claims.py says), time, and
pause, create and delete; saved guests have a model of their own (saved.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from tests.models import life, world
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
        life.wrong_with,
        life.is_settled,
        limit,
    )
