"""Bundles: they contain nothing that identifies a site, and keep the original's structure."""

from __future__ import annotations

import html
import json
import re
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libcloud_ovm3.diagnostics.anonymize import Anonymizer
from libcloud_ovm3.diagnostics.bundle import encode, make_bundle, write_bundle
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Call, Collected, collect, record_calls
from libcloud_ovm3.diagnostics.inventory import as_json, build_inventory
from libcloud_ovm3.diagnostics.inventory_data import InventoryData
from libcloud_ovm3.errors import AgentFault, HostUnreachable, InvalidArgument, TimedOut
from tests.diagnostics.healthy import NOW, certificate
from tests.diagnostics.troubled import estate_of, troubled_pool
from tests.support import simulate

# ------------------------------------------------------------------ nothing of the original


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäßéЖ日本0123456789_"
SEPARATORS = [" ", "-", ".", " (", "#", "&", "<", ">", "'", '"', "%20", "@", "+", "; ", "=", "/"]
# Zq: so that no word of the agent's, no tag and no made-up name can hold it by chance.
WORD = st.text(LETTERS, min_size=2, max_size=9).map(lambda text: f"Zq{text}")
NAME = st.builds(
    lambda words, separator: separator.join(words),
    st.lists(WORD, min_size=1, max_size=3),
    st.sampled_from(SEPARATORS),
)
PASSWORD = NAME.filter(lambda text: len(text) >= 8)
MAC = st.binary(min_size=6, max_size=6).filter(lambda b: 0 < sum(b) < 6 * 255)
CONTROL0 = ("169.254.0.0", "169.254.0.1")  # network and address, the same on every host
IPV4 = st.ip_addresses(v=4).filter(
    lambda a: int(a) >> 24 not in (0, 127, 255) and str(a) not in CONTROL0
)
IPV6 = st.ip_addresses(v=6).filter(lambda a: int(a) >> 64 > 0 and int(a) & 0xFFFF > 0)
UUID = st.uuids(version=4)


def world(draw: Any) -> tuple[list[Call], dict[str, list[str]]]:
    """Calls whose responses contain identifying data wherever such data can occur."""
    names = [draw(NAME) for _ in range(6)]
    macs = [draw(MAC).hex(":") for _ in range(3)]
    v4, v6 = str(draw(IPV4)), str(draw(IPV6))
    agents, vnc = draw(PASSWORD), draw(PASSWORD).replace(",", "")
    ids = [str(draw(UUID)) for _ in range(2)]
    vm, host, disk, alias, key, note = names
    file = re.sub("[/,]", "_", disk)
    server = (
        f"<Server><Unique_Id>{ids[0]}</Unique_Id><Hostname>{escape(host)}</Hostname>"
        f"<Registered_IP>{v4}</Registered_IP><Agent_Version>3.3.3</Agent_Version>"
        f"<Contact>{escape(note)} {v6} {macs[0]}</Contact></Server>"
    )
    content = (
        f"<RepositoryList><Repository Name={quoteattr(alias)}><Repository_Alias>{escape(alias)}"
        f"</Repository_Alias><VirtualMachines><VirtualMachine Name={quoteattr(vm)}><File>vm.cfg"
        f"</File></VirtualMachine></VirtualMachines><VirtualDisks><Disk>{escape(file)}.img</Disk>"
        f"</VirtualDisks></Repository></RepositoryList>"
    )
    config = {
        "name": vm,
        "OVM_simple_name": f"{vm}",
        "uuid": ids[1],
        "OVM_description": f"{note} at {v4}, ask {host}",
        "disk": [f"file:/OVS/Repositories/{ids[0]}/VirtualDisks/{file}.img,xvda,w"],
        "vif": [f"mac={macs[1].upper()},bridge=c0a80100,ip={v4},vifname={key.replace(',', '')}"],
        "vfb": [f"type=vnc,vnclisten={v4},vncpasswd={vnc},keymap=en-us"],
        "vncpasswd": vnc,
        "extra": f"ro ip={v4}::{v6} token={agents}",
        key: {"contact": note, "numbers": [47110815, note]},
    }
    live = {
        "name": f"migrating-{vm}",
        "uuid": ids[1],
        "device": {
            "vif": [{"mac": macs[1], "bridge": alias, "script": "/etc/xen/scripts/vif-bridge"}],
            "vfb": [{"location": f"{v4}:5900", "vncpasswd": vnc}],
        },
    }
    text = (
        f"exceptions.OSError:[Errno 2] No such file: '/OVS/{file}' on https://oracle:{agents}@{v4}/"
    )
    fault = AgentFault(f"h: f: the agent refused or failed: {text}", code=1, kind="", text=text)
    at = f"{v4}:8899"
    calls = [
        Call(
            at, "discover_server", (), f"<Discover_Server_Result>{server}</Discover_Server_Result>"
        ),
        Call(at, "discover_repositories", (ids[0],), f"<R>{content}</R>"),
        Call(at, "list_vms", (), [live]),
        Call(at, "get_vm_config", (ids[0], vm), config),
        Call(at, "get_vm_config", (ids[0], disk), error=fault),
        Call(at, "get_ntp", (), [[host, v6], True, False]),
        Call(at, "echo", ({"contact": note},), f"said by {agents} of {note}"),
        Call(f"{host}:8899", "list_vms", (), error=TimedOut(f"{host} {v4}")),
        Call(f"[{v6}]:8899", "list_vms", (), error=HostUnreachable(f"{host} {v6}")),
    ]
    originals = {"names": [*names, file], "macs": macs, "addresses": [v4, v6],
                 "passwords": [agents, vnc], "ids": ids}  # fmt: skip
    return calls, originals


