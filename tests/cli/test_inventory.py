"""``ovm3 inventory``."""

from __future__ import annotations

import json
import re

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import invoke, options, run
from tests.diagnostics.troubled import BROKEN, TWIN, troubled_pool
from tests.support import driver_for


def test_a_troubled_pool_as_tables_and_as_json() -> None:
    with troubled_pool() as troubled:
        sim = troubled.sim
        words = run("inventory", *options(sim), password=sim.password)
        data = run("inventory", "-o", "json", *options(sim), password=sim.password)
        dead = f"{sim.hosts[2].address}:{sim.hosts[2].port}"
    assert words.returncode == data.returncode == 0, words.stderr
    assert words.stderr == data.stderr == ""
    lines = words.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["host", "ovm-1", "ovm-2", dead]
    assert lines[3].split()[2] == "unreachable"
    assert "\x1b" not in words.stdout
    for heading in (
        "Pools",
        "Repositories",
        "VMs",
        "Disks, network cards and consoles",
        "Could not be read",
    ):
        assert heading in lines
    problems = lines[lines.index("Could not be read") + 1 :]
    assert len(problems) == 3
    assert "vault" in words.stdout
    assert "not mounted on any host" in words.stdout
    assert f"MyRepo/{BROKEN} (unreadable)" in words.stdout
    [twins] = [line for line in lines if line.split()[-1:] == [TWIN]]
    assert "MyRepo/twin-one, MyRepo/twin-two" in twins
    found = json.loads(data.stdout)
    assert found["format"] == 1
    assert [host["status"] for host in found["hosts"]] == ["ok", "ok", "unreachable"]
    assert len(found["errors"]) == 3


def test_everything_could_be_read() -> None:
    with Simulator(hosts=1, speed=100) as sim:
        sim.add_vm("drives", config={"disk": [",hdc:cdrom,r", "phy:,hdd:cdrom,r"]})
        shown = invoke("inventory", *options(sim), password=sim.password)[1]
        assert "Everything could be read." in shown
        assert re.search(r"^10e69b4de3\t-\t-\tovm-1: bond0\t-\t\d$", shown, re.M)
        assert "\ncontrol0\t-\t-\tovm-1: local\t-\t0\n" in shown
        assert "drives\thdc\tCD\tempty\ndrives\thdd\tCD\tempty\n" in shown
        consoles = re.findall(r"^(\S+)\tconsole\t-\tssh -L (\d+):127.0.0.1:\2 (\S+), ", shown, re.M)
        running = [node for node in driver_for(sim).list_nodes() if node.name != "drives"]
        ports = {str(node.extra["vnc_port"]) for node in running}
        assert [vm for vm, _, _ in consoles] == ["seed-1", "seed-2"]
        assert {port for _, port, _ in consoles} == ports
        assert {host for _, _, host in consoles} == {f"root@{sim.hosts[0].address}"}
        assert not {c.function for c in sim.calls} - {
            "discover_server", "discover_server_pool", "list_vms", "discover_repository_db",
            "discover_repositories", "get_vm_config", "discover_hardware", "libcloud_read_agent",
            "libcloud_version", "discover_network",
        }  # fmt: skip
        sim.hosts[0].kill()
        status, shown = invoke("inventory", *options(sim), password=sim.password)
        assert (status, "cannot be reached" in shown) == (1, True)


def test_start_and_stop_refuse_what_the_driver_refuses() -> None:
    with troubled_pool() as troubled:
        access = options(troubled.sim)
        for arguments, text in (
            (["vm", "start", TWIN], "cannot be started"),
            (["vm", "stop", "nobody"], "no VM named 'nobody'"),
        ):
            status, shown = invoke(*arguments, *access, password=troubled.sim.password)
            assert (status, text in shown) == (1, True)
