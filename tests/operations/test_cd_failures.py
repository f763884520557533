"""ex_insert_iso and ex_eject_iso: the one request that changes something, times everything that can
happen to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.errors import AgentFault, OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import doors
from tests.operations.attaching import Lab, live_disks
from tests.operations.failures import FAILURES, KILLS, Step, misbehave
from tests.operations.test_attach_failures import others, with_and_without_module, write_of
from tests.operations.test_cd_drives import EMPTY, add, drives, eject, entry, insert
from tests.support import PERSONALITIES, calls_of, driver_for, fingerprints_of, simulate

NAME = "subject"
HVM = {"OVM_domain_type": "xen_hvm", "builder": "hvm"}
ACTIONS = {"insert": insert, "eject": eject}

each_action = pytest.mark.parametrize("action", list(ACTIONS))
each_kind = pytest.mark.parametrize("kind", ["running", "running hvm", "stopped"])
each_personality = pytest.mark.parametrize("personality", PERSONALITIES)


@contextmanager
def make_lab(personality: str, host_module: bool, kind: str, action: str) -> Iterator[Lab]:
    options: dict[str, Any] = {"personality": personality, "host_module": host_module}
    with simulate(hosts=1, vms=0, templates=0, **options) as sim:
        lab = Lab(sim, driver_for(sim))
        running_on = None if kind == "stopped" else 0
        add(sim, NAME, running_on, has(lab, action), **(HVM if "hvm" in kind else {}))
        yield lab


def has(lab: Lab, action: str) -> str:
    """The entry of the drive before an action."""
    return EMPTY if action == "insert" else entry(lab, "hdc")


def wanted(lab: Lab, action: str) -> str:
    """The same after it."""
    return entry(lab, "hdc") if action == "insert" else EMPTY


@each_personality
@with_and_without_module
@each_kind
@each_action
@pytest.mark.parametrize("failure", FAILURES)
def test_the_write(
    failure: str, action: str, kind: str, host_module: bool, personality: str
) -> None:
    with make_lab(personality, host_module, kind, action) as lab:
        before = fingerprints_of(lab.sim.repository_path)
        rule = misbehave(lab.sim, failure, Step(None, write_of(host_module)))
        error: Ovm3Error | None = None
        try:
            ACTIONS[action](lab, NAME)
        except Ovm3Error as caught:
            error = caught
        assert rule.hits, "the call that was to fail never came"
        assert len(calls_of(lab.sim, write_of(host_module))) == 1
        lab.sim.clear_misbehaviour()
        lab.sim.flush_delayed()
        lab.sim.wait(40)
        check(lab, action, before, error, is_running=kind != "stopped")


def check(
    lab: Lab, action: str, before: dict[str, str], error: Ovm3Error | None, is_running: bool
) -> None:
    sim = lab.sim
    now = drives(lab, NAME)
    assert live_disks(sim, 0, ":cdrom") == (now if is_running else []), "half of it"
    vm_cfg = f"VirtualMachines/{lab.node(NAME).extra['directory']}/vm.cfg"
    assert others(fingerprints_of(sim.repository_path), vm_cfg) == others(before, vm_cfg)
    if error is None:
        assert now == [wanted(lab, action)], "said to be done, and is not"
    elif isinstance(error, AgentFault):
        assert now == [has(lab, action)], f"{error!r} says that it is as it was"
    else:
        assert isinstance(error, OperationIncomplete)
        assert lab.node(NAME).id in error.left
        assert now in ([has(lab, action)], [wanted(lab, action)])
    assert ACTIONS[action](lab, NAME), "it can be done, or done again"
    assert drives(lab, NAME) == [wanted(lab, action)]


@each_personality
@with_and_without_module
@each_kind
@each_action
@pytest.mark.parametrize("when", KILLS)
def test_the_client_dies(
    when: str,
    action: str,
    kind: str,
    host_module: bool,
    personality: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = doors.change_definition

    def die(*args: Any, **options: Any) -> None:
        if when == "after":
            send(*args, **options)
        raise KeyboardInterrupt

    with make_lab(personality, host_module, kind, action) as lab:
        before = fingerprints_of(lab.sim.repository_path)
        with monkeypatch.context() as patch:
            patch.setattr(doors, "change_definition", die)
            with pytest.raises(KeyboardInterrupt):
                ACTIONS[action](lab, NAME)
        assert drives(lab, NAME) == [(has if when == "before" else wanted)(lab, action)]
        assert ACTIONS[action](lab, NAME)
        check(lab, action, before, None, is_running=kind != "stopped")
