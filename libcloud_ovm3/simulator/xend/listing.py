"""How xend reports a domain: the state (six letters), the status, the struct of list_vms.

State and status are computed separately, as in xend: the state is that of the last refresh, the
status is the current one (xend.md 1.1, 1.2).
"""

from __future__ import annotations

import uuid
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.host import NO_UUID, SimulatedHost
from libcloud_ovm3.simulator.vmcfg import is_hvm, number
from libcloud_ovm3.simulator.xend.starting import disks, pins, vfbs, vifs

# The image section of an HVM guest: keys that are always there, with these defaults, and keys that
# are there only if vm.cfg has them. Empty values are omitted (xend.md 6; agent-behaviour.md 19).
_HVM_IMAGE: dict[str, Any] = {
    "acpi": "1",
    "apic": "1",
    "boot": "c",
    "guest_os_type": "default",
    "hap": "1",
    "hpet": "0",
    "isa": "0",
    "loader": "/usr/lib/xen/boot/hvmloader",
    "localtime": "0",
    "nographic": "0",
    "oos": "1",
    "pae": "1",
    "pci_msitranslate": "1",
    "pci_power_mgmt": "0",
    "rtc_timeoffset": "0",
    "stdvga": "0",
    "timer_mode": "1",
    "usb": "0",
    "viridian": "0",
    "vnc": "1",
    "vncunused": "1",
    "vpt_align": "1",
    "xauthority": "/root/.Xauthority",
    "xen_platform_pci": "1",
}
_HVM_IF_GIVEN = "fda fdb keymap sdl serial soundhw usbdevice vncdisplay vnclisten vncpasswd".split()

_STATES = {
    "building": "------",
    "arriving": "------",
    "incoming": "--p---",
    "devices": "--p---",
    "suspended": "---s--",
    "unnamed": "--p---",
    "dying": "-b----",
}


def xend_state(domain: Domain, now: float) -> str:
    """The state: six letters, positions r b p s c d."""
    if domain.phase in _STATES:
        return _STATES[domain.phase]
    if domain.phase in ("off", "kept", "crashed"):
        if now < domain.stale_until and domain.phase != "kept":
            return "-b----"
        return "----c-" if domain.reason == "crash" else "---s--"
    if domain.paused:
        return "-bp---" if domain.domid % 2 else "--p---"
    # An idle guest is mostly blocked, sometimes on a CPU, sometimes runnable and waiting for one.
    return {0: "r-----", 1: "------"}.get(int(now + domain.domid) % 8, "-b----")


def status(domain: Domain) -> int:
    """xend's status: 0 shut down, 1 paused or being built, 2 running, 5 crashed."""
    if domain.phase in ("off", "kept", "crashed"):
        return 5 if domain.reason == "crash" else 0
    if domain.phase == "suspended":
        return 0
    if domain.paused or domain.phase in _STATES:
        return 1
    return 2


def listed(host: SimulatedHost) -> list[Domain]:
    """The domains that xend lists, by name. Called with the lock held."""
    live = [domain for domain in host.domains if domain.listed]
    return sorted(live, key=lambda domain: (domain.name, domain.domid))


def overview(host: SimulatedHost) -> list[dict[str, Any]]:
    """Name, uuid, domid, state and status of each of them. Called with the lock held."""
    return [
        {
            "name": domain.name,
            "uuid": domain.uuid,
            "domid": domain.domid,
            "state": xend_state(domain, host.now()),
            "status": status(domain),
        }
        for domain in listed(host)
    ]


