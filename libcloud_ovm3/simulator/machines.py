"""xend: the life of domains. Nothing here needs a thread: time is made up for at each look.

Sources: xend.md 1 (life cycle), 2 (times), 3 (start), 4 (actions), 5 (hot changes).
"""

from __future__ import annotations

import copy
import secrets
import uuid
from typing import Any

from .errors import AgentFault, SimulatorError, command_fault
from .host import Domain, SimulatedHost
from .listing import listed, status
from .starting import (
    boot_refusal,
    config_refusal,
    device_refusal,
    free_memory_mb,
    memory_needed_mb,
    memory_refusal,
    vifs,
)
from .vmcfg import dashed, is_hvm, number, strings

RESTARTS = ("restart", "coredump-restart", "rename-restart")


def advance(host: SimulatedHost) -> None:
    """Let everything happen that is due by now, in its order. Called with the lock held."""
    now, changed = host.now(), False
    while True:
        due = [(moment, domain) for domain in host.domains if (moment := _due(host, domain))]
        due = [item for item in due if item[0] <= now]
        if not due:
            break
        moment, domain = min(due, key=lambda item: item[0])
        _step(host, domain, moment)
        host.domains = [domain for domain in host.domains if domain.phase != "gone"]
        changed = True
    if changed:
        host.save()


def _due(host: SimulatedHost, domain: Domain) -> float | None:
    """When something happens next to the domain by itself."""
    if domain.phase != "running":
        return domain.until
    if domain.paused or domain.uuid in host.deaf:
        return None
    return domain.request_due


def _step(host: SimulatedHost, domain: Domain, at: float) -> None:
    settings = host.settings
    if domain.phase == "building":
        refusal = memory_refusal(host, domain.config, free_memory_mb(host))
        if refusal and not domain.waited:
            domain.waited, domain.until = True, at + settings.memory_wait_seconds
        elif refusal := refusal or boot_refusal(host, domain.config):
            _fail(host, domain, refusal)
        else:
            domain.phase, domain.until = "devices", at + settings.device_seconds
            domain.start_time = at  # before the device wait: xend.md 2
    elif domain.phase == "devices":
        if refusal := device_refusal(host, domain):
            _fail(host, domain, refusal)
        else:
            release(host, domain)
    elif domain.phase == "running":
        _guest_stopped(host, domain, domain.request, at)
    elif domain.phase in ("off", "crashed"):
        _after_stop(host, domain, at)
    elif domain.phase == "gap":
        # The restart thread looks for neither name nor uuid: xend.md 1.6.
        refusal = memory_refusal(host, domain.config, free_memory_mb(host))
        if refusal := refusal or boot_refusal(host, domain.config):
            host.log(
                "ERROR", "xend", f"Failed to restart domain {domain.domid}: {refusal}", "xend.log"
            )
            domain.phase = "gone"
            return
        domain.domid = _new_domid(host)
        domain.phase, domain.until = "devices", at + settings.device_seconds
        domain.start_time = at
        host.log("INFO", "xend", f"Adding Domain: {domain.domid}", "xend.log")
    elif domain.phase == "dying":
        domain.phase = "gone"


def _fail(host: SimulatedHost, domain: Domain, refusal: str) -> None:
    domain.error, domain.phase = refusal, "gone"
    host.log("ERROR", "xend", f"domain {domain.name} failed: {refusal}", "xend.log")


def release(host: SimulatedHost, domain: Domain) -> None:
    """Unpaused for the first time; qemu takes the first free VNC port."""
    domain.phase, domain.until = "running", None
    domain.paused = number(domain.config, "paused", 0) == 1
    if strings(domain.config, "vfb"):
        taken = {other.vnc_port for other in host.domains if other is not domain}
        domain.vnc_port = next(port for port in range(5900, 6900) if port not in taken)


def _new_domid(host: SimulatedHost) -> int:
    domid, host.next_domid = host.next_domid, host.next_domid + 1
    return domid


def _action(domain: Domain) -> str:
    key, default = {
        "poweroff": ("on_poweroff", "destroy"),
        "reboot": ("on_reboot", "restart"),
        "crash": ("on_crash", "restart"),
    }[domain.reason]
    word = str(domain.config.get(key, default))
    return word.replace("coredump_and_", "coredump-").replace("coredump-destroy", "destroy")


def _guest_stopped(host: SimulatedHost, domain: Domain, reason: str, at: float) -> None:
    domain.reason, domain.off_since = reason, at
    domain.request, domain.request_due, domain.vnc_port = "", None, None
    number_of = {"poweroff": 0, "reboot": 1, "crash": 3}[reason]
    text = f"Domain has shutdown: name={domain.name} id={domain.domid} reason={number_of}"
    host.log("INFO", "xend", text, "xend.log")
    if _action(domain) == "preserve":
        domain.phase, domain.until = "kept", None
    else:
        domain.phase = "crashed" if reason == "crash" else "off"
        domain.until = at + host.settings.off_seconds


