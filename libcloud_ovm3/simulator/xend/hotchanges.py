"""Hot changes: how configure_vm changes a live domain, with xend's texts and pitfalls.

Sources: agent-behaviour.md 6.2 (which options have a setter), xend.md 5. The order in which the
agent applies them, and how it identifies a NIC to xend, is not shown.
"""

from __future__ import annotations

import copy
import re
from functools import partial
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.errors import AgentFault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import number, strings
from libcloud_ovm3.simulator.xend import life
from libcloud_ovm3.simulator.xend.clients import connection, run_xm
from libcloud_ovm3.simulator.xend.machines import check_not_real, find, look_up, refused
from libcloud_ovm3.simulator.xend.progress import advance, find_memory, wait, xend
from libcloud_ovm3.simulator.xend.starting import (
    device_number,
    device_refusal,
    disk_refusal,
    disks,
    memory_needed_mb,
    pins,
    schedule_refusal,
    vif_refusal,
    vifs,
)

HOST_CPUS = 2  # as discover_hardware says
MAC = re.compile(r"([0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}")


def configure(host: SimulatedHost, name: str, vm_uuid: str, params: dict[str, Any]) -> None:
    """Change the live domain, if there is one. Changes made before a fault are kept.

    :raises AgentFault: xend refuses one of the changes.
    """
    with xend(host):
        domain = look_up(host, name, vm_uuid)
    if domain is not None:
        run_xm(host, ["xm"], partial(_change, host, domain, params))


def _change(host: SimulatedHost, domain: Domain, params: dict[str, Any], alone: bool) -> None:
    """``alone``: its process has died, and the first change is all that is done."""
    for key, change in SETTERS.items():
        if key in params and params[key] != domain.config.get(key):
            with connection(host):
                change(host, domain, params[key])
            with host.lock:
                domain.set_since.append(key)
                host.save()
            if alone:
                return


def _refuse(command: str, domain: Domain, text: str) -> AgentFault:
    return refused(command, domain.name, text)


def _maxmem(host: SimulatedHost, domain: Domain, value: Any) -> None:
    if number({"maxmem": value}, "maxmem", 0) < number(domain.config, "memory", 128):
        text = "memory_dynamic_max must be less than or equal to memory_static_max"
        raise _refuse("mem-max", domain, text)
    domain.config["maxmem"] = value


def _memory(host: SimulatedHost, domain: Domain, value: Any) -> None:
    """Success only records the target, which the list shows whatever the guest does."""
    wanted = number({"memory": value}, "memory", 0)
    if wanted <= 0 or wanted > number(domain.config, "maxmem", 0):
        text = "memory_dynamic_max must be less than or equal to memory_static_max"
        raise _refuse("mem-set", domain, text)
    held = domain.held_mb or memory_needed_mb(domain.config)
    needed = memory_needed_mb(domain.config | {"memory": wanted})
    if needed > held and (refusal := find_memory(host, needed - held)):
        raise _refuse("mem-set", domain, refusal)
    domain.config["memory"] = wanted
    domain.held_mb = held if domain.uuid in host.ignores_requests and held > needed else 0


def _vcpus(host: SimulatedHost, domain: Domain, value: Any) -> None:
    """A request to the guest; online_vcpus shows its effect."""
    wanted = number({"vcpus": value}, "vcpus", 1)
    if wanted <= 0:
        raise _refuse("vcpu-set", domain, "Zero or less VCPUs is invalid")
    if wanted > number(domain.config, "maxvcpus", 1):
        text = "Cannot set vcpus greater than max vcpus on running domain"
        raise _refuse("vcpu-set", domain, text)
    online = domain.online_vcpus or number(domain.config, "vcpus", 1)
    domain.online_vcpus = online if domain.uuid in host.ignores_requests else 0
    domain.config["vcpus"] = wanted


def _weight(host: SimulatedHost, domain: Domain, value: Any) -> None:
    _schedule(domain, {"cpu_weight": value})


def _cap(host: SimulatedHost, domain: Domain, value: Any) -> None:
    _schedule(domain, {"cpu_cap": value})


def _schedule(domain: Domain, change: dict[str, Any]) -> None:
    if refusal := schedule_refusal(domain.config | change):
        raise _refuse("sched-credit", domain, refusal)
    domain.config |= change


def _cpus(host: SimulatedHost, domain: Domain, value: Any) -> None:
    for vcpu, cpus in enumerate(pins({"cpus": value}, number(domain.config, "vcpus", 1))):
        if cpus and min(cpus) >= HOST_CPUS:
            text = f"Cannot pin vcpu: {vcpu} to cpu: {cpus} - (22, 'Invalid argument')"
            raise _refuse("vcpu-pin", domain, text)
    domain.config["cpus"] = value


def _name(host: SimulatedHost, domain: Domain, value: Any) -> None:
    other = find(host, str(value))
    if other is not None and other is not domain:
        text = f"VM name '{value}' already exists as domain {other.domid}"
        raise _refuse("rename", domain, text)
    if not re.fullmatch(r"[A-Za-z0-9_\-.:+]+", str(value)):
        raise _refuse("rename", domain, "Invalid VM Name")
    domain.name = domain.config["name"] = str(value)


