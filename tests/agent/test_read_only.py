"""Read-only connections: what is not surely a read is refused before it is sent."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.errors import AgentFault, PreconditionFailed, ReadOnly


class Line:
    """In the place of libcloud's connection: keeps the bodies, answers a fault."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def post(self, body: bytes, headers: Any, connect: float, limit: float) -> Any:
        self.bodies.append(body)
        raise AgentFault("h: sent", code=1, kind="", text="sent")


def connected(read_only: bool) -> tuple[Agent, Line]:
    connection = AgentConnection("oracle", "pw", host="h", read_only=read_only)
    line = Line()
    connection.connection = line  # type: ignore[assignment]
    return Agent(connection), line


@pytest.mark.parametrize("function", catalogue.functions().values(), ids=catalogue.functions())
def test_every_method(function: catalogue.Function) -> None:
    agent, line = connected(read_only=True)
    method = getattr(getattr(agent, function.group), function.name)
    arguments = [argument.name for argument in function.arguments if not argument.is_optional]
    expected: Any = AgentFault if function.kind == "read" else ReadOnly
    with pytest.raises(expected, match=function.name if expected is ReadOnly else "sent"):
        method(*arguments)
    assert len(line.bodies) == (1 if function.kind == "read" else 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[(name, kind) for name in ("start_vm", "dispatch") for kind in (None, "read", "long")],
        *[(name, kind) for name in ("get_it", "LIST_VMS") for kind in (None, "write", "long")],
        ("list_vms", "write"),
    ],
)
def test_calls_by_name(name: str, kind: Any) -> None:
    agent, line = connected(read_only=True)
    with pytest.raises(ReadOnly, match=f"h:8899: {name} was not sent") as caught:
        agent.call(name, "x", kind=kind)
    assert isinstance(caught.value, PreconditionFailed)
    assert (caught.value.host, caught.value.function) == ("h:8899", name)
    assert line.bodies == []


def test_a_read_that_only_the_caller_knows() -> None:
    agent, line = connected(read_only=True)
    with pytest.raises(AgentFault, match="sent"):
        agent.call("get_api_services", kind="read")
    assert len(line.bodies) == 1


def test_without_it_all_are_sent() -> None:
    agent, line = connected(read_only=False)
    with pytest.raises(AgentFault, match="sent"):
        agent.xen.start_vm("r", "v")
    assert len(line.bodies) == 1
    assert inspect.signature(AgentConnection).parameters["read_only"].default is False


def test_libcloud_s_own_way_of_sending_is_shut() -> None:
    agent, line = connected(read_only=True)
    with pytest.raises(ReadOnly, match="use call"):
        agent.connection.request("/RPC2", method="POST", data="<methodCall/>")
    assert line.bodies == []
