"""``ovm3 api``: the list of functions, and calls that change nothing unless intended."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.cli.api import hidden
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import invoke, options


def test_list() -> None:
    lines = invoke("api", "list")[1].splitlines()
    assert lines[0].split()[:4] == ["function", "module", "kind", "versions"]
    assert {line.split()[0] for line in lines[1:] if not line[0].isspace()} >= set(
        catalogue.functions()
    )
    reads = invoke("api", "list", "--reads", "discover", "server")[1].splitlines()
    assert [line.split()[0] for line in reads[1:]] == ["discover_server", "discover_server_pool"]
    assert "no matching functions" in invoke("api", "list", "--reads", "start_vm")[1]
    assert "vm.cfg" in invoke("api", "list", "get_vm_config")[1], "a full stop inside a name"


def test_show() -> None:
    shown = invoke("api", "show", "start_vm")[1]
    assert "start_vm(repo_id: str, vm_id: str)" in shown
    assert "needs --write" in shown
    assert "agent-behaviour" in shown
    assert "on 3.3" in invoke("api", "show", "take_ownership")[1]
    assert "behaviour unknown" in invoke("api", "show", "sleep")[1]
    assert "changes nothing" in invoke("api", "show", "echo")[1]
    status, shown = invoke("api", "show", "nonsense")
    assert (status, "ovm3 api list" in shown) == (2, True)


def test_call(tmp_path: Path) -> None:
    file = tmp_path / "text.json"
    file.write_text(json.dumps('Зл"ат'), encoding="utf-8")
    with Simulator(hosts=1, speed=100) as sim:

        def call(*arguments: str) -> str:
            status, shown = invoke("api", "call", *arguments, *options(sim), password=sim.password)
            assert status == 0, shown
            return shown

        assert json.loads(call("get_api_version")) == [3]
        assert call("echo", '"put"') == "put\n"
        assert call("echo", f"@{file}") == 'Зл"ат\n'
        assert json.loads(call("echo", '{"a": [1, true, null, 0.5, 4294967296]}')) == {
            "a": [1, True, None, 0.5, 4294967296]
        }
        assert call("discover_server").startswith("<?xml")
        [name] = [vm["name"] for vm in json.loads(call("list_vms")) if vm["domid"] == "1"]
        unknown = ("api", "call", "nonsense", "--write", *options(sim))
        status, shown = invoke(*unknown, password=sim.password)
        assert (status, "not supported" in shown) == (1, True)
        where = [json.dumps(sim.repository_id), json.dumps(name)]
        assert call("--write", "pause_vm", *where) == "null\n"
        assert [vm["name"] for vm in sim.domains(0) if vm["state"][2] == "p"] == [name]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["start_vm", '"r"', '"v"'], "see `ovm3 api show start_vm`"),
        (
            ["nonsense"],
            "may change something, so it was not sent; add --write if intended (`ovm3 api "
            "list` does not have it)",
        ),
        (["package_list", '"updates"'], "may change something"),
        (["echo", "put"], "need quotes"),
        (["echo", "@/nonexistent"], "No such file"),
        (["--write", "update_agent_password", '"oracle"', '"geheim4711"'], "@FILE"),
        (["echo", '{"admin_passwd": "geheim4711"}'], "@FILE"),
        (["--write", "dispatch", '"https://oracle:geheim4711@h/"', '"echo"'], "@FILE"),
        (["echo", "1", "--host", "127.0.0.2"], "one host"),
    ],
)
def test_nothing_unintended_is_sent(arguments: list[str], text: str) -> None:
    with Simulator(hosts=1, speed=100) as sim:
        status, shown = invoke("api", "call", *arguments, *options(sim), password=sim.password)
        assert sim.calls == []
        assert sim.connections == 0
    assert status == 2
    assert text in shown
    assert "geheim4711" not in shown


def test_passwords_of_guests_are_hidden_by_default() -> None:
    with Simulator(hosts=1, speed=100, vms=0) as sim:
        secret = {"vfb": ["type=vnc,vncpasswd=geheim4711,keymap=en-us"], "vncpasswd": "geheim4711"}
        directory = json.dumps(sim.add_vm("a", config=secret))
        repository = json.dumps(sim.repository_id)
        call = ["api", "call", "get_vm_config", repository, directory, *options(sim)]
        _, shown = invoke(*call, password=sim.password)
        assert "geheim4711" not in shown
        assert shown.count("******") == 2
        _, shown = invoke(*call, "--show-secrets", password=sim.password)
        assert shown.count("geheim4711") == 2


def test_bytes_are_hidden_by_default() -> None:
    with Simulator(hosts=1, speed=100, vms=0, host_module=True) as sim:
        sim.add_vm("a", config={"vncpasswd": "geheim4711"})
        call = ["api", "call", "libcloud_repository", json.dumps(sim.repository_id), '""']
        call += ["--write", *options(sim)]
        _, shown = invoke(*call, password=sim.password)
        [entry] = json.loads(shown)["vm_cfg"]
        assert entry["content"].endswith("bytes (--show-secrets prints them as base64)")
        _, shown = invoke(*call, "--show-secrets", password=sim.password)
        [entry] = json.loads(shown)["vm_cfg"]
        assert b"geheim4711" in base64.b64decode(entry["content"])


def test_hiding_leaves_the_rest() -> None:
    value = {"vncpasswd": "", "a": ["b", 1, None, {"admin_passwd": "x", "c": "passwd=y"}]}
    assert hidden(value) == {
        "vncpasswd": "",
        "a": ["b", 1, None, {"admin_passwd": "******", "c": "passwd=******"}],
    }
