"""``ovm3 vm``: what it prints, asks and refuses, and its exit status."""

from __future__ import annotations

import json
import re
from typing import Any

import click
import pytest
import yaml
from libcloud.compute.types import NodeState

from libcloud_ovm3.cli import asking
from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.diagnostics.troubled import BROKEN, TWIN, troubled_pool
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate

CHANGES = ("create_vm", "start_vm", "stop_vm", "reboot_vm", "delete_vm", "delete_file",
           "configure_vm", "copy_file")  # fmt: skip


def dashed(directory: str) -> str:
    return "-".join(
        (directory[:8], directory[8:12], directory[12:16], directory[16:20], directory[20:])
    )


def state_of(sim: Simulator, name: str) -> str:
    [node] = [one for one in driver_for(sim).list_nodes() if one.name == name]
    return str(node.state)


def test_list_and_show_in_all_forms(sim: Simulator) -> None:
    stopped = dashed(sim.add_vm("web 1"))
    running = [domain["uuid"] for index in range(3) for domain in sim.domains(index)]
    assert set(on(sim, "vm", "list", "-o", "name").stdout.split()) == {stopped, *running}
    found = {one["id"]: one for one in json.loads(on(sim, "vm", "list", "-o", "json").stdout)}
    assert yaml.safe_load(on(sim, "vm", "list", "-o", "yaml").stdout) == list(found.values())
    shown = json.loads(on(sim, "vm", "show", "web 1", "-o", "json").stdout)
    assert [one["host"] for one in shown["boots"]] == ["ovm-1", "ovm-2", "ovm-3"]
    assert [one for one in shown.pop("boots") if not one["booted_at"].endswith("Z")] == []
    assert shown == found[stopped]
    assert on(sim, "vm", "show", stopped, "-o", "name").stdout == f"{stopped}\n"
    web, live = found[stopped], found[running[0]]
    assert (web["name"], web["state"], web["host"], web["live"]) == ("web 1", "stopped", None, [])
    assert (web["memory_mb"], web["vcpus"], web["description"]) == (512, 1, None)
    assert (live["state"], live["host"], live["live"][0]["host"]) == ("running", "ovm-1", "ovm-1")
    assert live["live"][0]["started_at"].endswith("Z")
    assert live["live"][0]["vnc_listen"] == "127.0.0.1"
    assert [one for one in found.values() if "" in one.values()] == []
    rows = [line.split("\t") for line in on(sim, "vm", "list").stdout.splitlines()]
    assert rows[0] == ["VM", "state", "host", "addresses", "memory", "CPUs", "id"]
    assert ["web 1", "stopped", "-", "-", "512 MB", "1", stopped] in rows


def test_addresses_are_shown() -> None:
    with simulate(hosts=1, vms=1, host_module=True) as sim:
        [node] = driver_for(sim).list_nodes()
        mac, bridge = node.extra["nics"][0]["mac"], node.extra["nics"][0]["bridge"]
        sim.set_guest_address(mac, "192.0.2.1", "192.0.2.2")
        rows = [line.split("\t") for line in on(sim, "vm", "list").stdout.splitlines()]
        assert rows[1][3] == "192.0.2.1, 192.0.2.2"
        public = ("--public-network", bridge)
        shown = on(sim, "vm", "show", "seed-1", *public).stdout
        assert f"192.0.2.2 (public, seen by a host) of {mac}" in shown
        [record] = json.loads(on(sim, "vm", "list", "-o", "json", *public).stdout)
    assert (record["public_ips"], record["private_ips"]) == (["192.0.2.1", "192.0.2.2"], [])
    assert record["addresses"][0] == {
        "address": "192.0.2.1", "mac": mac, "network": bridge, "source": "neighbours",
        "is_public": True,
    }  # fmt: skip


def test_a_list_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    with simulate(hosts=2) as sim:
        ids = [dashed(sim.add_vm("a-name-of-20-letters")), sim.domains(0)[0]["uuid"]]
        shown = on(sim, "vm", "list", columns="80").stdout
    assert all(one in shown for one in ids), "not folded"
    assert "CPUs" not in shown


def test_show_for_people(sim: Simulator) -> None:
    shown = on(sim, "vm", "show", "seed-1").stdout.splitlines()
    heads = [line.partition(" ")[0] for line in shown]
    assert heads == [
        *("VM", "id", "state", "memory", "CPUs", "host", "domain", "console", "vm.cfg", "type"),
        *("HA", "disk", "network", "last"),
    ]  # fmt: skip
    assert "ovm-1 (" in shown[5]
    tunnel = rf"ssh -L (\d+):127.0.0.1:\1 root@{sim.hosts[0].address}, then vncviewer 127.0.0.1:\1"
    assert re.search(tunnel, shown[7])


