"""Actions and functions in Salt, through CloudClient: typed arguments, names that are ambiguous."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import Salt, provider_for
from tests.salt.test_client import changes_of, error_of
from tests.salt.test_functions import MADE, STANDARD
from tests.support import calls_of

pytestmark = pytest.mark.salt


def test_salt_has_every_function(salt: Salt) -> None:
    functions = salt_functions(salt)
    expected = STANDARD | {name for name in MADE if not name.startswith("_")}
    assert functions == {f"ovm3.{name}" for name in expected}


def test_actions_with_texts(sim: Simulator, salt: Salt) -> None:
    client = salt.client()
    client.create("lab", ["new"], image="oracle-linux-6", size="tiny", deploy=False)

    def act(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, names=["new"], kwargs=kwargs)["lab"]["ovm3"]["new"]

    own = act("ex_list_own_disks")
    assert isinstance(own, list)
    assert len(own) == 1
    assert act("stop", ex_force="true", ex_timeout="90") is True
    assert calls_of(sim, "stop_vm")
    assert act("ex_get_node_details")["state"] == "STOPPED"
    assert act("start", ex_location="ovm-2") is True
    assert act("show_instance")["host"] == "ovm-2"
    assert act("reboot", ex_minimum_age="0") is True
    assert act("destroy", ex_disks=",".join(own)) is True
    assert set(client.query()["lab"]["ovm3"]) == {"seed-1"}


def test_functions(sim: Simulator, salt: Salt) -> None:
    client = salt.client()

    def call(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, provider="lab", kwargs=kwargs)["lab"]["ovm3"]

    assert call("ex_list_orphans") == []
    node = call("ex_get_node_by_name", name="seed-1")
    assert call("ex_get_node", node_id=node["id"])["disks"] == node["disks"]
    message = error_of(client.action, fun="ex_put_back", provider="lab", kwargs={"path": "/x"})
    assert message == "lab: operation: missing; expected operation=VALUE"
    message = error_of(
        client.action, fun="ex_put_back", provider="lab", kwargs={"path": "/x", "operation": "1"}
    )
    assert message.startswith("lab: ")


@pytest.mark.parametrize(
    ("fun", "kwargs", "message"),
    [
        ("stop", {"ex_force": "yess"}, "lab: ex_force 'yess': expected True or False"),
        ("stop", {"ex_forse": "1"}, "lab: ex_forse: not known; expected ex_force, ex_timeout, "),
        ("reboot", {"ex_minimum_age": "x"}, "lab: ex_minimum_age 'x': expected seconds"),
        ("reboot", {"ex_minimum_age": "999999"}, "lab: VM 'young' ("),
        ("show_instance", {"x": "1"}, "lab: x: not known; expected ex_hosts_off"),
        ("ex_list_orphans", {}, "this is not an action: expected salt-cloud -f NAME PROVIDER"),
        ("list_nodes", {}, "this is not an action: expected salt-cloud -f NAME PROVIDER"),
    ],
)
def test_an_action_that_is_refused(
    fun: str, kwargs: dict[str, str], message: str, sim: Simulator, salt: Salt
) -> None:
    sim.add_vm("young", running_on=1, age=1)
    assert error_of(salt.client().action, fun=fun, names=["young"], kwargs=kwargs).startswith(
        message
    )
    assert changes_of(sim) == []


@pytest.mark.parametrize("fun", ["destroy", "start", "show_instance", "ex_list_own_disks"])
def test_an_action_is_not_a_function(fun: str, salt: Salt) -> None:
    for kwargs in ({}, {"name": "seed-1"}):
        message = error_of(salt.client().action, fun=fun, provider="lab", kwargs=kwargs)
        assert message == "this is not a function: expected salt-cloud -a NAME VM"


def test_beside_a_host_that_is_off(sim: Simulator, tmp_path: Path) -> None:
    """The simulated host has no SSH, so its agent's port is checked instead."""
    dead = sim.hosts[1]
    sim.add_vm("db-1", running_on=1)
    dead.shut_down()
    ports = {"ex_ssh_port": str(dead.port), "ex_timeouts": "connect=1"}
    client = Salt(tmp_path / "salt", {"lab": provider_for(sim, **ports)}).client()

    def act(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, names=["db-1"], kwargs=kwargs)["lab"]["ovm3"]["db-1"]

    assert act("show_instance")["state"] == "UNKNOWN"
    assert dead.address in error_of(act, "start")
    off = {"ex_hosts_off": f"{dead.address}:{dead.port}"}
    assert act("show_instance", **off)["state"] == "STOPPED"
    assert act("start", **off) is True
    assert act("show_instance", **off)["host"] == "ovm-1"
    assert changes_of(sim) == ["start_vm"]


def test_names_that_are_ambiguous(sim: Simulator, salt: Salt) -> None:
    first, second = (str(uuid.uuid4()) for _ in range(2))
    sim.add_vm("twin", uuid=first)
    sim.add_vm("twin", uuid=second)
    client = salt.client()
    assert client.query()["lab"]["ovm3"]["twin"]["state"] == "AMBIGUOUS"
    assert client.profile("small", names=["twin"])["twin"] == {
        "Error": "twin already exists under lab:ovm3"
    }
    for refused in (
        lambda: client.action(fun="start", names=["twin"]),
        lambda: client.destroy(["twin"]),
        lambda: client.create("lab", ["twin"], image="oracle-linux-6", size="tiny", deploy=False),
    ):
        message = error_of(refused)
        assert "'twin'" in message
        assert first in message
        assert second in message
    assert changes_of(sim) == []
    assert client.action(fun="start", names=[first])["lab"]["ovm3"] == {first: True}
    assert client.destroy([second]) == {"lab": {"ovm3": {second: True}}}
    assert client.query()["lab"]["ovm3"]["twin"]["id"] == first


def salt_functions(salt: Salt) -> set[str]:
    from salt.cloud import Map

    clouds = Map(salt.client().opts).clouds
    return {name for name in clouds if name.startswith("ovm3.")}