def _after_stop(host: SimulatedHost, domain: Domain, at: float) -> None:
    """on_poweroff, on_reboot or on_crash, with the age test of every kind of restart (2)."""
    if _action(domain) not in RESTARTS:
        domain.phase = "gone"
        return
    if at - domain.start_time < host.settings.minimum_restart_seconds:
        text = f"VM {domain.name} restarting too fast (domain {domain.domid}), not restarting"
        host.log("ERROR", "xend", text, "xend.log")
        domain.phase = "gone"
        return
    if _action(domain) == "rename-restart":
        old = copy.deepcopy(domain)
        old.name, old.phase, old.until = f"Domain-{uuid.uuid4()}", "kept", None
        host.domains.append(old)
    _to_gap(host, domain, at)


def _to_gap(host: SimulatedHost, domain: Domain, at: float) -> None:
    domain.phase, domain.until = "gap", at + host.settings.reboot_gap
    domain.reason, domain.paused, domain.vnc_port = "", False, None


def find(host: SimulatedHost, name: str, vm_uuid: str = "") -> Domain | None:
    """A listed domain, by name first, then by uuid (xend.md 1.3). Called with the lock held."""
    live = listed(host)
    for domain in live:
        if domain.name == name:
            return domain
    return next((domain for domain in live if vm_uuid and domain.uuid == vm_uuid), None)


def _need(host: SimulatedHost, command: str, name: str, vm_uuid: str) -> Domain:
    advance(host)
    domain = find(host, name, vm_uuid)
    if domain is None:
        text = f"Error: Domain '{name}' does not exist."
        raise command_fault(["xm", command, name], 3, text)
    return domain


def _refused(command: str, name: str, text: str) -> AgentFault:
    return command_fault(["xm", command, name], 1, f"Error: {text}")


def new_domain(host: SimulatedHost, config: dict[str, Any]) -> Domain:
    """A domain that begins to be built; not yet on the list."""
    # xm takes only these types; a bool or None is dropped silently (xend.md 7).
    taken = {
        key: value
        for key, value in config.items()
        if isinstance(value, (str, list, int, float)) and not isinstance(value, bool)
    }
    # The most that a live domain can be given is settled at its start.
    taken["maxmem"] = number(taken, "maxmem", 0) or number(taken, "memory", 128)
    taken["maxvcpus"] = max(number(taken, "maxvcpus", 0), number(taken, "vcpus", 1))
    return Domain(
        name=str(taken.get("name") or "vm.cfg"),
        uuid=dashed(str(taken.get("uuid") or uuid.uuid4())),
        domid=_new_domid(host),
        config=taken,
        phase="building",
        until=host.now() + host.settings.build_seconds,
        macs=[options.get("mac") or _random_mac() for options in vifs(taken)],
        seed=str(uuid.uuid4()),
    )


def _random_mac() -> str:
    last = [secrets.randbelow(0x80), secrets.randbelow(256), secrets.randbelow(256)]
    return "00:16:3e:" + ":".join(f"{byte:02x}" for byte in last)


def start(host: SimulatedHost, path: str, config: dict[str, Any]) -> None:
    """``xm create``: answers when the domain is unpaused; it is listed meanwhile."""
    command = ["xm", "create", path]
    if number(config, "dryrun", 0) or number(config, "xmldryrun", 0):
        return
    name = str(config.get("name") or "vm.cfg")
    vm_uuid = dashed(str(config.get("uuid") or ""))
    with host.lock:
        advance(host)
        text = config_refusal(host, config, name)
        other = find(host, name, vm_uuid)
        if not text and other is not None:
            text = f"Domain '{name}' already exists with ID '{other.domid}'"
        if text:
            raise command_fault(command, 1, f"Error: {text}")
        domain = new_domain(host, config)
        host.domains.append(domain)
        host.save()
    while domain.phase in ("building", "devices"):
        host.wait_until(domain.until or host.now())
        with host.lock:
            advance(host)
    if domain.error:
        raise command_fault(command, 1, f"Error: {domain.error}")
    if domain.phase in ("dying", "gone"):
        text = "Domain was died while the bootloader was running."
        raise command_fault(command, 1, f"Error: {text}")


def shutdown(host: SimulatedHost, name: str, vm_uuid: str, reason: str) -> Domain:
    """Ask the guest to power off or reboot: only a request, and a deaf guest ignores it."""
    command = "shutdown" if reason == "poweroff" else "reboot"
    with host.lock:
        domain = _need(host, command, name, vm_uuid)
        if status(domain) == 0:
            raise _refused(command, name, "Domain cannot be shutdown")
        if domain.paused or domain.phase != "running":
            return domain  # accepted without effect: xend.md 4
        if is_hvm(domain.config) and "pv_driver" not in str(domain.config.get("OVM_domain_type")):
            _guest_stopped(host, domain, reason, host.now())  # a hard stop: xend.md 4
        else:
            domain.request = reason
            domain.request_due = host.now() + host.settings.shutdown_seconds
        host.save()
        return domain


