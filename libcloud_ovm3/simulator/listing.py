"""How a domain looks from outside: the six letters, the status, the struct of list_vms.

Letters and status are computed apart, as xend does: the letters are those of its last refresh, the
status is of now (xend.md 1.1, 1.2).
"""

from __future__ import annotations

import uuid
from typing import Any

from .domain import Domain
from .host import NO_UUID, SimulatedHost
from .starting import disks, pins, vfbs, vifs
from .vmcfg import is_hvm, number

_LETTERS = {
    "building": "------",
    "arriving": "------",
    "incoming": "--p---",
    "devices": "--p---",
    "suspended": "---s--",
    "unnamed": "--p---",
    "dying": "-b----",
}


def letters(domain: Domain, now: float) -> str:
    """The six letters, positions r b p s c d."""
    if domain.phase in _LETTERS:
        return _LETTERS[domain.phase]
    if domain.phase in ("off", "kept", "crashed"):
        if now < domain.stale_until and domain.phase != "kept":
            return "-b----"
        return "----c-" if domain.reason == "crash" else "---s--"
    if domain.paused:
        return "-bp---" if domain.domid % 2 else "--p---"
    # An idle guest is mostly blocked, sometimes on a CPU, sometimes runnable and waiting for one.
    return {0: "r-----", 1: "------"}.get(int(now + domain.domid) % 8, "-b----")


def status(domain: Domain) -> int:
    """xend's number: 0 shut down, 1 paused or half built, 2 running, 5 crashed."""
    if domain.phase in ("off", "kept", "crashed"):
        return 5 if domain.reason == "crash" else 0
    if domain.phase == "suspended":
        return 0
    if domain.paused or domain.phase in _LETTERS:
        return 1
    return 2


def listed(host: SimulatedHost) -> list[Domain]:
    """The domains on xend's list, by name. Called with the lock held."""
    live = [domain for domain in host.domains if domain.listed]
    return sorted(live, key=lambda domain: (domain.name, domain.domid))


def overview(host: SimulatedHost) -> list[dict[str, Any]]:
    """Name, uuid, domid, letters and status of each of them. Called with the lock held."""
    return [
        {
            "name": domain.name,
            "uuid": domain.uuid,
            "domid": domain.domid,
            "state": letters(domain, host.now()),
            "status": status(domain),
        }
        for domain in listed(host)
    ]


def describe_domain_0(host: SimulatedHost) -> dict[str, Any]:
    """Domain-0's struct: no start_time, no devices (agent-behaviour.md 7.1)."""
    return {
        "bootloader": "",
        "builder": "linux",
        "cpu_cap": "0",
        "cpu_time": f"{(host.now() - host.boot_time) / 20:.9f}",
        "cpu_weight": "65535",
        "cpus": [["0", "1"], ["0", "1"]],
        "description": "",
        "device": {},
        "domid": "0",
        "features": "",
        "image": {"kernel": "", "superpages": "0", "nomigrate": "0", "tsc_mode": "0", "pci": []},
        "maxmem": str(host.settings.dom0_memory_mb),
        "memory": str(host.settings.dom0_memory_mb),
        "name": "Domain-0",
        "on_crash": "restart",
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "on_xend_start": "ignore",
        "on_xend_stop": "ignore",
        "online_vcpus": "2",
        "pool_name": "Pool-0",
        "shadow_memory": "0",
        "state": "r-----",
        "status": "2",
        "uuid": NO_UUID,
        "vcpus": "2",
    }