def describe_domain_0(host: SimulatedHost) -> dict[str, Any]:
    """Domain-0's struct, without start_time, description, devices (agent-behaviour.md 7.1, 19)."""
    return {
        "bootloader": "",
        "bootloader_args": "",
        "builder": "linux",
        "cpu_cap": "0",
        "cpu_time": f"{(host.now() - host.boot_time) / 20:.9f}",
        "cpu_weight": "65535",
        "cpus": [["0", "1"], ["0", "1"]],
        "device": {},
        "domid": "0",
        "features": "",
        "image": {
            "expose_host_uuid": "0",
            "kernel": "",
            "nomigrate": "0",
            "superpages": "0",
            "tsc_mode": "0",
        },
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
    """One domain's struct: every value a string (answer-shapes.md, agent-behaviour.md 19)."""
    now, config = host.now(), domain.config
    hvm = is_hvm(config)
    vcpus = max(number(config, "maxvcpus", 0), number(config, "vcpus", 1))
    online = domain.online_vcpus or number(config, "vcpus", 1)
    memory = number(config, "memory", 128)
    # After a restart xend shows its defaults, though Xen keeps the real ones: xend.md 6.
    lost = {"cpu_weight", "cpu_cap", "cpus"} - {*domain.set_since} if domain.adopted else set()
    struct: dict[str, Any] = {
        "bootloader": "" if hvm else str(config.get("bootloader", "/usr/bin/pygrub")),
        "bootloader_args": "" if hvm else "-q",
        "builder": "hvm" if hvm else "linux",
        "cpu_cap": "0" if "cpu_cap" in lost else str(number(config, "cpu_cap", 0)),
        "cpu_time": f"{max(0.0, now - domain.start_time) / 50:.9f}",
        "cpu_weight": "256" if "cpu_weight" in lost else str(number(config, "cpu_weight", 256)),
        "cpus": [["0", "1"]] * vcpus if "cpus" in lost else _pins(config, vcpus),
        "description": "",
        "device": _devices(host, domain),
        "domid": str(domain.domid),
        "features": "",
        "image": _image(config, host.settings.old),
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
        "state": xend_state(domain, now),
        "status": str(status(domain)),
        "store_mfn": str(870001 + domain.domid * 10),
        "uuid": domain.uuid,
        "vcpus": str(vcpus),
    }
    if domain.start_time:
        struct["start_time"] = f"{domain.start_time:.2f}"
    if not hvm:
        struct["console_mfn"] = str(870000 + domain.domid * 10)
    if domain.adopted:  # xend does not store these for its restart: xend.md 6
        for key in ("description", "store_mfn", "console_mfn"):
            struct.pop(key, None)
    return struct


def _pins(config: dict[str, Any], vcpus: int) -> list[list[str]]:
    return [[str(cpu) for cpu in cpus] for cpus in pins(config, vcpus)]


def _image(config: dict[str, Any], old: bool) -> dict[str, Any]:
    """The image section: how a guest is built; HVM guests have more keys than PV guests."""
    hvm = is_hvm(config)
    image: dict[str, Any] = {
        "expose_host_uuid": "0",
        "kernel": "" if hvm or config.get("bootloader") else str(config.get("kernel") or ""),
        "nomigrate": "0",
        "notes": [["SUSPEND_CANCEL", "1"]],
        "pci": [],
        "superpages": "0",
        "tsc_mode": "0",
        "videoram": str(number(config, "videoram", 4)),
    }
    if hvm or vfbs(config):
        image["device_model"] = "/usr/lib/xen/bin/qemu-dm"
    if config.get("extra"):
        image["args"] = str(config["extra"])
    if not hvm:
        image["notes"].insert(0, ["PADDR_OFFSET", "0"])
        return image
    defaults = _HVM_IMAGE if old else _HVM_IMAGE | {"nestedhvm": "0"}
    given = {key: config[key] for key in (*defaults, *_HVM_IF_GIVEN) if key in config}
    image |= {key: str(value) for key, value in (defaults | given).items() if value != ""}
    return image


def _devices(host: SimulatedHost, domain: Domain) -> dict[str, Any]:
    """The device sections; uuids are random per create and kept across reboots (xend.md 6)."""

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
    hvm = is_hvm(domain.config)
    for options in vfbs(domain.config):
        vfb = {"vnc": "1", "vncunused": "1", "uuid": made("vfb")}
        vfb |= {} if hvm else {"xauthority": "/root/.Xauthority"}
        vfb |= {
            key: options[key]
            for key in ("vnclisten", "vncpasswd", "keymap", "vncunused")
            if key in options
        }
        if domain.vnc_port is not None:
            vfb["location"] = f"{options.get('vnclisten', '127.0.0.1')}:{domain.vnc_port}"
        sections.setdefault("vfb", []).append(vfb)
        if not hvm:
            sections["vkbd"] = [{"backend": "0"}]
    location = "4" if hvm else "2"
    sections["console"] = [{"location": location, "protocol": "vt100", "uuid": made("console")}]
    for index, (uname, device, mode) in enumerate(disks(domain.config)):
        bare, _, use = device.removeprefix("ioemu:").partition(":")
        disk = {
            "VDI": "",
            "backend": "0",
            "bootable": "0" if index else "1",
            "dev": f"{bare}:{use or 'disk'}",
            "mode": mode,
            "uuid": made(f"vbd{bare}"),
        }
        disk |= {} if hvm else {"protocol": "x86_64-abi"}
        disk |= {"uname": uname} if uname else {}  # an empty CD drive has none
        if uname.startswith("file:") and not host.settings.old:
            disk["discard-enable"] = "0"
        kind = "tap2" if uname.startswith(("tap:", "tap2:")) else "vbd"
        sections.setdefault(kind, []).append(disk)
    return sections
