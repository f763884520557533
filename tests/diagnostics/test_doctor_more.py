"""Doctor checks of single hosts and of what VMs refer to: values, with one change each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libcloud_ovm3.agent.hostmodule_types import Aside
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import TLSSession
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.errors import (
    AgentFault,
    BadCredentials,
    CertificateRejected,
    DuplicateServerId,
    HostUnreachable,
    MalformedResponse,
    TimedOut,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import UnreachableHost
from tests.diagnostics.healthy import (
    NOW,
    REPOSITORY,
    certificate,
    collected,
    defined,
    host,
    inventory_data,
    live,
    member,
    repository,
)

ONE = "0004fb00-0006-0000-0000-000000000001"
TWO = "0004fb00-0006-0000-0000-000000000002"
BASE = f"/OVS/Repositories/{REPOSITORY}"
ADDRESS = "192.0.2.2:8899"


def about(subject: str, of: Any) -> list[Finding]:
    return [finding for finding in run_checks(of) if finding.about == subject]


def changed(subject: str, **more: Any) -> list[Finding]:
    """Return the findings about the second of two hosts, of which this was read."""
    views = [host(1), host(2)]
    return about(
        subject, collected(inventory_data(views), [member(views[0]), member(views[1], **more)])
    )


# ------------------------------------------------------------------ hosts that did not answer


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        (BadCredentials(f"{ADDRESS}: HTTP 403"), f"--password-file {ADDRESS}=FILE"),
        (DuplicateServerId(f"{ADDRESS}: as ovm-1"), "a unique id"),
        (CertificateRejected(f"{ADDRESS}: another"), "compare on the host itself"),
        (
            HostUnreachable(f"{ADDRESS}: no route"),
            "docs/a-host-is-dead.md shows how to",
        ),
        (TimedOut(f"{ADDRESS}: slow"), "bring it online"),
    ],
)
def test_each_error_of_a_member_has_its_own_advice(reason: Any, advice: str) -> None:
    [finding] = about(
        "member",
        collected(inventory_data([host(1)], unreachable=[UnreachableHost(ADDRESS, reason)])),
    )
    assert finding.level == "error"
    assert str(reason) in finding.found
    assert advice in finding.advice
    assert ("a-host-is-dead" in finding.advice) == ("dead" in advice)


# ------------------------------------------------------------------ lists

FAULT = AgentFault(
    "ovm-2: list_vms: failed: Device 0 not connected", code=1, kind="", text="Device 0"
)


def test_lists_that_fail() -> None:
    [finding] = changed("list", list_vms_error=FAULT)
    assert (finding.level, "xend's list of domains fails on ovm-2" in finding.found) == (
        "error",
        True,
    )
    assert "one guest in an invalid state is the likely cause" in finding.means
    assert "ovm3 host install 192.0.2.2:8899" in finding.advice
    named = AgentFault("not even one by one: web-7: odd", code=1, kind="", text="")
    [finding] = changed(
        "list", list_vms_error=FAULT, host_module="present", module_api=1, guest_errors=named
    )
    assert "web-7" in finding.found
    assert "xm list NAME" in finding.advice
    [finding] = changed("list", list_vms_error=FAULT, host_module="present", module_api=1)
    assert "one by one" in finding.means
    assert "install" not in finding.advice
    [finding] = changed("list", list_vms_error=MalformedResponse("ovm-2: list_vms lacks Domain-0"))
    assert "lacks Domain-0" in finding.found
    assert "one guest" not in finding.means
    view = replace(host(2), repositories_error=TimedOut("ovm-2: discover_repository_db: slow"))
    of = collected(inventory_data([host(1), view]))
    assert [finding.level for finding in about("list", of)] == ["error"]


# ------------------------------------------------------------------ TLS


def test_tls_of_the_other_hosts() -> None:
    [named, other] = about("TLS", collected())
    assert (named.found, other.level) == ("TLSv1.2", "ok")
    assert other.found == "ovm-2: TLSv1.2, ECDHE-RSA-AES256-GCM-SHA384, RSA 2048 bit"
    for more, text in (
        ({"tls_version": "TLSv1"}, "TLSv1"),
        ({"key_bits": 1024}, "a key of RSA 1024 bit"),
        ({"not_after": NOW - timedelta(days=1)}, "expired on 2026-11-24"),
    ):
        [_, other] = changed("TLS", tls=TLSSession(certificate(**more), "ECDHE-x"))
        assert other.level == "warning"
        assert text in other.found.rpartition(": ")[2]
    [_, note, other] = changed("TLS", tls=TLSSession(certificate(), "AES128-SHA", False))
    assert (note.level, other.level) == ("note", "ok")
    assert "forward secrecy" in note.found
    assert len(changed("TLS", tls=None)) == 1


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize(
    ("clocks", "said"),
    [
        ((5.0, 20.0), None),
        ((0.0, 40.0), "ovm-2 40 s ahead"),
        ((-7200.0, 3.0), "ovm-2 7203 s ahead"),
        ((1e9, 1e9 + 8, 1e9 - 300), "ovm-3 300 s behind"),
        ((0.0, 1.0, 500.0), "ovm-3 499 s ahead"),
    ],
)
def test_clocks(clocks: tuple[float, ...], said: str | None) -> None:
    views = [host(number + 1) for number in range(len(clocks))]
    members = [member(view, clock_offset=clock) for view, clock in zip(views, clocks, strict=True)]
    [finding] = about("clock", collected(inventory_data(views), members))
    assert finding.level == ("warning" if said else "ok")
    assert said is None or finding.found == f"the hosts' clocks differ: {said}"


def test_clocks_that_cannot_be_read() -> None:
    [finding] = changed("clock", clock_offset=TimedOut("too slow"))
    assert (finding.level, "ovm-2 could not be read: too slow" in finding.found) == ("note", True)


# ------------------------------------------------------------------ autostart

AUTOSTART = [
    ({"kind": "saved", "name": "web", "path": "/s/web"}, "guest 'web' is saved in /s/web"),
    ({"kind": "auto", "name": "a\nb", "path": "/auto/a"}, "starts guest 'a\\nb'"),
    ({"kind": "managed", "uuid": ONE, "path": "/m", "starts": True}, f"VM 'a' ({ONE})"),
    ({"kind": "managed", "uuid": "odd", "path": "/m", "starts": True}, "guest odd"),
    ({"kind": "managed", "uuid": ONE, "path": "/m", "starts": False}, None),
    ({"kind": "managed", "uuid": ONE, "path": "/m", "error": "EACCES"}, "read: EACCES"),
    ({"kind": "auto", "path": "/auto", "error": "EIO"}, "/auto cannot be read: EIO"),
    ({"kind": "new", "name": "x", "path": "/n"}, "not understood"),
]


@pytest.mark.parametrize(("entry", "said"), AUTOSTART)
def test_autostart_guests(entry: dict[str, Any], said: str | None) -> None:
    view = host(1)
    of = collected(
        inventory_data([view], [defined("a", uuid=ONE)]), [member(view, autostart_guests=(entry,))]
    )
    found = about("autostart", of)
    assert [finding.level for finding in found] == (["warning"] if said else [])
    assert said is None or said in found[0].found


def test_autostart_guests_are_not_known() -> None:
    [finding] = changed("autostart", autostart_guests=TimedOut("slow"))
    assert finding.level == "warning"
    assert changed("autostart", autostart_guests=()) == changed("autostart") == []


# ------------------------------------------------------------------ network cards


def card(mac: str) -> dict[str, Any]:
    return {"vif": [f"mac={mac},bridge=b"]}


@pytest.mark.parametrize(
    ("macs", "lives", "level"),
    [
        (("00:21:f6:00:29:01", "00:21:F6:00:29:01"), (), "warning"),
        (("00:21:f6:00:29:01", "00-21-f6-00-29-01"), (1,), "warning"),
        (("00:21:f6:00:29:01", "00:21:f6:00:29:01"), (1, 2), "error"),
        (("00:21:f6:00:29:01", "00:21:f6:00:29:02"), (1, 2), None),
        (("", ""), (1, 2), None),
    ],
)
def test_one_mac_in_two_vms(
    macs: tuple[str, str], lives: tuple[int, ...], level: str | None
) -> None:
    definitions = [
        defined("a", uuid=ONE, **card(macs[0])),
        defined("b", uuid=TWO, **card(macs[1])),
    ]
    views = [
        host(1, *([live("a", ONE)] if 1 in lives else [])),
        host(2, *([live("b", TWO)] if 2 in lives else [])),
    ]
    found = about("MAC", collected(inventory_data(views, definitions)))
    assert [finding.level for finding in found] == ([level] if level else [])
    for text in ("00:21:f6:00:29:01", f"'a' ({ONE})", f"'b' ({TWO})") if found else ():
        assert text in found[0].found


def test_two_cards_of_one_vm_are_not_two_vms() -> None:
    twice = defined("a", uuid=ONE, vif=card("00:21:f6:00:29:01")["vif"] * 2)
    assert about("MAC", collected(inventory_data(definitions=[twice]))) == []


# ------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("path", "level"),
    [
        (f"{BASE}/VirtualDisks/one.img", None),
        (f"/OVS/Repositories//{REPOSITORY}/./VirtualDisks/one.img", None),
        (f"{BASE}/VirtualDisks/gone.img", "error"),
        (f"{BASE}/VirtualDisks/ONE.img", "error"),
        (f"{BASE}/ISOs/one.img", "error"),
        (f"{BASE}/VirtualMachines/web/vm.cfg", None),
        (f"{BASE}/VirtualMachines/web/System.img", "error"),
        (f"{BASE}/Templates/web/System.img", "error"),
        (f"{BASE}/VirtualDisks/.hidden.img", None),
        (f"{BASE}/Assemblies/x/y.img", None),
        (f"{BASE}/VirtualDisks/deeper/x.img", None),
        (f"/OVS/Repositories/{'e' * 32}/VirtualDisks/one.img", "error"),
        ("/somewhere/else.img", None),
        ("/dev/mapper/gone", None),
    ],
)
def test_files_that_a_repository_lacks(path: str, level: str | None) -> None:
    entry = f"phy:{path}" if path.startswith("/dev") else f"file:{path}"
    web = defined("web", uuid=ONE, disk=[f"{entry},xvda,w"])
    found = about("file", collected(inventory_data(definitions=[web])))
    assert [finding.level for finding in found] == ([level] if level else [])
    assert not found or "'web'" in found[0].found


def test_files_of_all_kinds_and_of_repositories_that_were_not_read() -> None:
    gone = [f"file:{BASE}/ISOs/gone.iso,hdc:cdrom,r", ",hdd:cdrom,r"]
    web = defined("web", uuid=ONE, disk=gone, kernel=f"{BASE}/VirtualMachines/web/vmlinuz")
    of = collected(inventory_data(definitions=[web]))
    assert [finding.level for finding in about("file", of)] == ["error", "error"]
    views = [host(1), host(2)]
    whole = repository(views, [web])
    assert whole.content is not None
    unread = replace(whole, content=None, errors=("stale",))
    assert about("file", collected(inventory_data(views, [web], repositories=[unread]))) == []
    odd = replace(whole, content=replace(whole.content, not_understood=("<X> 'gone.iso'",)))
    found = about("file", collected(inventory_data(views, [web], repositories=[odd])))
    assert [finding.level for finding in found] == ["warning", "warning"]
    unfinished = defined("web", uuid=ONE, disk=gone, OVM_description="creating " + "0" * 32)
    assert about("file", collected(inventory_data(definitions=[unfinished]))) == []
    runs = inventory_data(
        [host(1, live("web", ONE)), host(2)], [defined("web", uuid=ONE, disk=gone)]
    )
    [finding] = about("file", collected(runs))
    assert "while it is not stopped" in finding.means


# ------------------------------------------------------------------ VNC


@pytest.mark.parametrize(
    ("config", "is_open"),
    [
        ({"vfb": ["type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd="]}, True),
        ({"vfb": ["type=vnc,vnclisten=0.0.0.0"]}, True),
        ({"vfb": ["type=vnc,vnclisten=::"]}, True),
        ({"vfb": ["type=vnc,vnclisten=192.0.2.1"]}, True),
        ({"vfb": ["type=vnc,vnclisten=0.0.0.0,vncpasswd=HUSH"]}, False),
        ({"vfb": ["type=vnc,vnclisten=127.0.0.1"]}, False),
        ({"vfb": ["type=vnc"]}, False),
        ({"vfb": ["type=sdl,vnclisten=0.0.0.0"]}, False),
        ({"builder": "hvm", "vnc": 1, "vnclisten": "0.0.0.0"}, True),
        ({"builder": "hvm", "vnc": 1, "vnclisten": "0.0.0.0", "vncpasswd": "HUSH"}, False),
        ({}, False),
    ],
)
def test_vnc(config: dict[str, Any], is_open: bool) -> None:
    found = about(
        "VNC", collected(inventory_data(definitions=[defined("web", uuid=ONE, **config)]))
    )
    assert [finding.level for finding in found] == (["note"] if is_open else [])
    assert "HUSH" not in str(
        run_checks(collected(inventory_data(definitions=[defined("w", **config)])))
    )


def test_the_port_of_an_open_console_is_the_live_one() -> None:
    web = defined("web", uuid=ONE, vfb=["type=vnc,vnclisten=0.0.0.0,vncunused=0,vncdisplay=7"])
    device = {"vfb": [{"location": "0.0.0.0:5903", "vnclisten": "0.0.0.0"}]}
    views = [host(1), host(2, live("web", ONE, device=device))]
    [listed, finding] = about("VNC", collected(inventory_data(views, [web])))
    assert (listed.level, finding.level) == ("ok", "note")
    assert listed.found == f"1 live VNC consoles: 'web' ({ONE}) on port 5903 of ovm-2"
    assert finding.found.endswith("open on 0.0.0.0 without a password, now on port 5903 of ovm-2")
    [finding] = about("VNC", collected(inventory_data(definitions=[web])))
    assert finding.found.endswith("without a password")


# ------------------------------------------------------------------ what was not understood


def test_directories_without_a_vm_cfg() -> None:
    aside = Definition(REPOSITORY, "gold", None, "no vm.cfg, but hvm.cfg, System.img")
    [finding] = about("vm.cfg", collected(inventory_data(definitions=[aside])))
    assert finding.level == "error"
    assert "gold: no vm.cfg, but hvm.cfg" in finding.found
    assert "restore the file's name" in finding.advice
    doubted = replace(defined("web", uuid=ONE), error="not listed")
    [finding] = about("vm.cfg", collected(inventory_data(definitions=[doubted])))
    assert "cannot be relied upon: not listed" in finding.found


def test_repositories_with_errors() -> None:
    views = [host(1), host(2)]
    whole = repository(views)
    text = "repository x is not the same one everywhere: a on ovm-1; b on ovm-2"
    two = replace(whole, errors=(text,), is_clear=False)
    [finding] = about("repository", collected(inventory_data(views, repositories=[two])))
    assert (finding.level, text in finding.found) == ("error", True)
    assert "a repository id must refer to one file system" in finding.advice
    doubted = replace(defined("web", uuid=ONE), error=text)
    assert about("vm.cfg", collected(inventory_data(views, [doubted], repositories=[two]))) == []
    odd = replace(whole, errors=("repository x: VirtualDisks: <X>", "no ISOs"))
    found = about("repository", collected(inventory_data(views, repositories=[odd])))
    assert [finding.level for finding in found] == ["ok", "error", "error"]
    left = replace(whole, aside=(Aside("0" * 32, f"{BASE}/VirtualDisks/x.img", 1, 1.0),))
    found = about("repository", collected(inventory_data(views, repositories=[left])))
    assert [finding.level for finding in found] == ["ok", "warning"]
    assert f"`ovm3 disk put-back {BASE}/VirtualDisks/x.img {'0' * 32}`" in found[1].advice


def test_vms_in_doubt() -> None:
    nameless = {**live("a", ONE), "uuid": "odd"}
    of = collected(inventory_data([host(1, nameless), host(2)], [defined("a", uuid=ONE)]))
    assert [f.level for f in about("VM", of) if "may be live domain a" in f.found] == ["warning"]
    bare = {**live("a", ONE), "device": {}}
    of = collected(inventory_data([host(1, bare), host(2)], [defined("a", uuid=ONE)]))
    [finding] = about("VM", of)
    assert (finding.level, "incomplete record" in finding.found) == ("warning", True)


def test_the_named_host_itself_failed() -> None:
    """Its error is reported, and what the others report follows."""
    others = inventory_data([host(2), host(3)])
    of = collected(others, error=FAULT)
    assert of.host is None
    [finding] = about("agent", of)
    assert (finding.level, str(FAULT) in finding.found) == ("error", True)
    assert "comes from the other members" in finding.means
    assert about("password", of) == []
    assert about("repository", of) != []
    assert about("versions", of) == []
