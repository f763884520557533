"""Hosts that answer with what a file holds."""

from __future__ import annotations

import json
import re
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator, SimulatorError
from tests.simulator.plainclient import client, fault_of
from tests.support import simulate

PAGE = (Path(__file__).parents[3] / "docs" / "bundle.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
REPO = "0004fb0000030000aeaca859e4a8f8c0"


def _bundle(tmp_path: Path, *calls: dict[str, Any]) -> Path:
    path = tmp_path / "bundle.json"
    hosts = [{"address": "192.0.2.1", "calls": list(calls)}]
    path.write_text(json.dumps({"format": 1, "hosts": hosts}))
    return path


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_text(EXAMPLES[0])
    with simulate(from_bundle=path) as sim:
        assert len(sim.hosts) == 2
        agent = client(sim)
        assert agent.echo("put") == "put"
        assert agent.get_api_version() == [3]
        assert agent.get_last_boot_time()["local_time"] == 1414082517
        text = fault_of(agent.get_vm_config, REPO, "web")
        assert text == "exceptions.OSError:[Errno 2] No such file or directory: 'x'"
        with pytest.raises(OSError, match=r"closed|reset|without response|EOF"):
            agent.list_vms()
        with pytest.raises(OSError, match="refused"):
            client(sim, 1).echo("put")
        unknown = fault_of(agent.get_vm_config, REPO, "other")
        assert unknown.endswith(f"the bundle has no response to get_vm_config('{REPO}', 'other')")
        assert "a bundle is read-only" in fault_of(agent.start_vm, REPO, "web")
        with pytest.raises(xmlrpc.client.ProtocolError, match="403"):
            client(sim, user="oracle:wrong@").echo("put")
        sim.misbehave("fault", "echo", text="as usual")
        assert "as usual" in fault_of(agent.echo, "put")


def test_lines_of_which_the_last_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_text(EXAMPLES[1] + '{"address": "192.0.2.3", "sil')
    with simulate(from_bundle=path) as sim:
        assert len(sim.hosts) == 2
        assert client(sim).echo("put") == "put"


def test_every_type_comes_as_it_came(tmp_path: Path) -> None:
    value = {
        "string": "ä<&",
        "int": 7,
        "i8": {"$i8": 7},
        "big": {"$i8": 1 << 40},
        "double": 1.5,
        "boolean": True,
        "nil": None,
        "base64": {"$base64": "AAH/"},
        "time": {"$dateTime": "20141023T18:28:37"},
        "struct": {"$struct": {"$i8": "no number", "x": [{"$i8": 1}]}},
        "array": [[], {}],
    }
    path = _bundle(tmp_path, {"function": "list_vms", "arguments": [], "answer": value})
    with simulate(from_bundle=path) as sim:
        got = client(sim).list_vms()
        raw = _raw(sim, "list_vms")
    assert got["time"].value == "20141023T18:28:37"
    assert got["base64"].data == b"\x00\x01\xff"
    assert got["struct"] == {"$i8": "no number", "x": [1]}
    for key, wanted in (("string", "ä<&"), ("int", 7), ("i8", 7), ("big", 1 << 40), ("nil", None)):
        assert got[key] == wanted
    assert got["boolean"] is True
    assert got["double"] == 1.5
    assert got["array"] == [[], {}]
    assert raw.count("<i8>") == 3
    assert raw.count("<int>") == 1


def _raw(sim: Simulator, name: str) -> str:
    """The answer's body."""
    found = []

    class Keep(xmlrpc.client.SafeTransport):
        def parse_response(self, response: Any) -> Any:
            found.append(response.read().decode())
            return ((None,),)

    host = sim.hosts[0]
    url = f"https://{sim.user}:{sim.password}@{host.address}:{host.port}/"
    context = client(sim)("transport").context  # the one that trusts this host
    getattr(xmlrpc.client.ServerProxy(url, Keep(context=context)), name)()
    return found[0]


def test_answers_in_order_and_arguments_of_either_integer(tmp_path: Path) -> None:
    calls = [
        {"function": "get_vm_config", "arguments": ["r", {"$i8": 5}, {"b": 1, "a": 2}], "answer": n}
        for n in (1, 2)
    ]
    with simulate(from_bundle=_bundle(tmp_path, *calls)) as sim:
        agent = client(sim)
        got = [agent.get_vm_config("r", 5, {"a": 2, "b": 1}) for _ in range(4)]
        assert got == [1, 2, 2, 2]
        assert "no response" in fault_of(agent.get_vm_config, "r", 6, {"a": 2, "b": 1})


def test_a_write_is_refused_even_when_the_file_has_it(tmp_path: Path) -> None:
    path = _bundle(tmp_path, {"function": "start_vm", "arguments": ["r", "v"], "answer": None})
    with simulate(from_bundle=path) as sim:
        assert "start_vm changes something" in fault_of(client(sim).start_vm, "r", "v")
    path = _bundle(
        tmp_path, {"function": "ovs_dom0_stats", "arguments": ["b"], "answer": {"cpu": ""}}
    )
    with simulate(from_bundle=path) as sim:  # not the agent's own: a host module's
        assert client(sim).ovs_dom0_stats("b") == {"cpu": ""}
        assert "ovs_mkdirs changes something" in fault_of(client(sim).ovs_mkdirs, "/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"format": 1}\n',
        '{"format": 2, "hosts": []}',
        '{"format": 1, "hosts": []}',
        '{"format": 1, "hosts": [{"calls": []}]}',
        '{"format": 1, "hosts": [{"address": "a", "calls": [{"function": "echo"}]}]}',
        '{"format": 1, "hosts": [{"address": "a", "calls": [{"function": "echo", "arguments": [],'
        ' "answer": {"$i9": 1}}]}]}',
        '{"format": 1, "hosts": [{"address": "a", "calls": [{"function": "echo", "arguments": [],'
        ' "answer": {"$base64": "?"}}]}]}',
        '{"format": 1}\n{"address": "a", "function": "echo", "arguments": [], "answer": 1, '
        '"lost": "x"}\n',
        "[" * 100_000,
    ],
)
def test_what_is_no_bundle(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b"
    path.write_text(text)
    with pytest.raises(SimulatorError, match="bundle"):
        simulate(from_bundle=path)


def test_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="bundle"):
        simulate(from_bundle=tmp_path / "none")
