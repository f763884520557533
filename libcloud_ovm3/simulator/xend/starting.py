"""Why xend refuses to start a domain (xend.md 3, 7), and the parsing of its options.

Each ``*_refusal`` function returns xend's text, or '' if there is nothing to refuse.
"""

from __future__ import annotations

import re
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.files import exists
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.network import bridges
from libcloud_ovm3.simulator.vmcfg import is_hvm, number, strings

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


def disks(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(uname, device, mode) of each disk that has at least three parts."""
    parts = [text.split(",") for text in strings(config, "disk")]
    return [(item[0], item[1], item[2]) for item in parts if len(item) >= 3]


def vifs(config: dict[str, Any]) -> list[dict[str, str]]:
    """The options of each NIC."""
    found = []
    for text in strings(config, "vif"):
        pairs = [item.partition("=") for item in text.split(",") if item.strip()]
        found.append({key.strip(): value.strip() for key, _, value in pairs})
    return found


def pins(config: dict[str, Any], vcpus: int) -> list[list[int]]:
    """The CPUs that each vcpu may run on, [] for any: from "0-3,^1", or one string per vcpu."""
    given = config.get("cpus")
    texts = given if isinstance(given, list) else [given] * vcpus
    return [_cpus(str(text or "")) for text in [*texts, *[""] * vcpus][:vcpus]]


def _cpus(text: str) -> list[int]:
    wanted: set[int] = set()
    unwanted: set[int] = set()
    for word in text.replace(" ", "").split(","):
        if match := re.fullmatch(r"(\^?)(\d{1,4})(?:-(\d{1,4}))?", word):
            numbers = range(int(match[2]), int(match[3] or match[2]) + 1)
            (unwanted if match[1] else wanted).update(numbers)
    return sorted(wanted - unwanted)


def vfbs(config: dict[str, Any]) -> list[dict[str, str]]:
    """The options of each frame buffer, including an HVM guest's top-level ones (xend.md 6)."""
    found = [
        dict(item.partition("=")[::2] for item in text.split(",") if item)
        for text in strings(config, "vfb")
    ]
    if not found and is_hvm(config) and number(config, "vnc", 0):
        keys = ("vncunused", "vnclisten", "vncpasswd", "keymap", "vncdisplay")
        found = [{key: str(config[key]) for key in keys if config.get(key) not in (None, "")}]
    return found


def requested_vnc_port(config: dict[str, Any]) -> int | None:
    """The requested VNC port: 5900 + vncdisplay (default 0) with vncunused=0, otherwise None."""
    options = vfbs(config)[0]
    if number(options, "vncunused", 1):
        return None
    return 5900 + number(options, "vncdisplay", 0)


def file_of(uname: str) -> str | None:
    """The host's path of a ``file:`` disk, None for other kinds."""
    return "/" + uname[5:].lstrip("/") if uname.startswith("file:") else None


def path_of(uname: str) -> str | None:
    """The same, and for tap and ``phy:`` disks; ``phy:`` paths are relative to /dev (xend.md 7)."""
    if tap := re.fullmatch(r"tap2?:(?:\w+:)?(/.*)", uname):
        return tap[1]
    if uname.startswith("phy:"):
        device = uname.removeprefix("phy:")
        return device if device.startswith("/") else f"/dev/{device}"
    return file_of(uname)


def device_number(device: str) -> int | None:
    """The number that device faults show, e.g. 51712 for xvda (xend.md 8)."""
    device = device.split(":", maxsplit=1)[0]
    if match := re.fullmatch(r"xvd([a-p])(\d{0,2})", device):
        return 51712 + 16 * (ord(match[1]) - 97) + int(match[2] or 0)
    if match := re.fullmatch(r"xvd([q-z]|[a-h][a-z]|i[a-z])", device):
        letters = [ord(letter) - 96 for letter in match[1]]
        return 268435456 + 256 * (letters[-1] - 1 + 26 * sum(letters[:-1]))
    if match := re.fullmatch(r"hd([a-d])", device):
        return {"a": 768, "b": 832, "c": 5632, "d": 5696}[match[1]]
    if match := re.fullmatch(r"sd([a-p])(\d{0,2})", device):
        return 2048 + 16 * (ord(match[1]) - 97) + int(match[2] or 0)
    return None


def memory_needed_mb(config: dict[str, Any]) -> int:
    """Memory in MiB that Xen must have free for the domain."""
    memory = number(config, "memory", 128)
    if not is_hvm(config):
        return memory
    vcpus = max(number(config, "maxvcpus", 0), number(config, "vcpus", 1))
    return memory + number(config, "videoram", 4) + vcpus + (8 * memory + 1023) // 1024


def free_memory_mb(host: SimulatedHost) -> int:
    """Memory in MiB that no domain holds; a domain that still waits for memory holds none."""
    held = sum(
        domain.held_mb or memory_needed_mb(domain.config)
        for domain in host.domains
        if domain.listed and domain.phase not in ("building", "arriving")
    )
    return host.settings.memory_mb - host.settings.dom0_memory_mb - held


def memory_refusal(host: SimulatedHost, needed_mb: float, free_mb: int | None = None) -> str:
    """xend's text for a lack of memory (dom0 ballooning is off, as Oracle sets it).

    :param free_mb: Free memory in MiB, None for the host's current free memory.
    """
    free_mb = free_memory_mb(host) if free_mb is None else free_mb
    if needed_mb <= free_mb:
        return ""
    return (
        "Not enough free memory and enable-dom0-ballooning is False, so I cannot release any more."
        f"  I need {int(needed_mb * 1024)} KiB but only have {max(free_mb, 0) * 1024}."
    )


def config_refusal(  # noqa: PLR0911 - one return per text
    host: SimulatedHost, config: dict[str, Any], name: str
) -> str:
    """Errors in the options themselves, which xm and xend find before building anything."""
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
    if refusal := memory_refusal(host, memory_needed_mb(config), whole_mb):
        return refusal  # more than the whole host has: refused at once (xend.md 2)
    return schedule_refusal(config) or disk_refusal(config) or vif_refusal(config)


def schedule_refusal(config: dict[str, Any]) -> str:
    """Weight or cap out of range; only the beginning of the texts is known (xend.md 3)."""
    vcpus = max(number(config, "maxvcpus", 0), number(config, "vcpus", 1))
    if not 1 <= number(config, "cpu_weight", 256) <= 65535:
        return "Cpu weight out of range, valid values are within range from 1 to 65535"
    if not 0 <= number(config, "cpu_cap", 0) <= 100 * vcpus:
        return f"Cpu cap out of range, valid range is from 0 to {100 * vcpus}"
    return ""


def disk_refusal(config: dict[str, Any]) -> str:  # noqa: PLR0911 - as above
    """Errors in the disk strings themselves."""
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


def vif_refusal(config: dict[str, Any]) -> str:
    """Errors in the vif strings themselves."""
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
    """What makes the boot fail at once: pygrub's disk, or any file disk of an HVM guest."""
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
    path = path_of(disks(config)[0][0])
    return "Disk isn't accessible" if path is not None and not exists(host, path) else ""


def device_refusal(host: SimulatedHost, domain: Domain) -> str:
    """What fails in the device wait: bridges, further disks, disks that another VM uses."""
    for number_of, options in zip(domain.vif_ids, vifs(domain.config), strict=False):
        if refusal := _nic_refusal(host, domain, options):
            return f"Device {number_of} (vif) could not be connected. {refusal}"
    for uname, device, mode in disks(domain.config):
        if refusal := _backend_refusal(host, domain, uname, mode):
            number_text = device_number(device.removeprefix("ioemu:"))
            return f"Device {number_text} (vbd) could not be connected.{refusal}"
    return ""


def _nic_refusal(host: SimulatedHost, domain: Domain, options: dict[str, str]) -> str:
    bridge, name = options.get("bridge"), options.get("vifname")
    if not bridge and not bridges(host):
        return "Could not find bridge, and none was specified"
    if bridge and bridge not in bridges(host):
        return f"Could not find bridge device {bridge}"
    others = (other for other in host.domains if other.listed and other.seed != domain.seed)
    names = {nic.get("vifname") for other in others for nic in vifs(other.config)}
    if name and name in names and not host.settings.old:  # 4.1.3 takes the name over silently: 0
        return f"An interface with name {name} already exists."
    return ""


def _backend_refusal(  # noqa: PLR0911 - as above
    host: SimulatedHost, domain: Domain, uname: str, mode: str
) -> str:
    path = path_of(uname)
    if path is None:
        return ""
    if not exists(host, path):
        return f" {path} does not exist."
    if not _used_elsewhere(host, domain, uname, mode):
        return ""
    guest, now = ("read-write in a", "read-only now") if mode == "r" else ("in a", "now")
    if uname.startswith("phy:"):
        return f"\nDevice {path} is mounted {guest} guest domain,\nand so cannot be mounted {now}."
    if uname.startswith("tap"):
        return f"\n{path} already in use by other domain"
    if host.settings.old:
        return ""  # xend.md 0: Xen 4.1.3 does not detect shared files: no protection
    return (
        f"\nFile {path} is loopback-mounted through /dev/loop0,\n"
        f"which is mounted {guest} guest domain,\nand so cannot be mounted {now}."
    )


def _used_elsewhere(host: SimulatedHost, domain: Domain, uname: str, mode: str) -> bool:
    """Whether another VM of this host uses it; backends outlive their domain (xend.md 2)."""
    for other in host.domains:
        if other.uuid == domain.uuid or other.phase in ("building", "arriving", "gap", "gone"):
            continue
        for other_uname, _, other_mode in disks(other.config):
            if other_uname != uname:
                continue
            if mode == "w" or (mode == "r" and other_mode == "w"):
                return True
    return False
