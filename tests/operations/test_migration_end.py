"""What both hosts show, and which end of a migration that is: never "arrived" or "stayed" where a
host did not answer, or a domain is still being built, received, or renamed. Pure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import DomainFacts
from libcloud_ovm3.operations.migration_end import End, Move, seen
from libcloud_ovm3.operations.presence import Presence

SOURCE, TARGET = (cast(HostView, SimpleNamespace(label=name)) for name in ("source", "target"))
DEFINITION = cast(Any, SimpleNamespace(xend_name="vm", name="vm", uuid="u", summary={}))
MOVE = Move(cast(Any, None), DEFINITION, SOURCE, TARGET, ())
LETTERS = {"r-----": "2", "-b----": "2", "--p---": "1", "------": "1", "---s--": "0"}

domains = st.builds(
    lambda host, name, letters: SimpleNamespace(
        host=host, domain=SimpleNamespace(
            domid=1, facts=lambda: DomainFacts(letters, LETTERS[letters], name)
        ),
        runs=LETTERS[letters] == "2" and name == "vm",
        name=name,
    ),
    st.sampled_from([SOURCE, TARGET]),
    st.sampled_from(["vm", "migrating-vm"]),
    st.sampled_from(list(LETTERS)),
)  # fmt: skip


@given(st.lists(domains, max_size=3), st.booleans())
def test_no_end_is_guessed(live: list[Any], is_silent: bool) -> None:
    unanswered = {"target": HostUnreachable("no")} if is_silent else {}
    found = seen(MOVE, Presence(DEFINITION, tuple(live), unanswered))
    here, there = ([one for one in live if one.host is host] for host in (SOURCE, TARGET))
    if is_silent or len(here) > 1 or len(there) > 1:
        assert found.end is End.UNCLEAR
    elif found.end is End.ARRIVED:
        assert not here
        assert there[0].runs
    elif found.end in (End.STAYED, End.HALF):
        assert here[0].runs
        assert (found.copy is not None) is bool(there) is (found.end is End.HALF)
    elif found.end is End.GONE:
        assert not live
    else:
        assert live
    if [one for one in here if one.name != "vm"]:
        assert found.end in (End.GOES_ON, End.UNCLEAR)
