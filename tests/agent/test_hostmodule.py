"""agent.hostmodule: each method calls its function, and takes only documented answers."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.block_devices import HostDevice
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.host_bridges import BridgeUser, KernelBridge, MadeBridge, Release, Taking
from libcloud_ovm3.agent.host_networks import (
    BondMode,
    ControlInterface,
    GuardedChange,
    NetworkSetup,
    Route,
)
from libcloud_ovm3.agent.hostmodule import API, HostModule, api_label, fits, is_absent
from libcloud_ovm3.agent.hostmodule_types import (
    AgentReadings,
    Aside,
    Document,
    FileEntry,
    FilePage,
    FileRange,
    Holder,
    Identity,
    VMCfg,
)
from libcloud_ovm3.agent.object_types import (
    ContainerEntry,
    ContainerPage,
    ObjectEntry,
    ObjectPage,
    ObjectRange,
    ObjectRecord,
    UploadEntry,
    UploadSums,
    block_sum,
)
from libcloud_ovm3.agent.vm_changes import VMChange, VMReading
from libcloud_ovm3.agent.vm_claims import Expectation, RepositoryClaims, VMClaim
from libcloud_ovm3.errors import AgentFault, InvalidArgument, MalformedResponse, ReadOnly

from .conftest import PASSWORD
from .served import Request, Server, fault, value

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "host-module.md").read_text(encoding="utf-8")
C15 = b"Installing caf\xe9 \xff\xfe package ... \xc3\xa9t\xc3\xa9 ok\n"

W = ("me", "0" * 32)  # client and operation
CHUNK = chunks.encode(b"abc")
STRUCTS = [{"device": "eth0"}]
HOLDERS = [
    {
        "kind": "vbd",
        "domid": 3,
        "device": "xvda",
        "path": "/a",
        "mode": "w",
        "state": 4,
        "uuid": "0004fb00-0006-0000-5698-72ec10e028c8",
    },
    {
        "kind": "vbd",
        "domid": 4,
        "device": "xvda",
        "path": "/a",
        "mode": "w",
        "state": 6,
        "uuid": "",
    },
    {"kind": "loop", "device": "/dev/loop0", "path": "/a/b"},
    {"kind": "loop", "device": "/dev/loop1", "path": "/a/b", "error": "cut"},
    {"kind": "loop", "error": "no losetup"},
]
HELD = (
    Holder("vbd", "/a", "xvda", 3, None, "0004fb00-0006-0000-5698-72ec10e028c8", "w", 4),
    Holder("vbd", "/a", "xvda", 4, None, None, "w", 6),
    Holder("loop", "/a/b", "/dev/loop0", None, None),
    Holder("loop", "/a/b", "/dev/loop1", None, "cut"),
    Holder("loop", None, "", None, "no losetup"),
)
ABOUT = {
    "md5": "0" * 32,
    "content_type": "t",
    "content_encoding": "e",
    "meta_data": {"a": "b"},
}
OBJECT = {
    "name": "x ",
    "raw": b"x\r",
    "size_bytes": 3,
    "used_bytes": 512,
    "modified": 7,
    "identity": "1-3-7.000000",
    "about": ABOUT,
    "is_file_of_repository": False,
}
FOUND_OBJECT = ObjectEntry(
    "x\r", 3, 512, 7.0, "1-3-7.000000", ObjectRecord("0" * 32, "t", "e", {"a": "b"})
)
UPLOAD = {
    "operation": "1",
    "name": "x",
    "container": "",
    "size_bytes": -1,
    "done_bytes": 5,
    "client": "me",
    "started": 6,
    "modified": 7,
}
ENTRY = {"name": "x\ufffd", "raw": b"x\xe9", "type": "file", "size_bytes": 3, "modified": 7}
JOB = {"id": "0" * 32, "state": "running"}
DOC = {"version": 3, "next": 4, "content": b"\0\xff", "client": "me", "operation": "1" * 32}

FOUND = [
    {"path": "/a", "real": "/b\ufffd", "real_raw": b"/b\xe9", "device": "18446744073709551615",
     "inode": "7", "links": 2, "type": "file", "size_bytes": 1 << 40, "new": 1},
    {"path": "/c\ufffd", "raw": b"/c\xe9", "missing": True},
    {"path": "/d", "error": "Stale NFS file handle"},
]  # fmt: skip
IDENTITIES = (
    Identity("/a", b"/b\xe9", (1 << 64) - 1, 7, 2, "file", 1 << 40),
    Identity(b"/c\xe9", is_missing=True),
    Identity("/d", error="Stale NFS file handle"),
)
DEVICE = {
    "device": "/dev/dm-0", "kind": "multipath", "names": ["/dev/mapper/a"], "wwid": "6006",
    "size_bytes": 1 << 40, "slaves": ["/dev/sdb"], "holders": ["/dev/dm-1"],
    "used_by": ["/dev/dm-1: mounted at /x"],
}  # fmt: skip
UNREADABLE = {**{key: DEVICE[key] for key in DEVICE if key != "size_bytes"}, "error": "EIO"}
DEVICES = tuple(
    HostDevice("/dev/dm-0", "multipath", ("/dev/mapper/a",), size, "6006", ("/dev/sdb",),
               ("/dev/dm-1",), ("/dev/dm-1: mounted at /x",), error)
    for size, error in ((1 << 40, None), (None, "EIO"))
)  # fmt: skip
VM_CFG = {"folder": "Templates", "directory": "t", "content": b"x"}
PAGES = {"listing": {"answer": "<a/>"}, "vm_cfg": [], "after": ""}
ASIDE = {"operation": "0" * 32, "path": "/x", "size_bytes": 1 << 40, "modified": 7}

MADE = {"client": "me", "operation": "1" * 32, "netdev": "bond0", "vlan": 20}
USER = {"user": "u", "client": "me", "operation": "1" * 32, "age_seconds": 9}
BRIDGE = {"bridge": "b", "exists": True, "ports": ["p"], "flags": 1, "mtu": 1500, "made": MADE,
          "users": [USER]}  # fmt: skip
BRIDGES = (
    KernelBridge("b", True, ("p",), 1, 1500, MadeBridge("me", "1" * 32, "bond0", 20),
                 (BridgeUser("u", "me", "1" * 32, 9),)),
    KernelBridge("b", True, ("p",), 1, 1500),
    KernelBridge("c", False, error="EIO"),
)  # fmt: skip
ROUTE = {"device": "d", "destination": "169.254.0.0", "prefix_length": 16, "gateway": "",
         "metric": 0}  # fmt: skip
CONTROL = {"exists": True, "up": True, "arp": False, "addresses": ["169.254.0.1/16"],
           "routes_own": [ROUTE], "routes_other": [], "file": True}  # fmt: skip
SETUP = {"vlan_script": "works", "zeroconf": "off", "switch": "unknown",
         "bonds": [{"bond": "b", "mode": 1}]}  # fmt: skip
GUARDED = {"state": "waiting", "fault": "", "doing": "x", "operation": "1" * 32, "client": "me"}
STEP = {"function": "ovs_change_mtu", "arguments": ["bond0", 9000]}
RELEASED = {"removed": False, "users": ["u"], "ports": ["p"], "addresses": ["10.0.0.1/24"]}

CLAIM = {
    **dict.fromkeys(("state", "why", "operation", "client", "function", "outcome", "fault"), "x"),
    **dict.fromkeys(("digest", "source", "target", "paused", "error", "taken", "said"), ""),
    **{"folder": "f", "version": 7, "kind": "on", "hosts": [{"host": "h", "boot": "b"}]},
    "disks": [{"mode": "w", "path": "/a"}],
}
READ_CLAIM: Any = {**CLAIM, "hosts": (("h", "b"),), "disks": (("w", "/a"),)}
CHANGE = {
    "state": "done", "operation": "1" * 32, "client": "me", "function": "configure_vm",
    "host": "ovm-1", "host_uuid": "2" * 32, "address": "10.0.0.1", "digest": "0", "fault": "",
}  # fmt: skip

LEASE = {"device": "b", "mac": "00:21:f6:00:00:01", "address": "10.0.0.9"}
# method, arguments, what goes out, what comes, what that is
CALLS: list[tuple[str, tuple[Any, ...], tuple[Any, ...], Any, Any]] = [
    ("version", (), (), {"module": "libcloud-ovm3", "api": 7, "python": "2.4.3", "new": 1}, 7),
    ("capabilities", (), (), {"functions": []}, {"functions": []}),
    ("get_api_services", (), (), STRUCTS, STRUCTS),
    ("free_space", (), (), STRUCTS, STRUCTS),
    ("file_holders", (), (), HOLDERS, HELD),
    ("autostart_guests", (), (), STRUCTS, STRUCTS),
    ("addresses", (), (), STRUCTS, STRUCTS),
    ("routes", (), (), STRUCTS, STRUCTS),
    ("neighbours", (), (), STRUCTS, STRUCTS),
    ("storage_servers", (), (), STRUCTS, STRUCTS),
    ("domains", (), (), {"domains": STRUCTS, "missing": []}, STRUCTS),
    ("read_agent", (["list_vms"],), (["list_vms"],),
     {"api": API - 1, "answers": {"list_vms": {"answer": [], "new": 1}}},
     AgentReadings(API - 1, {"list_vms": []})),
    ("block_devices", (), (), [DEVICE, UNREADABLE], DEVICES),
    ("identify", (["/a", b"/c\xe9", "/d"],), (["/a", b"/c\xe9", "/d"],), FOUND, IDENTITIES),
    ("list_files", ("/p", b"c", 5), ("/p", b"c", 5), {"entries": [ENTRY], "after": ""},
     FilePage((FileEntry("x\ufffd", b"x\xe9", "file", 3, 7.0),), "")),
    ("list_files", ("/p",), ("/p", "", 1000),
     {"entries": [{**ENTRY, "used_bytes": 9}], "after": ""},
     FilePage((FileEntry("x\ufffd", b"x\xe9", "file", 3, 7.0, 9),), "")),
    ("stat_file", (b"/caf\xe9",), (b"/caf\xe9",), {"type": "file"}, {"type": "file"}),
    ("read_file", ("/p", 2, 3), ("/p", 2, 3), {"size_bytes": 9, "chunk": CHUNK},
     FileRange(9, b"abc")),
    ("create_file", (*W, "/p", 1 << 40), (*W, "/p", 1 << 40), None, None),
    ("write_file", (*W, "/p\udce9", 9, b"abc"), (*W, b"/p\xe9", 9, CHUNK), None, None),
    ("truncate_file", (*W, "/p", 1), (*W, "/p", 1), None, None),
    ("grow_file", (*W, "/p", 1, 2), (*W, "/p", 1, 2), None, None),
    ("rename_file", (*W, "/p", "/q"), (*W, "/p", "/q"), None, None),
    ("delete_file", (*W, "/p"), (*W, "/p"), None, None),
    ("set_aside", (*W, "/p"), (*W, "/p"), None, None),
    ("put_back", (*W, b"/p\xe9"), (*W, b"/p\xe9"), None, None),
    ("delete_aside", (*W, "/p"), (*W, "/p"), None, None),
    ("start_job", (*W, "md5", "/p"), (*W, "md5", "/p", ""), JOB, JOB),
    ("job_status", ("/m", "0" * 32), ("/m", "0" * 32), JOB, JOB),
    ("cancel_job", (*W, "/m", "0" * 32), (*W, "/m", "0" * 32), JOB, JOB),
    ("list_documents", ("/m",), ("/m", "", 1000), {"names": ["n"], "after": "n"}, (["n"], "n")),
    ("read_document", ("/m", "n"), ("/m", "n"), DOC, Document(3, 4, b"\0\xff", "me", "1" * 32)),
    ("write_document", (*W, "/m", "n", 4, b"x"), (*W, "/m", "n", 4, b"x"), 4, 4),
    ("read_vm", ("r", "d"), ("r", "d", ""), {"content": b"x", "digest": "0", "change": {}},
     VMReading(b"x", "0", None, None, None)),
    ("change_vm", (*W, "r", "d", "0", "configure_vm", [{"a": 1}]),
     (*W, "r", "d", "0", "configure_vm", [{"a": 1}]), CHANGE, VMChange(**CHANGE)),
    ("settle_vm", (*W, "r", "d", "1" * 32, True), (*W, "r", "d", "1" * 32, True), CHANGE,
     VMChange(**CHANGE)),
    ("read_claim", ("r", "d"), ("r", "d", ""), CLAIM, VMClaim(**READ_CLAIM)),
    ("list_claims", ("r",), ("r",),
     {"folder": "f", "hosts": [{"host": "h", "address": "192.0.2.1"}],
      "claims": [{**CLAIM, "document": "vm-a"}, {"document": "vm-b", "error": "no"}]},
     RepositoryClaims("f", {"vm-a": VMClaim(**READ_CLAIM), "vm-b": "no"}, {"h": "192.0.2.1"})),
    ("claim_vm", (*W, "r", "d", ("h",)), (*W, "r", "d", ["h"]), CLAIM, VMClaim(**READ_CLAIM)),
    ("change_claimed_vm", (*W, "r", "d", "f", 7, "", "stop_vm", [True]),
     (*W, "r", "d", "f", 7, "", "stop_vm", [True]), CLAIM, VMClaim(**READ_CLAIM)),
    ("expect_vm", (*W, "r", "d"), (*W, "r", "d"),
     {"host": "h", "boot": "b", "address": "192.0.2.1", "why": ""},
     Expectation("h", "b", "192.0.2.1", "")),
    ("settle_claim", (*W, "r", "d"), (*W, "r", "d"), CLAIM, VMClaim(**READ_CLAIM)),
    ("take_out_host", (*W, "r", "d", "f", 7, "h", "off"), (*W, "r", "d", "f", 7, "h", "off"), CLAIM,
     VMClaim(**READ_CLAIM)),
    ("put_in_host", (*W, "r", "d", "f", 7, "h", "on"), (*W, "r", "d", "f", 7, "h", "on"), CLAIM,
     VMClaim(**READ_CLAIM)),
    ("leave_claims", (*W, True), (*W, True), {"named": ["x"]}, ("x",)),
    ("accept_vm_cfg", (*W, "r", "d", "f", 7, "0"), (*W, "r", "d", "f", 7, "0"), CLAIM,
     VMClaim(**READ_CLAIM)),
    ("discard_saved", (*W, "r", "d", "f", 7, "x"), (*W, "r", "d", "f", 7, "x"),
     {**CLAIM, "saved": "o"}, VMClaim(**READ_CLAIM, saved="o")),
    ("set_control_interface", (*W, "c0", "169.254.1.1", 16), (*W, "c0", "169.254.1.1", 16),
     None, None),
    ("bridges", (), (), [BRIDGE, {**BRIDGE, "made": {}, "users": []},
                         {"bridge": "c", "exists": False, "error": "EIO"}], BRIDGES),
    ("take_bridge", (*W, "u", "b", "bond0", 20), (*W, "u", "b", "bond0", 20),
     {"made": True, "new": False}, Taking(True, False)),
    ("release_bridge", (*W, "u", "b", "o"), (*W, "u", "b", "o"), RELEASED,
     Release(False, ("u",), ("p",), ("10.0.0.1/24",))),
    ("remove_bridge", (*W, "b", "bond0", 20, ("a",)), (*W, "b", "bond0", 20, ["a"]),
     {"removed": True}, True),
    ("keep_bridge", (*W, "b"), (*W, "b"), {"kept": False}, False),
    ("network_setup", (), (), SETUP,
     NetworkSetup("works", "off", "unknown", (BondMode("b", 1, None),))),
    ("control_interface", ("c0",), ("c0",), CONTROL,
     ControlInterface(True, True, False, ("169.254.0.1/16",),
                      (Route("d", "169.254.0.0", 16, "", 0),), (), True)),
    ("guarded_network_change", (*W, [STEP], [{}], 60), (*W, [STEP], [{}], 60), GUARDED,
     GuardedChange(**GUARDED)),
    ("confirm_network_change", W, W, GUARDED, GuardedChange(**GUARDED)),
    ("network_change", ("1" * 32,), ("1" * 32,), GUARDED, GuardedChange(**GUARDED)),
    ("write_seed", (*W, "/m", "u", b"x"), (*W, "/m", "u", b"x"), None, None),
    ("delete_seed", (*W, "/m", "n"), (*W, "/m", "n"), None, None),
    ("list_containers", ("/m",), ("/m", "", 1000),
     {"containers": [{"name": "b", "created": 7}, {"name": "c", "error": "EIO"}], "after": b"c"},
     ContainerPage((ContainerEntry("b", 7.0), ContainerEntry("c", error="EIO")), b"c")),
    ("create_container", (*W, "/m", "b"), (*W, "/m", b"b"), None, None),
    ("delete_container", (*W, "/m", "b"), (*W, "/m", b"b"), None, None),
    ("list_objects", ("/m", "", "p"), ("/m", b"", b"p", "", 1000),
     {"objects": [OBJECT, {**OBJECT, "about": {}, "about_error": "EIO"},
                  {"name": "?", "raw": b"\xe9", "error": "not UTF-8"}], "after": ""},
     ObjectPage((FOUND_OBJECT, ObjectEntry("x\r", 3, 512, 7.0, "1-3-7.000000",
                                           record_error="EIO"),
                 ObjectEntry("?", error="not UTF-8")), "")),
    ("stat_object", ("/m", "b", "é"), ("/m", b"b", "é".encode()), {**OBJECT, "path": "/m/x"},
     replace(FOUND_OBJECT, path="/m/x")),
    ("read_object", ("/m", "b", "x", 0, 3, "i"), ("/m", b"b", b"x", 0, 3, "i"),
     {"size_bytes": 9, "identity": "i", "chunk": CHUNK, "next": 8}, ObjectRange(9, "i", b"abc", 8)),
    ("delete_object", (*W, "/m", "b", "x"), (*W, "/m", b"b", b"x", ""), None, None),
    ("describe_object", (*W, "/m", "b", "x", "i", ObjectRecord("0" * 32, "t", "e", {"a": "b"})),
     (*W, "/m", b"b", b"x", "i", ABOUT), None, None),
    ("begin_upload", (*W, "/m", "", "x"), (*W, "/m", b"", b"x", -1), None, None),
    ("list_uploads", ("/m", ""), ("/m", b""), [UPLOAD, {"operation": "2", "error": "EIO"}],
     (UploadEntry("1", "x", "", -1, 5, "me", 6.0, 7.0), UploadEntry("2", error="EIO"))),
    ("write_upload", (*W, "/m", "", 4096, b"abc"), (*W, "/m", b"", 4096, CHUNK), None, None),
    ("upload_sums", ("/m", "", "1"), ("/m", b"", "1", 0, 64), {"size_bytes": 3, "sums": ["a", ""]},
     UploadSums(3, ("a", ""))),
    ("commit_upload", (*W, "/m", "", "x", 3, ObjectRecord("0" * 32, "t", "e", {"a": "b"}), True),
     (*W, "/m", b"", b"x", 3, ABOUT, True), OBJECT, FOUND_OBJECT),
    ("adopt_upload", (*W, "/m", "", "1"), (*W, "/m", b"", "1"), None, None),
    ("delete_upload", (*W, "/m", "", "1"), (*W, "/m", b"", "1"), None, None),
    ("restore_aside", (*W, "/m/p"), (*W, "/m/p"), None, None),
    ("meet", ("1" * 32, 5), ("1" * 32, 5), True, True),
    ("watch_dhcp", (*W, "b", "m", 600), (*W, "b", "m", 600), None, None),
    ("dhcp_leases", (), (), [LEASE], [LEASE]),
    ("check_port", ("10.0.0.1", 22, 3), ("10.0.0.1", 22, 3), "open", "open"),
    ("log_tail", ("agent", 100), ("agent", 100), C15,
     "Installing caf\ufffd \ufffd\ufffd package ... été ok\n"),
]  # fmt: skip


class Answering:
    """In the place of a connection: answers what it is attempt, remembers what was asked."""

    address = "h:8899"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []
        self.kinds: list[str] = []

    def call(self, function: str, *arguments: Any, kind: str) -> Any:
        self.calls.append((function, *arguments))
        self.kinds.append(kind)
        return self.answers.pop(0)

    error_of = AgentConnection.error_of
    _secrets = (PASSWORD,)


def answering(*answers: Any) -> tuple[Any, Answering]:
    connection = Answering(*answers)
    return HostModule(connection), connection  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "given", "sent", "answer", "expected"), CALLS)
def test_each_method(
    method: str, given: tuple[Any, ...], sent: tuple[Any, ...], answer: Any, expected: Any
) -> None:
    module, connection = answering(answer)
    assert getattr(module, method)(*given) == expected
    assert connection.calls == [(f"libcloud_{method}", *sent)]
    is_write = f"`libcloud_{method}` (w)" in PAGE
    assert connection.kinds == ["write" if is_write else "read"]


def test_each_function_of_the_page_has_a_method() -> None:
    functions = set(re.findall(r"^\| `libcloud_(\w+)`", PAGE, re.MULTILINE))
    methods = {name for name, _ in inspect.getmembers(HostModule, inspect.isfunction)}
    assert functions == {name for name in methods if not name.startswith("_")}
    assert functions == {call[0] for call in CALLS} | {"repository"}


WRONG = ["text", 1.5, [1], b"", None, True]


@pytest.mark.parametrize(
    ("call", "answer"),
    [(c, w) for c in CALLS if c[4] is not None for w in WRONG if type(w) is not type(c[3])]
    + [(c, [1]) for c in CALLS if isinstance(c[3], list)],
)
def test_what_is_not_documented_is_malformed(call: Any, answer: Any) -> None:
    method, given, _, _, _ = call
    module, _ = answering(answer)
    with pytest.raises(MalformedResponse, match=f"h:8899: libcloud_{method}: not as documented"):
        getattr(module, method)(*given)


ODD: list[Any] = [
    *WRONG,
    *([], {}, [None], [[]], [{}], {"x": None}, {"api": None}, {"api": API, "answers": None}),
    *({"api": API, "answers": {"list_vms": None}}, {"api": API, "answers": {"list_vms": {}}}),
    *({"domains": None, "missing": []}, {"domains": [None], "missing": []}),
    *({"domains": [], "missing": None}, {"domains": [], "missing": [None]}),
    *({"entries": [None], "after": ""}, {"entries": None, "after": ""}),
    *({"names": [None], "after": ""}, {"version": 0, "next": None}, {"version": 3, "next": 4}),
    *({**PAGES, "vm_cfg": None}, {**PAGES, "vm_cfg": [None]}, {**PAGES, "aside": [None]}),
    *({**PAGES, "listing": None}, {**PAGES, "after": None}),
]


@pytest.mark.parametrize("answer", ODD, ids=repr)
def test_nothing_that_comes_ends_in_a_crash(answer: Any) -> None:
    """Nil instead of a document, for example."""
    for method, given, *_ in [*CALLS, ("repository", ("r",))]:
        module, _ = answering(answer)
        with contextlib.suppress(MalformedResponse, AgentFault):
            getattr(module, method)(*given)
    for method, given in (("read_document", ("/m", "n")), ("repository", ("r",)), ("domains", ())):
        module, _ = answering(answer)
        with pytest.raises((MalformedResponse, AgentFault)):
            getattr(module, method)(*given)


@pytest.mark.parametrize(
    ("method", "given", "answer"),
    [
        ("read_agent", (["list_vms"],), {"api": True, "answers": {}}),
        ("read_agent", (["list_vms"],), {"api": API}),
        ("domains", (), {"domains": []}),
        ("read_file", ("/p", 0, 1), {"size_bytes": 1, "chunk": "text"}),
        ("read_file", ("/p", 0, 1), {"size_bytes": 1, "chunk": b"\0\0\0\1"}),
        ("read_document", ("/m", "n"), {**DOC, "content": "text"}),
        ("list_files", ("/p",), {"entries": [{**ENTRY, "modified": "7"}], "after": ""}),
        ("list_files", ("/p",), {"entries": [{**ENTRY, "used_bytes": "7"}], "after": ""}),
        ("block_devices", (), [{**UNREADABLE, "error": None}]),
        ("block_devices", (), [{**DEVICE, "size_bytes": "7"}]),
        ("block_devices", (), [{**DEVICE, "slaves": None}]),
        ("block_devices", (), [{**DEVICE, "names": [7]}]),
        ("block_devices", (), [{**DEVICE, "wwid": None}]),
        ("list_documents", ("/m",), {"names": [7], "after": ""}),
        ("bridges", (), [{**BRIDGE, "made": {**MADE, "vlan": "20"}}]),
        ("bridges", (), [{**BRIDGE, "users": [{**USER, "age_seconds": None}]}]),
        ("bridges", (), [{**BRIDGE, "ports": [7]}]),
        ("take_bridge", (*W, "u", "b", "bond0", 20), {"made": 1, "new": True}),
        ("take_bridge", (*W, "u", "b", "bond0", 20), {"made": True}),
        ("remove_bridge", (*W, "b", "", 0, ()), {"removed": 1}),
        ("keep_bridge", (*W, "b"), {}),
        ("network_setup", (), {**SETUP, "switch": None}),
        ("network_change", ("1" * 32,), {**GUARDED, "state": None}),
        ("network_change", ("1" * 32,), {"state": "waiting"}),
        ("network_setup", (), {**SETUP, "bonds": [{"bond": "b", "mode": "1"}]}),
        ("control_interface", ("c0",), {**CONTROL, "arp": 1}),
        ("control_interface", ("c0",), {**CONTROL, "routes_other": [{**ROUTE, "metric": "0"}]}),
        ("release_bridge", (*W, "u", "b"), {**RELEASED, "removed": None}),
        ("release_bridge", (*W, "u", "b"), {**RELEASED, "users": None}),
        ("identify", (["/a"],), FOUND),
        ("identify", (["/b"],), FOUND[:1]),
        ("identify", (["/a"],), [{**FOUND[0], "inode": 7}]),
        ("identify", (["/a"],), [{**FOUND[0], "inode": "-7"}]),
        ("identify", (["/a"],), [{"path": "/a"}]),
        ("identify", (["/a"],), [{"path": "/a", "error": 5}]),
        ("list_containers", ("/m",), {"containers": [{"name": "b"}], "after": ""}),
        ("list_objects", ("/m", ""), {"objects": [], "after": None}),
        ("stat_object", ("/m", "", "x"), {**OBJECT, "about": None}),
        ("stat_object", ("/m", "", "x"), {**OBJECT, "about": {**ABOUT, "meta_data": {"a": 1}}}),
        ("stat_object", ("/m", "", "x"), {**OBJECT, "identity": None}),
        ("read_object", ("/m", "", "x", 0, 1), {"size_bytes": 1, "chunk": b"", "next": 1}),
        ("list_uploads", ("/m", ""), [{**UPLOAD, "done_bytes": "5"}]),
        ("upload_sums", ("/m", "", "1"), {"size_bytes": 3, "sums": [None]}),
        ("read_vm", ("r", "d"), {"content": "text", "digest": "0", "change": {}}),
        ("read_vm", ("r", "d"), {"content": b"x", "digest": "0"}),
        ("read_vm", ("r", "d"), {"digest": "0", "change": {}}),
        ("read_vm", ("r", "d"), {"content": b"x", "digest": "0", "change": {"state": "done"}}),
        ("change_vm", (*W, "r", "d", "0", "f", [{}]), {**CHANGE, "state": None}),
        ("settle_vm", (*W, "r", "d", "1" * 32, True), {**CHANGE, "fault": 7}),
        ("read_claim", ("r", "d"), {**CLAIM, "version": "7"}),
        ("claim_vm", (*W, "r", "d", []), {**CLAIM, "hosts": ["h"]}),
        ("list_claims", ("r",), {"folder": "f", "claims": [], "hosts": [{"host": "h"}]}),
        ("settle_claim", (*W, "r", "d"), {**CLAIM, "hosts": [{"host": "h"}]}),
        ("expect_vm", (*W, "r", "d"), {"host": "h", "boot": "b", "address": "192.0.2.1"}),
        ("change_claimed_vm", (*W, "r", "d", "f", 7, "", "stop_vm", []), {**CLAIM, "kind": None}),
        ("repository", ("r",), {**PAGES, "aside": None}),
        ("repository", ("r",), {**PAGES, "aside": [{}]}),
        ("repository", ("r",), {**PAGES, "aside": [{**ASIDE, "size_bytes": "7"}]}),
        ("repository", ("r",), {**PAGES, "aside": [{**ASIDE, "operation": None}]}),
        ("file_holders", (), [{**HOLDERS[0], "uuid": 7}]),
        ("file_holders", (), [{**HOLDERS[0], "state": "4"}]),
        ("repository", ("r",), {"listing": {"answer": "<a/>"}, "vm_cfg": [{}], "after": ""}),
        ("repository", ("r",), {"listing": {"answer": None}, "vm_cfg": [], "after": ""}),
        ("repository", ("r",), {"listing": {"answer": "<a/>"}, "vm_cfg": [], "after": b"x"}),
    ],
)
def test_half_an_answer_is_malformed(method: str, given: Any, answer: Any) -> None:
    module, _ = answering(answer)
    with pytest.raises(MalformedResponse, match="not as documented"):
        getattr(module, method)(*given)


def test_what_does_not_fit_in_a_chunk_is_not_sent() -> None:
    module, connection = answering()
    with pytest.raises(InvalidArgument, match="4194304 are allowed"):
        module.write_upload(*W, "/m", "", 0, bytes(chunks.CHUNK_BYTES + 1))
    with pytest.raises(InvalidArgument, match="name: not valid text"):
        module.stat_object("/m", "", "\udce9")
    with pytest.raises(InvalidArgument, match="4194304 are allowed"):
        module.write_file(*W, "/p", 0, bytes(chunks.CHUNK_BYTES + 1))
    assert connection.calls == []


# ------------------------------------------------------------------ answers within answers


def test_a_look_has_what_was_answered() -> None:
    answers = {
        "discover_server": {"answer": "<a/>"},
        "discover_hardware": {"fault": "exceptions.OSError:no"},
        "discover_server_pool": {"answer": 7},
        "list_vms": {"fault": "x:y", "answer": STRUCTS, "missing": []},
        "not_asked": {"answer": 1},
    }
    module, _ = answering({"api": API, "answers": answers, "new": 1})
    wanted = ["discover_server", "discover_hardware", "discover_server_pool", "list_vms", "unknown"]
    look = module.read_agent(wanted)
    assert look == AgentReadings(API, {"discover_server": "<a/>", "list_vms": STRUCTS})


def test_what_a_list_leaves_out_is_told() -> None:
    unlisted = [{"name": "0004fb00", "error": "x"}, {"name": "domain 9", "error": "x"}]
    entry: dict[str, Any] = {"answer": STRUCTS, "unlisted": unlisted}
    module, _ = answering({"api": API, "answers": {"list_vms": entry}})
    look = module.read_agent(["list_vms"])
    assert look == AgentReadings(API, {"list_vms": STRUCTS}, ("0004fb00", "domain 9"))
    for bad in (None, [None], [{}], "x"):
        module, _ = answering({"api": API, "answers": {"list_vms": {**entry, "unlisted": bad}}})
        with pytest.raises(MalformedResponse):
            module.read_agent(["list_vms"])


def test_part_of_a_list_is_no_list() -> None:
    entry = {"fault": "x:y", "answer": STRUCTS, "missing": ["0004fb00"]}
    module, _ = answering({"api": API, "answers": {"list_vms": entry}})
    assert module.read_agent(["list_vms"]).answers == {}
    module, _ = answering({"domains": [], "missing": [{"name": "0004fb00", "error": "gone"}]})
    with pytest.raises(AgentFault, match="0004fb00: gone"):
        module.domains()


@pytest.mark.parametrize("api", [0, API - 2, API + 2, 999])
def test_of_an_api_that_does_not_fit_nothing_is_read(api: int) -> None:
    assert not fits(api)
    module, _ = answering({"api": api, "answers": "of another form"})
    assert module.read_agent(["list_vms"]) == AgentReadings(api, {})


@pytest.mark.parametrize("api", [1, 2, 999])
def test_a_module_from_before_api_1_never_fits(api: int) -> None:
    module, _ = answering({"api": api, "python": "2.4.3"})
    assert module.version() == 0
    assert not fits(0)
    assert (api_label(0), api_label(api)) == ("older than API 1", f"API {api}")


@pytest.mark.parametrize("api", [0, -1, "1", True, None])
def test_a_version_that_is_no_number(api: object) -> None:
    module, _ = answering({"module": "libcloud-ovm3", "api": api})
    with pytest.raises(MalformedResponse, match="api: expected"):
        module.version()


@pytest.mark.parametrize("api", [API - 1, API, API + 1])
def test_one_older_or_newer_fits(api: int) -> None:
    assert fits(api)
    module, _ = answering({"api": api, "answers": {"list_vms": {"answer": []}}})
    assert module.read_agent(["list_vms"]) == AgentReadings(api, {"list_vms": []})


def test_a_repository_of_several_pages() -> None:
    files = [{"folder": "Templates", "directory": str(n), "content": b"x"} for n in range(2)]
    bad = {"folder": "VirtualMachines", "directory": "b", "error": "Failed: EIO"}
    module, connection = answering(
        {"listing": {"answer": "<a/>"}, "vm_cfg": files, "after": b"c\xe9"},
        {"listing": {}, "vm_cfg": [bad], "after": ""},
    )
    found = module.repository("r")
    assert found.listing == "<a/>"
    assert found.vm_cfgs == (
        VMCfg("Templates", "0", b"x"),
        VMCfg("Templates", "1", b"x"),
        VMCfg("VirtualMachines", "b", None, "Failed: EIO"),
    )
    assert [call[1:] for call in connection.calls] == [("r", ""), ("r", b"c\xe9")]


def test_what_was_set_aside_is_told() -> None:
    raw = {**ASIDE, "path": "/x\ufffd", "raw": b"/x\xe9"}
    odd = {"operation": "1" * 32, "error": "Failed: EIO"}
    module, _ = answering(
        {
            **PAGES,
            "aside": [ASIDE, raw, odd, {"error": "more"}],
            "vm_cfg": [VM_CFG],
            "after": "c",
        },
        PAGES,
    )
    assert module.repository("r").aside == (
        Aside("0" * 32, "/x", 1 << 40, 7.0),
        Aside("0" * 32, b"/x\xe9", 1 << 40, 7.0),
        Aside("1" * 32, "", None, None, "Failed: EIO"),
        Aside("", "", None, None, "more"),
    )
    module, _ = answering(PAGES)  # of a module that is older than that
    assert module.repository("r").aside == ()


def test_one_file_by_two_names() -> None:
    one, other = Identity("/a", "/a", 1, 7, 2, "file", 5), Identity("/b", "/b", 1, 7, 2, "file", 5)
    assert one.is_same_file(other)
    assert not one.is_same_file(Identity("/c", "/c", 2, 7, 2, "file", 5))
    assert not one.is_same_file(Identity("/c", "/c", 1, 8, 2, "file", 5))
    assert not Identity("/a", is_missing=True).is_same_file(Identity("/b", error="x"))


def test_a_cursor_that_stands_still_is_not_followed_for_ever() -> None:
    page = {"listing": {"answer": "<a/>"}, "vm_cfg": [], "after": b"c"}
    module, _ = answering(page, page, page)
    with pytest.raises(MalformedResponse, match="do not end"):
        module.repository("r")


def test_a_listing_that_faults_is_the_agent_s_own_fault() -> None:
    listing = {"fault": f"<class 'exceptions.OSError'>:no: {PASSWORD}"}
    module, _ = answering({"listing": listing, "vm_cfg": [], "after": ""})
    with pytest.raises(AgentFault, match="no: ") as caught:
        module.repository("r")
    assert caught.value.kind == "exceptions.OSError"
    assert caught.value.function == "discover_repositories"
    assert PASSWORD not in str(caught.value) + caught.value.text


# ------------------------------------------------------------------ over the wire


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ('method "libcloud_read_agent" is not supported', True),
        ("<type 'exceptions.AttributeError'>:libcloud_read_agent", True),
        ("exceptions.ImportError:No module named services", True),
        ("libcloud_ovm3_host.errors.NotFound:'x'", False),
        ("<class 'libcloud_ovm3_host.errors.Timeout'>:look: more than 55 s", False),
    ],
)
def test_which_faults_say_that_it_is_not_there(
    serve: Callable[..., Server], connect: Callable[..., AgentConnection], text: str, absent: bool
) -> None:
    module = HostModule(connect(serve(lambda request: fault(text))))
    with pytest.raises(AgentFault) as caught:
        module.read_agent([])
    assert is_absent(caught.value) is absent


def test_bytes_travel_as_base64(
    serve: Callable[..., Server], connect: Callable[..., AgentConnection]
) -> None:
    def script(request: Request) -> bytes:
        return value(C15 if request.call[0] == "libcloud_log_tail" else None)

    server = serve(script)
    module = HostModule(connect(server))
    assert module.log_tail("xend", 100).endswith("été ok\n")
    module.write_file(*W, "/OVS/Repositories/é", 0, b"abc")
    _, (_, _, path, _, chunk) = server.requests[1].call
    assert (path, chunk) == ("/OVS/Repositories/é".encode(), CHUNK)


def test_read_only_takes_reads_and_no_writes(
    serve: Callable[..., Server], connect: Callable[..., AgentConnection]
) -> None:
    server = serve(lambda request: value({}))
    module = HostModule(connect(server, read_only=True))
    assert module.stat_file("/p") == {}
    with pytest.raises(ReadOnly, match="libcloud_delete_file"):
        module.delete_file(*W, "/p")
    assert server.calls() == ["libcloud_stat_file"]


def test_the_sum_of_a_block() -> None:
    assert [block_sum(bytes(5)), block_sum(b"")] == ["", ""]
    assert block_sum(memoryview(b"data")) == "8d777f385d3dfec8815d20f7496026dc"