def test_a_vm_that_is_not_understood_is_shown_with_the_reasons() -> None:
    with troubled_pool() as troubled:
        broken = on(troubled.sim, "vm", "show", dashed(BROKEN))
        twin = on(troubled.sim, "vm", "show", TWIN)
        record = json.loads(on(troubled.sim, "vm", "show", TWIN, "-o", "json").stdout)
    lines = broken.stdout.splitlines()
    assert lines[2].split() == ["state", "unknown"]
    assert lines[5].split()[:3] == ["vm.cfg", BROKEN, "in"]
    assert "SyntaxError" in lines[6]
    assert "problem     it is defined in 2 places" in twin.stdout
    assert len(record["definitions"]) == 2
    assert (record["disks"], record["nics"], record["high_availability"]) == (None, None, None)


def test_an_unknown_state_is_shown_with_the_host_that_does_not_answer() -> None:
    with simulate(hosts=2) as sim:
        sim.add_vm("web-1")
        sim.hosts[1].kill()
        done = on(sim, "vm", "show", "web-1")
    assert (done.exit_code, done.stdout.splitlines()[2].split()) == (0, ["state", "unknown"])
    assert done.stdout.splitlines()[-1].endswith(f"{sim.hosts[1].address}:{sim.hosts[1].port} ?")
    assert "cannot be reached" in done.stderr


# ------------------------------------------------------------------ create


def test_create_prints_the_id_alone(sim: Simulator) -> None:
    done = on(sim, "vm", "create", "web-1", "--image", "oracle-linux-6", "--size", "small",
              "--cpus", "2", "--on", "ovm-3", "--wait", "--type", "hvm", "--description",
              "the shop")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    [node] = [one for one in driver_for(sim).list_nodes() if one.name == "web-1"]
    assert done.stdout == f"{node.id}\n"
    assert (node.state, node.extra["host"]) == (NodeState.RUNNING, "ovm-3")
    assert (node.extra["is_hvm"], node.extra["description"]) == (True, "the shop")
    assert (node.extra["memory_mb"], node.extra["vcpus"]) == (1024, 2)


def test_create_from_an_id_with_memory_alone() -> None:
    with simulate(hosts=1) as sim:
        [image] = [one for one in driver_for(sim).list_images() if one.name == "oracle-linux-7"]
        volume = f"{sim.repository_id}/VirtualDisks/data.img"
        create = ("vm", "create", "web-1", "--image", image.id, "--memory", "300", "--no-start",
                  "--iso", "oracle-linux-6-boot.iso", "--volume", volume)  # fmt: skip
        (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(bytes(4096))
        done = on(sim, *create)
        assert done.exit_code == 0, done.stderr
        node = driver_for(sim).ex_get_node(done.stdout.strip())
        assert node.state == NodeState.STOPPED
        assert (node.extra["memory_mb"], node.extra["vcpus"]) == (300, 1)
        assert node.extra["disks"][1].endswith("/VirtualDisks/data.img")
        assert [one.rpartition("/")[2] for one in node.extra["cdroms"]] == [
            "oracle-linux-6-boot.iso"
        ]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--image", "oracle-linux-6"], 2, "--size or --memory is required"),
        (["--image", "oracle-linux-6", "--size", "huge"], 2, "expected one of tiny, small"),
        (["--image", "oracle-linux-6", "--memory", "0"], 2, "0 is not in the range"),
        (["--image", "debian", "--size", "tiny"], 1, "no image 'debian'; images: oracle-linux-6"),
        (
            ["--image", "oracle-linux-6-boot.iso", "--size", "tiny"],
            2,
            "empty disk: --disk is required",
        ),
        (["--image", "oracle-linux-6", "--size", "tiny", "--on", "x"], 1, "no host 'x'; hosts: ov"),
        (["--size", "tiny"], 2, "--image"),
        (["--image", "x", "--no-start", "--wait"], 2, "--wait and --no-start contradict"),
    ],
)
def test_create_refuses_before_anything_is_sent(
    arguments: list[str], status: int, text: str
) -> None:
    with simulate(hosts=1) as sim:
        done = on(sim, "vm", "create", "web-1", *arguments)
        assert (done.exit_code, done.stdout) == (status, "")
        assert text in done.stderr
        assert calls_of(sim, *CHANGES) == []