def destroy(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """End a domain. One that is off and about to be restarted comes back (xend.md 1.6)."""
    with host.lock:
        domain = _need(host, "destroy", name, vm_uuid)
        now = host.now()
        young = now - domain.start_time < host.settings.minimum_restart_seconds
        if domain.phase in ("off", "crashed") and _action(domain) in RESTARTS and not young:
            _to_gap(host, domain, now)
            host.save()
            return
        domain.phase, domain.until = "dying", now + host.settings.destroy_seconds
        host.save()
    host.wait_until(now + host.settings.destroy_seconds)
    with host.lock:
        advance(host)


def pause(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """Pause; a crashed or paused domain: success without doing anything."""
    with host.lock:
        domain = _need(host, "pause", name, vm_uuid)
        if status(domain) not in (1, 2, 5):
            raise _refused("pause", name, f"Domain '{name}' is not started")
        domain.paused = domain.paused or domain.phase == "running"
        host.save()


def unpause(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """Unpause, whoever paused: it also releases a half-built domain."""
    with host.lock:
        domain = _need(host, "unpause", name, vm_uuid)
        if status(domain) not in (1, 2):
            raise _refused("unpause", name, f"Domain '{name}' is not started")
        if domain.phase in ("building", "devices"):
            domain.start_time = domain.start_time or host.now()
            release(host, domain)
        elif not domain.paused and host.answer("unpause of a running VM") == "fault":
            text = "Domain unable to be unpaused: (22, 'Invalid argument')"
            raise _refused("unpause", name, text)
        domain.paused = False
        if domain.request_due is not None:
            domain.request_due = max(domain.request_due, host.now())
        host.save()


def wait_until_off(host: SimulatedHost, domain: Domain, limit: float) -> bool:
    """Wait until the domain has left the list; False after ``limit`` simulated seconds."""
    return _wait(host, limit, lambda: domain.phase in ("gap", "gone"))


def wait_until_back(host: SimulatedHost, domain: Domain, domid: int, limit: float) -> bool:
    """Wait until the domain runs under another number, or is gone; False after the limit."""

    def back() -> bool:
        again = domain.phase == "running" and domain.domid != domid
        return again or domain.phase in ("gone", "kept")

    return _wait(host, limit, back)


def _wait(host: SimulatedHost, limit: float, done: Any) -> bool:
    end = host.now() + limit
    while True:
        with host.lock:
            advance(host)
            if done():
                return True
        if host.now() >= end:
            return False
        host.wait_until(min(end, host.now() + max(0.2, 0.02 * host.clock.speed)))


def guest(host: SimulatedHost, vm_uuid: str, what: str) -> None:
    """What a guest does by itself: poweroff, reboot or crash.

    :raises SimulatorError: no such running guest, or no such word
    """
    if what not in ("poweroff", "reboot", "crash"):
        raise SimulatorError(f"a guest can poweroff, reboot or crash, not {what!r}")
    with host.lock:
        advance(host)
        domain = find(host, vm_uuid, vm_uuid)
        if domain is None or domain.phase != "running":
            raise SimulatorError(f"no guest {vm_uuid} runs on {host.hostname}")
        _guest_stopped(host, domain, what, host.now())
        host.save()


def change_live(host: SimulatedHost, name: str, vm_uuid: str, changes: dict[str, Any]) -> None:
    """Hot changes of a live domain (agent-behaviour.md 6.2; texts: xend.md 5)."""
    with host.lock:
        advance(host)
        domain = find(host, name, vm_uuid)
        if domain is None:
            return
        config = domain.config
        vcpus = number(changes, "vcpus", 1)
        if vcpus <= 0:
            raise _refused("vcpu-set", name, "Zero or less VCPUs is invalid")
        if vcpus > number(config, "maxvcpus", 1):
            text = "Cannot set vcpus greater than max vcpus on running domain"
            raise _refused("vcpu-set", name, text)
        new_name = str(changes.get("name", domain.name))
        other = find(host, new_name)
        if other is not None and other is not domain:
            text = f"VM name '{new_name}' already exists as domain {other.domid}"
            raise _refused("rename", name, text)
        tried = copy.deepcopy(domain)
        tried.config |= copy.deepcopy(changes)
        refusal = config_refusal(host, tried.config, new_name)
        if not refusal and "memory" in changes:
            free_mb = free_memory_mb(host) + memory_needed_mb(config)
            refusal = memory_refusal(host, tried.config, free_mb)
        if not refusal and {"disk", "vif"} & changes.keys():
            refusal = device_refusal(host, tried)
        if refusal:
            raise _refused("change", name, refusal)
        domain.config, domain.name = tried.config, new_name
        domain.macs = [
            options.get("mac")
            or (domain.macs[index] if index < len(domain.macs) else _random_mac())
            for index, options in enumerate(vifs(domain.config))
        ]
        host.save()
