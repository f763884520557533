"""Salt's own programs, as a user runs them, against simulated hosts on loopback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import PROFILE, Salt, address, provider_for
from tests.support import calls_of, pins_of

pytestmark = pytest.mark.salt

PAGE = (Path(__file__).parents[2] / "docs" / "salt-cloud.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BY_ESTATE, IN_FULL, PROFILES, MAP, STATE, _, _, MINION, REBOOT = [
    text for kind, text in BLOCKS if kind == "yaml"
]
# _: test_arguments.py has those of networks and key pairs, for which hosts need the host module,
# and of repositories.
INSTALL, USE, _, VOLUMES, _, _, PREPARE, TRY, LIST = [
    text.splitlines() for kind, text in BLOCKS if kind == "sh"
]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(hosts=3, vms=1, speed=100) as simulator:
        yield simulator


@pytest.fixture
def salt(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Salt:
    """The provider of the page's first example, and its profile."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    entry = {"hosts": [address(sim)], "pins": pins_of(sim), "second_look": 0}
    add_estate("lab", entry, sim.password, is_default=False)
    salt = Salt(tmp_path / "salt", {}, keysize=2048)
    salt.write("cloud.providers.d/ovm3.conf", BY_ESTATE)
    salt.write("cloud.profiles.d/ovm3.conf", PROFILES)
    return salt


def test_the_commands_of_the_page(sim: Simulator, salt: Salt) -> None:
    cloud_map = salt.write("cloud.map", MAP)
    assert MAP.splitlines()[2] == "  - web-2:"
    written: dict[str, Any] = {}
    for line in USE:
        arguments = line.replace("/etc/salt/cloud.map", str(cloud_map)).split()
        assert arguments.pop(0) == "salt-cloud"
        written[line] = salt.cloud(*arguments)
    listed, created, queried, stopped, started, shown, orphans, destroyed, *maps = written.values()
    assert set(listed["lab"]["ovm3"]) == {"ovm-1", "ovm-2", "ovm-3"}
    assert (created["db-1"]["name"], created["db-1"]["state"]) == ("db-1", "RUNNING")
    assert queried["lab"]["ovm3"]["db-1"]["id"] == created["db-1"]["id"]
    assert stopped == started == destroyed == {"lab": {"ovm3": {"db-1": True}}}
    assert shown["lab"]["ovm3"]["db-1"]["host"] == "ovm-1"
    assert orphans == {"lab": {"ovm3": []}}
    made, there, gone = maps
    assert {name: one["memory_mb"] for name, one in made.items()} == {"web-1": 1024, "web-2": 2048}
    assert {one["state"] for one in there["lab"]["ovm3"].values()} == {"RUNNING"}
    assert gone == {"lab": {"ovm3": {"web-1": True, "web-2": True}}}
    assert set(salt.cloud("-Q")["lab"]["ovm3"]) == {"seed-1"}


def test_the_commands_for_volumes(sim: Simulator, salt: Salt) -> None:
    sim.add_vm("db-1", running_on=1)
    ids: dict[str, str] = {}
    written = []
    for line in VOLUMES:
        for name, found in ids.items():
            line = line.replace(f"={name}", f"={found}")  # noqa: PLW2901
        answer = salt.cloud(*line.split()[1:])["lab"]["ovm3"]
        written.append(answer)
        if "create_volume_snapshot" in line:
            ids["SNAPSHOT"] = answer["id"]
        elif "create_volume " in line:
            ids["VOLUME"] = answer["id"]
    assert len(ids) == 2
    assert [one for one in written if not isinstance(one, dict)] == [True, True, True]
    assert {"db-1": True} in written


