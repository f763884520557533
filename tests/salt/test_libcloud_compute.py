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


def reboot_line(node_id: str) -> list[str]:
    return ["libcloud_compute.reboot_node", node_id, "lab"]


def caller(salt: Salt) -> Any:
    from salt.client import Caller
    from salt.config import minion_config

    return Caller(mopts=minion_config(str(salt.folder / "minion"))).cmd
