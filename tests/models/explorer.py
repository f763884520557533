"""Every state that a model can come to, breadth first; so a counterexample is a shortest one.

A state is anything hashable. ``successors(state)`` yields ``(label, state, is_progress)``: what may
happen next, and whether the system comes to it by itself, without trouble and anybody's help.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

State = Any
Step = tuple[str, State, bool]


@dataclass
class Found:
    """What an exploration has found: how many states, and what is wrong in the first bad one."""

    states: int
    wrong: str = ""
    trace: list[str] = field(default_factory=list)
    is_whole: bool = True

    def __str__(self) -> str:
        lines = [f"{self.states} states; wrong: {self.wrong or 'nothing'}", *self.trace]
        return "\n    ".join(lines)


def explore(
    starts: Iterable[Hashable],
    successors: Callable[[State], Iterable[Step]],
    wrong_with: Callable[[State], str],
    is_settled: Callable[[State], bool],
    limit: int,
) -> Found:
    """Look at all states; then for a way to a settled one from each, by progress alone.

    :param wrong_with: which invariant does not hold in a state, or ''
    :param is_settled: whether a state needs no way
    :param limit: at most so many states; beyond it `is_whole` is false, and no ways are looked for
    """
    states: list[State] = []
    numbers: dict[State, int] = {}
    parents, labels = array("l"), []
    sources, ends = array("l"), array("l")  # the progress that can be made

    def note(state: State, parent: int, label: str) -> int:
        number = numbers.get(state)
        if number is None:
            number = numbers[state] = len(states)
            states.append(state)
            parents.append(parent)
            labels.append(label)
        return number

    def found(number: int, wrong: str, is_whole: bool = True) -> Found:
        trace, at = [], number
        while at >= 0:
            trace.append(f"{labels[at]:<34} {states[at]}")
            at = parents[at]
        return Found(len(states), wrong, trace[::-1], is_whole)

    for start in starts:
        note(start, -1, "at first")
    current = 0
    while current < len(states):
        state = states[current]
        wrong = wrong_with(state)
        if wrong:
            return found(current, wrong)
        if len(states) > limit:
            return Found(len(states), is_whole=False)
        for label, following, is_progress in successors(state):
            number = note(following, current, label)
            if is_progress and number != current:
                sources.append(current)
                ends.append(number)
        current += 1
    stuck = _without_a_way(states, is_settled, sources, ends)
    if stuck >= 0:
        return found(stuck, "no way to a settled claim")
    return Found(len(states))


def _without_a_way(
    states: list[State], is_settled: Callable[[State], bool], sources: array[int], ends: array[int]
) -> int:
    """The first state from which no settled one can be reached, or -1; backwards from these."""
    before: list[list[int]] = [[] for _ in states]
    for source, end in zip(sources, ends, strict=True):
        before[end].append(source)
    todo = [number for number, state in enumerate(states) if is_settled(state)]
    reached = bytearray(len(states))
    for number in todo:
        reached[number] = 1
    while todo:
        for source in before[todo.pop()]:
            if not reached[source]:
                reached[source] = 1
                todo.append(source)
    return reached.find(0)
