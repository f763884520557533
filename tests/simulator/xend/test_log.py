"""xend.log: what a reader can conclude of each domain, and when it was (xend.md 1.5, 1.6, 9)."""

from __future__ import annotations

import re
import time

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine, client, fault_of, until
from tests.support import simulate

ACTIONS = r"\['on_poweroff', 'destroy'\], \['on_reboot', 'restart'\], \['on_crash', 'restart'\]"
CREATED = rf"\['vm', \['name', '\w+'\], \['uuid', '[-\w]+'\], {ACTIONS}\]"
AFTER = (
    "'actions_after_shutdown': 'destroy', 'actions_after_reboot': 'restart', "
    "'actions_after_crash': 'restart'"
)
FORMS = {
    r"Xend Daemon started": "started",
    r"Listening on :8002": "",
    r"Recreating domain (\d+), UUID [-\w]+\. at /local/domain/\1": "found",
    rf"XendDomainInfo\.create\({CREATED}\)": "create",
    rf"XendDomainInfo\.restore\({CREATED}\)": "restore",
    r"XendDomainInfo\.create_from_dict\(\{'name_label': '\w+', 'uuid': '[-\w]+', "
    rf"{AFTER}\}}\)": "again",
    r"Adding Domain: (\d+)": "added",
    r"Storing domain details: \{'vm': '/vm/[-\w]+', 'domid': '(\d+)', 'name': '\w+'\}": "stored",
    r"Domain has shutdown: name=[-\w]+ id=(\d+) reason=(\w+)\.": "shutdown",
    r"Domain has crashed: name=\w+ id=(\d+)\.": "crashed",
    r"VM \w+ restarting too fast \(Elapsed time: [.\d]+ seconds\)\. .*": "too fast",
    r"Failed to restart domain (\d+)\.": "not again",
    r"XendDomainInfo\.destroyDomain\((\d+)\)": "end",
    r"VM start failed": "not started",
    r"Domain construction failed": "",
    r"XendDomainInfo\.destroy: domid=\d+": "",
    r"Save failed on domain \w+ \((\d+)\)\.": "save failed",
}


def lines(sim: Simulator, host: int = 0, name: str = "xend.log") -> list[str]:
    """What a log says, line by line: a name of FORMS and its numbers; not the tracebacks."""
    sim.domains(host)  # what has happened by now
    found = []
    for line in (sim.root / f"hosts/{host}/{name}").read_text().splitlines():
        if not (match := re.fullmatch(r"\[[-\d]{10} [:\d]{8} \d+\] [A-Z]+ \(\w+:\d+\) (.*)", line)):
            continue
        for form, what in FORMS.items():
            if values := re.fullmatch(form, match[1]):
                found += [" ".join([what, *values.groups()])] if what else []
                break
        else:
            raise AssertionError(line)
    return found


START = ["create", "added 1", "stored 1"]


def test_a_guest_from_its_start_to_its_end() -> None:
    with simulate(hosts=1, vms=0) as sim:
        machine = Machine(sim)
        machine.start()
        assert lines(sim) == ["started", *START]
        sim.guest(0, machine.uuid, "reboot")  # too young
        until(sim, lambda: machine.domains() == [])
        assert lines(sim)[4:] == ["shutdown 1 reboot", "too fast", "end 1"]
        machine.start()
        sim.wait(61)
        sim.guest(0, machine.uuid, "crash")
        until(sim, lambda: [one["domid"] for one in machine.domains()] == [3])
        again = ["crashed 2", "end 2", "again", "added 3"]
        assert lines(sim)[10:14] == again
        sim.restart_xend(0)
        assert lines(sim)[15:] == ["started", "found 3", "added 3"]
        machine.stop()
        assert lines(sim)[18:] == ["end 3"]


def test_a_new_xend_finds_a_guest_that_has_stopped() -> None:
    with simulate(hosts=1, vms=0, off_seconds=25) as sim:
        machine = Machine(sim)
        machine.start()
        sim.wait(61)
        sim.guest(0, machine.uuid, "crash")
        sim.restart_xend(0)  # before its restart: the new xend does that
        until(sim, lambda: [one["domid"] for one in machine.domains()] == [2])
        new = ["started", "found 1", "added 1", "crashed 1", "end 1", "again", "added 2"]
        assert lines(sim)[5:12] == new


def test_a_restart_that_fails_names_the_domain_that_has_ended() -> None:
    with simulate(hosts=1, vms=0) as sim:
        machine = Machine(sim)
        machine.start()
        sim.wait(61)
        sim.hosts[0].unmount_repository()
        sim.guest(0, machine.uuid, "reboot")
        until(sim, lambda: "not again 1" in lines(sim))
        assert lines(sim)[6:] == ["again", "added 2", "not started", "end 2", "not again 1"]


def test_by_the_hosts_own_clock_and_when_it_happened() -> None:
    with simulate(hosts=1, vms=0) as sim:
        machine = Machine(sim)
        machine.start()
        sim.wait(61)
        sim.hosts[0].clock_offset = 86400.0
        begun = sim.now()
        sim.guest(0, machine.uuid, "poweroff")
        sim.wait(100)  # nobody looks meanwhile
        sim.domains(0)
        last = (sim.root / "hosts/0/xend.log").read_text().splitlines()[-1]
        assert "destroyDomain(1)" in last
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begun + 0.5))
        assert last.startswith(f"[{moment} ")


def test_it_is_rotated_and_begins_anew_with_the_host() -> None:
    with simulate(hosts=1, vms=0, xend_log_bytes=300, host_module=True) as sim:
        machine = Machine(sim)
        machine.start()
        assert lines(sim, name="xend.log.1")[:2] == ["started", "create"]
        sim.hosts[0].reboot()
        machine.agent = client(sim)
        assert [*lines(sim, name="xend.log.1"), *lines(sim)][-1] == "started"
        for _ in range(20):
            machine.start()
            machine.stop()
        there = sorted(file.name for file in (sim.dom0(0) / "var/log/xen").iterdir())
        assert there == ["xend.log", *(f"xend.log.{number}" for number in range(1, 6))]
        assert "Adding Domain: 1\n" not in machine.agent.get_log(["xend"])["xend"]


@pytest.mark.parametrize("fails", [False, True])
def test_of_a_migration_the_source_is_suspended_and_the_target_restores(fails: bool) -> None:
    with simulate(hosts=2, vms=0) as sim:
        machine = Machine(sim)
        machine.start()
        target = sim.hosts[1]
        if fails:
            target.inject("migration refused")
            assert "failed" in fault_of(
                machine.agent.migrate_vm, machine.repo, machine.vm, target.address
            )
            assert lines(sim)[4:] == ["save failed 1"]
            assert lines(sim, 1) == ["started", "restore", "added 1", "not started", "end 1"]
            return
        machine.agent.migrate_vm(machine.repo, machine.vm, target.address)
        assert lines(sim)[4:] == ["shutdown 1 suspend", "end 1"]
        assert lines(sim, 1) == ["started", "restore", "added 1", "stored 1"]
