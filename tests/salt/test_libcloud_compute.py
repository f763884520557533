"""Salt's execution module ``libcloud_compute``, which finds the driver by its name.

Salt 3008 has it no longer, so `make test-salt` runs this file with older ones only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import Salt, address
from tests.salt.test_programs import LIST, MINION, REBOOT
from tests.support import calls_of, pins_of, quietly

pytestmark = pytest.mark.salt


def test_list_reboot_destroy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Simulator(hosts=2, vms=2, speed=100) as sim:
        entry = {"hosts": [address(sim)], "pins": pins_of(sim), "second_look": 0}
        add_estate("lab", entry, sim.password, is_default=False)
        salt = Salt(tmp_path / "salt", {})
        configured = yaml.safe_load((salt.folder / "minion").read_text())
        salt.write("minion", {**configured, **yaml.safe_load(MINION)})
        [command] = LIST
        nodes = salt.call(*command.split()[2:])
        assert [(node["name"], node["state"]) for node in nodes] == [
            ("seed-1", "running"),
            ("seed-2", "running"),
        ]
        example = next(word for word in REBOOT.split() if word.startswith("0004fb00-"))
        salt.write("states/reboot.sls", REBOOT.replace(example, nodes[0]["id"]))
        [state] = salt.call("state.apply", "reboot").values()
        assert state["result"] is True, state
        assert calls_of(sim, "reboot_vm", "delete_vm") == ["reboot_vm"]
        destroy = ("libcloud_compute.destroy_node", nodes[1]["id"], "lab")
        assert quietly(caller(salt), *destroy) is True
        assert calls_of(sim, "reboot_vm", "delete_vm") == ["reboot_vm", "delete_vm"]
        failed = salt.run("salt-call", "--local", *reboot_line(nodes[0]["id"]))
        assert "unexpected keyword argument '__pub_fun'" in failed.stdout + failed.stderr
        assert calls_of(sim, "reboot_vm") == ["reboot_vm"]


def test_volumes_snapshots_and_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function of the module for them, by salt-call where that is another way."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Simulator(hosts=2, vms=1, repositories=2, speed=100) as sim:
        sim.add_vm("off")
        entry = {"hosts": [address(sim)], "pins": pins_of(sim), "second_look": 0}
        add_estate("lab", entry, sim.password, is_default=False)
        salt = Salt(tmp_path / "salt", {})
        configured = yaml.safe_load((salt.folder / "minion").read_text())
        salt.write("minion", {**configured, **yaml.safe_load(MINION)})
        run = caller(salt)

        def call(function: str, *arguments: Any, **more: Any) -> Any:
            return quietly(run, f"libcloud_compute.{function}", *arguments, "lab", **more)

        made = salt.call("libcloud_compute.create_volume", "2", "data", "lab")
        assert (made["name"], made["size"], made["state"]) == ("data", 2, "available")
        nodes = {node["name"]: node["id"] for node in call("list_nodes")}
        assert salt.call("libcloud_compute.attach_volume", nodes["seed-1"], made["id"], "lab")
        [listed] = [one for one in call("list_volumes") if one["id"] == made["id"]]
        assert listed["state"] == "inuse"
        assert [one["node_name"] for one in listed["extra"]["attachments"]] == ["seed-1"]
        assert call("detach_volume", made["id"]) is True
        snapshot = call("create_volume_snapshot", made["id"], name="before")
        listed = salt.call("libcloud_compute.list_volume_snapshots", made["id"], "lab")
        assert [(one["id"], one["name"]) for one in listed] == [(snapshot["id"], "before")]
        assert call("destroy_volume_snapshot", made["id"], snapshot["id"]) is True
        assert call("destroy_volume", made["id"]) is True
        assert made["id"] not in {one["id"] for one in call("list_volumes")}
        image = call("create_image", nodes["off"], "golden")
        assert call("get_image", image["id"]) == image
        copied = call("copy_image", sim.repository_id, image["id"], "second")
        assert copied["extra"]["repository_id"] != sim.repository_id
        assert call("delete_image", copied["id"]) is True
        assert call("delete_image", image["id"]) is True
        names = {one["name"] for one in salt.call("libcloud_compute.list_images", "lab")}
        assert names >= {"oracle-linux-6"}
        assert not {"golden", "second"} & names


def reboot_line(node_id: str) -> list[str]:
    return ["libcloud_compute.reboot_node", node_id, "lab"]


def caller(salt: Salt) -> Any:
    from salt.client import Caller
    from salt.config import minion_config

    return Caller(mopts=minion_config(str(salt.folder / "minion"))).cmd