def describe(host: SimulatedHost, domain: Domain) -> dict[str, Any]:
    """One domain's struct: every value a string (answer-shapes.md, list_vms)."""
    now, config = host.now(), domain.config
    hvm = is_hvm(config)
    vcpus = max(number(config, "maxvcpus", 0), number(config, "vcpus", 1))
    online = domain.online_vcpus or number(config, "vcpus", 1)
    memory = number(config, "memory", 128)
    image: dict[str, Any] = {
        "device_model": "/usr/lib/xen/bin/qemu-dm",
        "expose_host_uuid": "0",
        "kernel": "/usr/lib/xen/boot/hvmloader" if hvm else "",
        "nomigrate": "0",
        "notes": [["PADDR_OFFSET", "0"], ["SUSPEND_CANCEL", "1"]],
        "pci": [],
        "superpages": "0",
        "tsc_mode": "0",
        "videoram": str(number(config, "videoram", 4)),
    }
    if hvm:
        image |= {"hap": "1", "hpet": "0", "loader": "/usr/lib/xen/boot/hvmloader", "pae": "1"}
        nested = {"nestedhvm": str(number(config, "nestedhvm", 0))}
        image |= {} if host.settings.old else nested
    struct: dict[str, Any] = {
        "bootloader": "" if hvm else str(config.get("bootloader", "/usr/bin/pygrub")),
        "bootloader_args": "-q",
        "builder": "hvm" if hvm else "linux",
        "console_mfn": str(870000 + domain.domid * 10),
        # After a restart xend shows its defaults, though Xen keeps the real ones: xend.md 6.
        "cpu_cap": "0" if domain.adopted else str(number(config, "cpu_cap", 0)),
        "cpu_time": f"{max(0.0, now - domain.start_time) / 50:.9f}",
        "cpu_weight": "256" if domain.adopted else str(number(config, "cpu_weight", 256)),
        "cpus": [[str(cpu) for cpu in cpus] for cpus in pins(config, vcpus)],
        "description": "",
        "device": _devices(host, domain),
        "domid": str(domain.domid),
        "features": "",
        "image": image,
        "maxmem": str(number(config, "maxmem", 0) or memory),
        "memory": str(memory),
        "name": domain.name,
        "on_crash": str(config.get("on_crash", "restart")),
        "on_poweroff": str(config.get("on_poweroff", "destroy")),
        "on_reboot": str(config.get("on_reboot", "restart")),
        "on_xend_start": "ignore",
        "on_xend_stop": "ignore",
        "online_vcpus": str(online),
        "pool_name": "Pool-0",
        "shadow_memory": str(vcpus + (8 * memory + 1023) // 1024) if hvm else "0",
        "state": letters(domain, now),
        "status": str(status(domain)),
        "store_mfn": str(870001 + domain.domid * 10),
        "uuid": domain.uuid,
        "vcpus": str(vcpus),
    }
    if domain.start_time:
        struct["start_time"] = f"{domain.start_time:.2f}"
    if domain.adopted:  # what is in no store that xend reads again: xend.md 6
        for key in ("description", "store_mfn", "console_mfn"):
            del struct[key]
    return struct


def _devices(host: SimulatedHost, domain: Domain) -> dict[str, Any]:
    """The device sections; uuids are random per create and kept over a reboot (xend.md 6)."""

    def made(what: str) -> str:
        return str(uuid.uuid5(uuid.UUID(domain.seed), what))

    sections: dict[str, list[dict[str, str]]] = {}
    if domain.phase == "unnamed":
        return sections
    for index, options in enumerate(vifs(domain.config)):
        vif = {
            "backend": "0",
            "bridge": options.get("bridge", ""),
            "mac": domain.macs[index],
            "script": "/etc/xen/scripts/vif-bridge",
            "uuid": made(f"vif{domain.vif_ids[index]}"),
        }
        vif |= {key: options[key] for key in ("type", "model", "ip", "vifname") if key in options}
        sections.setdefault("vif", []).append(vif)
    for options in vfbs(domain.config):
        vfb = {"vnc": "1", "vncunused": "1", "xauthority": "/root/.Xauthority", "uuid": made("vfb")}
        vfb |= {
            key: options[key]
            for key in ("vnclisten", "vncpasswd", "keymap", "vncunused")
            if key in options
        }
        if domain.vnc_port is not None:
            vfb["location"] = f"{options.get('vnclisten', '127.0.0.1')}:{domain.vnc_port}"
        sections.setdefault("vfb", []).append(vfb)
        sections["vkbd"] = [{"backend": "0"}]
    sections["console"] = [{"location": "2", "protocol": "vt100", "uuid": made("console")}]
    for index, (uname, device, mode) in enumerate(disks(domain.config)):
        bare, _, use = device.removeprefix("ioemu:").partition(":")
        vbd = {
            "VDI": "",
            "backend": "0",
            "bootable": "0" if index else "1",
            "dev": f"{bare}:{use or 'disk'}",
            "mode": mode,
            "protocol": "x86_64-abi",
            "uuid": made(f"vbd{bare}"),
        }
        vbd |= {"uname": uname} if uname else {}  # an empty CD drive has none
        vbd |= {} if host.settings.old else {"discard-enable": "True"}
        sections.setdefault("vbd", []).append(vbd)
    return sections
