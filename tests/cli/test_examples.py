"""Every help has examples, and each of them runs."""

from __future__ import annotations

import re
import shlex
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from libcloud_ovm3 import installer
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.installer import Result, State
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import ownership, repositories
from tests.cli.running import address, on
from tests.operations.serving import Server, put_pending_iso, serving
from tests.operations.test_ssh_keys import ED25519 as KEY
from tests.storage.stores import put, storage_for
from tests.support import clock_of, driver_for, pins_of, simulate

EXAMPLE_HOST = "ovm-1.example.com"
MAC = "00:21:f6:00:00:01"
SMALLER = {"20G": "20M", "30G": "30M", "1.5T": "1.5M"}  # a machine may have less free space
NOT_INSTALLED = State("not installed", "it is not installed", 0, {"vlan-bridge": "needed"})


def all_commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(("ovm3", *path)), command
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from all_commands(one, (*path, name))


COMMANDS = dict(all_commands(ovm3))


def examples_in(path: str) -> list[str]:
    """The lines under "Examples:" of a help text."""
    shown = CliRunner().invoke(ovm3, [*path.split()[1:], "--help"], env={"COLUMNS": "80"}).output
    lines = shown.partition("Examples:\n")[2].splitlines()
    return [line.strip() for line in lines if line.strip()]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_help_has_examples_of_its_command(path: str) -> None:
    found = examples_in(path)
    assert found
    assert [line for line in found if not re.match(rf"{path}( |$)", line)] == []


