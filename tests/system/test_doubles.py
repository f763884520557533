"""What counts VMs that run twice does count them; through claims there are none."""

from __future__ import annotations

import pytest

from tests.system.doubles import count


def test_agents_alone_start_one_vm_twice() -> None:
    assert str(count("clients", "agents", 1)) == "1 doubles in 1 tries (2 x started)"


def test_two_clients_through_claims() -> None:
    _try("clients", "module", 8, False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("what", "tries", "faults"),
    [("clients", 200, False), ("clients", 40, True), ("reboot", 100, False), ("reboot", 24, True)],
)
def test_never_twice(what: str, tries: int, faults: bool) -> None:
    _try(what, "module", tries, faults)


@pytest.mark.long
def test_two_commands_through_claims() -> None:
    """`ovm3 vm start --on`: one has started it, the other one says what it found."""
    found = count("clients", "command", 8)
    told = found.answers
    assert (found.doubles, found.tries, told["started"]) == (0, 8, 8), str(found)
    assert told["already running"] + told["exit 1"] == 8, str(found)


@pytest.mark.soak
@pytest.mark.parametrize("faults", [False, True])
@pytest.mark.parametrize("way", ["claims", "module"])
@pytest.mark.parametrize(("what", "tries"), [("clients", 2000), ("reboot", 1000)])
def test_never_twice_in_many_tries(what: str, way: str, tries: int, faults: bool) -> None:
    _try(what, way, tries, faults)


def _try(what: str, way: str, tries: int, faults: bool) -> None:
    found = count(what, way, tries, faults)
    assert (found.doubles, found.tries) == (0, tries), str(found)
    if way == "module" and not (what == "reboot" and faults):  # all of those few may be refused
        assert found.answers["started"], str(found)
