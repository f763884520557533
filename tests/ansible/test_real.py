"""The collection in the real ansible-inventory, ansible-playbook and ansible-doc."""

from __future__ import annotations

import json
import re
import shlex
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.operations.limits import MINIMUM_AGE, STOP_LIMIT
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address
from tests.guests import meta_of
from tests.operations.failures import WRITES
from tests.operations.test_ssh_keys import ED25519
from tests.support import calls_of, driver_for, fingerprints_of, pins_of, quietly

from .running import Controller, controller_on, recap

pytestmark = pytest.mark.ansible

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT / "ansible_collections" / "libcloud_ovm3" / "ovm3"
PAGE = (ROOT / "docs" / "ansible.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PLUGIN = "libcloud_ovm3.ovm3.ovm3"
MODULE = "libcloud_ovm3.ovm3.vm"
IMAGE: dict[str, Any] = {"image": "oracle-linux-6", "size": "tiny"}
TEMPLATE = "{{ 1 + 1 }}"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[Controller, Simulator]]:
    """Two hosts."""
    with controller_on(tmp_path, hosts=2) as both:
        yield both


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCKS if found == kind]


# ------------------------------------------------------------------ documentation


def documented(controller: Controller, kind: str, name: str, **environment: str) -> dict[str, Any]:
    text = controller.run("ansible-doc", "-t", kind, "--json", name, **environment)
    return dict(json.loads(text[: text.rindex("}") + 1])[name])


def test_documentation(lab: tuple[Controller, Simulator]) -> None:
    """ansible-doc prints all of it, and it says what the module takes."""
    from ansible_collections.libcloud_ovm3.ovm3.plugins.modules import vm

    controller, _ = lab
    of_module = documented(controller, "module", MODULE)
    options = of_module["doc"]["options"]
    assert set(options) == set(vm.arguments())
    for name, spec in vm.arguments().items():
        keys = ("type", "default", "choices", "elements")
        assert {key: options[name].get(key) for key in keys} == {key: spec.get(key) for key in keys}
    assert (options["stop_timeout"]["default"], options["minimum_age"]["default"]) == (
        STOP_LIMIT,
        MINIMUM_AGE,
    )
    for task in yaml.safe_load(of_module["examples"]):
        assert set(task[MODULE]) <= set(options)
    returned = {"vm", "disks", "not_compared", "error", "left", "nodes"}
    assert set(of_module["return"]) == returned
    of_inventory = documented(controller, "inventory", PLUGIN)
    shared = {"estate", "host", "fingerprint", "password", "compose", "cache", "strict", "complete"}
    assert shared <= set(of_inventory["doc"]["options"])
    for example in yaml.safe_load_all(of_inventory["examples"]):
        assert set(example) <= set(of_inventory["doc"]["options"])
    for doc in (of_module, of_inventory):
        assert all(one["description"] for one in doc["doc"]["options"].values())
    shown = controller.run("ansible-doc", MODULE) + controller.run(
        "ansible-doc", "-l", "libcloud_ovm3.ovm3"
    )
    assert "RETURN VALUES" in shown
    assert "Create, start, stop, suspend, reboot" in shown


def test_the_collection_as_a_file(lab: tuple[Controller, Simulator]) -> None:
    """Built and installed, where Ansible does not look into the wheel."""
    controller, sim = lab
    sim.add_vm("web")
    controller.run("ansible-galaxy", "collection", "build", str(COLLECTION), "--output-path", ".")
    [file] = controller.folder.glob("*.tar.gz")
    assert file.name in PAGE
    install = ("ansible-galaxy", "collection", "install", "--offline", "-p", "installed")
    only_there = {
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_COLLECTIONS_PATH": str(controller.folder / "installed"),
    }
    controller.run(*install, file.name, **only_there)
    there = controller.folder / "installed" / "ansible_collections" / "libcloud_ovm3" / "ovm3"
    tracked = {str(one.relative_to(COLLECTION)) for one in COLLECTION.rglob("*.*")}
    tracked = {name for name in tracked if "__pycache__" not in name} - {"galaxy.yml"}
    files = {str(one.relative_to(there)) for one in there.rglob("*.*")}
    assert tracked == files - {"FILES.json", "MANIFEST.json"}
    doc = documented(controller, "module", MODULE, **only_there)["doc"]
    assert doc["filename"] == str(there / "plugins" / "modules" / "vm.py")
    assert "ovm3" in controller.inventory({"plugin": PLUGIN, "estate": "lab"}, **only_there)


