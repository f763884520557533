"""The command line of QEMU for a VM, made of its vm.cfg. Pure, but for the paths of files.

A guest has what a PV guest has: virtio takes the place of Xen's devices. Its CD drives are those of
the PC, as only from these the BIOS can boot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator.vmcfg import number
from libcloud_ovm3.simulator.xend.starting import disks, path_of

QEMU = "qemu-system-x86_64"


def is_cd(device: str) -> bool:
    """Whether the device of a disk's entry is a CD drive."""
    return device.partition(":")[2] == "cdrom"


def bare(device: str) -> str:
    """The name of a device: ``xvdb`` of ``ioemu:xvdb:cdrom``."""
    return device.removeprefix("ioemu:").partition(":")[0]


def cds(config: dict[str, Any]) -> dict[str, str]:
    """The CD drives: the name of the device -> what is in it, "" for nothing."""
    return {
        bare(device): uname
        for uname, device, _ in disks(config)
        if is_cd(device.removeprefix("ioemu:"))
    }


def arguments(
    config: dict[str, Any], real: Callable[[str], str], nics: Sequence[tuple[str, str]]
) -> list[str]:
    """QEMU's arguments for a VM, without those of the connections to it.

    :param config: The options of its vm.cfg.
    :param real: Translates a path of dom0 to that of the file on this machine.
    :param nics: MAC address and TAP device of each network card.
    """
    found = [QEMU, "-name", plain(str(config.get("name", "vm"))), "-no-user-config"]
    found += ["-nodefaults", "-display", "none", "-no-reboot", "-S"]
    found += ["-machine", "pc,usb=off,vmport=off", "-accel", "tcg,tb-size=256"]
    found += ["-m", str(number(config, "memory", 128)), "-smp", str(number(config, "vcpus", 1))]
    if uuid := str(config.get("uuid", "")):
        found += ["-uuid", uuid]
    if kernel := str(config.get("kernel", "")) * (not config.get("bootloader")):
        found += ["-kernel", real(kernel), *_kernel_options(config, real)]
    for place, (uname, device, mode) in enumerate(disks(config)):
        found += _disk(
            uname, device.removeprefix("ioemu:"), mode, _boot_index(config, device, place), real
        )
    for place, (mac, tap) in enumerate(nics):
        found += ["-netdev", f"tap,id=nic{place},ifname={tap},script=no,downscript=no"]
        found += ["-device", f"virtio-net-pci,netdev=nic{place},mac={mac},romfile="]
    return found


def _kernel_options(config: dict[str, Any], real: Callable[[str], str]) -> list[str]:
    root = f"root={config['root']}" if config.get("root") else ""
    options = ["-append", f"{root} {config.get('extra', '')}".strip()]
    ramdisk = str(config.get("ramdisk", ""))
    return [*options, "-initrd", real(ramdisk)] if ramdisk else options


def _boot_index(config: dict[str, Any], device: str, place: int) -> int:
    """In which turn the BIOS tries a disk: xend's boot letters, c disks and d CDs (xend.md 8)."""
    letters = str(config.get("boot") or "c")
    letter = "d" if is_cd(device.removeprefix("ioemu:")) else "c"
    turn = letters.index(letter) if letter in letters else len(letters)
    return 100 * turn + place


def _disk(
    uname: str, device: str, mode: str, boot_index: int, real: Callable[[str], str]
) -> list[str]:
    name = bare(device)
    path = path_of(uname) if uname else None
    source = "" if path is None else f",format=raw,file={plain(real(path))}"
    if is_cd(device):
        drive = f"if=none,id={name},media=cdrom,readonly=on{source}"
        return [
            "-drive",
            drive,
            "-device",
            f"ide-cd,id=cd-{name},drive={name},bootindex={boot_index}",
        ]
    access = ",readonly=on" if mode == "r" else ""
    # The simulator's end is that of a process, not of the machine: nothing needs to be flushed.
    drive = f"if=none,id={name},cache=unsafe{access}{source}"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},bootindex={boot_index}"]


def plain(text: str | Path) -> str:
    """A text in QEMU's options, where a comma is written twice."""
    return str(text).replace(",", ",,")