class FakeSSH:
    """Stands in for SSH: what the installer does through it is tested in tests/installer."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[Server]:
    with serving() as server:
        server.files = dict.fromkeys(("/debian-12.raw", "/cd/boot.iso"), bytes(4096))
        yield server


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result(changed=False, state=NOT_INSTALLED, plan="")
    monkeypatch.setattr(installer, "connect", lambda *_, **__: FakeSSH())
    monkeypatch.setattr(installer, "check", lambda *_, **__: NOT_INSTALLED)
    for name in ("install", "uninstall"):
        monkeypatch.setattr(installer, name, lambda *_, **__: result)


def prepare_repositories(sim: Simulator) -> None:
    """Two exports, one with the repository of a Manager that is gone; MyRepo without anything."""
    for name in ("old", "second"):
        (sim.root / "exports" / "filer" / "export" / name).mkdir(parents=True)
    old = sim.root / "exports" / "filer" / "export" / "old"
    repositories.make(old, "0004fb0000030000" + "b" * 16, "Old", ownership.owner(sim.hosts[0]))
    for host in sim.hosts:
        host.domains.clear()
    for folder in ("VirtualMachines", "VirtualDisks"):
        shutil.rmtree(sim.repository_path / folder)
        (sim.repository_path / folder).mkdir()


def prepare(sim: Simulator, line: str) -> dict[str, str]:
    """Make what an example names; what to put in the place of its placeholders."""
    driver, where = driver_for(sim), [address(sim, index) for index in range(len(sim.hosts))]
    if " estate add " not in line:
        entry = {"hosts": where, "pins": pins_of(sim), "traffic_labels": {"guest": "bond0"}}
        add_estate("lab", entry, sim.password, is_default=True)
    for name in {"web-1", "db-1"} & set(line.split()):
        sim.add_vm(name, config={"vif": [f"mac={MAC},bridge=control0"]} if MAC in line else {})
    prepare_volumes(driver, line.split())
    Path("id_ed25519.pub").write_text(KEY)
    Path("disk.img").write_bytes(b"\xeb" * 9999)
    if line.startswith("ovm3 file "):
        return prepare_files(sim, line)
    if line.startswith("ovm3 key "):
        prepare_keys(sim, line.split())
    if line.startswith(("ovm3 network update", "ovm3 network delete")):
        driver.ex_create_network(line.split()[3], ex_parent="eth1")
    if line.startswith("ovm3 secondary "):
        backup = sim.root / "exports" / "filer" / "backup"
        backup.mkdir(parents=True)
        (backup / "a.img").write_bytes(b"\0" * 4096)
        driver.create_volume(1, "data")
    if line.startswith("ovm3 repository "):
        prepare_repositories(sim)
    if line.startswith("ovm3 network control0"):  # else its status says that it is wrong
        driver.ex_repair_control0("ovm-1")
    if line.startswith("ovm3 network release"):  # a VM that is not there any more needed it
        HostModule(driver.connection).take_bridge(
            "tests", "0" * 32, str(uuid.uuid4()), "10e69b4de3.160", "bond0", 160
        )
        clock_of(sim).sleep(901)
    if line.startswith("ovm3 claim show"):
        [node] = [one for one in driver.list_nodes() if one.name == "web-1"]
        uuids = [host.uuid.lower() for host in sim.hosts]
        place = (sim.repository_id, node.extra["directory"])
        HostModule(driver.connection).claim_vm("tests", "0" * 32, *place, uuids)
    if " vm migrate " in line:
        for node in driver.list_nodes():
            if node.name in ("web-1", "db-1"):
                driver.start_node(node, "ovm-1")
        clock_of(sim).sleep(100)
    if " vm reboot " in line:
        [node] = [one for one in driver.list_nodes() if one.name == "web-1"]
        driver.start_node(node)
        clock_of(sim).sleep(100)
    if line.startswith(("ovm3 vm snapshot revert", "ovm3 vm snapshot delete")):
        if "db-1" not in line:
            sim.add_vm("db-1")
        driver.ex_create_node_snapshot(driver.ex_get_node_by_name("db-1"), "before-upgrade")
    if "delete-orphan PATH" in line:
        (sim.repository_path / "VirtualDisks" / "old.img").write_bytes(b"nobody's")
        return {"PATH": f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/old.img"}
    if any(f" vm {one} " in line for one in ("pause", "unpause", "suspend", "resume", "reset")):
        [node] = [one for one in driver.list_nodes() if one.name in line]
        driver.start_node(node)
    if " vm unpause " in line:
        driver.ex_pause_node(node)
    if " vm resume " in line and "--on" in line:
        driver.ex_suspend_node(node)
    elif " vm resume " in line:
        sim.misbehave("fault", "unpause_vm", times=9)
        with pytest.raises(Ovm3Error):
            driver.create_volume_snapshot(driver.ex_list_volumes(node)[0], "s", ex_pause=True)
        sim.clear_misbehaviour()
    if " eject-iso " in line:
        [node] = [one for one in driver.list_nodes() if one.name == "web-1"]
        driver.ex_insert_iso(node, driver.list_images()[-1])
    if "PENDING" in line:
        return {"PENDING": put_pending_iso(sim)}
    if "PATH OPERATION" in line:
        (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(b"precious")
        path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
        HostModule(driver.connection).set_aside("tests", "0" * 32, path)
        return {"PATH": path, "OPERATION": "0" * 32}
    pin = f"{sim.hosts[0].address}={sim.hosts[0].fingerprint}"
    return {EXAMPLE_HOST: where[0], f"{EXAMPLE_HOST}=SHA256": pin, **SMALLER}


def prepare_files(sim: Simulator, line: str) -> dict[str, str]:
    """Make the local files and the object that an example names, and its unfinished upload."""
    for name in ("dump.sql", "big.iso"):
        Path(name).write_bytes(b"content")
    storage = storage_for(sim)
    put(storage, storage.get_container("MyRepo"), "backups/sunday.sql", b"old")
    if "UPLOAD" not in line:
        return {}
    sim.misbehave("drop_before", "libcloud_write_upload")
    with pytest.raises(Ovm3Error) as failed:
        put(storage, storage.get_container("MyRepo"), "cut", b"off")
    return {"MyRepo/UPLOAD": f"MyRepo/{failed.value.left[0]}"}


def prepare_keys(sim: Simulator, words: list[str]) -> None:
    """Make the key pairs and the file that an example names."""
    keys = driver_for(sim, ex_keys_repository=sim.repository_id)
    keys.import_key_pair_from_string("other" if words[2] in ("create", "import") else "ops", KEY)
    Path("ops.pem").unlink(missing_ok=True)


def prepare_volumes(driver: Any, words: list[str]) -> None:
    """Make the volumes that an example names, with what else it needs of them."""
    if words[1:2] not in (["volume"], ["snapshot"]):
        return
    _, noun, verb, *rest = words
    named = [one for one in ("data-1", "data-2") if one in rest]
    if verb in ("create", "copy", "rename") and noun == "volume":
        named = named[:1] if verb != "create" else []
    volumes = {name: driver.create_volume(None, name, ex_size_bytes=8192) for name in named}
    if verb == "detach":
        node = driver.ex_get_node_by_name("web-1" if "web-1" in rest else "seed-1")
        driver.attach_volume(node, volumes["data-1"])
    if "before-upgrade" in rest and (noun, verb) != ("snapshot", "create"):
        of = volumes.get("data-1") or driver.create_volume(None, "data", ex_size_bytes=8192)
        driver.create_volume_snapshot(of, "before-upgrade")


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != "ovm3 demo"])
@pytest.mark.usefixtures("no_ssh")
def test_examples_run(
    path: str, web: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a default estate, as they are printed. ``ovm3 demo`` has its own test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("libcloud_ovm3.cli.asking.has_terminal", lambda: True)
    for number, line in enumerate(examples_in(path)):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / str(number)))
        with simulate(hosts=2, host_module=True) as sim:
            values = prepare(sim, line)
            _, *words = [
                values.get(one, one).replace("http://images.example.com", web.url)
                for one in shlex.split(line.partition(" | ")[0])
            ]
            done = on(sim, *words, stdin="y\ny\n", access=())
        assert done.exit_code == 0, (line, done.stderr)
        quiet = ("orphans -o name", " network release ")  # where there is nothing to say
        assert done.stdout or any(words in line for words in quiet), line
