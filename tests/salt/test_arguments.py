"""Texts of Salt's command line become what the driver's methods take, or are refused."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.salt.arguments import typed
from tests.operations.sharing import export
from tests.salt.test_functions import methods
from tests.support import driver_for, quietly, simulate

STOP, START = OVM3NodeDriver.stop_node, OVM3NodeDriver.start_node
CREATE_VOLUME, ATTACH = OVM3NodeDriver.create_volume, OVM3NodeDriver.attach_volume
ATTACH_NIC = OVM3NodeDriver.ex_attach_nic
DESTROY, PUT_BACK = OVM3NodeDriver.destroy_node, OVM3NodeDriver.ex_put_back


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        (STOP, {"ex_force": "true", "ex_timeout": "2"}, {"ex_force": True, "ex_timeout": 2.0}),
        (STOP, {"ex_force": False, "ex_timeout": 0}, {"ex_force": False, "ex_timeout": 0.0}),
        (STOP, {"ex_hosts_off": "a, b"}, {"ex_hosts_off": ["a", "b"]}),
        (STOP, {"ex_hosts_off": ["a", "b"]}, {"ex_hosts_off": ["a", "b"]}),
        (STOP, {"ex_force": None}, {}),
        (STOP, {"__pub_fun": "cloud.action", "__pub_jid": "1"}, {}),
        (START, {"ex_location": "ovm-1"}, {"ex_location": "ovm-1"}),
        (DESTROY, {"ex_disks": "/a/b.img"}, {"ex_disks": ["/a/b.img"]}),
        (PUT_BACK, {"path": "/a", "operation": "12"}, {"path": "/a", "operation": "12"}),
        (CREATE_VOLUME, {"size": "2", "name": "d"}, {"size": 2, "name": "d"}),
        (
            CREATE_VOLUME,
            {"name": "d", "snapshot": "r/VirtualDisks/s.img"},
            {"size": None, "name": "d", "snapshot": "r/VirtualDisks/s.img"},
        ),
        (ATTACH, {"volume": "r/VirtualDisks/d.img"}, {"volume": "r/VirtualDisks/d.img"}),
        (ATTACH_NIC, {"network": "guest:160", "ex_mac": "00:21:f6:00:00:01"},
         {"network": "guest:160", "ex_mac": "00:21:f6:00:00:01"}),
        (ATTACH_NIC, {"network": "b", "ex_address": "10.0.0.5,10.0.0.6"},
         {"network": "b", "ex_address": ["10.0.0.5", "10.0.0.6"]}),
        (OVM3NodeDriver.ex_resize_node, {"size": "large", "ex_cpus": "2"},
         {"size": "large", "ex_cpus": 2}),
        (OVM3NodeDriver.ex_pin_node, {"cpus": "0-3,8"}, {"cpus": "0-3,8"}),
        (OVM3NodeDriver.ex_update_nic, {"nic": "n", "ex_address": ""},
         {"nic": "n", "ex_address": []}),
    ],
)  # fmt: skip
def test_what_is_taken(method: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert typed(method, given) == expected


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        (STOP, {"ex_force": "yess"}, "ex_force 'yess': expected True or False"),
        (STOP, {"ex_force": ""}, "ex_force '': expected True or False"),
        (STOP, {"ex_timeout": "soon"}, "ex_timeout 'soon': expected seconds"),
        (STOP, {"ex_timeout": "nan"}, "ex_timeout 'nan': expected seconds"),
        (STOP, {"ex_hosts_off": "a,,b"}, "ex_hosts_off '': expected a text"),
        (STOP, {"ex_hosts_off": []}, r"ex_hosts_off \[\]: expected a list"),
        (STOP, {"ex_hosts_off": [1]}, "ex_hosts_off 1: expected a text; in YAML, put it in quotes"),
        (STOP, {"ex_forse": "1"}, "ex_forse: not known; expected ex_force, ex_timeout, ex_hosts_o"),
        (STOP, {"node": "x"}, "node: not known"),
        (START, {"ex_location": 7}, "ex_location 7: expected a text"),
        (PUT_BACK, {"path": "/a"}, "operation: missing; expected operation=VALUE"),
        (PUT_BACK, {"path": "/a", "operation": None}, "operation: missing"),
        (PUT_BACK, {"path": "", "operation": "x"}, "path '': expected a text"),
        (CREATE_VOLUME, {"size": "2"}, "name: missing; expected name=VALUE"),
        (CREATE_VOLUME, {"size": "2G", "name": "d"}, "size '2G': expected a number"),
        (ATTACH, {}, "volume: missing; expected volume=VALUE"),
        (ATTACH, {"volume": 7}, "volume 7: expected a text"),
        (ATTACH_NIC, {"network": 5}, "network 5: expected a text"),
        (ATTACH_NIC, {"ex_mac": "x"}, "network: missing; expected network=VALUE"),
        (OVM3NodeDriver.ex_list_orphans, {"x": "y"}, "x: not known; expected nothing"),
        (OVM3NodeDriver.list_nodes, {"ex_strict": "x"}, "ex_strict 'x': expected True or False"),
    ],
)
def test_what_is_refused(method: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        typed(method, given)


def blocks_of(heading: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs" / "salt-cloud.md").read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def test_the_key_pairs_of_the_page(tmp_path: Path) -> None:
    """The commands, as Salt hands them to its functions."""
    public = tmp_path / "id.pub"
    found: list[Any] = []
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        driver = driver_for(sim, ex_keys_repository=sim.repository_id)
        for line in blocks_of("Key pairs")[0].splitlines():
            words = line.replace("/root/.ssh/id_rsa.pub", str(public)).split()
            program, _, name, provider, *rest = words
            assert (program, provider) == ("salt-cloud", "lab")
            function = getattr(driver, name.replace("list_keypairs", "list_key_pairs"))
            found.append(function(**typed(function, dict(word.split("=", 1) for word in rest))))
            public.write_text(found[0].public_key)
    made, imported, listed, shown, deleted = found
    assert "PRIVATE KEY" in made.private_key
    assert [one.name for one in listed] == [imported.name, made.name]
    assert (shown.fingerprint, deleted) == (made.fingerprint, True)


def test_the_repositories_of_the_page() -> None:
    with simulate(hosts=2, vms=0, templates=0, version="3.3.3", host_module=True) as sim:
        export(sim, "filer:/export/second").mkdir(parents=True)
        driver = driver_for(sim)
        second = driver.list_locations()[1].id
        found: dict[str, Any] = {}
        for line in blocks_of("Repositories")[0].splitlines():
            program, _, name, provider, *words = line.replace("ovm-2", second).split()
            assert (program, provider) == ("salt-cloud", "lab")
            function = getattr(driver, name)
            given = typed(function, dict(word.split("=", 1) for word in words))
            found[name] = quietly(function, **given)
        names = {one.name for one in driver.ex_list_repositories()}
    assert {one.name for one in found["ex_list_repositories"]} == {"MyRepo", "Spare"}
    assert (found["ex_delete_repository"], names) == (True, {"MyRepo"})


def test_the_networks_of_the_page() -> None:
    """Provider, profile and commands, as Salt hands them to the driver; the commands twice."""
    provider, profile, commands = blocks_of("Networks")
    labels = yaml.safe_load(provider)["lab"]["ex_traffic_labels"]
    with simulate(hosts=2, vms=0, layout="bare", version="3.3.3") as sim:
        driver = driver_for(sim, ex_traffic_labels=labels)
        for line in commands.splitlines() * 2:
            program, _, function, name, *words = line.split()
            assert (program, name) == ("salt-cloud", "lab")
            given = dict(word.split("=", 1) for word in words)
            found = quietly(getattr(driver, function), **typed(getattr(driver, function), given))
        assert {"mgmt", "isolated"} <= {one.name for one in found}
        networks = yaml.safe_load(profile)["web"]["networks"]
        given = typed(
            driver.create_node, {"name": "web", "networks": networks}, others=("size", "image")
        )
        node = quietly(driver.create_node, size="tiny", image=driver.list_images()[0], **given)
    assert [one["bridge"] for one in node.extra["nics"]] == ["mgmt.160", "mgmt.161"]


@pytest.mark.parametrize("method", sorted(methods()))
def test_the_type_of_every_argument_is_known(method: str) -> None:
    """A new type, a number of disks say, needs its line in ``_as_type``."""
    function = getattr(OVM3NodeDriver, method)
    parameters = inspect.signature(function).parameters
    for name in set(parameters) - {"self", "node"}:
        assert typed(function, {name: "1"}, set(parameters) - {name}).keys() == {name}
