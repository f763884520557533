"""agent.config: what a vm.cfg says. The files of the field (V01 … V16), and their like."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.config import VMConfig, VncOptions, whole_number
from libcloud_ovm3.errors import InvalidArgument

CASES = Path(__file__).parent / "cases"
IMG = "/OVS/Repositories/0004fb/VirtualDisks/a.img"


def case(name: str) -> VMConfig:
    return VMConfig.from_text((CASES / f"{name}.vm.cfg").read_bytes())


READABLE = ("V01", "V03", "V06", "V08", "V10", "V11", "M05")


# ------------------------------------------------------------------ the field cases


def test_v01_made_by_the_manager() -> None:
    config = case("V01")
    assert config.uuid == "0004fb00-0006-0000-cfe2-da48f9e2120e"
    assert config.simple_name == "ESXi-01"
    assert (config.memory_mb, config.vcpus, config.max_vcpus) == (4096, 2, 2)
    assert (config.is_hvm, config.is_high_availability) == (True, False)
    system, drive = config.disks
    assert config.system_disk == system
    assert (system.device, system.mode, system.is_cdrom) == ("xvda", "w", False)
    assert system.repository_id == "0004fb00000300001e4ee7d261313647"
    assert (drive.device, drive.is_cdrom, drive.is_read_only) == ("xvdb", True, True)
    assert drive.repository_id == "0004fb0000030000598e525857751f9a"
    (vif,) = config.vifs
    assert (vif.type, vif.bridge) == (None, "10238073c2")
    assert config.vnc == VncOptions("127.0.0.1", None, True, "pt-br", None)
    assert config.warnings == ()


def test_v03_exadata() -> None:
    config = case("V03")
    assert config.uuid == "6d015d4f-7221-44b3-9a0d-9ebd71ec464e"
    assert config.simple_name == "cabinet10adm01-016"
    assert config.name == "racdb01vm08.example.com"
    assert (config.memory_mb, config.max_memory_mb) == (65536, 65536)
    assert (config.vcpus, config.max_vcpus) == (8, 68)
    assert (config.is_hvm, config.domain_type) == (True, "")
    assert [disk.device for disk in config.disks] == ["xvda", "xvdb", "xvdc", "xvdd", "xvde"]
    outside = "/EXAVMIMAGES/GuestImages/racdb01vm08.example.com"
    assert [disk.path for disk in config.disks[3:]] == [
        f"{outside}/u02_extra.img",
        f"{outside}/21222032406_u01ext.img",
    ]
    assert [disk.repository_id for disk in config.disks] == [
        *["6d015d4f722144b39a0d9ebd71ec464e"] * 3,
        *[None] * 2,
    ]
    assert [vif.type for vif in config.vifs] == ["netfront"] * 3
    assert [vif.bridge for vif in config.vifs] == ["vmbondeth0", "vmbondeth1", "vmeth1"]
    assert config.values["ib_pkeys"] == [
        {"pf": "03:00.0", "port": port, "pkey": ["0x2a10", "0xa016"]} for port in "12"
    ]
    assert (config.values["cpus"], config.get_text("on_crash")) == ("12-19", "coredump-restart")
    assert (config.vnc, config.warnings) == (None, ())


def test_v06_a_template() -> None:
    config = case("V06")
    assert (config.simple_name, config.name) == ("", "el_template_db")
    assert config.vifs == ()
    assert (config.memory_mb, config.vcpus) == (4096, 4)
    assert [(disk.device, disk.repository_id) for disk in config.disks] == [
        ("hda", None),
        ("hdb", None),
    ]
    assert config.vnc == VncOptions("127.0.0.1", None, True, "en-us", None)
    assert config.values["exalogic_vnic"] == [
        {"guid": f"0xbbb34d724b05dd7{n + 2}", "pkey": ["0xffff"], "port": str(n)} for n in (1, 2)
    ]
    assert config.values["exalogic_ipoib"] == [{"pkey": ["0xffff"], "port": p} for p in "12"]


def test_v08_without_a_uuid() -> None:
    config = case("V08")
    assert config.uuid is None
    assert (config.memory_mb, config.vcpus, config.is_hvm) == (4096, 2, True)
    (vif,) = config.vifs
    assert (vif.mac, vif.bridge, vif.type) == (None, "net1", "netfront")
    assert config.vnc == VncOptions("0.0.0.0", 10, True, None, None)
    assert config.get_text("on_reboot") == "destroy"
    assert config.disks[0].path == "/tmp/vm_tmp/hvmguest1/System.img"


def test_v10_the_cd_stands_first() -> None:
    config = case("V10")
    assert config.disks[0].is_cdrom
    assert config.system_disk is not None
    assert (config.system_disk.device, config.system_disk.path) == ("xvda", "/dev/vg0/solaris1")
    assert config.get_text("extra") == (
        "/platform/i86xpv/kernel/amd64/unix -- nowin -B install_media=cdrom"
    )
    (vif,) = config.vifs
    assert vif.mac == "00:16:3e:00:a7:88"
    assert (vif.ips, vif.name) == (("192.0.2.136",), "solaris1")
    assert config.is_hvm is False


def test_v11_tap_aio_and_a_password() -> None:
    config = case("V11")
    (disk,) = config.disks
    assert (disk.scheme, disk.path, disk.device) == ("tap:aio", "/home/hardy.img", "xvda1")
    (vif,) = config.vifs
    assert (vif.bridge, vif.script, vif.name) == (None, "vif-np", "np")
    assert config.vnc is not None
    assert config.vnc.password == "Pa55word"
    for shown in (config, config.vnc, config.vfbs, [config], {"vm": config}):
        assert "Pa55word" not in f"{shown!r} {shown!s}"


def test_v14_is_a_bad_record() -> None:
    """A line that begins with a tab is a mistake to Python, so to xm: the whole file is."""
    with pytest.raises(InvalidArgument, match=r"vm\.cfg, line 1: unexpected indent"):
        case("V14")


@pytest.mark.parametrize("indent", ["\t", "    "])
@pytest.mark.parametrize("line", [1, 2, 5, 13])
def test_indented_lines_are_named(indent: str, line: int) -> None:
    lines = [text.strip() for text in (CASES / "V14.vm.cfg").read_text().splitlines()]
    straight = VMConfig.from_text("\n".join(lines))
    assert straight.get_text("extra") == "fastboot", "the last one counts"
    assert (len(straight.disks), len(straight.vifs)) == (2, 1)
    assert [disk.device for disk in straight.disks] == ["xvda1", "xvda2"]
    assert straight.vifs[0].ips == ("192.0.2.10", "192.0.2.11")
    inside_a_list = line == 13
    lines[line - 1] = indent + lines[line - 1]
    if inside_a_list:
        lines[8] = indent + lines[8]
    with pytest.raises(InvalidArgument, match=rf"line {line}:"):
        VMConfig.from_text("\n".join(lines))


def test_blanks_inside_a_list_are_none() -> None:
    config = VMConfig.from_text("disk = [\n\t'a',\n  'b',\n]\n")
    assert config.values["disk"] == ["a", "b"]


def test_m05_a_quote_in_the_name() -> None:
    config = case("M05")
    assert config.simple_name == "Sales' DB"
    assert [disk.path for disk in config.disks][1:3] == ["/dev/mapper/asm1", "/dev/mapper/asm10"]
    assert len(config.disks) == 4


@pytest.mark.parametrize("name", READABLE)
def test_the_files_come_back(name: str) -> None:
    config = case(name)
    assert VMConfig.from_text(config.to_text()) == config
    assert list(VMConfig.from_text(config.to_text()).values) == list(config.values)
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("name", READABLE)
def test_a_change_leaves_the_rest(name: str) -> None:
    config = case(name)
    before = copy.deepcopy(config.values)
    changed = config.changed(OVM_description="new", disk=[])
    assert changed.to_struct() == {**before, "OVM_description": "new", "disk": []}
    struct = config.to_struct()
    struct["disk"].append("x")  # whoever gets the struct may do with it what he likes
    assert config.values == before


# ------------------------------------------------------------------ their like


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (512, 512),
        ("512", 512),
        (" 512\n", 512),
        ("0512", 512),
        (0, 0),
        (256.7, 256),
        (1e300, None),
        (-1, None),
        ("-1", None),
        ("", None),
        ("512M", None),
        ("5 12", None),
        ("٥١٢", None),
        ("9" * 5000, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([512], None),
        ({"mb": 512}, None),
    ],
)
def test_numbers(value: Any, number: int | None) -> None:
    assert whole_number(value) == number
    config = VMConfig({"memory": value, "vcpus": value})
    assert config.memory_mb == config.vcpus == (number or None)
    assert bool(config.warnings) is not bool(number)
    assert len(" ".join(config.warnings)) < 300


def test_a_number_that_cannot_even_be_printed() -> None:
    huge = 10**5000
    config = VMConfig({"memory": huge, "name": huge, "builder": huge, "vnc": huge, "disk": [huge]})
    assert (config.memory_mb, config.name, config.is_hvm) == (None, "", False)
    assert config.warnings == ("memory is no number above 0", "disk is no list of texts")
    with pytest.raises(InvalidArgument):
        config.to_text()


def test_numbers_that_are_not_said() -> None:
    assert VMConfig({}).memory_mb is None
    assert VMConfig({}).warnings == ()
    assert VMConfig({"memory": 7}).max_memory_mb == 7
    assert VMConfig({"memory": 7, "maxmem": "9"}).max_memory_mb == 9
    assert VMConfig({"vcpus": "2", "maxvcpus": 0}).max_vcpus == 2
    assert VMConfig({"vcpus": 2, "maxvcpus": "4"}).max_vcpus == 4


@pytest.mark.parametrize(
    ("values", "is_hvm"),
    [
        ({}, False),
        ({"builder": "hvm"}, True),
        ({"builder": "HVM "}, True),
        ({"builder": "linux"}, False),
        ({"builder": ""}, False),
        ({"builder": "hvm", "OVM_domain_type": "xen_pvm"}, True),
        ({"builder": "linux", "OVM_domain_type": "xen_hvm"}, False),
        ({"OVM_domain_type": "xen_hvm"}, True),
        ({"OVM_domain_type": "xen_hvm_pv_drivers"}, True),
        ({"OVM_domain_type": "XEN_HVM_PV_DRIVERS"}, True),
        ({"OVM_domain_type": "hvm"}, True),
        ({"OVM_domain_type": "xen_pvm"}, False),
        ({"OVM_domain_type": "ldoms_pvm"}, False),
        ({"OVM_domain_type": "default"}, False),
        ({"bootloader": "/usr/bin/pygrub"}, False),
        ({"builder": 7, "OVM_domain_type": None}, False),
    ],
)
def test_hvm_or_not(values: dict[str, Any], is_hvm: bool) -> None:
    assert VMConfig(values).is_hvm is is_hvm


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (False, False),
        (True, True),
        (0, False),
        (1, True),
        ("False", False),
        ("true", True),
        ("0", False),
        (" TRUE ", True),
        ("", None),
        ("none", None),
        (None, None),
        (2, None),
        ([], None),
    ],
)
def test_high_availability(value: Any, flag: bool | None) -> None:
    assert VMConfig({"OVM_high_availability": value}).is_high_availability is flag


@pytest.mark.parametrize(
    ("value", "uuid"),
    [
        ("0004fb00-0006-0000-cfe2-da48f9e2120e", "0004fb00-0006-0000-cfe2-da48f9e2120e"),
        ("0004FB0000060000CFE2DA48F9E2120E", "0004fb00-0006-0000-cfe2-da48f9e2120e"),
        (" 0004fb0000060000cfe2da48f9e2120e\n", "0004fb00-0006-0000-cfe2-da48f9e2120e"),
        ("6d015d4f-722144b39a0d9ebd71ec464e", "6d015d4f-7221-44b3-9a0d-9ebd71ec464e"),
        ("", None),
        ("none", None),
        ("0004fb00", None),
        ("g" * 32, None),
        (7, None),
        ([], None),
        (None, None),
    ],
)
def test_uuids(value: Any, uuid: str | None) -> None:
    assert VMConfig({"uuid": value}).uuid == uuid


@pytest.mark.parametrize(
    ("disk", "system"),
    [
        (["a:/1,xvda,w"], "xvda"),
        (["a:/1,xvdb:cdrom,r", "a:/2,xvda,w"], "xvda"),
        ([",xvdb:cdrom,r", "a:/2,xvdc,w", "a:/3,xvda,w"], "xvdc"),
        (["a:/1,hdc:cdrom,r", "a:/2,hdd:cdrom,r"], None),
        (["a:/1,ioemu:hdc:cdrom,r", "a:/2,ioemu:hda,w"], "hda"),
        (["a:/1,hdc:CDROM,r", "a:/2,hda:disk,w"], "hda"),
        ([None, 7, ["a:/1,xvda,w"], "a:/2,xvdb,w"], "xvdb"),
        ([], None),
        ("a:/1,xvda,w", None),
        (None, None),
        ({"0": "a:/1,xvda,w"}, None),
        (("a:/1,xvda,w",), None),
    ],
)
def test_the_system_disk_is_the_first_that_is_no_cd(disk: Any, system: str | None) -> None:
    found = VMConfig({"disk": disk}).system_disk
    assert (found.device if found else None) == system


@pytest.mark.parametrize(
    ("values", "wish"),
    [
        ({}, None),
        ({"vfb": []}, None),
        ({"vfb": ["type=sdl"]}, None),
        ({"vfb": ["type=sdl", "type=vnc"]}, VncOptions(None, None, True, None, None)),
        ({"vfb": ["vnc=1,vncunused=0"]}, VncOptions(None, None, False, None, None)),
        ({"vfb": ["type=vnc,vncdisplay=x"]}, VncOptions(None, None, True, None, None)),
        ({"vfb": ["type=vnc,vncpasswd="]}, VncOptions(None, None, True, None, None)),
        (
            {"vfb": ["type=vnc, vnclisten = ::1 ,vncpasswd=p=q,keymap=fr"]},
            VncOptions("::1", None, True, "fr", "p=q"),
        ),
        ({"vnc": 1, "vncdisplay": 3}, None),  # PV: only a vfb counts
        (
            {"builder": "hvm", "vnc": 1, "vncdisplay": "3", "vncunused": 0},
            VncOptions(None, 3, False, None, None),
        ),
        ({"builder": "hvm", "vnc": "1"}, VncOptions(None, None, True, None, None)),
        ({"builder": "hvm", "vnc": 0}, None),
        ({"builder": "hvm", "vncpasswd": "x"}, None),
        (
            {"builder": "hvm", "vnc": 1, "vncdisplay": 1, "vfb": ["type=vnc,vncdisplay=2"]},
            VncOptions(None, 2, True, None, None),
        ),
        ({"builder": "hvm", "vnc": 1, "vncpasswd": 7}, VncOptions(None, None, True, None, "7")),
    ],
)
def test_what_is_wanted_of_vnc(values: dict[str, Any], wish: VncOptions | None) -> None:
    assert VMConfig(values).vnc == wish


SECRET = "s3cret"


@pytest.mark.parametrize(
    "values",
    [
        {"vncpasswd": SECRET, "vnc": 1, "builder": "hvm"},
        {"vfb": [f"type=vnc,vncpasswd={SECRET}"]},
        {"vfb": [f"type=vnc, vncpasswd = {SECRET}"]},
        {"vfb": [f"type=vnc,VncPasswd={SECRET}"]},
        {"vfb": [f"type=vnc,vncpasswd={SECRET}", 7]},
        {"vfb": f"type=vnc,vncpasswd={SECRET}"},
        {"vfb": {"vncpasswd": SECRET}},
        {"vncpasswd": [SECRET]},
        {"admin_password": SECRET},
        {"extra": f"root_password={SECRET}"},
        {"exalogic": [{"passwd": SECRET}]},
    ],
)
def test_no_password_is_shown(values: dict[str, Any]) -> None:
    config = VMConfig({"name": "vm", **values})
    seen = [config, config.vnc, config.vfbs, config.warnings, config.disks, config.vifs]
    assert SECRET not in f"{seen!r} {config} {config.vnc}"
    with pytest.raises(InvalidArgument) as caught:
        config.changed(bad=object()).to_text()
    assert SECRET not in str(caught.value)


def test_oddities() -> None:
    config = VMConfig(
        {
            "memory": "lots",
            "disk": ["file:/a,xvda,w", "file:/b,xvda,w", "file:/c,xvdc,rw", 7],
            "vif": "mac=1",
            "vfb": [{}],
        }
    )
    assert config.warnings == (
        "memory is no number above 0",
        "disk is no list of texts",
        "vif is no list of texts",
        "vfb is no list of texts",
        "disk entry 'file:/c,xvdc,rw' is none",
        "two disks are xvda",
    )


@pytest.mark.parametrize("disk", [None, "file:/a,xvda,w", {}, 7, [], [None, 7, ["x"]]])
def test_no_disks(disk: Any) -> None:
    assert VMConfig({"disk": disk}).disks == ()
    assert VMConfig({}).disks == ()


def test_disks_in_order() -> None:
    entries = VMConfig({"disk": [f"file:{IMG},xvdb,w", 7, ",xvda:cdrom,r"]}).disks
    assert [entry.device for entry in entries] == ["xvdb", "xvda"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    "uuid name OVM_simple_name memory maxmem vcpus maxvcpus disk vif vfb builder vnc vncdisplay "
    "OVM_domain_type OVM_high_availability vncpasswd".split()
)


@given(st.dictionaries(KEYS, ANYTHING))
def test_hostile_values(values: dict[str, Any]) -> None:
    config = VMConfig(values)
    properties = [name for name in vars(VMConfig) if isinstance(vars(VMConfig)[name], property)]
    assert len(properties) > 15
    for name in properties:
        getattr(config, name)
    assert repr(config)
    assert repr(config.to_struct()) == repr(dict(values))
