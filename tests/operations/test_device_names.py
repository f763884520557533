"""The names of disks in a guest."""

from __future__ import annotations

import pytest

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.estate.domains import BlockDevice
from libcloud_ovm3.operations.device_names import checked_device, next_device

PV, HVM = "xen_pvm", "xen_hvm"


def config(*devices: str, kind: str = PV) -> VMConfig:
    entries = [f"file:/{number},{name},r" for number, name in enumerate(devices)]
    return VMConfig({"name": "x", "OVM_domain_type": kind, "disk": entries})


@pytest.mark.parametrize(
    ("devices", "kind", "device"),
    [
        ((), PV, "xvda"),
        (("xvda",), PV, "xvdb"),
        (("xvda", "xvdc"), PV, "xvdb"),  # what a detached disk leaves is used again
        (("xvda", "xvdb:cdrom"), PV, "xvdc"),
        (("xvda1", "xvda2"), PV, "xvdb"),  # partitions take their disk
        (("51712", "51728"), PV, "xvdc"),  # xvda and xvdb, by their numbers
        (("xvda", "hdb:cdrom"), PV, "xvdc"),
        (("sda1",), PV, "xvdb"),
        (("c", "xvda"), PV, "xvdb"),  # what xend knows no number for takes none
        (tuple(f"xvd{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), PV, "xvdaa"),
        ((), HVM, "xvda"),
        (("xvda", "xvdb:cdrom"), HVM, "xvdc"),
        (("hda", "hdc:cdrom"), HVM, "hdb"),
        (("ioemu:hda",), HVM, "hdb"),
        (("hda", "hdb", "hdc:cdrom", "hdd"), HVM, "xvde"),  # there are four emulated ones
        (("sda",), HVM, "sdb"),
        (("hdc:cdrom", "xvda"), HVM, "xvdb"),  # as its disks, not as its drives
    ],
)
def test_next(devices: tuple[str, ...], kind: str, device: str) -> None:
    assert next_device(config(*devices, kind=kind)) == device


def test_what_the_domain_has_counts() -> None:
    live = [BlockDevice(name, f"/{name}.img", "w", False) for name in ("xvda", "xvdb")]
    assert next_device(config("xvda"), live) == "xvdc"
    with pytest.raises(PreconditionFailed, match=r"taken by the disk xvdb \(/xvdb\.img\)"):
        checked_device(config("xvda"), "xvdb", live)


@pytest.mark.parametrize(
    ("devices", "kind", "device"),
    [
        (("xvda",), PV, "xvdb"),
        ((), HVM, "hda"),
        (("xvda",), HVM, "xvdb"),
        (("hda",), HVM, "hdb"),
    ],
)
def test_next_drive(devices: tuple[str, ...], kind: str, device: str) -> None:
    assert next_device(config(*devices, kind=kind), is_cdrom=True) == device


def test_none_left() -> None:
    with pytest.raises(PreconditionFailed, match="no device left for another CD drive: hda, hdb"):
        next_device(config("hda", "hdb", "hdc", "hdd", kind=HVM), is_cdrom=True)


@pytest.mark.parametrize(
    ("device", "kind", "name"),
    [
        ("xvdb", PV, "xvdb"),
        ("/dev/xvdb", PV, "xvdb"),
        (" xvdiz ", PV, "xvdiz"),
        ("hdd", HVM, "hdd"),
        ("sdp", HVM, "sdp"),
        ("xvdq", HVM, "xvdq"),
    ],
)
def test_checked(device: str, kind: str, name: str) -> None:
    assert checked_device(config("xvda", kind=kind), device) == name


@pytest.mark.parametrize("device", ["xvdja", "xvdb1", "XVDB", "vdb", "c", "hdb", "", "xvd", "xvdé"])
def test_not_a_name(device: str) -> None:
    with pytest.raises(InvalidArgument, match="expected xvda to xvdiz, or nothing"):
        checked_device(config("xvda"), device)


@pytest.mark.parametrize("device", ["hde", "sdq", "hda1", "hdé"])
def test_not_a_name_of_an_emulated_disk(device: str) -> None:
    with pytest.raises(InvalidArgument, match="xvda to xvdiz or hda to hdd or sda to sdp"):
        checked_device(config("xvda", kind=HVM), device)


def test_a_drive_has_to_be_emulated() -> None:
    with pytest.raises(InvalidArgument, match="xvda to xvdd or hda to hdd or sda to sdd"):
        checked_device(config("xvda", kind=HVM), "xvde", is_cdrom=True)


@pytest.mark.parametrize(
    ("device", "by"),
    [
        ("xvda", r"the disk xvda \(/0\)"),
        ("xvdb", r"the CD drive xvdb \(/1\)"),
        ("hdb", r"the CD drive xvdb \(/1\)"),
        ("xvdc", r"the CD drive xvdc \(empty\)"),
    ],
)
def test_taken(device: str, by: str) -> None:
    entries = ["file:/0,xvda,w", "file:/1,xvdb:cdrom,r", ",xvdc:cdrom,r"]
    has = config(kind=HVM).changed(disk=entries)
    with pytest.raises(PreconditionFailed, match=f"taken by {by}; the next free one is xvdd"):
        checked_device(has, device)