def test_create_with_a_name_that_is_taken() -> None:
    with simulate(hosts=1) as sim:
        sim.add_vm("web-1")
        create = ("vm", "create", "web-1", "--image", "oracle-linux-6", "--size", "tiny")
        done = on(sim, *create)
        assert (done.exit_code, "--allow-same-name creates another" in done.stderr) == (1, True)
        assert on(sim, *create, "--allow-same-name").exit_code == 0
        done = on(sim, "vm", "show", "web-1")
        assert done.exit_code == 1
        assert "2 VMs are named 'web-1'" in done.stderr


# ------------------------------------------------------------------ start, stop, reboot


def test_start_and_already_running(sim: Simulator) -> None:
    vm_id = dashed(sim.add_vm("web-1"))
    assert on(sim, "vm", "start", "web-1", "--on", "ovm-3").stdout == (
        f"web-1 ({vm_id}) was started on ovm-3\n"
    )
    for more in ([], ["--on", "ovm-3"], ["--on", sim.hosts[2].address]):
        done = on(sim, "vm", "start", vm_id.replace("-", ""), *more)
        assert (done.exit_code, done.stdout) == (
            0, f"web-1 ({vm_id}) is already running on ovm-3; nothing was done\n")  # fmt: skip
    elsewhere = on(sim, "vm", "start", "web-1", "--on", "ovm-1")
    assert (elsewhere.exit_code, elsewhere.stdout) == (1, "")
    assert "already running, on ovm-3 and not on ovm-1" in elsewhere.stderr
    for name in ("web-1", dashed(sim.add_vm("web-2"))):
        unknown = on(sim, "vm", "start", name, "--on", "ovm-9")
        assert (unknown.exit_code, unknown.stdout) == (1, "")
        assert "no host 'ovm-9'" in unknown.stderr
        assert "ovm-2" in unknown.stderr
    assert calls_of(sim, *CHANGES) == ["start_vm"]


def test_another_client_is_first() -> None:
    """Between the two looks, elsewhere: what is printed is what was found."""
    with simulate(hosts=2, vms=0) as sim:
        directory, other = sim.add_vm("web-1"), driver_for(sim)

        def start(moment: str) -> None:
            if moment == "before":
                other.start_node(directory, ex_location=sim.hosts[0].address)

        sim.misbehave("hook", "list_vms", host=0, nth=3, hook=start)
        done = on(sim, "vm", "start", "web-1", "--on", "ovm-2")
        assert "runs already, and not on ovm-2: live on ovm-1 " in done.stderr
        assert (done.exit_code, done.stdout) == (1, "")
        assert "already running, on ovm-1 and not on ovm-2; nothing was done" in done.stderr
        assert calls_of(sim, *CHANGES) == ["start_vm"]


def test_a_change_that_was_made_is_said_although_nothing_can_be_read_afterwards() -> None:
    with simulate(hosts=1, vms=0) as sim:
        vm_id = dashed(sim.add_vm("web-1"))

        def lose_host(moment: str) -> None:
            """The changes themselves do not call it after the start."""
            if moment == "after":
                sim.misbehave("fault", "discover_server", times=None)

        sim.misbehave("hook", "start_vm", hook=lose_host)
        done = on(sim, "vm", "start", "web-1")
        assert done.exit_code == 0, done.stderr
        assert done.stdout.startswith(f"web-1 ({vm_id}) was started; the host could not be read: ")
        sim.clear_misbehaviour()
        sim.misbehave("hook", "start_vm", hook=lose_host)
        words = ("--image", "oracle-linux-6", "--memory", "256", "--wait", "--timeout", "0")
        done = on(sim, "vm", "create", "web-2", *words)
        assert done.exit_code == 3
        assert f"web-2 ({done.stdout.strip()}) was created and started; whether it" in done.stderr


def test_several_vms(sim: Simulator) -> None:
    """One that fails does not keep the others; a name that does not exist keeps all."""
    ids = [dashed(sim.add_vm(name)) for name in ("a", "b", "c")]
    wrong = on(sim, "vm", "start", "a", "nobody")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "no VM named 'nobody' was found; `ovm3 vm list` lists all VMs" in wrong.stderr
    assert calls_of(sim, *CHANGES) == []
    sim.misbehave("fault", "start_vm", nth=2, text="exceptions.Exception:no way")
    done = on(sim, "vm", "start", "a", "b", "c", ids[0])
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["a", "c"]
    assert "no way" in done.stderr
    assert done.stderr.splitlines()[-1] == f"1 of 3 failed: b ({ids[1]})"
    assert [state_of(sim, name) for name in "abc"] == ["running", "stopped", "running"]
    stopped = on(sim, "vm", "stop", "a", "b", "c")
    assert stopped.exit_code == 0
    assert [line.split(") ")[1] for line in stopped.stdout.splitlines()] == [
        "was stopped", "is already stopped", "was stopped"]  # fmt: skip


