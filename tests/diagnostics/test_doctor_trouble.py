"""The doctor in field cases, in simulated pools, with and without the host module."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Call, Certificate, collect, record_calls
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.host import Mount
from tests.diagnostics.healthy import certificate
from tests.diagnostics.troubled import estate_of
from tests.support import driver_for, simulate

CASES = Path(__file__).parent / "cases"
N19 = (
    "<type 'exceptions.RuntimeError'>:Command: ['xm', 'list'] failed (1): stderr: "
    "Error: Device 0 not connected"
)


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def pool(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    with simulate(hosts=2, personality=personality, host_module=request.param) as sim:
        yield sim


def found(sim: Simulator, about: str = "", bundle: bool = False) -> list[Finding]:
    estate = record_calls(estate_of(sim), []) if bundle else estate_of(sim)
    all_of_it = run_checks(collect(estate, certificate, "verified", _read))
    return [one for one in all_of_it if about in ("", one.about)]


def _read(facts: Any) -> Certificate:
    return certificate(tls_version=facts.protocol)


def bad(some: list[Finding]) -> list[tuple[str, str]]:
    return [(one.level, one.about) for one in some if one.level in ("warning", "error")]


def put(sim: Simulator, directory: str, case: str, name: str = "vm.cfg") -> None:
    text = (CASES / case).read_text("utf-8").replace("@REPO@", sim.repository_id)
    folder = sim.repository_path / "VirtualMachines" / directory
    folder.mkdir()
    (folder / name).write_text(text)


def named(sim: Simulator, which: int) -> str:
    return f"{sim.hosts[which].address}:{sim.hosts[which].port}"


@pytest.mark.parametrize("bundle", [False, True])
def test_n19_the_list_of_the_named_host_fails(pool: Simulator, bundle: bool) -> None:
    pool.add_vm("elsewhere", running_on=1)
    pool.misbehave("fault", "list_vms", host=0, text=N19, times=None)
    some = found(pool, bundle=bundle)
    [one] = [finding for finding in some if finding.about == "list"]
    assert "xend's list of domains fails on ovm-1" in one.found
    assert "Device 0 not connected" in one.found
    assert "one guest in an invalid state is the likely cause" in one.means
    assert "error" not in {f.level for f in some if f.about in ("repository", "pool", "agent")}
    assert next(finding for finding in some if finding.about == "pool").level == "ok"
    [vms] = [finding for finding in some if finding.about == "VMs"]
    assert "running" in vms.found
    assert {"functions", "clock", "TLS"} <= {finding.about for finding in some}


NAMED = ("discover_server", "discover_server_pool", "discover_repository_db", "list_vms")
ANY = (
    "discover_hardware",
    "get_last_boot_time",
    "echo",
    "libcloud_version",
    "libcloud_read_agent",
    "libcloud_autostart_guests",
    "libcloud_repository",
    "discover_repositories",
)
KINDS: dict[str, dict[str, Any]] = {"fault": {"text": N19}, "answer": {"value": "none"}}


@pytest.mark.parametrize("has_module", [False, True], ids=["agent", "module"])
def test_no_failed_read_ends_the_check(has_module: bool) -> None:
    with simulate(hosts=2, host_module=has_module) as sim:
        for kind, more in KINDS.items():
            for function in NAMED:
                sim.misbehave(kind, function, host=0, times=None, **more)
                some = found(sim)
                sim.clear_misbehaviour()
                assert "error" in {finding.level for finding in some}, function
                assert "VMs" in {finding.about for finding in some}, function
                if function != "discover_server_pool":
                    assert "ovm-2" in " ".join(one.found for one in some), function
                repositories = [one.found for one in some if one.about == "repository"]
                assert "MyRepo" in " ".join(repositories), function
            for function in ANY:
                sim.misbehave(kind, function, times=None, **more)
                about = {finding.about for finding in found(sim)}
                sim.clear_misbehaviour()
                assert {"VMs", "pool", "functions", "versions", "repository"} <= about, function


def test_n24_another_password_on_one_member(pool: Simulator) -> None:
    estate = driver_for(pool)._estate
    agent = estate.agent(Address(pool.hosts[1].address, pool.hosts[1].port))
    agent.call("update_agent_password", pool.user, "another-one", pool.password)
    [one] = [finding for finding in found(pool) if finding.about == "member"]
    assert "rejected user and password" in one.found
    assert f"--password-file {named(pool, 1)}=FILE" in one.advice
    assert "off" not in one.advice


def test_n10_two_hosts_of_one_server_uuid(pool: Simulator) -> None:
    estate = driver_for(pool)._estate
    first, second = (
        estate.agent(Address(host.address, host.port)).linux.discover_server()
        for host in pool.hosts
    )
    unique = re.compile("<Unique_Id>.*?</Unique_Id>")
    same = unique.sub(unique.findall(first)[0], second, count=1)
    pool.misbehave("answer", "discover_server", host=1, value=same, times=None)
    [one] = [finding for finding in found(pool) if finding.about == "member"]
    assert "has the same server uuid" in one.found
    assert "a unique id" in one.advice
    assert "off" not in f" {one.advice} ".split()


def test_n05_directories_without_a_vm_cfg(pool: Simulator) -> None:
    put(pool, "goldengate1", "N05.hvm.cfg", "hvm.cfg")
    put(pool, "0004fb0000060000bbbb00000000bbbb", "N05.hvm.cfg", "vm.cfg.20190312")
    some = [finding for finding in found(pool) if finding.about == "vm.cfg"]
    assert [finding.level for finding in some] == ["error", "error"]
    said = " ".join(finding.found for finding in some)
    for text in ("goldengate1", "hvm.cfg", "bbbb00000000bbbb", "vm.cfg.20190312"):
        assert text in said


@pytest.mark.parametrize(("lives", "level"), [((), "warning"), ((0, 1), "error")])
def test_n11_one_mac_in_two_vms(pool: Simulator, lives: tuple[int, ...], level: str) -> None:
    for number, name in enumerate(("clone1", "clone2")):
        config = {"vif": ["mac=00:21:f6:00:29:01,bridge=10e69b4de3"]}
        pool.add_vm(name, running_on=lives[number] if lives else None, config=config)
    [one] = [finding for finding in found(pool) if finding.about == "MAC"]
    assert one.level == level
    for text in ("00:21:f6:00:29:01", "'clone1'", "'clone2'"):
        assert text in one.found


def test_n11_as_files(pool: Simulator) -> None:
    put(pool, "0004fb0000060000aaaa000000000001", "N11a.vm.cfg")
    put(pool, "0004fb0000060000aaaa000000000002", "N11b.vm.cfg")
    [one] = [finding for finding in found(pool) if finding.about == "MAC"]
    assert one.level == "warning"


def test_n25_a_missing_file_and_an_open_console(pool: Simulator) -> None:
    put(pool, "0004fb0000060000230000000000aa23", "N25.vm.cfg")
    some = found(pool)
    [file] = [finding for finding in some if finding.about == "file"]
    assert file.level == "error"
    assert "VirtualDisks/gone.img" in file.found
    assert "'after-upgrade'" in file.found
    [console] = [finding for finding in some if (finding.about, finding.level) == ("VNC", "note")]
    assert "0.0.0.0" in console.found


def test_a_host_with_an_old_list_of_the_pool_s_members(pool: Simulator) -> None:
    assert not [one for one in found(pool) if "lists of its members" in one.found]
    first, second = pool.hosts[0], pool.hosts[1]
    agent = driver_for(pool)._estate.agent(Address(second.address, second.port))
    agent.serverpool.set_pool_member_ip_list([second.address])
    [one] = [finding for finding in found(pool) if "lists of its members" in finding.found]
    assert (one.level, one.about) == ("warning", "pool")
    assert f"ovm-2 lacks {first.address}" in one.found


def test_clocks_that_differ(pool: Simulator) -> None:
    pool.hosts[1].clock_offset = -7200
    [one] = [finding for finding in found(pool) if finding.about == "clock"]
    assert one.level == "warning"
    assert re.search(r"ovm-2 7\d\d\d s|ovm-1 7\d\d\d s", one.found)


def test_one_repository_id_on_two_exports(pool: Simulator) -> None:
    second, point = pool.hosts[1], f"/OVS/Repositories/{pool.repository_id}"
    shutil.copytree(pool.repository_path, second.settings.export("clone:/export/clone"))
    with second.lock:
        second.mounts[point] = Mount("clone:/export/clone")
        second.repository_db[pool.repository_id]["Fs_location"] = "clone:/export/clone"
        second.save()
    some = [finding for finding in found(pool) if finding.about == "repository"]
    assert [finding.level for finding in some] == ["error"]
    assert "clone:/export/clone" in some[0].found
    assert "ovm-1" in some[0].found
    assert "ovm-2" in some[0].found


def test_autostart_guests() -> None:
    with simulate(hosts=2, host_module=True) as sim:
        boots = [
            {"kind": "saved", "name": "old", "path": "/var/lib/xend/save/old"},
            {"kind": "auto", "name": "web.cfg", "path": "/etc/xen/auto/web.cfg"},
        ]
        sim.misbehave("answer", "libcloud_autostart_guests", host=1, value=boots, times=None)
        some = found(sim, "autostart")
        assert [one.level for one in some] == ["warning", "warning"]
        assert all(one.found.startswith("ovm-2: ") for one in some)
        calls: list[Call] = []
        collect(record_calls(estate_of(sim), calls), certificate, "verified")
        assert "libcloud_autostart_guests" in {call.function for call in calls}
