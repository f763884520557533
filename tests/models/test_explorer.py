"""The explorer finds what is wrong by a shortest way, and states from which there is no way."""

from __future__ import annotations

from collections.abc import Iterator

from tests.models.explorer import Step, explore


def steps(state: int) -> Iterator[Step]:
    """Up to 9 by one or by two; 7 is left by trouble only."""
    for more in (1, 2):
        if state + more < 10:
            yield f"+{more}", state + more, state != 7


def test_it_says_a_shortest_way_to_what_is_wrong() -> None:
    found = explore([0], steps, lambda state: "five" if state == 5 else "", bool, 100)
    assert (found.wrong, len(found.trace)) == ("five", 4)
    assert [line.split()[0] for line in found.trace[1:]] == ["+1", "+2", "+2"]
    assert "five" in str(found)


def test_trouble_is_no_way() -> None:
    found = explore([0], steps, lambda _: "", lambda state: state == 9, 100)
    assert found.wrong == "no way to a settled claim"
    assert found.trace[-1].split()[1] == "7"
    assert not explore([0], steps, lambda _: "", lambda state: state in (7, 9), 100).wrong


def test_what_is_not_whole_says_so() -> None:
    found = explore([0], steps, lambda _: "", bool, 3)
    assert not found.is_whole
    assert explore([0], steps, lambda _: "", lambda _: True, 100).is_whole