def test_stop_never_powers_off_by_itself() -> None:
    with simulate(hosts=1) as sim:
        vm_id = sim.domains(0)[0]["uuid"]
        sim.hosts[0].ignores_requests.add(vm_id)
        done = on(sim, "vm", "stop", vm_id, "--timeout", "30")
        assert done.exit_code == 3, "the guest may still stop"
        assert "is not confirmed as stopped 30 s after" in done.stderr
        assert len(sim.domains(0)) == 2, "with Domain-0"
        done = on(sim, "vm", "stop", vm_id, "--force")
        assert (done.exit_code, f"({vm_id}) was powered off" in done.stdout) == (0, True)
        assert on(sim, "vm", "stop", vm_id, "--timeout", "-1").exit_code == 2


def test_reboot() -> None:
    with simulate(hosts=1) as sim:
        sim.add_vm("web-1")
        on(sim, "vm", "start", "web-1")
        young = on(sim, "vm", "reboot", "web-1")
        assert (young.exit_code, calls_of(sim, "reboot_vm")) == (1, [])
        assert "xend destroys a guest that reboots within 60 s" in young.stderr
        done = on(sim, "vm", "reboot", "web-1", "--minimum-age", "0")
        assert (done.exit_code, "was asked to reboot" in done.stdout) == (0, True), done.stderr
        assert calls_of(sim, "reboot_vm") == ["reboot_vm"]


