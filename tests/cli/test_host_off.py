"""``--host-off``: what a person sees whose host has died."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, on, options
from tests.operations.attaching import add_disk
from tests.support import attempts_at, calls_of, simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Three hosts; the second one, which ran ``web-1``, is dead."""
    with simulate(hosts=3, vms=0) as simulator:
        simulator.add_vm("web-1", running_on=1)
        simulator.hosts[1].shut_down()
        yield simulator


def ovm3(sim: Simulator, *words: str) -> tuple[int, str]:
    """A simulated host has no SSH, so its agent's port is checked instead."""
    more = ["--ssh-port", str(sim.hosts[0].port)] if "--host-off" in words else []
    return invoke(*words, *more, *options(sim), password=sim.password)


def test_a_start_is_refused_and_says_what_it_would_mean(sim: Simulator) -> None:
    status, output = ovm3(sim, "vm", "start", "web-1")
    assert status == 1
    named = f"--host-off {sim.hosts[1].address}:{sim.hosts[1].port} makes"
    assert f"Only if you have seen that it is powered off: {named}" in output
    assert "its VMs run twice and their disks are destroyed" in output
    assert "docs/a-host-is-dead.md" in output
    assert "ex_hosts_off" not in output
    assert not calls_of(sim, "start_vm")


def test_it_is_started_elsewhere(sim: Simulator) -> None:
    off = ["--host-off", sim.hosts[1].address]
    status, output = ovm3(sim, "vm", "list", *off)
    assert (status, "stopped" in output) == (0, True)
    for more, listed in ((off, [address(sim, 1)]), ([], [])):
        _, output = ovm3(sim, "vm", "list", "-o", "json", *more)
        [record], _ = json.JSONDecoder().raw_decode(output, output.index("[\n"))
        assert record["hosts_off"] == listed
    status, output = ovm3(sim, "vm", "start", "web-1", *off)
    assert status == 0
    assert f"{off[1]} is assumed to be powered off because you said so (--host-off)" in output
    assert "was started on" in output
    assert calls_of(sim, "start_vm") == ["start_vm"]
    assert ovm3(sim, "vm", "stop", "web-1", *off, "--force")[0] == 0


def test_show_after_a_start_elsewhere(sim: Simulator) -> None:
    off = ["--host-off", sim.hosts[1].address]
    for name, more, shown in (
        ("web-1", [], "state unknown"),
        ("web-1", off, "state stopped"),
    ):
        status, output = ovm3(sim, "vm", "show", name, *more)
        assert (status, shown in " ".join(output.split())) == (0, True)
    assert ovm3(sim, "vm", "start", "web-1", *off)[0] == 0
    status, output = ovm3(sim, "vm", "show", "web-1", *off, "-o", "json")
    assert (status, '"state": "running"' in output) == (0, True)
    assert f'"hosts_off": [\n    "{address(sim, 1)}"' in output


def test_a_volume_is_attached_to_its_vm_and_detached(sim: Simulator) -> None:
    volume_id = add_disk(sim)
    off = ["--host-off", sim.hosts[1].address]
    for command, done in (
        (["attach", "data", "--vm", "web-1"], "data ({}) was attached to web-1 ("),
        (["detach", "data"], "data ({}) was detached from web-1 ("),
    ):
        status, output = ovm3(sim, "volume", *command)
        assert (status, "Only if you have seen that it is powered off: --host-off" in output) == (
            1,
            True,
        )
        assert "was" not in output.partition("Error: ")[0]
        status, output = ovm3(sim, "volume", *command, *off)
        assert status == 0, output
        assert done.format(volume_id) in output
    assert len(calls_of(sim, "configure_vm")) == 2


@pytest.mark.parametrize(
    ("line", "attempts"),
    [
        ("vm list", ["call"]),
        ("vm show web-1", ["call"]),
        ("vm start web-1", ["call"]),
        ("vm start web-1 --host-off", ["call", "check", "check", "check", "check"]),
        ("vm show web-1 --host-off", ["call", "check"]),
    ],
)
def test_a_command_waits_for_it_once(
    line: str, attempts: list[str], sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each time that it must be checked. Each attempt takes 10 s."""
    words = line.split()
    if words[-1] == "--host-off":
        words += [sim.hosts[1].address, "--ssh-port", str(sim.hosts[0].port)]
    made = attempts_at(sim.hosts[1], monkeypatch)
    on(sim, *words)
    assert made == attempts


def test_a_host_that_answers_and_one_that_does_not_exist(sim: Simulator) -> None:
    status, output = invoke(
        "vm", "start", "web-1", "--host-off", address(sim, 1), *options(sim), password=sim.password
    )
    assert status == 1, "this machine refuses connections to port 22"
    assert "does not count as powered off (--host-off): it " in output
    for name in (address(sim, 0), "127.0.0.99"):
        status, output = ovm3(sim, "vm", "start", "web-1", "--host-off", name)
        assert (status, f"no unreachable host '{name}'" in output) == (1, True)
        assert f"ovm-1 ({address(sim)}), which is reachable" in output
    assert ovm3(sim, "vm", "start", "web-1", "--host-off", "http://x/")[0] == 2
    assert not calls_of(sim, "start_vm")