@given(st.data())
def test_nothing_of_the_original_is_in_the_file(data: st.DataObject) -> None:
    calls, originals = world(data.draw)
    contents = make_bundle(calls, originals["passwords"][:1])
    seen = "\n".join(texts(contents))
    seen += html.unescape(seen) + json.dumps(contents, ensure_ascii=False)
    for name in (*originals["names"], *originals["passwords"]):
        assert name not in seen
    for mac in originals["macs"]:
        assert mac not in seen.lower()
    for vm_id in originals["ids"]:
        assert vm_id not in seen
        assert vm_id.replace("-", "") not in seen
    for address in originals["addresses"]:
        assert not re.search(rf"(?<![\w.:]){re.escape(address)}(?![\w.:])", seen)
    assert "c0a80100" not in seen
    assert "47110815" not in seen


def texts(value: Any) -> list[str]:
    """Return every string in it, with keys."""
    if isinstance(value, dict):
        return [t for key, member in value.items() for t in (key, *texts(member))]
    if isinstance(value, list):
        return [t for member in value for t in texts(member)]
    return [str(value)]


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.64",
        "vm-192.168.1.64",
        "eth0.192.168.1.64",
        "ip-192-168-1-64",
        "192.168.1.64.",
        "(192.168.1.64)",
        "x192.168.1.64",
        "192.168.1.64/24",
        "::ffff:192.168.1.64",
        "host:192.168.1.64:8899",
    ],
)
def test_addresses_in_any_company(text: str) -> None:
    for made in (Anonymizer().text(text), Anonymizer().name(text)):
        assert "192.168.1.64" not in made
        assert "192-168-1-64" not in made


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "127.0.0.1", "255.255.255.0", "14:54:59", "1.2.3", "3.3.3-1350", "::"),
        "169.254.0.1/16",  # control0's, on every host
    ],
)
def test_what_is_nobodys_address_stays(text: str) -> None:
    assert Anonymizer().text(text) == text


def test_a_vlan_bridge_keeps_its_number() -> None:
    """So it still shows which bridge it belongs to."""
    anonymizer = Anonymizer()
    base = anonymizer.name("0a0a0a00")
    assert base != "0a0a0a00"
    assert anonymizer.text("mac=,bridge=0a0a0a00.120") == f"mac=,bridge={base}.120"
    network = '<Device Name="0a0a0a00.120"/>'
    assert f'Name="{base}.120"' in anonymizer.document(network)


@pytest.mark.parametrize("text", ["fe80::5054:ff:fe24:4770", "169.254.0.2", "169.254.7.1"])
def test_other_addresses_of_a_link_do_not_stay(text: str) -> None:
    assert Anonymizer().text(text) != text