@pytest.mark.parametrize("arguments", [["start", TWIN], ["stop", TWIN], ["destroy", TWIN, "--yes"]])
def test_what_the_driver_refuses(arguments: list[str]) -> None:
    with troubled_pool() as troubled:
        done = on(troubled.sim, "vm", *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert TWIN in done.stderr
        assert calls_of(troubled.sim, *CHANGES) == []


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_an_unknown_outcome_has_a_status_of_its_own(personality: str) -> None:
    with simulate(hosts=1, personality=personality) as sim:
        sim.add_vm("web-1")
        sim.misbehave("delayed", "start_vm")
        done = on(sim, "vm", "start", "web-1")
        assert done.exit_code == 3
        assert "--on" in done.stderr
        sim.misbehave("hang", "list_vms", times=None)
        assert on(sim, "vm", "list").exit_code == 0, "a read changes nothing"
        write = ("api", "call", "--write", "pause_vm", '"r"', '"v"')
        sim.misbehave("hang", "pause_vm")
        assert on(sim, *write).exit_code == 3
        sim.misbehave("hang", "get_api_version", times=None)
        assert on(sim, "api", "call", "get_api_version").exit_code == 1


# ------------------------------------------------------------------ destroy


def test_without_a_terminal_destroy_wants_yes(sim: Simulator) -> None:
    vm_id = dashed(sim.add_vm("web-1"))
    done = on(sim, "vm", "destroy", "web-1")
    assert (done.exit_code, done.stdout, sim.calls) == (2, "", [])
    assert "--yes" in done.stderr
    done = on(sim, "vm", "destroy", "web-1", "--yes")
    assert (done.exit_code, done.stdout) == (0, f"web-1 ({vm_id}) was destroyed\n")
    assert on(sim, "vm", "show", "web-1").exit_code == 1


@pytest.mark.parametrize("host_module", [False, True])
def test_destroy_asks_and_names_the_disks(
    host_module: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    with simulate(hosts=2, host_module=host_module) as sim:
        driver = driver_for(sim)
        image = driver.list_images()[0]
        node = driver.create_node("web-1", driver.list_sizes()[0], image)
        [disk] = driver.ex_get_node(node.id).extra["disks"]
        kept = dashed(sim.add_vm("app-1"))  # its disk is not named after it
        before = calls_of(sim, *CHANGES)
        no = on(sim, "vm", "destroy", "web-1", "app-1", stdin="n\n")
        assert (no.exit_code, no.stdout) == (1, "")
        assert f"web-1 ({node.id}) is running on ovm-" in no.stderr
        assert ": it will be powered off, then deleted\n" in no.stderr
        assert f"  delete {disk}" in no.stderr
        assert f"app-1 ({kept}) will be deleted\n  keep   /OVS" in no.stderr
        assert calls_of(sim, *CHANGES) == before
        yes = on(sim, "vm", "destroy", "web-1", stdin="y\n")
        assert (yes.exit_code, yes.stdout) == (0, f"web-1 ({node.id}) was destroyed\n")
        assert not (sim.repository_path / "VirtualDisks" / disk.rpartition("/")[2]).exists()


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_an_interrupted_creation_can_be_destroyed(
    personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    with simulate(hosts=2, personality=personality) as sim:
        driver: Any = driver_for(sim)
        sim.misbehave("hang", "copy_file")
        with pytest.raises(OperationIncomplete):
            quietly(driver.create_node, "web-1", driver.list_sizes()[0], driver.list_images()[0])
        sim.clear_misbehaviour()
        assert state_of(sim, "web-1") == "pending"
        refused = on(sim, "vm", "start", "web-1")
        assert (refused.exit_code, "destroy it and create it again" in refused.stderr) == (1, True)
        done = on(sim, "vm", "destroy", "web-1", stdin="y\n")
        assert done.exit_code == 0, done.stderr
        assert [one.name for one in driver.list_nodes()] == ["seed-1", "seed-2"]
        assert driver.ex_list_orphans() == []


def test_a_vm_that_is_started_after_the_answer_is_not_powered_off(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several VMs take a while: the last one may be running when its turn comes."""
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    driver = driver_for(sim)
    for name in ("web-1", "web-2"):
        sim.add_vm(name)

    def start(moment: str) -> None:
        if moment == "after":
            quietly(driver.start_node, driver.ex_get_node_by_name("web-2"))

    sim.misbehave("hook", "delete_vm", hook=start)
    done = on(sim, "vm", "destroy", "web-1", "web-2", stdin="y\n")
    assert done.exit_code == 1
    assert done.stdout.startswith("web-1 (")
    assert "powering it off was not asked for" in done.stderr
    assert driver.ex_get_node_by_name("web-2").state == "running"
    assert calls_of(sim, "stop_vm", "delete_vm") == ["delete_vm"]


def test_what_has_changed_by_a_vm_s_turn_is_said_as_it_is(sim: Simulator) -> None:
    """The first VM takes a while, and meanwhile somebody stops, or starts, the second one."""
    driver = driver_for(sim)
    for name in ("web-1", "web-2"):
        sim.add_vm(name)

    def meanwhile(function: str, action: Any) -> None:
        def hook(moment: str) -> None:
            if moment == "after":
                quietly(action, driver.ex_get_node_by_name("web-2"))

        sim.misbehave("hook", function, hook=hook)

    quietly(driver.start_node, driver.ex_get_node_by_name("web-2"))
    meanwhile("start_vm", lambda node: driver.stop_node(node, ex_force=True))
    done = on(sim, "vm", "start", "web-1", "web-2")
    assert [("was started" in line) for line in done.stdout.splitlines()] == [True, True]
    quietly(driver.stop_node, driver.ex_get_node_by_name("web-2"), ex_force=True)
    meanwhile("stop_vm", driver.start_node)
    done = on(sim, "vm", "stop", "web-1", "web-2", "--force")
    assert [("was powered off" in line) for line in done.stdout.splitlines()] == [True, True]


def test_what_changes_while_destroy_asks_was_not_agreed_to(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VM was stopped; its owner has started it by the time of the answer."""
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    driver = driver_for(sim)
    vm_id = dashed(sim.add_vm("web-1"))
    confirm = click.confirm

    def start_and_confirm(*arguments: Any, **options: Any) -> bool:
        assert quietly(driver.start_node, driver.ex_get_node(str(vm_id)))
        return confirm(*arguments, **options)

    monkeypatch.setattr(click, "confirm", start_and_confirm)
    done = on(sim, "vm", "destroy", "web-1", stdin="y\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "changed while you were asked, so nothing was deleted" in done.stderr
    assert driver.ex_get_node(str(vm_id)).state == "running"
    assert calls_of(sim, "stop_vm", "delete_vm") == []
    monkeypatch.setattr(click, "confirm", confirm)
    assert on(sim, "vm", "destroy", "web-1", stdin="y\n").exit_code == 0


def test_destroy_deletes_no_disk_that_it_said_it_keeps(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another VM's vm.cfg names it, until that VM is destroyed by the same command."""
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    vm_id = "5cf3bd2ab8e14c7d9d4fa3c7a4b6c8e1"
    disk = sim.repository_path / "VirtualDisks" / f"{vm_id}.img"
    disk.write_bytes(b"data")
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{disk.name}"
    disks = {"disk": [f"file:{path},xvda,w"]}
    sim.add_vm("web-1", uuid=dashed(vm_id), config=disks)
    sim.add_vm("web-2", config=disks)
    done = on(sim, "vm", "destroy", "web-2", "web-1", stdin="y\n")
    assert done.exit_code == 0
    assert done.stderr.count(f"  keep   {path}") == 2
    assert f"{path} was kept: deleting it was not asked for" in done.stderr
    assert disk.read_bytes() == b"data"