def test_a_folder_of_ones_own(sim: Simulator, salt: Salt, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = salt.folder / "own"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.chdir(folder)
    for lines in (PREPARE, TRY):
        written = subprocess.run(["sh", "-ec", "\n".join(lines)], check=True, capture_output=True)
        (folder / "salt" / "cloud.providers.d" / "ovm3.conf").write_text(BY_ESTATE)
        (folder / "salt" / "cloud.profiles.d" / "ovm3.conf").write_text(PROFILES)
    assert "oracle-linux-6" in written.stdout.decode()
    assert calls_of(sim, "create_vm") == ["create_vm"]
    assert {one.name for one in (folder / "salt" / "root").iterdir()} <= {"var", "etc"}


def test_the_provider_that_has_everything_itself(sim: Simulator, salt: Salt) -> None:
    text = IN_FULL.replace("the agent's password", sim.password)
    for index, (host, pin) in enumerate(pins_of(sim).items(), 1):
        name = f"ovm-{index}.example.com"
        text = text.replace(f"host: {name}", f"host: {address(sim)}")
        text = text.replace(f"{name}: SHA256", f"{host}: {pin}")
    salt.write("cloud.providers.d/ovm3.conf", text)
    done = salt.run("salt-cloud", "-Q")
    assert "seed-1" in json.loads(done.stdout)["lab"]["ovm3"]
    assert f"{sim.hosts[2].address}:" in done.stderr, "a warning: there is no pin for the third"


def test_the_rest_of_the_loop(sim: Simulator, salt: Salt) -> None:
    assert "libcloud-ovm3" in salt.run("salt-cloud", "--versions-report").stdout
    assert salt.cloud("--list-providers") == {"lab": {"ovm3": {}}}
    assert salt.cloud("--list-profiles", "lab") == {"small": {"lab": {}}}
    assert salt.cloud("--list-sizes", "lab")["lab"]["ovm3"]["Small"]["id"] == "small"
    assert "oracle-linux-6" in salt.cloud("--list-images", "lab")["lab"]["ovm3"]
    salt.cloud("-p", "small", "db-1")
    again = salt.cloud("-p", "small", "db-1")
    assert again == {"db-1": {"Error": "db-1 already exists under lab:ovm3"}}
    assert salt.cloud("-F")["lab"]["ovm3"]["db-1"]["memory_mb"] == 1024
    assert salt.cloud("-S")["lab"]["ovm3"]["db-1"]["state"] == "RUNNING"
    done = {"lab": {"ovm3": {"db-1": True}}}
    assert salt.cloud("-a", "reboot", "db-1", "ex_minimum_age=0") == done
    assert salt.cloud("-a", "destroy", "db-1") == done
    assert calls_of(sim, "create_vm", "reboot_vm", "delete_vm") == [
        "create_vm",
        "reboot_vm",
        "delete_vm",
    ]
    absent = salt.run("salt-cloud", "-d", "db-1", "-y")
    assert (absent.returncode, absent.stdout.strip()) == (
        0,
        "No machines were found to be destroyed",
    )


def test_a_map_of_twenty_in_parallel(tmp_path: Path) -> None:
    profiles = {
        "tiny": {**PROFILE, "size": "tiny"},
        "wrong": {**PROFILE, "image": "no-such-template"},
    }
    names = [f"web-{number}" for number in range(20)]
    with Simulator(hosts=4, vms=1, speed=100, memory_mb=65536) as sim:
        salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, profiles, pool_size=8)
        cloud_map = salt.write("map", {"tiny": names, "wrong": ["odd-1", "odd-2"]})
        done = salt.run("salt-cloud", "-m", str(cloud_map), "-P", "-y")
        assert "Traceback" not in done.stderr
        made = json.loads(done.stdout)
        assert {made[name]["state"] for name in names} == {"RUNNING"}
        message = "lab: no image 'no-such-template'; images: oracle-linux-6, "
        for name in ("odd-1", "odd-2"):
            assert made[name]["Error"].startswith(message)
            assert f"Failed to deploy '{name}'. Error: {message}" in done.stderr
        salt.write("map", {"tiny": names})
        again = salt.cloud("-m", str(cloud_map), "-P")
        assert again == {name: {"Message": "Already running."} for name in names}
        assert len(calls_of(sim, "create_vm")) == len(calls_of(sim, "start_vm")) == 20
        there = salt.cloud("-m", str(cloud_map), "-Q")["lab"]["ovm3"]
        assert len({one["id"] for one in there.values()}) == 20


