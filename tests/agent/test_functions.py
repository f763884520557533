"""agent.functions: each method calls the function of its name, arguments in the agent's order."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.catalogue import Function
from libcloud_ovm3.agent.functions import NFS_PLUGIN, Agent
from libcloud_ovm3.errors import MalformedResponse
from tests.agent.recorder import Recorder

FUNCTIONS = list(catalogue.functions().values())
FIXED = [function for function in FUNCTIONS if not function.other_arguments]
ANSWERS: dict[str, Any] = {
    "str": "<a/>",
    "list": [3],
    "dict": {"a": 1},
    "bool": False,
    "any": object(),
}
SS, FS, FILE = {"uuid": "s"}, {"uuid": "f"}, {"fr_uuid": "x"}

# What every client sends, written down by hand: method, arguments, the call that goes out.
LITERALLY: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
    ("common.echo", ("x",), ("echo", "x")),
    ("common.dispatch", ("https://h/", "echo", "x"), ("dispatch", "https://h/", "echo", "x")),
    ("linux.copy_file", ("a", "b", True), ("copy_file", "a", "b", True)),
    ("linux.set_ntp", (["h"], False), ("set_ntp", ["h"], False)),
    ("linux.set_datetime", (2026, 1, 2, 3, 4, 5), ("set_datetime", 2026, 1, 2, 3, 4, 5)),
    ("xen.list_vms", (), ("list_vms",)),
    ("xen.create_vm", ("r", "v", {"a": 1}), ("create_vm", "r", "v", {"a": 1})),
    ("xen.stop_vm", ("r", "v", False), ("stop_vm", "r", "v", False)),
    ("xen.stop_vm", ("r", "v"), ("stop_vm", "r", "v")),
    ("xen.reboot_vm", ("r", "v", 3), ("reboot_vm", "r", "v", 3)),
    ("xen.migrate_vm", ("r", "v", "ip", True), ("migrate_vm", "r", "v", "ip", True)),
    ("network.ovs_local_config", ("start", "c0"), ("ovs_local_config", "start", "c0")),
    ("network.ovs_change_mtu", ("bond0", 9000), ("ovs_change_mtu", "bond0", 9000)),
    ("cluster.create_cluster", ("p",), ("create_cluster", "p")),
    ("poolfs.discover_pool_filesystem", (), ("discover_pool_filesystem",)),
    ("remote.sys_reboot", (), ("sys_reboot",)),
    ("repository.import_ISO", ("u", "i", "r"), ("import_ISO", "u", "i", "r")),
    ("serverpool.update_server_roles", ("xen,utility",), ("update_server_roles", "xen,utility")),
    (
        "storageplugin.storage_plugin_mount",
        (NFS_PLUGIN, SS, FS, "/mnt", "", True, []),
        ("storage_plugin_mount", NFS_PLUGIN, SS, FS, "/mnt", "", True, []),
    ),
    (
        "storageplugin.storage_plugin_getFileInfo",
        (NFS_PLUGIN, SS, FS, FILE),
        ("storage_plugin_getFileInfo", NFS_PLUGIN, SS, FS, FILE),
    ),
    ("storageplugin.storage_plugin_resize", ("P", 1, 2), ("storage_plugin_resize", "P", 1, 2)),
    ("unplaced.package_list", ("installed",), ("package_list", "installed")),
]


def method_of(connection: Recorder, name: str) -> Any:
    group, _, method = name.partition(".")
    return getattr(getattr(Agent(connection), group), method)


def prepared(function: Function, answer: Any = ...) -> tuple[Recorder, Any, list[Any]]:
    """A recorder with a right answer, the method, and values no two of which are equal."""
    recorder = Recorder(ANSWERS[function.answer.rstrip("?")] if answer is ... else answer)
    values = [f"{function.name}-{argument.name}" for argument in function.arguments]
    return recorder, method_of(recorder, f"{function.group}.{function.name}"), values


def each(functions: list[Function]) -> Any:
    return pytest.mark.parametrize("function", functions, ids=lambda function: function.name)


@pytest.mark.parametrize(("name", "arguments", "call"), LITERALLY)
def test_literally(name: str, arguments: tuple[Any, ...], call: tuple[Any, ...]) -> None:
    function = catalogue.functions()[name.partition(".")[2]]
    recorder, method, _ = prepared(function)
    assert method(*arguments) is recorder.answer
    assert recorder.calls == [(call, {})]


@each(FIXED)
def test_every_method_by_position(function: Function) -> None:
    recorder, method, values = prepared(function)
    more = ["more", 7] if function.has_more else []
    assert method(*values, *more) is recorder.answer
    assert recorder.calls == [((function.name, *values, *more), {})]


@each(FIXED)
def test_every_method_by_name(function: Function) -> None:
    recorder, method, values = prepared(function)
    names = [argument.name for argument in function.arguments]
    # in another order than the agent's
    assert method(**dict(reversed(list(zip(names, values, strict=True))))) is recorder.answer
    assert recorder.calls == [((function.name, *values), {})]


@each([function for function in FUNCTIONS if any(a.listed for a in function.arguments)])
def test_names_as_they_are_listed(function: Function) -> None:
    recorder, method, values = prepared(function)
    arguments = function.arguments
    listed = {a.listed or a.name: value for a, value in zip(arguments, values, strict=True)}
    assert method(**listed) is recorder.answer
    assert recorder.calls == [((function.name, *values), {})]
    with pytest.raises(TypeError, match=next(a.listed for a in arguments if a.listed)):
        method(**listed, **{a.name: "twice" for a in arguments if a.listed})
    with pytest.raises(TypeError):
        method(*values, **{a.listed: "twice" for a in arguments if a.listed})
    assert len(recorder.calls) == 1


@each([function for function in FIXED if any(a.is_optional for a in function.arguments)])
def test_optional_arguments(function: Function) -> None:
    optional = [a.name for a in function.arguments if a.is_optional]
    for left_out in range(1, len(optional) + 1):
        recorder, method, values = prepared(function)
        method(*values[:-left_out])
        assert recorder.calls == [((function.name, *values[:-left_out]), {})]
    recorder, method, values = prepared(function)
    method(*values[: -len(optional)], **{optional[0]: None})  # None is a value: nil
    assert recorder.calls == [((function.name, *values[: -len(optional)], None), {})]
    for given in optional[1:]:
        recorder, method, values = prepared(function)
        with pytest.raises(TypeError, match=f"{function.name}.*{optional[0]}"):
            method(*values[: -len(optional)], **{given: 1})
        assert recorder.calls == []


@each(FUNCTIONS)
def test_wrong_missing_and_surplus_arguments(function: Function) -> None:
    recorder, method, values = prepared(function)
    wrong: list[tuple[list[Any], dict[str, Any]]] = [(values, {"no_such_argument": 1})]
    required = [a for a in function.arguments if not a.is_optional]
    if required:
        wrong += [(values[: len(required) - 1], {}), (values, {required[0].name: "twice"})]
    if not function.has_more:
        wrong.append(([*values, "surplus", "surplus"], {}))  # one may be the other form
    if function.kind != "long":
        wrong.append((values, {"limit": 5}))
    for arguments, keywords in wrong:
        with pytest.raises(TypeError):
            method(*arguments, **keywords)
    assert recorder.calls == []


@pytest.mark.parametrize(
    ("name", "arguments", "keywords", "sent"),
    [
        ("take_ownership", ("m", "u"), {}, ("m", "u")),
        ("take_ownership", ("m",), {"manager_core_api_url": ""}, ("m", "")),
        ("take_ownership", (), {"manager_core_api_url": "u", "manager_uuid": "m"}, ("m", "u")),
        ("take_ownership", ({"manager_uuid": "m"},), {}, ({"manager_uuid": "m"},)),
        ("take_ownership", (), {"ownership": {"a": "m"}}, ({"a": "m"},)),
        ("update_agent_password", ("oracle", "new"), {}, ("oracle", "new")),
        ("update_agent_password", ("oracle", "new", "old"), {}, ("oracle", "new", "old")),
        ("update_agent_password", ("oracle",), {"password": "new"}, ("oracle", "new")),
        (
            "update_agent_password",
            ("oracle",),
            {"old_password": "old", "password": "new"},
            ("oracle", "new", "old"),
        ),
    ],
)
def test_both_forms_where_versions_differ(
    name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], sent: tuple[Any, ...]
) -> None:
    recorder, method, _ = prepared(catalogue.functions()[name])
    method(*arguments, **keywords)
    assert recorder.calls == [((name, *sent), {})]


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("take_ownership", (), {}),
        ("take_ownership", ("m",), {}),
        ("take_ownership", ({"manager_uuid": "m"}, "u"), {}),
        ("take_ownership", ({"manager_uuid": "m"},), {"manager_core_api_url": "u"}),
        ("take_ownership", ("m", "u"), {"ownership": {}}),
        ("take_ownership", ("m",), {"manager_uuid": "m"}),
        ("take_ownership", ("m", "u", "x"), {}),
        ("update_agent_password", ("oracle",), {}),
        ("update_agent_password", ("oracle",), {"old_password": "HUSH"}),
        ("update_agent_password", ("oracle", "HUSH", "HUSH", "HUSH"), {}),
    ],
)
def test_forms_that_no_version_has(
    name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    recorder, method, _ = prepared(catalogue.functions()[name])
    with pytest.raises(TypeError, match=rf"{name}\(\) takes \(.*\) or \(") as caught:
        method(*arguments, **keywords)
    assert "HUSH" not in str(caught.value)
    assert recorder.calls == []


@each([function for function in FUNCTIONS if function.kind == "long"])
def test_a_limit_of_ones_own_for_what_is_long(function: Function) -> None:
    recorder, method, values = prepared(function)
    method(*values, limit=7)
    assert recorder.calls == [((function.name, *values), {"limit": 7})]


@each([function for function in FIXED if function.answer != "any"])
def test_answers_of_another_type(function: Function) -> None:
    secret: Any = {"vncpasswd": "HUSH" * 30}
    recorder, method, values = prepared(function, ["HUSH"] if "dict" in function.answer else secret)
    if "dict" in function.answer:
        recorder.answer = "vncpasswd=HUSH"
    with pytest.raises(MalformedResponse, match=function.answer.rstrip("?")) as caught:
        method(*values)
    assert "HUSH" not in str(caught.value)
    assert "h:8899" in str(caught.value)
    assert (caught.value.host, caught.value.function) == ("h:8899", function.name)
    recorder.answer = None
    if function.answer.endswith("?"):
        assert method(*values) is None
    else:
        with pytest.raises(MalformedResponse, match=f"{function.name}.*None"):
            method(*values)


def test_anything_else_by_name() -> None:
    recorder = Recorder(5)
    agent = Agent(recorder)
    assert agent.call("no_such_function", "x", kind="long") == 5
    assert recorder.calls == [(("no_such_function", "x"), {"kind": "long"})]
    assert "pw" not in repr(agent)
