"""The doors refuse before anything is sent; every change has one operation with one id."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.delete_files import delete_files_by_module
from libcloud_ovm3.operations.operation import CLIENT, Operation
from tests.operations.test_presence import CONFIG, OTHER_ID, OWN_ID, definition, domain, host

OWN = domain("own", OWN_ID)


NOTHING = EstateSnapshot((), (), ())


def operation(**more: str) -> Operation:
    return Operation(Estate((Address("127.0.0.2", 8899),), lambda address, is_given: None), **more)


@pytest.fixture
def sent() -> list[str]:
    """The calls that change something, on every host that :func:`make_host` makes."""
    return []


def make_host(sent: list[str], *domains: dict[str, Any], config: Any = None) -> Any:
    view = host(*domains, config=config)
    xen: Any = view.agent.xen
    for name in ("start_vm", "stop_vm", "reboot_vm", "delete_vm"):
        setattr(xen, name, lambda *_, name=name, **__: sent.append(name))
    return view


def test_a_start_of_what_is_live(sent: list[str]) -> None:
    views = [make_host(sent), make_host(sent, OWN)]
    with pytest.raises(PreconditionFailed, match="it is running on ovm-1"):
        doors.start_vm(operation(), views[0], views, definition(CONFIG), [OWN_ID])
    assert sent == []


def test_a_start_beside_a_writer(sent: list[str]) -> None:
    view = make_host(sent, domain("other", OTHER_ID))
    with pytest.raises(PreconditionFailed, match="open for writing"):
        doors.start_vm(operation(), view, [view], definition(CONFIG), [OWN_ID, OTHER_ID])
    assert sent == []


def test_a_stop_of_what_has_left(sent: list[str]) -> None:
    assert not doors.stop_vm(operation(), make_host(sent), definition(CONFIG), [OWN_ID], True, 1)
    assert doors.stop_vm(operation(), make_host(sent, OWN), definition(CONFIG), [OWN_ID], True, 1)
    assert sent == ["stop_vm"]


@pytest.mark.parametrize(("domains", "text"), [([], "has just left"), ([OWN], "been restarted")])
def test_a_reboot_of_another_domain_than_was_checked(
    sent: list[str], domains: list[dict[str, Any]], text: str
) -> None:
    """Its age was that of the domain before: xend destroys a guest that reboots too early."""
    with pytest.raises(PreconditionFailed, match=text):
        doors.reboot_vm(operation(), make_host(sent, *domains), definition(CONFIG), [OWN_ID], 6)
    assert sent == []
    doors.reboot_vm(operation(), make_host(sent, OWN), definition(CONFIG), [OWN_ID], 7)
    assert sent == ["reboot_vm"]


def test_a_deletion_of_what_has_changed(sent: list[str]) -> None:
    view = make_host(sent, config={**CONFIG, "disk": ["file:/OVS/new.img,xvda,w"]})
    with pytest.raises(PreconditionFailed, match="changed in the meantime"):
        doors.delete_vm(operation(), view, definition(CONFIG), NOTHING)
    assert sent == []
    doors.delete_vm(operation(), make_host(sent), definition(CONFIG), NOTHING)
    assert sent == ["delete_vm"]


def test_each_operation_has_an_id_of_its_own() -> None:
    ids = {operation().id for _ in range(3)}
    assert len(ids) == 3
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in ids)


def test_what_broke_off_names_its_operation_once() -> None:
    change = operation()
    inner = change.incomplete("the disk is there", ("/a",), host="ovm-1")
    outer = change.incomplete(f"it broke off: {inner}", ("/a",))
    assert str(outer).count(change.id) == 1
    assert (inner.left, inner.host) == (("/a",), "ovm-1")


def test_the_module_is_called_under_the_operation_s_id() -> None:
    calls: list[tuple[str, ...]] = []
    module: Any = SimpleNamespace(
        **{
            name: lambda *arguments, name=name: calls.append((name, *arguments))
            for name in ("set_aside", "put_back", "delete_aside")
        }
    )
    change = operation()
    repository: Any = SimpleNamespace(id="0a" * 16)
    failed = delete_files_by_module(
        change, module, repository, ["/a", "/b"], lambda: {"/b": "somebody uses it"}
    )
    assert list(failed) == ["/b"]
    assert calls == [
        ("set_aside", CLIENT, change.id, "/a"),
        ("set_aside", CLIENT, change.id, "/b"),
        ("delete_aside", CLIENT, change.id, "/a"),
        ("put_back", CLIENT, change.id, "/b"),
    ]