def test_the_state(sim: Simulator, salt: Salt) -> None:
    """The second run changes nothing; a list that cannot be read is not that of an empty pool."""
    salt.write("states/vm.sls", STATE)
    salt.write("states/gone.sls", {"db-1": {"cloud.absent": []}})

    def apply(sls: str) -> tuple[bool, str, bool]:
        [state] = salt.call("state.apply", sls).values()
        return state["result"], state["comment"], bool(state["changes"])

    assert apply("vm") == (True, "Created instance db-1 using profile small", True)
    assert apply("vm") == (True, "Already present instance db-1", False)
    sim.hosts[0].set_password("another")
    [state] = salt.call("state.apply", "gone").values()
    assert state["result"] is False
    assert "the agent rejected user and password" in state["comment"]
    sim.hosts[0].set_password(sim.password)
    assert apply("gone") == (True, "Destroyed instance db-1", True)
    assert apply("gone") == (True, "Already absent instance db-1", False)
    assert calls_of(sim, "create_vm", "delete_vm") == ["create_vm", "delete_vm"]


def test_the_module_of_minions(sim: Simulator, salt: Salt) -> None:
    """Salt adds arguments of its own to functions (``__pub_fun``)."""
    assert salt.call("cloud.action", "fun=ex_list_orphans", "provider=lab") == {"lab": {"ovm3": []}}
    nodes = salt.call("cloud.action", "fun=list_nodes_min", "provider=lab")["lab"]["ovm3"]
    assert set(nodes) == {"seed-1"}
    done = {"lab": {"ovm3": {"seed-1": True}}}
    assert salt.call("cloud.action", "stop", "instance=seed-1", "ex_force=true") == done
    assert salt.call("cloud.get_instance", "seed-1")["state"] == "STOPPED"


def test_errors_on_the_command_line(sim: Simulator, salt: Salt) -> None:
    """One line, and the exit status of an error."""
    message = salt.fails("-a", "stop", "seed-1", "ex_forse=true")
    assert message == (
        "Error: There was an error actioning machines: lab: ex_forse: not known; expected "
        "ex_force, ex_timeout, ex_hosts_off\n"
    )
    assert "this is not a function: expected" in salt.fails("-f", "destroy", "lab", "name=seed-1")
    (salt.folder.parent / "libcloud-ovm3" / "lab.password").write_text("wrong\n")
    message = salt.fails("-Q")
    assert "lab: 127.0.0.2:" in message
    assert "the agent rejected user and password" in message
    assert "Traceback" not in message
    assert "The above exception" not in message


def test_the_table_of_the_page(sim: Simulator, salt: Salt) -> None:
    """Salt's own messages for what is wrong in a configuration."""
    salt.write("cloud.profiles.d/ovm3.conf", {"small": {**PROFILE, "provider": "lab:ovm3"}})
    assert "Profile small is not defined" in salt.run("salt-cloud", "-p", "small", "x").stderr
    incomplete = provider_for(sim, password=None)
    salt.write("cloud.providers.d/ovm3.conf", {"lab": incomplete})
    done = salt.run("salt-cloud", "-Q")
    assert done.returncode == 1
    assert "lab: no password: expected estate" in done.stderr
    salt.write("cloud.providers.d/ovm3.conf", {"a:b": provider_for(sim)})
    assert "too many values to unpack" in salt.run("salt-cloud", "-Q").stderr
    for text in (
        "Profile small is not defined",
        "lab: no password: expected estate",
        "too many values to unpack",
    ):
        assert f"`{text}" in PAGE


def test_what_the_page_installs() -> None:
    wheel = "libcloud_ovm3-0.1.0-py3-none-any.whl"
    assert [f"salt-pip install '{wheel}[cli]'"] == INSTALL
    assert f"'{wheel}[cli]'" in (Path(__file__).parents[2] / "README.md").read_text()
    assert yaml.safe_load(MINION)["libcloud_compute"]["lab"]["driver"] == "ovm3"
    assert "libcloud_compute.reboot_node" in REBOOT
    assert LIST == ["salt-call --local libcloud_compute.list_nodes lab"]
