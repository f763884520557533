"""agent.kinds: what may be repeated, and how long a call may take."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.agent import catalogue
from libcloud_ovm3.agent.call_kinds import TimeLimits, kind_of
from libcloud_ovm3.errors import InvalidArgument

# Parts of names of functions that change something: none of them may pass for a read.
WRITING = (
    "create delete destroy start stop reboot save restore migrate configure update set_ add_ "
    "remove mount import copy join take release cleanup install pause resume send dispatch ovs_"
).split()


READS = [f.name for f in catalogue.functions().values() if f.kind == "read"]


def test_no_write_passes_for_a_read() -> None:
    allowed = {"discover_mounted_file_systems", "storage_plugin_listMountPoints"}
    for name in set(READS) - allowed:
        lowered = name.lower().replace("storage_plugin_", "")
        assert not [part for part in WRITING if part in lowered], name


def test_every_read_says_in_its_name_that_it_is_one() -> None:
    reading = ("discover_", "list_", "get_", "is_", "storage_plugin_get", "storage_plugin_list")
    others = [name for name in READS if not name.startswith(reading)]
    assert others == ["echo", "package_get_repositories"]
    assert len(READS) == 32


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        *[(name, "read") for name in ("echo", "list_vms", "discover_server", "get_vm_config")],
        *[(name, "write") for name in ("start_vm", "create_vm", "delete_vm", "reboot_vm")],
        ("storage_plugin_destroy", "write"),
        ("storage_plugin_mount", "write"),
        ("update_agent_password", "write"),
        *[(name, "long") for name in ("copy_file", "migrate_vm", "stop_vm", "configure_vm")],
        ("storage_plugin_create", "long"),
        # What nobody has vouched for is a write, whatever it is called.
        *[(name, "write") for name in ("list_everything", "get_x", "", "LIST_VMS")],
        # Names that read, and nothing more is known of them.
        *[(name, "write") for name in ("get_assembly_config", "storage_plugin_getInfo")],
        *[(name, "write") for name in ("ocfs2_get_meta_data", "ovs_async_proc_status")],
        # May carry anything, however long that takes.
        ("dispatch", "long"),
    ],
)
def test_kinds(function: str, kind: str) -> None:
    assert kind_of(function) == kind


@pytest.mark.parametrize(
    ("function", "claimed", "kind"),
    [
        ("no_such_function", "read", "read"),
        ("no_such_function", "long", "long"),
        ("start_vm", "read", "write"),
        ("stop_vm", "read", "long"),
        ("dispatch", "read", "long"),
        ("start_vm", "long", "long"),
        ("list_vms", "read", "read"),
        ("list_vms", "write", "write"),
    ],
)
def test_no_claim_makes_a_read_of_a_write(function: str, claimed: Any, kind: str) -> None:
    assert kind_of(function, claimed) == kind


def test_limits_by_kind() -> None:
    limits = TimeLimits(connect=1, read=2, write=3, long=4)
    assert [limits.of_kind(kind) for kind in ("read", "write", "long")] == [2, 3, 4]
    default = TimeLimits()
    assert default.connect < default.read < default.write < default.long
    assert default.long >= 15 * 60  # agent-behaviour 1
    assert default.write > 60


@pytest.mark.parametrize(
    ("timeout", "limits", "expected"),
    [
        (None, None, TimeLimits()),
        (None, {}, TimeLimits()),
        (5, None, TimeLimits(read=5.0)),
        ("5", None, TimeLimits(read=5.0)),
        (5, {"read": 6}, TimeLimits(read=6.0)),
        (5, {"long": "7.5", "connect": 1}, TimeLimits(connect=1.0, read=5.0, long=7.5)),
    ],
)
def test_limits_as_users_write_them(timeout: Any, limits: Any, expected: TimeLimits) -> None:
    assert TimeLimits.of(timeout, limits) == expected


@pytest.mark.parametrize("value", [0, -1, "x", "", [], float("nan"), float("inf"), 1e9])
def test_impossible_limits(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="time limit"):
        TimeLimits.of(value, None)
    with pytest.raises(InvalidArgument, match="time limit"):
        TimeLimits.of(None, {"long": value})


def test_unknown_kinds_of_limit() -> None:
    with pytest.raises(InvalidArgument, match="connect, read, write, long"):
        TimeLimits.of(None, {"reed": 5})


def test_the_users_own_table_is_left_alone() -> None:
    mine = {"read": "5"}
    TimeLimits.of(3, mine)
    assert mine == {"read": "5"}
