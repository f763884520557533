"""Who has won a version of a claim: late writers, stale listings, pruned versions, a folder made
anew.

A state is ``(folder, files, top, writers)``. files: of the present folder, ``(number, operation,
based on)``; top: the number and the operation that really are the newest, whatever anybody sees.
Two writers, each with one operation: it reads, links and looks, with any time in between; others
go on writing up to version LAST, and prune all but the KEPT highest versions. The folder is made
anew once at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.models.explorer import Found, Step, explore
from tests.models.rules import load

State = Any
FIRST, LAST, KEPT = 3, 6, 2
IDLE = ("idle",)
WRONG = "it has won, and was not the next"


@dataclass(frozen=True)
class Model:
    winner: Any
    names_folder: bool = True  # a request names the folder that it means
    looks_again: bool = True  # whether it still is that one, after the link


def starts() -> Iterator[State]:
    files = tuple((number, f"o{number}", f"o{number - 1}") for number in range(1, FIRST + 1))
    yield 0, files, (FIRST, f"o{FIRST}"), (IDLE, IDLE)


def successors(model: Model, state: State) -> Iterator[Step]:
    folder, files, top, writers = state
    number, operation = top
    if number < LAST and any(each[0] == number for each in files):
        made = (number + 1, f"o{number + 1}", operation)
        if all(each[0] != made[0] for each in files):
            after = (folder, tuple(sorted((*files, made))), made[:2], writers)
            yield f"others write {made[0]}", after, True
    old = [each for each in files if each[1].startswith("o")]  # what is young is not pruned
    if old and old[0] == files[0] and files[0][0] <= number - KEPT:
        yield f"{files[0][0]} is pruned", (folder, files[1:], top, writers), True
    if not folder:
        new = ((1, "n1", "first"), (2, "n2", "n1"))
        yield "the folder is made anew", (1, new, (2, "n2"), writers), False
    for i, name in enumerate("ab"):
        for label, following in _of_writer(model, state, i, name):
            yield f"writer {name}: {label}", following, True


def _of_writer(model: Model, state: State, i: int, name: str) -> Iterator[tuple[str, State]]:
    folder, files, top, writers = state

    def become(writer: Any, after: Any = files, now: Any = top) -> State:
        both = (writer, writers[1]) if i == 0 else (writers[0], writer)
        return (folder, after, now, both)

    phase, *values = writers[i]
    if phase == "idle":
        for each in files:  # a listing may be stale: any version may look like the newest
            yield f"takes {each[0]} for the newest", become(("read", folder, *each[:2]))
    elif phase == "read":
        if values[0] == folder or not model.names_folder:
            yield "opens the folder", become(("open", folder, *values[1:]))
        else:
            yield "finds another folder", become(("lost",))
    elif phase == "open":
        yield from _link(state, become, values, name)
    elif phase == "linked":
        opened, number, is_next = values
        listed = {each[0]: (each[1], each[2]) for each in files}
        if opened != folder:
            listed = {number: (name, "before")}
        is_own = number in listed and listed[number][0] == name
        result = model.winner(number, name, is_own, listed)
        if result == "won" and (opened == folder or not model.looks_again):
            yield "has won", become(("won", is_next))
        else:
            left = tuple(each for each in files if each[1] != name)
            yield f"goes without it ({result})", become(("lost",), left)


def _link(state: State, become: Any, values: Any, name: str) -> Iterator[tuple[str, State]]:
    folder, files, top, _ = state
    opened, number, operation = values
    number += 1
    if opened != folder:  # into the folder that was renamed away
        yield f"links {number}", become(("linked", opened, number, False))
        return
    numbers = {each[0]: each for each in files}
    if number in numbers or (number - 1 not in numbers and max(numbers) < number):
        yield f"cannot make {number}", become(("lost",))
        return
    before = numbers[number - 1][1] if number - 1 in numbers else None
    made = (number, name, before)
    is_next = top == (number - 1, operation)
    after = tuple(sorted((*files, made), key=str))
    now = (number, name) if is_next else top
    yield f"links {number}", become(("linked", opened, number, is_next), after, now)


def wrong_with(state: State) -> str:
    return WRONG if any(writer == ("won", False) for writer in state[3]) else ""


def run(model: Model) -> Found:
    return explore(
        starts(), lambda state: successors(model, state), wrong_with, lambda state: True, 10**6
    )


def next_alone(winner: Any) -> Any:
    """Only the next version is tested, not the chain up to the highest."""

    def mutant(version: int, operation: str, is_own: bool, found: Any) -> Any:
        near = {number: found[number] for number in (version, version + 1) if number in found}
        return winner(version, operation, is_own, near)

    return mutant


WINNER = load().winner
RIGHT = Model(WINNER)
SIMPLER = {
    "2: the next version alone is tested": Model(next_alone(WINNER)),
    "15: a request does not name the folder": Model(WINNER, False, False),
    "15: the folder's name is not looked at again": Model(WINNER, looks_again=False),
}
