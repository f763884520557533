"""Why xend refuses to start a domain (xend.md 3, 7). Each function returns xend's text, or ''."""

from __future__ import annotations

import re
from typing import Any

from .errors import AgentFault
from .host import Domain, SimulatedHost
from .storage import real_path
from .vmcfg import is_hvm, number, strings

ACTIONS = (
    "destroy",
    "restart",
    "preserve",
    "rename-restart",
    "coredump-destroy",
    "coredump-restart",
)
VIF_OPTIONS = frozenset(
    "backend bridge ip mac script type vifname rate model accel policy label".split()
)


def bridges(host: SimulatedHost) -> list[str]:
    """The host's bridges; the first one carries its management address (agent-behaviour.md 6.5)."""
    return ["c0a80100" if host.settings.old else "10e69b4de3", "control0"]


def disks(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(uname, device, mode) of each disk that has three parts at least."""
    parts = [text.split(",") for text in strings(config, "disk")]
    return [(item[0], item[1], item[2]) for item in parts if len(item) >= 3]


def vifs(config: dict[str, Any]) -> list[dict[str, str]]:
    """The options of each NIC."""
    found = []
    for text in strings(config, "vif"):
        pairs = [item.partition("=") for item in text.split(",") if item.strip()]
        found.append({key.strip(): value.strip() for key, _, value in pairs})
    return found


def file_of(uname: str) -> str | None:
    """The host's path behind a ``file:`` disk, None for other kinds."""
    return "/" + uname[5:].lstrip("/") if uname.startswith("file:") else None


def device_number(device: str) -> int | None:
    """The number that device faults show, e.g. 51712 for xvda (xend.md 8)."""
    device = device.split(":", maxsplit=1)[0]
    if match := re.fullmatch(r"xvd([a-p])(\d{0,2})", device):
        return 51712 + 16 * (ord(match[1]) - 97) + int(match[2] or 0)
    if match := re.fullmatch(r"hd([a-d])", device):
        return {"a": 768, "b": 832, "c": 5632, "d": 5696}[match[1]]
    if match := re.fullmatch(r"sd([a-p])(\d{0,2})", device):
        return 2048 + 16 * (ord(match[1]) - 97) + int(match[2] or 0)
    return None


def memory_needed_mb(config: dict[str, Any]) -> int:
    """Memory that Xen must have free for it."""
    memory = number(config, "memory", 128)
    if not is_hvm(config):
        return memory
    vcpus = max(number(config, "maxvcpus", 0), number(config, "vcpus", 1))
    return memory + number(config, "videoram", 4) + vcpus + (8 * memory + 1023) // 1024


def free_memory_mb(host: SimulatedHost) -> int:
    """Memory that no domain holds; one still looking for its memory holds none."""
    held = sum(
        memory_needed_mb(domain.config)
        for domain in host.domains
        if domain.phase not in ("building", "gap", "gone")
    )
    return host.settings.memory_mb - host.settings.dom0_memory_mb - held


def memory_refusal(host: SimulatedHost, config: dict[str, Any], free_mb: int) -> str:
    """What xend says when the memory is not there (dom0 ballooning off, as Oracle sets it)."""
    needed = memory_needed_mb(config)
    if needed <= free_mb:
        return ""
    return (
        "Not enough free memory and enable-dom0-ballooning is False, so I cannot release any more."
        f"  I need {needed * 1024} KiB but only have {max(free_mb, 0) * 1024}."
    )


def config_refusal(  # noqa: PLR0911 - one return per text of xend's
    host: SimulatedHost, config: dict[str, Any], name: str
) -> str:
    """What xm and xend find wrong with the options themselves, before anything is built."""
    if not re.fullmatch(r"[A-Za-z0-9_\-.:+]+", name):
        return "Invalid VM Name"
    for key in ("on_poweroff", "on_reboot", "on_crash"):
        action = str(config.get(key, "restart"))
        event = {"on_poweroff": "shutdown", "on_reboot": "reboot", "on_crash": "crash"}[key]
        if action.replace("coredump_and_", "coredump-") not in ACTIONS:
            return f"Invalid event handling mode: {event}"
    if not is_hvm(config) and str(config.get("builder", "linux")) != "linux":
        return f"unknown image type: {config['builder']}"
    memory, maximum = number(config, "memory", 128), number(config, "maxmem", 0)
    if memory <= 0:
        return "memory_dynamic_max must be greater than zero"
    if maximum and memory > maximum:
        return "memory_dynamic_max must be less than or equal to memory_static_max"
    whole_mb = host.settings.memory_mb - host.settings.dom0_memory_mb
    if refusal := memory_refusal(host, config, whole_mb):
        return refusal  # more than the whole host has: at once (xend.md 2)
    return _disk_refusal(config) or _vif_refusal(config)


def _disk_refusal(config: dict[str, Any]) -> str:  # noqa: PLR0911 - as above
    files: set[str] = set()
    devices: set[str] = set()
    for text in strings(config, "disk"):
        if not 3 <= len(text.split(",")) <= 5:
            return f"Invalid disk specifier: {text}"
    for uname, device, mode in disks(config):
        kind = uname.partition(":")[0]
        bare, _, use = device.removeprefix("ioemu:").partition(":")
        if uname and kind not in ("file", "phy", "tap", "tap2"):
            return f'Block device type "{kind}" is invalid.'
        if mode not in ("r", "w", "w!"):
            return "Invalid mode"
        if device_number(bare) is None:
            return f"Unable to find number for device ({bare})"
        if uname and uname in files:
            return f'The file "{uname.partition(":")[2]}" is already used'
        if bare in devices:
            return f'The device "{bare}" is already defined'
        if not uname and use != "cdrom":
            return f"Invalid disk specifier: {uname},{device},{mode}"
        files.add(uname)
        devices.add(bare)
    return ""


def _vif_refusal(config: dict[str, Any]) -> str:
    macs: set[str] = set()
    for options in vifs(config):
        for key in options:
            if key not in VIF_OPTIONS:
                return f"Invalid vif option: {key}"
        mac = options.get("mac", "").lower()
        if mac and mac in macs:
            return f'The mac "{options["mac"]}" is already defined'
        macs.add(mac)
    return ""


def boot_refusal(host: SimulatedHost, config: dict[str, Any]) -> str:
    """What stops the boot at once: pygrub's disk, or any file disk of an HVM guest."""
    if is_hvm(config):
        for uname, _, _ in disks(config):
            path = file_of(uname)
            if path is not None and not exists(host, path):
                return f"Disk image does not exist: {path}"
        return ""
    if config.get("kernel") and not config.get("bootloader"):
        return ""
    if not disks(config):
        return "Had a bootloader specified, but no disks are bootable"
    path = file_of(disks(config)[0][0])
    return "Disk isn't accessible" if path is not None and not exists(host, path) else ""


def device_refusal(host: SimulatedHost, domain: Domain) -> str:
    """What stops a domain in the device wait: bridges, further disks, disks used by another VM."""
    for index, options in enumerate(vifs(domain.config)):
        bridge = options.get("bridge")
        if bridge and bridge not in bridges(host):
            return (
                f"Device {index} (vif) could not be connected. "
                f"Could not find bridge device {bridge}"
            )
    for uname, device, mode in disks(domain.config):
        path = file_of(uname)
        if path is None:
            continue
        where = f"Device {device_number(device.removeprefix('ioemu:'))} (vbd) could not be"
        if not exists(host, path):
            return f"{where} connected. {path} does not exist."
        if not host.settings.old and _used_elsewhere(host, domain, uname, mode):
            # xend.md 0: on Xen 4.1.3 this test finds nothing, so there is no protection.
            guest, now = ("read-write in a", "read-only now") if mode == "r" else ("in a", "now")
            return (
                f"{where} connected.\nFile {path} is loopback-mounted through /dev/loop0,\n"
                f"which is mounted {guest} guest domain,\nand so cannot be mounted {now}."
            )
    return ""


def _used_elsewhere(host: SimulatedHost, domain: Domain, uname: str, mode: str) -> bool:
    for other in host.domains:
        if other.uuid == domain.uuid or other.phase in ("building", "gap", "gone"):
            continue
        for other_uname, _, other_mode in disks(other.config):
            if other_uname != uname:
                continue
            if mode == "w" or (mode == "r" and other_mode == "w"):
                return True
    return False


def exists(host: SimulatedHost, path: str) -> bool:
    """Whether the host sees a file at its path."""
    try:
        return real_path(host, path).exists()
    except AgentFault:
        return False