def _disks(host: SimulatedHost, domain: Domain, value: Any) -> None:
    """Compare disks by device: detach missing ones, attach new ones, change CDs."""
    wanted = strings({"disk": value}, "disk")
    if refusal := disk_refusal({"disk": wanted}):
        raise _refuse("block-attach", domain, refusal)
    now = {_device_of(text): text for text in strings(domain.config, "disk")}
    then = {_device_of(text): text for text in wanted}
    for device, text in now.items():
        if device not in then:
            number_text = device_number(device)
            _detach(host, domain, "vbd", text, f"Device {number_text} (vbd)")
        elif then[device] != text:
            _change_cd(domain, device, text, then[device])
    for device, text in then.items():
        if device not in now:
            tried = {"disk": [*strings(domain.config, "disk"), text]}
            if refusal := disk_refusal(tried):  # the same file or device twice
                raise _refuse("block-attach", domain, refusal)
            _attach(host, domain, "disk", text, None)
    with host.lock:  # in the requested order
        live = strings(domain.config, "disk")
        domain.config["disk"] = [text for text in wanted if text in live] + [
            text for text in live if text not in wanted
        ]


def _device_of(text: str) -> str:
    return text.split(",")[1].removeprefix("ioemu:").partition(":")[0]


def _change_cd(domain: Domain, device: str, old: str, new: str) -> None:
    ((uname, use, mode),) = disks({"disk": [new]})
    if ":cdrom" not in use or mode != "r" or ":cdrom" not in old:
        text = f"Refusing to reconfigure device vbd:{device_number(device)} to {{'uname': '{uname}'"
        raise _refuse("block-configure", domain, f"{text}, 'mode': '{mode}'}}")
    entries = strings(domain.config, "disk")
    domain.config["disk"] = [new if entry == old else entry for entry in entries]


def _vifs(host: SimulatedHost, domain: Domain, value: Any) -> None:
    """Compare NICs by their string: detach missing ones, attach new ones."""
    wanted = strings({"vif": value}, "vif")
    for options in vifs({"vif": wanted}):
        if options.get("mac") and not MAC.fullmatch(options["mac"]):
            text = "Cannot create a new virtual network interface - MAC address is not valid!"
            raise _refuse("network-attach", domain, text)
    if refusal := vif_refusal({"vif": wanted}):
        raise _refuse("network-attach", domain, refusal)
    now = strings(domain.config, "vif")
    for text in now:
        if text not in wanted and text in strings(domain.config, "vif"):
            index = strings(domain.config, "vif").index(text)
            # By MAC xend uses the position in its list as the device id: after an earlier
            # detach that is another NIC, and it reports success (xend.md 5).
            by_mac = host.answer("NICs are detached") == "by MAC"
            device_id = index if by_mac else domain.vif_ids[index]
            if device_id not in domain.vif_ids:
                raise _refuse("network-detach", domain, f"Device {device_id} not connected")
            _detach(host, domain, "vif", str(device_id), f"Device {device_id} (vif)")
    for text in wanted:
        if text not in now:
            live = strings(domain.config, "vif")
            if refusal := vif_refusal({"vif": [*live, text]}):  # one that was not detached
                raise _refuse("network-attach", domain, refusal)
            mac = vifs({"vif": [text]})[0].get("mac") or life.random_mac()
            _attach(host, domain, "vif", text, mac)


def _attach(host: SimulatedHost, domain: Domain, key: str, text: str, mac: str | None) -> None:
    """Wait for the backend; a device that fails stays listed for a moment (xend.md 5)."""
    kind = "vif" if key == "vif" else "vbd"
    check_not_real(domain, f"attaching a {kind}")
    with host.lock:
        tried = copy.deepcopy(domain)
        tried.config[key], tried.vif_ids = [text], [domain.next_vif_id]
        tried.config["disk" if key == "vif" else "vif"] = []
        domain.config[key] = [*strings(domain.config, key), text]
        handle = text
        if mac is not None:
            handle = str(domain.next_vif_id)
            domain.macs.append(mac)
            domain.vif_ids.append(domain.next_vif_id)
            domain.next_vif_id += 1
        hangs = "devices hang" in host.faults
        settings = host.settings
        seconds = settings.device_timeout_seconds if hangs else settings.device_seconds
        end = host.now() + seconds
        host.save()
    host.wait_until(end)
    with host.lock:
        advance(host)
        refusal = life.hanging_device(tried) if hangs else device_refusal(host, tried)
        if refusal:
            leaving = {"kind": kind, "key": handle, "at": host.now() + 1, "force": True}
            domain.leaving.append(leaving)
            host.save()
            raise _refuse("block-attach" if kind == "vbd" else "network-attach", domain, refusal)


def _detach(host: SimulatedHost, domain: Domain, kind: str, key: str, what: str) -> None:
    """Request the guest to release it; after 100 s a fault, the request stays (xend.md 2, 5)."""
    check_not_real(domain, f"detaching a {kind}")
    limit = host.settings.device_timeout_seconds
    with host.lock:
        late = "detach is late" in host.faults
        at = host.now() + (limit + 20 if late else host.settings.device_seconds)
        leaving = {"kind": kind, "key": key, "at": at, "force": False}
        if not any(item["key"] == key and item["kind"] == kind for item in domain.leaving):
            domain.leaving.append(leaving)
        host.save()

    def gone() -> bool:
        return not any(item["key"] == key and item["kind"] == kind for item in domain.leaving)

    if not wait(host, limit, gone):
        command = "block-detach" if kind == "vbd" else "network-detach"
        raise _refuse(command, domain, f"{what} could not be disconnected. ")


#: Option -> its setter. All other options only change the file.
SETTERS = {
    "name": _name,
    "maxmem": _maxmem,
    "memory": _memory,
    "vcpus": _vcpus,
    "cpu_weight": _weight,
    "cpu_cap": _cap,
    "cpus": _cpus,
    "disk": _disks,
    "vif": _vifs,
}