# ------------------------------------------------------------------ the same by the same


def test_the_same_becomes_the_same_in_every_notation() -> None:
    redactor = Anonymizer()
    vm_id = "0004fb00-0006-0000-cfe2-da48f9e2120e"
    made = redactor.id(vm_id)
    assert made != vm_id
    assert made.startswith("0004fb00-0006-0000-"), "what kind of thing it is stays"
    plain = made.replace("-", "")
    assert redactor.id(vm_id.replace("-", "")) == plain
    assert redactor.id(vm_id.upper()) == made.upper()
    assert redactor.text(f"/OVS/Repositories/{vm_id.replace('-', '')}/x.img").split("/")[3] == plain
    assert redactor.name(f"kunde-{vm_id}_1.raw") == redactor.name("kunde") + f"-{made}_1.raw"
    wwid = "36006016012345678901234567890abcd"
    assert redactor.text(f"/dev/mapper/{wwid}") == f"/dev/mapper/3{redactor.id(wwid[1:])}"
    colons = ":".join(plain[i : i + 2] for i in range(0, 32, 2))
    before = ":".join(vm_id.replace("-", "")[i : i + 2] for i in range(0, 32, 2))
    assert redactor.id(before) == colons
    mac = redactor.mac("00:21:F6:aa:bb:CC")
    assert redactor.text("mac=00:21:f6:aa:bb:cc,bridge=eth0") == f"mac={mac},bridge=eth0"
    assert redactor.ip("2001:DB8:0::1") == redactor.ip("2001:db8::1")


def test_names_are_the_same_wherever_they_stand() -> None:
    redactor = Anonymizer()
    name = redactor.name("web 1 (prod)")
    assert redactor.text("/OVS/Repositories/VirtualMachines/web 1 (prod)/vm.cfg").endswith(
        f"/{name}/vm.cfg"
    )
    assert redactor.name("web 1 (prod).img") == f"{name}.img"
    assert redactor.name("migrating-web 1 (prod)") == f"migrating-{name}"
    assert redactor.text("filer:/export/a") == f"{redactor.name('filer')}:/" + "/".join(
        redactor.name(step) for step in ("export", "a")
    )
    assert redactor.name("other") != name


@pytest.mark.parametrize(
    "text",
    ["Domain-0", "7", "1234", "eth0", "bond0.160", "vm.cfg", "none", "", " ", "Domain-Unnamed"],
)
def test_names_that_mean_something_to_xend_stay(text: str) -> None:
    assert Anonymizer().name(text) == text


@pytest.mark.parametrize("text", ["47110815", "linux", "running", "file", "Oracle"])
def test_other_names_do_not_even_if_the_agent_has_such_words(text: str) -> None:
    made = Anonymizer().name(text)
    assert made != text
    assert made.isdigit() == text.isdigit()


@given(st.lists(NAME, unique=True, max_size=9))
def test_two_things_never_become_one(names: list[str]) -> None:
    redactor = Anonymizer()
    assert len({redactor.name(name) for name in names}) == len(names)
    assert [redactor.name(name) for name in names] == [redactor.name(name) for name in names]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)  # fmt: skip


@given(JUNK, st.lists(JUNK, max_size=2))
@example("<a>&undefined;</a>", [])
@example("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", [])
@example("<a", [])
def test_any_answer_can_be_written(answer: Any, arguments: list[Any]) -> None:
    contents = make_bundle([Call("h:1", "odd", tuple(arguments), answer)], ["secret"])
    json.loads(json.dumps(contents).encode("utf-8", "backslashreplace"))


# ------------------------------------------------------------------ the file


def test_values_in_json() -> None:
    assert encode([1, 2**31, -(2**31), 1.0, True, None, "x"]) == [
        1, {"$i8": 2**31}, -(2**31), 1.0, True, None, "x"
    ]  # fmt: skip
    assert encode(datetime(2014, 10, 23, 18, 28, 37)) == {"$dateTime": "20141023T18:28:37"}
    assert encode(b"abc") == {"$base64": "YWJj"}
    assert encode({"a": {"$b": 1}}) == {"a": {"$struct": {"$b": 1}}}


