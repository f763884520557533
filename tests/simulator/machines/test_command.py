"""What QEMU is called with, of a vm.cfg."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.simulator.machines.command import arguments, cds

CONFIG: dict[str, Any] = {
    "name": "web",
    "uuid": "0004fb00-0006-0000-0000-000000000001",
    "memory": "512",
    "vcpus": 2,
    "bootloader": "/usr/bin/pygrub",
    "kernel": "/ignored/with/a/boot/loader",
    "disk": [
        "file:/OVS/Repositories/0a/VirtualDisks/web.img,xvda,w",
        "phy:/dev/mapper/3600,xvdb,r",
        "file:/OVS/Repositories/0a/seed.iso,xvdc:cdrom,r",
        ",ioemu:hdd:cdrom,r",
    ],
}


def real(path: str) -> str:
    return f"/root,1{path}"


def pairs(line: list[str], option: str) -> list[str]:
    return [value for key, value in itertools.pairwise(line) if key == option]


def test_a_pv_guest_boots_from_its_first_disk_with_its_cards_on_taps() -> None:
    line = arguments(CONFIG, real, [("00:21:f6:00:00:01", "t1.1"), ("00:21:f6:00:00:02", "t1.2")])
    assert line[:3] == ["qemu-system-x86_64", "-name", "web"]
    assert {"-S", "-no-reboot", "-nodefaults", "-no-user-config"} <= set(line)
    assert (pairs(line, "-m"), pairs(line, "-smp")) == (["512"], ["2"])
    assert pairs(line, "-uuid") == [CONFIG["uuid"]]
    assert "-kernel" not in line
    # a comma in a path is written twice
    images = "format=raw,file=/root,,1/OVS/Repositories/0a"
    assert pairs(line, "-drive") == [
        f"if=none,id=xvda,cache=unsafe,{images}/VirtualDisks/web.img",
        "if=none,id=xvdb,cache=unsafe,readonly=on,format=raw,file=/root,,1/dev/mapper/3600",
        f"if=none,id=xvdc,media=cdrom,readonly=on,{images}/seed.iso",
        "if=none,id=hdd,media=cdrom,readonly=on",
    ]
    assert pairs(line, "-device") == [
        "virtio-blk-pci,drive=xvda,bootindex=0",
        "virtio-blk-pci,drive=xvdb,bootindex=1",
        "ide-cd,id=cd-xvdc,drive=xvdc,bootindex=102",
        "ide-cd,id=cd-hdd,drive=hdd,bootindex=103",
        "virtio-net-pci,netdev=nic0,mac=00:21:f6:00:00:01,romfile=",
        "virtio-net-pci,netdev=nic1,mac=00:21:f6:00:00:02,romfile=",
    ]
    assert pairs(line, "-netdev")[1] == "tap,id=nic1,ifname=t1.2,script=no,downscript=no"
    assert cds(CONFIG) == {"xvdc": "file:/OVS/Repositories/0a/seed.iso", "hdd": ""}


def test_boot_letters_put_the_cd_first() -> None:
    line = arguments({**CONFIG, "builder": "hvm", "boot": "dc"}, real, [])
    turns = [text.rpartition("bootindex=")[2] for text in pairs(line, "-device")]
    assert turns == ["100", "101", "2", "3"]


def test_a_kernel_of_dom0_needs_no_boot_loader() -> None:
    direct = {"kernel": "/boot/k", "ramdisk": "/boot/r", "root": "/dev/xvda", "extra": "quiet"}
    line = arguments({**CONFIG, "bootloader": "", **direct}, real, [])
    assert pairs(line, "-kernel") == ["/root,1/boot/k"]
    assert pairs(line, "-initrd") == ["/root,1/boot/r"]
    assert pairs(line, "-append") == ["root=/dev/xvda quiet"]


@given(st.text(st.characters(exclude_characters=",\n\0", exclude_categories=["Cs"]), max_size=9))
def test_no_name_of_a_file_becomes_an_option(name: str) -> None:
    disk = f"file:/VirtualDisks/{name},xvda,w"
    line = arguments({"disk": [disk]}, lambda path: f"/a,readonly=on{path}", [])
    [drive] = pairs(line, "-drive")
    options = [part.replace("\0", ",") for part in drive.replace(",,", "\0").split(",")]
    assert options[-1] == f"file=/a,readonly=on/VirtualDisks/{name}"
    assert "readonly=on" not in options