# ------------------------------------------------------------------ the page


def test_the_examples_of_the_page(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    config, site, bare, _ = blocks("yaml")
    _, commands, docs, _ = blocks("sh")
    assert docs.splitlines() == [f"ansible-doc -t inventory {PLUGIN}", f"ansible-doc {MODULE}"]
    controller.write("ovm3.yml", config)
    controller.write("site.yml", site)
    written = {}
    for line in commands.splitlines():
        before = fingerprints_of(sim.repository_path)
        written[line] = controller.run(*shlex.split(line))
        if "--check" in line:
            assert fingerprints_of(sim.repository_path) == before
    graph, checked, played = written.values()
    assert "@ovm3" not in graph, "there is no VM yet"
    assert "web-1 is not there yet" in checked
    assert "web-1 is running" in played
    assert recap(checked)["changed"] == recap(played)["changed"] == 2
    assert {one.name: one.state for one in driver_for(sim).list_nodes()} == {
        "web-1": "running",
        "web-2": "stopped",
    }
    sim.calls.clear()
    again = controller.run("ansible-playbook", "-i", "ovm3.yml", "site.yml")
    assert (recap(again)["changed"], recap(again)["failed"]) == (0, 0)
    assert calls_of(sim, *WRITES) == []

    names = {"ovm-1.example.com": sim.hosts[0], "ovm-2.example.com": sim.hosts[1]}
    for name, host in names.items():
        bare = bare.replace(f"{name}: SHA256", f"{host.address}: {host.fingerprint}")
        bare = bare.replace(name, f"{host.address}:{host.port}")
    bare += config.partition("estate: lab\n")[2]
    groups = controller.inventory(bare, OVM3_PASSWORD=sim.password)
    assert set(groups["ovm3"]["hosts"]) == {"web-1", "web-2"}
    assert set(groups["type_xen_pvm"]["hosts"]) == {"web-1", "web-2"}


def test_the_vm_that_one_can_log_in_to(tmp_path: Path) -> None:
    """The last example of the page, on hosts with the host module; it is run twice."""
    [*_, play] = blocks("yaml")
    with controller_on(tmp_path, hosts=1, host_module=True) as (controller, sim):
        controller.write("login.yml", play.replace("network: guest ", "network: 10e69b4de3 "))
        controller.write("web.yaml", "#cloud-config\npackages: [s3ntinel]\n")
        (tmp_path / ".ssh").mkdir()
        controller.write(".ssh/id_ed25519.pub", f"{ED25519} me\n")
        played = controller.run("ansible-playbook", "login.yml", "-vvv", "--diff")
        assert (recap(played)["changed"], "s3ntinel" in played) == (1, False)
        [node] = driver_for(sim).list_nodes()
        assert (node.name, node.state, node.private_ips) == ("web-4", "running", ["192.0.2.10"])
        assert (node.extra["metadata"], node.extra["tags"]) == ({"owner": "ops"}, ["web"])
        assert meta_of(sim, node)["public-keys"] == [f"{ED25519} me"]
        sim.calls.clear()
        again = controller.run("ansible-playbook", "login.yml")
        assert (recap(again)["changed"], calls_of(sim, *WRITES)) == (0, [])


# ------------------------------------------------------------------ the inventory


def test_inventory_with_a_cache(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    sim.add_vm("web 1", running_on=0)
    sim.add_vm(TEMPLATE)
    config = {
        "plugin": PLUGIN,
        "estate": "lab",
        "compose": {"ansible_host": "ovm3_name ~ '.example.com'"},
        "groups": {"on": "ovm3_host is not none"},
        "keyed_groups": [{"key": "ovm3_memory_mb | string", "prefix": "mb"}],
        "strict": True,
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": "cache",
    }
    groups = controller.inventory(config)
    assert set(groups["ovm3"]["hosts"]) == {"web 1", TEMPLATE}
    for group in ("on", "ovm3_state_running", "ovm3_host_ovm_1"):
        assert set(groups[group]["hosts"]) == {"web 1"}
    assert set(groups["mb_512"]["hosts"]) == set(groups["ovm3_pool_Pool_0"]["hosts"])
    [variables] = [one for name, one in groups["ovm3"]["hosts"].items() if name == "web 1"] or [{}]
    listed = controller.folder / "listed.yml"
    assert "ansible_host: web 1.example.com" in listed.read_text(), variables
    assert TEMPLATE in listed.read_text(), "what a host says is never evaluated"

    sim.add_vm("later")
    sim.calls.clear()
    assert controller.inventory(config) == groups
    assert sim.calls == [], "it is all in the cache"
    assert "later" in controller.inventory(config, "--flush-cache")["ovm3"]["hosts"]
    assert sim.password not in "".join(
        one.read_text() for one in (controller.folder / "cache").iterdir()
    )


def test_the_password_of_an_inventory(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    sim.add_vm("web")
    controller.write("vault.txt", "of the vault\n")
    vault = ("--vault-password-file", "vault.txt")
    encrypted = controller.run("ansible-vault", "encrypt_string", *vault, sim.password)
    secret = "\n".join(
        line for line in encrypted.splitlines() if line.strip() and "successful" not in line
    )
    access = {"plugin": PLUGIN, "host": address(sim), "fingerprint": pins_of(sim)}
    config = yaml.safe_dump(access)
    found = controller.inventory(f"{config}password: {secret}\n", *vault)
    assert set(found["ovm3"]["hosts"]) == {"web"}

    controller.write("ovm3.yml", config)
    wrong = controller.read_inventory("--list", fails=True, OVM3_PASSWORD="wr0ng")
    assert "rejected" in wrong
    assert "wr0ng" not in wrong
    controller.write("ovm3.yml", {"plugin": PLUGIN, "estate": "lob"})
    missing = controller.read_inventory("--list", fails=True)
    assert "no estate 'lob'" in " ".join(missing.split())


def test_names_that_ansible_would_misunderstand(lab: tuple[Controller, Simulator]) -> None:
    """None becomes a group, the controller, an option of ssh or a path; nothing is lost for one."""
    controller, sim = lab
    option = "-oProxyCommand=touch executed"
    unsafe = [option, "../../x"]
    for name in (*unsafe, "ovm3", "all", "web", "type_xen_pvm", "localhost", "größe 1", TEMPLATE):
        sim.add_vm(name)
    ids = {node.name: node.id for node in driver_for(sim).list_nodes()}
    config = {
        "plugin": PLUGIN,
        "estate": "lab",
        "compose": {"ansible_host": "inventory_hostname ~ '.example.com'", "call": "ovm3_name"},
        "groups": {"web": "ovm3_name == 'web'"},
        "strict": True,
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": "cache",
    }
    expected = {f"{name}_{ids[name]}" for name in ("ovm3", "all", "web", "localhost")}
    expected |= {*(ids[name] for name in unsafe), "type_xen_pvm", "größe 1", TEMPLATE}
    for _ in range(2):  # read, and from the cache
        groups = controller.inventory(config)
        assert set(groups["ovm3"]["hosts"]) == expected
        assert set(groups["ovm3_state_stopped"]["hosts"]) == expected
        assert set(groups["web"]["hosts"]) == {f"web_{ids['web']}"}
        assert (
            f"ansible_host: {ids[option]}.example.com"
            in (controller.folder / "listed.yml").read_text()
        )
    controller.write(
        "play.yml",
        [
            {
                "hosts": "all",
                "gather_facts": False,
                "tasks": [
                    {"ansible.builtin.debug": {"msg": "<{{ ovm3_name }}|{{ call }}>"}},
                    {"ansible.builtin.raw": "true"},
                ],
            },
            {
                "hosts": "localhost",
                "gather_facts": False,
                "tasks": [{"ansible.builtin.command": "touch on-the-controller"}],
            },
        ],
    )
    config["compose"] = {"call": "ovm3_name"}
    controller.write("ovm3.yml", config)
    output = controller.run("ansible-playbook", "-i", "ovm3.yml", "play.yml", fails=True)
    for name in ids:
        assert f"<{name}|{name}>" in output
    assert "Found both group and host" not in output
    assert not (controller.folder / "executed").exists()


def test_vms_of_one_name_in_two_inventories(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    sim.add_vm("web")
    with Simulator(speed=100, vms=0, template_bytes=1 << 20) as other:
        second = driver_for(other)
        other.add_vm("web")
        [node] = second.list_nodes()
        access = {"host": address(other), "fingerprint": pins_of(other)}
        controller.write("other.ovm3.yml", {"plugin": PLUGIN, **access, "password": other.password})
        groups = controller.inventory({"plugin": PLUGIN, "estate": "lab"}, "-i", "other.ovm3.yml")
    assert set(groups["ovm3"]["hosts"]) == {"web", f"web_{node.id}"}


def test_options_that_are_wrong_or_templates(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    sim.add_vm("web")
    access = {"plugin": PLUGIN, "hosts": ["{{ lookup('env', 'AT') }}"]}
    access["fingerprint"] = sim.hosts[0].fingerprint
    secrets = {"AT": address(sim), "SECRET": sim.password}
    lookup = "{{ lookup('env', 'SECRET') }}"
    for given in ({"password": lookup}, {"passwords": {address(sim): lookup}, "password": "x"}):
        groups = controller.inventory({**access, **given}, **secrets)
        assert set(groups["ovm3"]["hosts"]) == {"web"}
    for given, text in (
        ({"complte": True}, "no option of libcloud_ovm3.ovm3.ovm3: complte; expected"),
        ({"hosts_off": ["ovm-2"]}, "no option of libcloud_ovm3.ovm3.ovm3: hosts_off; expected"),
        ({}, "password: expected the agent's password"),
        ({"password": "wr0ng{{ pass"}, "password: cannot be evaluated as a template"),
        ({"password": "{{ wr0ng }}"}, "password: cannot be evaluated as a template"),
        ({"password": "wr0ng"}, "passwords: {'127.0.0.2': ...}"),
        ({"password": "x", "tls_minimum": "SSL"}, "tls_minimum 'SSL': expected one of"),
    ):
        controller.write("ovm3.yml", {**access, **given})
        output = controller.read_inventory("--list", "-vvv", fails=True, **secrets)
        assert text in " ".join(output.split())
        assert "wr0ng" not in output
        assert "ex_" not in output


def test_an_inventory_beside_a_dead_host(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    sim.add_vm("web", running_on=1)
    sim.hosts[1].kill()
    config: dict[str, Any] = {"plugin": PLUGIN, "estate": "lab"}
    controller.write("ovm3.yml", config)
    output = controller.read_inventory("--graph")
    assert "@ovm3_state_unknown" in output
    assert sim.hosts[1].address in output
    assert "WARNING" in output
    cached = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": "cache",
    }
    config |= cached
    controller.write("ovm3.yml", config)
    for _ in range(2):
        assert sim.hosts[1].address in controller.read_inventory("--graph")
    controller.write("ovm3.yml", {**config, "complete": True})
    for _ in range(2):  # what is incomplete in the cache is not used, and not cached
        output = controller.read_inventory("--graph", fails=True)
        assert sim.hosts[1].address in output
    sim.hosts[1].revive()
    assert "ovm3_state_unknown" not in controller.read_inventory("--graph")


# ------------------------------------------------------------------ the module


def test_the_life_of_a_vm(lab: tuple[Controller, Simulator]) -> None:
    controller, sim = lab
    new = {"name": "web", **IMAGE, "disk_gb": 0.0625, "domain_type": "hvm", "description": "first"}
    results = controller.play(
        [
            {**new, "start": False, "check_mode": True},
            {**new, "start": False},
            {**new, "start": False},
            {"name": "web", "state": "started", "size": "small"},
            {"name": "web", "state": "started"},
            {"name": "web", "state": "stopped"},
            {"name": "web", "state": "absent", "check_mode": True},
            {"name": "web", "state": "absent"},
            {"name": "web", "state": "absent"},
        ],
        "--diff",
    )
    assert not [one["msg"] for one in results if one["failed"]]
    assert [one["changed"] for one in results] == [
        True, True, False, True, False, True, True, True, False,
    ]  # fmt: skip
    states = [one["vm"] and one["vm"]["state"] for one in results]
    assert (
        states == [None, "stopped", "stopped", "running", "running"] + ["stopped"] * 2 + [None] * 2
    )
    checked, created, unchanged, started, *_, would, deleted, gone = results
    assert checked["diff"]["after"]["state"] == "stopped"
    assert (created["diff"]["before"], created["diff"]["after"]) == ({}, created["vm"])
    assert unchanged["diff"]["before"] == unchanged["diff"]["after"] == created["vm"]
    assert started["warnings"] == [
        f"VM 'web' ({created['vm']['id']}) has 512 MB and 1 CPUs, not 1024 MB and 1 CPUs: VMs that "
        f"exist are changed with resize: true only"
    ]
    assert (created["vm"]["is_hvm"], created["vm"]["description"]) == (True, "first")
    assert unchanged["not_compared"] == ["image", "disk_gb", "domain_type", "description"]
    assert not [one for one in (checked, created, started, gone) if "not_compared" in one]
    assert would["disks"] == deleted["disks"] == {"delete": created["vm"]["disks"], "keep": []}
    assert "disks" not in gone
    assert len(calls_of(sim, "create_vm", "start_vm", "stop_vm", "delete_vm")) == 4
    assert quietly(driver_for(sim).list_nodes) == []


def test_tasks_that_fail(lab: tuple[Controller, Simulator]) -> None:
    """Each message is one line, and says all; nothing is changed."""
    controller, sim = lab
    first, second = sim.add_vm("two"), sim.add_vm("two")
    sim.add_vm("on", running_on=1)
    before = fingerprints_of(sim.repository_path)
    access = {"estate": None, "host": address(sim), "fingerprint": pins_of(sim)}
    results = controller.play(
        [
            {"name": "two", "state": "started"},
            {"name": "new", "state": "stopped"},
            {"name": "new", "image": "debian", "size": "tiny"},
            {"name": " ", "state": "absent"},
            {"state": "absent"},
            {**access, "name": "on", "password": "wr0ng"},
            {**access, "name": "on", "fingerprint": "xy"},
            {"estate": "look", "name": "on", "state": "stopped", "check_mode": True},
        ],
        "-vvv",
    )
    errors = [one.get("error") for one in results]
    assert errors == [
        "AmbiguousName", "NodeNotFound", "ImageNotFound", "InvalidArgument", None,
        "BadCredentials", "InvalidArgument", "ReadOnly",
    ]  # fmt: skip
    for one in results:
        assert (one["failed"], one["changed"]) == (True, False)
        assert "\n" not in one["msg"]
    assert "2 VMs are named 'two'" in results[0]["msg"]
    assert len(results[0]["nodes"]) == 2
    assert {one["id"].replace("-", "") for one in results[0]["nodes"]} == {first, second}
    assert "debian" in results[2]["msg"]
    assert "rejected" in results[5]["msg"]
    assert "wr0ng" not in controller.output
    assert "ex_" not in controller.output

    sim.hosts[1].kill()
    dead = controller.play(
        [
            {"name": "on", "state": "started"},
            {"name": "new", **IMAGE},
            {"name": "new", "state": "absent"},
        ]
    )
    assert [one["error"] for one in dead] == [
        "PreconditionFailed",
        "SearchIncomplete",
        "SearchIncomplete",
    ]
    assert all(sim.hosts[1].address in one["msg"] for one in dead)
    assert not any(one["changed"] for one in dead)
    assert calls_of(sim, *WRITES) == []
    assert fingerprints_of(sim.repository_path) == before


def test_what_a_guest_is_told_needs_the_host_module(lab: tuple[Controller, Simulator]) -> None:
    """And Ansible shows no user data. With it: test_vm_with_module.py."""
    controller, sim = lab
    sim.add_vm("on")
    told = {"ssh_key": ED25519, "network_format": 2, "user_data": "#!/bin/sh\ns3ntinel\n"}
    refused, there, other = controller.play(
        [
            {"name": "new", **IMAGE, **told},
            {"name": "on", **told},
            {"name": "on", "metadata": {"owner": "ops"}, "tags": ["web"]},
        ],
        "-vvv",
        "--diff",
    )
    for one in (refused, other):
        assert (one["failed"], one["changed"], one["error"]) == (True, False, "PreconditionFailed")
        assert "host module" in one["msg"]
    assert "(ssh_key, key_name, user_data, an address" in refused["msg"]
    assert (there["failed"], there["changed"]) == (False, False)
    assert there["not_compared"] == ["network_format", "ssh_key", "user_data"]
    assert "s3ntinel" not in controller.output
    assert calls_of(sim, *WRITES) == []


def test_a_start_that_fails_is_picked_up(lab: tuple[Controller, Simulator]) -> None:
    """Case N49: the first task fails and says that it has changed something."""
    controller, sim = lab
    sim.misbehave("fault", "start_vm", text="no start")
    task = {"name": "web", "state": "started", **IMAGE}
    failed, present, started = controller.play([dict(task), {"name": "web"}, dict(task)])
    assert (failed["failed"], failed["changed"], failed["error"]) == (
        True,
        True,
        "OperationIncomplete",
    )
    [vm_id] = failed["left"]
    assert (present["changed"], present["vm"]["state"], present["vm"]["id"]) == (
        False,
        "stopped",
        vm_id,
    )
    assert (started["changed"], started["vm"]["state"], started["vm"]["id"]) == (
        True,
        "running",
        vm_id,
    )


def test_where_the_package_is_missing(lab: tuple[Controller, Simulator]) -> None:
    """The collection may be installed without it; what runs the module may be another Python."""
    controller, _ = lab
    venv.create(controller.folder / "bare", symlinks=True)
    python = str(controller.folder / "bare" / "bin" / "python")
    controller.write(
        "play.yml",
        [
            {
                "hosts": "localhost",
                "gather_facts": False,
                "vars": {"ansible_python_interpreter": python},
                "tasks": [{MODULE: {"estate": "lab", "name": "web"}}],
            }
        ],
    )
    output = controller.run("ansible-playbook", "play.yml", fails=True)
    assert "required Python library (libcloud-ovm3)" in output
    assert "(No module named 'libcloud_ovm3')" in output
    packages = next((controller.folder / "bare" / "lib").glob("python3*/site-packages"))
    (packages / "libcloud_ovm3.py").write_text("__version__ = '0.0.1'\n")
    output = controller.run("ansible-playbook", "play.yml", fails=True)
    assert "'libcloud_ovm3' is not a package" in output
