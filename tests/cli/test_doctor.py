"""``ovm3 doctor``: output, exit status, bundle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from libcloud_ovm3.agent.call_kinds import kind_of
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, pins, run
from tests.diagnostics.troubled import BROKEN, TWIN, troubled_pool


def levels(output: str) -> list[tuple[str, str]]:
    """Return level and subject of each finding."""
    words = [line.split() for line in output.splitlines()[1:] if line[:1].isalpha()]
    return [(word[0], word[1]) for word in words if word[0] in ("ok", "note", "warning", "error")]


def test_a_healthy_pool() -> None:
    with Simulator(hosts=2, speed=100) as sim:
        done = run("doctor", address(sim), *pins(sim), password=sim.password)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {level for level, _ in levels(done.stdout)} == {"ok", "note"}
        called = {call.function for call in sim.calls}
    ours = {"libcloud_version", "libcloud_read_agent", "libcloud_no_such_function"}
    assert {kind_of(function) for function in called - ours} == {"read"}
    for text in (
        "TLSv1.3",
        "EC 256 bit",
        "agent 3.3.3",
        "the host module is not installed",
        "0 error",
    ):
        assert text in done.stdout
    # one spelling, with which `ovm3 host list` and `ovm3 inventory` can be searched
    assert re.search(r"pool +'Pool 0' [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}, 2", done.stdout)
    assert sim.password not in done.stdout


def test_a_troubled_pool_and_a_bundle_of_it(tmp_path: Path) -> None:
    file = tmp_path / "pool.json"
    with troubled_pool() as troubled:
        sim = troubled.sim
        done = run("doctor", address(sim), *pins(sim), "--bundle", str(file), password=sim.password)
        again = invoke("doctor", address(sim), *pins(sim), "--bundle", str(file))
    assert done.returncode == 1
    bad = [(level, about) for level, about in levels(done.stdout) if level in ("warning", "error")]
    assert sorted(bad) == [
        ("error", "member"),
        ("error", "repository"),
        ("error", "uuid"),
        ("error", "vm.cfg"),
    ]
    for text in (
        troubled.unmounted,
        BROKEN,
        TWIN,
        address(sim, 2),
        "meaning:",
        "action:",
        "4 error",
    ):
        assert text in done.stdout
    assert f"anonymized, written to {file}" in done.stderr
    text = file.read_text(encoding="utf-8")
    assert [w for w in (TWIN, "vault", sim.password, sim.hosts[0].address) if w in text] == []
    assert (again[0], "already exists" in again[1]) == (2, True)
    with Simulator(from_bundle=file) as replay:
        seen = run("doctor", address(replay), *pins(replay), password=replay.password)
    assert levels(seen.stdout) == levels(done.stdout)


def test_a_bundle_contains_autostart_guests(tmp_path: Path) -> None:
    file = tmp_path / "pool.json"
    boots = [
        {"kind": "saved", "name": "our-vault", "path": "/var/lib/xend/save/our-vault"},
        {"kind": "managed", "uuid": TWIN, "path": f"/var/lib/xend/domains/{TWIN}/config.sxp",
         "starts": True},
    ]  # fmt: skip
    with Simulator(hosts=2, speed=100, host_module=True) as sim:
        sim.misbehave("answer", "libcloud_autostart_guests", host=1, value=boots, times=None)
        done = run("doctor", address(sim), *pins(sim), "--bundle", str(file), password=sim.password)
    assert "our-vault" in done.stdout
    assert levels(done.stdout).count(("warning", "autostart")) == 2
    text = file.read_text(encoding="utf-8")
    assert [word for word in ("our-vault", TWIN, TWIN.replace("-", "")) if word in text] == []
    with Simulator(from_bundle=file) as replay:
        seen = run("doctor", address(replay), *pins(replay), password=replay.password)
    assert levels(seen.stdout) == levels(done.stdout)
    assert "is saved in /var/lib/xend/save/name-" in seen.stdout


@pytest.mark.parametrize("version", ["1.0", None])
def test_hosts_that_cannot_be_read(version: str | None, tmp_path: Path) -> None:
    with Simulator(hosts=1, speed=100, tls=version) as sim:
        wrong = run("doctor", address(sim), "--fingerprint", "0" * 64, password=sim.password)
        assert sim.calls == []
        assert sim.refused == []
        password = run("doctor", address(sim), *pins(sim), "--tls-minimum", "TLSv1", password="no")
        sim.hosts[0].kill()
        file = tmp_path / "b.json"
        dead = run("doctor", address(sim), *pins(sim), "--bundle", str(file), password="x")
    assert wrong.returncode == password.returncode == dead.returncode == 1
    shown = f"again with --fingerprint {sim.hosts[0].fingerprint}"
    assert (shown in wrong.stdout) == (version is None)
    assert (("warning", "TLS") in levels(wrong.stdout)) == (version == "1.0")
    assert ("error", "password") in levels(password.stdout)
    assert levels(dead.stdout) == [("error", "agent")]
    assert "docs/a-host-is-dead.md" in dead.stdout
    assert '"unreachable": "HostUnreachable"' in file.read_text()
    for done in (wrong, password, dead):
        assert "Traceback" not in done.stderr


def test_an_old_agent() -> None:
    with Simulator(hosts=1, speed=100, version="3.2.1", tls="1.0") as sim:
        done = run(
            "doctor", address(sim), *pins(sim), "--tls-minimum", "TLSv1", password=sim.password
        )
    assert done.returncode == 1
    assert ("warning", "TLS") in levels(done.stdout)
    assert "RSA 2048 bit" in done.stdout
    assert "Xen 4.1.3OVM" in done.stdout


def test_traffic_labels() -> None:
    """Without them the doctor cannot know that the start of a VM makes the bridge of one."""
    with Simulator(hosts=1, vms=0, speed=100) as sim:
        sim.add_vm("one", config={"vif": ["bridge=breth1"]})
        without = invoke("doctor", address(sim), *pins(sim), password=sim.password)
        label = ("--traffic-label", "guest=eth1")
        told = invoke("doctor", address(sim), *pins(sim), *label, password=sim.password)
    assert without[0] == 1
    assert "no bridge breth1, and no label of --traffic-label is on eth1" in without[1]
    assert told[0] == 0, told[1]
    assert ("note", "label") in levels(told[1])


def test_wrong_arguments() -> None:
    assert invoke("doctor")[0] == 2
    assert invoke("doctor", "https://x")[0] == 2
    assert invoke("doctor", "x", "--fingerprint", "12")[0] == 2
