"""The state function: total, and right for every phase of xend.md 1.4."""

from __future__ import annotations

import itertools

import pytest

from libcloud_ovm3.estate.states import DefinitionFacts, DomainFacts, State, vm_state

LETTERS = ["".join(c) for c in itertools.product("r-", "b-", "p-", "s-", "c-", "d-")]
STATUSES = [None, "0", "1", "2", "3", "4", "5", "6", "", "x"]
NAMES = [
    None,
    "",
    "vm",
    "migrating-vm",
    "Domain-Unnamed",
    "Domain-" + "0004fb00-0006-0000-0000-0000000000ab",
]
KNOWN = [
    DefinitionFacts(definitions, readable, creating, name, all_answered)
    for definitions in (0, 1, 2)
    for readable in (True, False)
    for creating in (True, False)
    for name in ("", "vm")
    for all_answered in (True, False)
]


def one(xend_state: str | None, status: str | None, name: str = "vm", **known: object) -> State:
    return vm_state([DomainFacts(xend_state, status, name)], DefinitionFacts(name="vm", **known))  # type: ignore[arg-type]


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_total(known: DefinitionFacts) -> None:
    """Every combination has a state, and keeps what must never be broken."""
    for xend_state, status, name in itertools.product(
        [*LETTERS, None, "", "junk"], STATUSES, NAMES
    ):
        state = vm_state([DomainFacts(xend_state, status, name)], known)
        assert isinstance(state, State)
        assert state is not State.STOPPED, "what a host lists is not stopped"
        if state is State.RUNNING:
            assert status == "2"
            assert known.definitions <= 1
            assert not set(xend_state or "") & set("scd")
        if (
            status == "0"
            and known.definitions <= 1
            and xend_state in LETTERS
            and name in ("vm", "")
        ):
            assert state in (State.STOPPING, State.ERROR), "status 0 beats running letters"


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_absent(known: DefinitionFacts) -> None:
    """STOPPED only on proof: all answered, the definition can be read, and it is the only one."""
    state = vm_state([], known)
    if state is State.STOPPED:
        assert known.all_answered
        assert known.readable
        assert known.definitions == 1
        assert not known.creating
    elif known.definitions > 1:
        assert state is State.ERROR
    else:
        assert state is (State.PENDING if known.creating else State.UNKNOWN)


def test_two_sightings_are_total_and_never_one_running_machine() -> None:
    some = [
        DomainFacts(xend_state, status, name)
        for xend_state in ("r-----", "-b----", "------", "--p---", "---s--", "----c-", None)
        for status in ("0", "1", "2", "5")
        for name in NAMES
    ]
    for first, second in itertools.product(some, some):
        state = vm_state([first, second], DefinitionFacts(name="vm"))
        assert state in (State.ERROR, State.MIGRATING)
        leaving = [s for s in (first, second) if (s.name or "").startswith("migrating-")]
        assert (state is State.MIGRATING) == (len(leaving) == 1)
    assert vm_state([some[0]] * 3, DefinitionFacts(name="vm")) is State.ERROR


@pytest.mark.parametrize(
    ("xend_state", "status", "state"),
    [
        ("r-----", "2", State.RUNNING),
        ("-b----", "2", State.RUNNING),
        ("------", "2", State.RUNNING),  # runnable, not on a CPU at this moment
        ("------", "1", State.PENDING),  # just created (1.2)
        ("--p---", "1", State.PAUSED),
        ("-bp---", "1", State.PAUSED),
        ("--p---", "2", State.RUNNING),  # unpaused since the letters were read
        ("-b----", "0", State.STOPPING),  # powered off while the lock was held (1.2)
        ("-b----", "1", State.STOPPING),  # a destroy under way (1.2)
        ("---s--", "0", State.STOPPING),
        ("--ps--", "0", State.STOPPING),
        ("-b-s--", "0", State.STOPPING),
        ("----c-", "5", State.ERROR),
        ("--p-c-", "5", State.ERROR),
        ("-----d", "0", State.STOPPING),
        (None, "3", State.SUSPENDED),  # managed and saved
        (None, "0", State.UNKNOWN),
        ("r-----", None, State.UNKNOWN),
        ("r-----", "4", State.UNKNOWN),  # never occurs
        ("junk", "2", State.UNKNOWN),
    ],
)
def test_phases(xend_state: str | None, status: str | None, state: State) -> None:
    assert one(xend_state, status) is state


def test_names_tell_migration_and_left_overs() -> None:
    assert one("-b----", "2", "migrating-vm") is State.MIGRATING
    assert one("---s--", "0", "migrating-vm") is State.MIGRATING
    assert one("--p---", "1", "Domain-Unnamed") is State.ERROR
    renamed = "Domain-0004fb00-0006-0000-0000-0000000000ab"
    assert one("----c-", "5", renamed) is State.ERROR
    for own in ("migrating-me", "Domain-Unnamed"):  # whoever is really called so
        seen = DomainFacts("-b----", "2", own)
        assert vm_state([seen], DefinitionFacts(name=own)) is State.RUNNING


def test_rebooting_only_where_both_ways_of_ending_restart() -> None:
    for poweroff, reboot, state in [
        ("restart", "restart", State.REBOOTING),
        ("rename-restart", "coredump-restart", State.REBOOTING),
        ("destroy", "restart", State.STOPPING),
        ("preserve", "preserve", State.STOPPING),
    ]:
        seen = DomainFacts("---s--", "0", "vm", poweroff, reboot)
        assert vm_state([seen], DefinitionFacts(name="vm")) is state


def test_creation_and_definitions() -> None:
    assert one("--p---", "1", creating=True) is State.PENDING
    assert one("r-----", "2", creating=True) is State.RUNNING
    assert one("r-----", "2", definitions=2) is State.ERROR
    assert one("r-----", "2", definitions=0) is State.RUNNING
    assert one("r-----", "2", readable=False) is State.RUNNING
    target = DomainFacts("--p---", "1", "vm")
    source = DomainFacts("-b----", "2", "migrating-vm")
    assert vm_state([source, target], DefinitionFacts(name="vm")) is State.MIGRATING
    assert vm_state([source, target], DefinitionFacts(name="vm", definitions=2)) is State.ERROR
    assert vm_state([target, target], DefinitionFacts(name="vm")) is State.ERROR