def test_the_file_is_its_owners_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    write_bundle(make_bundle([Call("h:1", "echo", ("put",), "put")], []), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {
        "format": 1,
        "hosts": [
            {
                "address": "127.0.0.2",
                "calls": [{"function": "echo", "arguments": ["put"], "answer": "put"}],
            }
        ],
    }
    with pytest.raises(InvalidArgument, match="already exists"):
        write_bundle({}, file)
    with pytest.raises(InvalidArgument, match="No such file"):
        write_bundle({}, tmp_path / "missing" / "b.json")


def test_hosts_without_answers() -> None:
    calls = [
        Call("a:1", "list_vms", (), error=HostUnreachable("dead")),
        Call("b:1", "list_vms", (), error=TimedOut("slow")),
    ]
    assert make_bundle(calls, [])["hosts"] == [
        {"address": "127.0.0.2", "unreachable": "HostUnreachable", "calls": []},
        {
            "address": "127.0.0.3",
            "calls": [{"function": "list_vms", "arguments": [], "lost": "TimedOut"}],
        },
    ]


# ------------------------------------------------------------------ there and back


def outline(of: Collected) -> Any:
    """Return what must be equal on both sides: everything but names, ids and addresses."""
    assert isinstance(of.inventory, InventoryData)
    inventory = as_json(build_inventory(of.inventory))
    vms = sorted(
        repr((vm["state"], vm["memory_mb"], vm["vcpus"], vm["ha"], len(vm["live"]),
         len(vm["definitions"]), len(vm["disks"]), len(vm["nics"])))
        for vm in inventory["vms"]
    )  # fmt: skip
    hosts = [(h["status"], h["agent_version"], h["cpus"], h["vms"]) for h in inventory["hosts"]]
    found = [(finding.level, finding.about) for finding in run_checks(replace(of, now=NOW))]
    return found, hosts, vms, len(inventory["pools"]), len(inventory["errors"])


def test_a_simulator_with_the_bundle_responds_likewise(personality: str, tmp_path: Path) -> None:
    with troubled_pool(personality) as troubled:
        sim = troubled.sim
        sim.add_vm("number", config={"name": "7"})
        sim.add_vm("my web server", directory="my web server", running_on=1, config={
            "name": "my web server",
            "vfb": ["type=vnc,vncpasswd=geheim4711"],
        })  # fmt: skip
        shared = [f"file:/OVS/Repositories/{sim.repository_id}/VirtualDisks/shared disk.img,xvda,w"]
        for name in ("first user", "second user"):
            sim.add_vm(name, directory=name, config={"name": name, "disk": shared})
        calls: list[Call] = []
        before = outline(collect(record_calls(estate_of(sim), calls), certificate, "verified"))
        mine = ["vault", "my web server", "seed-1", "twin-one", "geheim4711", sim.password,
                "nfs-store-1", sim.repository_id, *(host.address for host in sim.hosts),
                *(host.hostname for host in sim.hosts)]  # fmt: skip
    assert {("error", "disk"), ("warning", "name"), ("error", "uuid")} <= set(before[0])
    file = tmp_path / "troubled.json"
    write_bundle(make_bundle(calls, [sim.password]), file)
    text = file.read_text(encoding="utf-8")
    assert [word for word in mine if word in text] == []
    with simulate(from_bundle=file) as replay:
        again: list[Call] = []
        assert (
            outline(collect(record_calls(estate_of(replay), again), certificate, "verified"))
            == before
        )
    unanswered = [str(call.error) for call in again if "the bundle has no" in str(call.error)]
    assert unanswered == []


@pytest.mark.parametrize("password", ["linux", "running", "oracle", "12345", "vm.cfg"])
def test_passwords_go_even_if_they_are_words_of_the_agent(password: str) -> None:
    redactor = Anonymizer([password])
    assert redactor.value({"vncpasswd": password, "admin_passwd": 12345}) == {
        "vncpasswd": "******",
        "admin_passwd": "******",
    }
    entry = Anonymizer().text(f"type=vnc,vncpasswd={password},keymap=en-us")
    assert entry == "type=vnc,vncpasswd=******,keymap=en-us"
    document = f"<R><Admin_Passwd>{password}</Admin_Passwd><Status>is {password}</Status></R>"
    assert password not in redactor.document(document)
