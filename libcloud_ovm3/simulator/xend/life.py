"""xend: the life cycle of one domain. ``progress.py`` runs its events when they are due.

Sources: xend.md 1 (life cycle), 2 (times).
"""

from __future__ import annotations

import copy
import secrets
import time
import uuid
from typing import Any

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.errors import AgentFault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import dashed, is_hvm, number
from libcloud_ovm3.simulator.xend import log
from libcloud_ovm3.simulator.xend.starting import (
    boot_refusal,
    device_refusal,
    disks,
    free_memory_mb,
    memory_needed_mb,
    memory_refusal,
    requested_vnc_port,
    vfbs,
    vifs,
)

RESTARTS = ("restart", "coredump-restart", "rename-restart")
RESTART_MB = 16  # tested before a guest is built again (xend.md 1.6)
#: Simulated seconds for which the list shows the old state after a guest has powered off.
STALE_SECONDS = 0.2


def due(host: SimulatedHost, domain: Domain) -> float | None:
    """When the domain's next event is due, None for never."""
    moments = [leaving["at"] for leaving in domain.leaving if may_leave(host, domain, leaving)]
    if domain.phase != "running":
        moments += [] if domain.until is None else [domain.until]
    elif (
        domain.request_due is not None
        and not domain.paused
        and domain.uuid not in host.ignores_requests
    ):
        moments.append(domain.request_due)
    return min(moments, default=None)


def may_leave(host: SimulatedHost, domain: Domain, leaving: dict[str, Any]) -> bool:
    """Whether the guest releases a device that is to be removed."""
    return bool(leaving["force"]) or domain.uuid not in host.ignores_requests


def step(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Run the event that was due at that time."""
    for leaving in domain.leaving:
        if leaving["at"] <= at and may_leave(host, domain, leaving):
            domain.leaving.remove(leaving)
            remove_device(domain, leaving["kind"], leaving["key"])
            return
    if domain.phase == "building":
        _build(host, domain, at)
    elif domain.phase == "devices":
        _connect_devices(host, domain, at)
    elif domain.phase == "running":
        guest_stopped(host, domain, domain.request, at)
    elif domain.phase in ("off", "crashed"):
        _after_stop(host, domain, at)
    elif domain.phase == "gap":
        _build_again(host, domain, at)
    elif domain.phase == "dying":
        end(host, domain, at)
    elif domain.phase in ("incoming", "zombie"):  # an incomplete domain, or its backends end
        if domain.phase == "incoming":
            log.ended(host, domain, at)
        domain.phase = "gone"


def lock_held_until(host: SimulatedHost) -> float:
    """Until when xend's global lock is held, e.g. by a wait for memory (xend.md 1.3)."""
    waiting = [
        domain.until or 0.0
        for domain in host.domains
        if domain.waited and domain.phase in ("building", "arriving")
    ]
    if "xend is busy" in host.faults:
        waiting.append(host.now() + host.clock.poll)
    return max([host.busy_until, *waiting])


def memory_wait(host: SimulatedHost, needed_mb: float) -> float:
    """Seconds for which xend waits for memory; grows with the shortage (xend.md 2, measured)."""
    short_gib = (needed_mb - free_memory_mb(host)) / 1024
    points = ((1.0, 23.0), (1.9, 50.0), (4.1, 170.0))
    (x0, y0), (x1, y1) = points[:2] if short_gib < 1.9 else points[1:]
    seconds = max(23.0, y0 + (short_gib - x0) * (y1 - y0) / (x1 - x0))
    return host.settings.memory_wait_seconds * seconds / 23.0


def _build(host: SimulatedHost, domain: Domain, at: float) -> None:
    refusal = memory_refusal(host, memory_needed_mb(domain.config))
    if refusal and not domain.waited:
        domain.waited = True
        domain.until = at + memory_wait(host, memory_needed_mb(domain.config))
        return
    if refusal := refusal or ("" if domain.restored else boot_refusal(host, domain.config)):
        fail(host, domain, refusal, at)
        return
    domain.start_time = domain.start_time if domain.restored else at  # before the device wait: 2
    to_devices(host, domain, at)


def to_devices(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Its memory is there: wait for the devices, which are announced."""
    domain.phase, domain.until = "devices", at + host.settings.device_seconds
    domain.waited = False
    log.write(host, "stored", domain, at)
    if "devices hang" in host.faults and (domain.config.get("disk") or domain.config.get("vif")):
        domain.until = at + host.settings.device_timeout_seconds
        domain.lost = hanging_device(domain)


def hanging_device(domain: Domain) -> str:
    """xend's text for the first device whose hotplug script does not respond (xend.md 2)."""
    first = "Device 0 (vif)" if vifs(domain.config) else "Device 51712 (vbd)"
    return f"{first} could not be connected. Hotplug scripts not working."


def _connect_devices(host: SimulatedHost, domain: Domain, at: float) -> None:
    domain.off_bridge = []
    real = host.machines if domain.real else None
    if (
        refusal := domain.lost
        or device_refusal(host, domain)
        or (real and real.refusal(host, domain))
    ):
        fail(host, domain, refusal, at)
    elif domain.alone or ("xm dies" in host.faults and not (domain.restored or domain.again)):
        domain.until, domain.error = None, "killed"  # no process is left to unpause it: 3
    else:
        release(host, domain, at)


def fail(host: SimulatedHost, domain: Domain, refusal: str, at: float) -> None:
    """Remove the domain; its ``error`` says why."""
    if domain.phase in ("building", "arriving"):
        log.write(host, "not started", domain, at, error=refusal)
        log.ended(host, domain, at)
        log.write(host, "not built", domain, at, error=refusal)
    elif domain.phase == "devices":
        log.write(host, "not connected", domain, at, error=refusal)
        log.ended(host, domain, at)
    if domain.again:
        log.write(host, "not again", domain, at, domid=domain.ended, error=refusal)
    domain.error, domain.phase = refusal, "gone"


def release(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Unpause for the first time; qemu takes its VNC port, or dies if it is in use (xend.md 3)."""
    domain.phase, domain.until, domain.lost = "running", None, ""
    domain.paused = domain.start_paused
    if not vfbs(domain.config):
        return
    taken = {other.vnc_port for other in host.domains if other is not domain}
    requested = requested_vnc_port(domain.config)
    domain.vnc_port = requested or next(port for port in range(5900, 6900) if port not in taken)
    if domain.vnc_port in taken or "qemu dies" in host.faults:
        log.write(host, "no device model", domain, at)
        guest_stopped(host, domain, "crash", at)  # it counts as a crash: 1.5


def new_domid(host: SimulatedHost) -> int:
    """The next domain id; none is used twice until the host reboots."""
    domid, host.next_domid = host.next_domid, host.next_domid + 1
    return domid


def action(domain: Domain) -> str:
    """The action that is configured for the reason why the domain ended (xend.md 1.5)."""
    key, default = {
        "poweroff": ("on_poweroff", "destroy"),
        "reboot": ("on_reboot", "restart"),
        "crash": ("on_crash", "restart"),
    }[domain.reason]
    return str(domain.config.get(key, default)).replace("coredump_and_", "coredump-")


def guest_stopped(host: SimulatedHost, domain: Domain, reason: str, at: float) -> None:
    """The guest has powered off, requested a reboot or crashed."""
    domain.reason = reason
    # Without the lock the list cannot be refreshed: the old state, the new status (1.2, 1.3).
    domain.stale_until = max(at + STALE_SECONDS, lock_held_until(host))
    domain.request, domain.request_due, domain.vnc_port = "", None, None
    log_stop(host, domain, at)
    what = action(domain)
    if what == "preserve":
        domain.phase, domain.until = "kept", None
        return
    seconds = host.settings.off_seconds
    if what.startswith("coredump"):
        _dump(host, domain)
        seconds = host.settings.core_dump_seconds
    domain.phase = "crashed" if reason == "crash" else "off"
    domain.until = max(at + seconds, lock_held_until(host))  # removal takes the lock: 1.3


def log_stop(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Write why a guest has stopped: when it does, and when a new xend finds it so (9)."""
    log.write(host, "crashed" if domain.reason == "crash" else "shutdown", domain, at)


def _dump(host: SimulatedHost, domain: Domain) -> None:
    """Write a sparse file as large as the guest; its real name is not known (xend.md 1.5)."""
    try:
        folder = real_path(host, f"/var/xen/dump/{domain.name}")
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m%d-%H%M.%S", time.gmtime(host.now()))
        with (folder / f"{stamp}.{domain.domid}.core").open("wb") as file:
            file.truncate(number(domain.config, "memory", 128) << 20)
    except (OSError, AgentFault) as error:
        log.write(host, "no core dump", domain, error=error)


def _after_stop(host: SimulatedHost, domain: Domain, at: float) -> None:
    """on_poweroff, on_reboot or on_crash, with the minimum age of every restart (2)."""
    if action(domain) not in RESTARTS:
        end(host, domain, at)
        return
    if is_too_young(host, domain, at):
        end(host, domain, at)
        return
    if action(domain) == "rename-restart":
        old = copy.deepcopy(domain)
        old.name, old.phase, old.until = f"Domain-{uuid.uuid4()}", "kept", None
        host.domains.append(old)
    to_gap(host, domain, at)


def is_too_young(host: SimulatedHost, domain: Domain, at: float) -> bool:
    """Whether it is not restarted, as it was started just now (2), which xend writes down."""
    age = at - domain.start_time
    if age >= host.minimum_restart_seconds:
        return False
    log.write(host, "too fast", domain, at, age=age)
    return True


def to_gap(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Destroy for a restart: not listed until the restart thread has the lock (1.6)."""
    log.ended(host, domain, at)
    domain.phase, domain.until = "gap", max(at + host.settings.reboot_gap, lock_held_until(host))
    domain.reason, domain.paused, domain.vnc_port = "", False, None
    domain.waited = domain.restored = domain.start_paused = False
    domain.held_mb = domain.online_vcpus = 0
    domain.leaving = []
    if domain.adopted:  # the values that xend shows after its restart are used to rebuild it: 6
        defaults = {"cpu_weight": 256, "cpu_cap": 0, "cpus": ""}
        domain.config |= {k: v for k, v in defaults.items() if k not in domain.set_since}
        domain.adopted = False


def _build_again(host: SimulatedHost, domain: Domain, at: float) -> None:
    # The restart thread checks neither name nor uuid: xend.md 1.6.
    if (held := lock_held_until(host)) > at:
        domain.until = held
        return
    domain.again, domain.ended = True, domain.domid
    if refusal := memory_refusal(host, RESTART_MB):
        fail(host, domain, refusal, at)
        return
    domain.domid = new_domid(host)
    domain.vif_ids = list(range(len(domain.macs)))
    domain.next_vif_id = len(domain.macs)
    domain.phase, domain.until = "building", at
    added(host, domain, "again", at)


def end(host: SimulatedHost, domain: Domain, at: float) -> None:
    """Take it off the list; its block backends exist some seconds longer (xend.md 2, 10.5)."""
    if domain.phase != "dying":  # written when it was asked for
        log.ended(host, domain, at)
    domain.phase, domain.until = "zombie", at + host.settings.backend_seconds
    domain.leaving = []


def added(host: SimulatedHost, domain: Domain, what: str, at: float) -> None:
    """Write that a domain has its number.

    :param what: ``create``, ``restore`` or ``again``.
    """
    log.write(host, what, domain, at)
    log.write(host, "added", domain, at)


def new_domain(host: SimulatedHost, config: dict[str, Any], at: float | None = None) -> Domain:
    """A domain whose build starts; the caller adds it to the list.

    :param at: When it starts; None for now.
    """
    # xm accepts only these types; a bool or None is dropped silently (xend.md 7).
    taken = {
        key: copy.deepcopy(value)
        for key, value in config.items()
        if isinstance(value, (str, list, int, float)) and not isinstance(value, bool)
    }
    # The maxima of a live domain are fixed at its start.
    taken["maxmem"] = number(taken, "maxmem", 0) or number(taken, "memory", 128)
    taken["maxvcpus"] = max(number(taken, "maxvcpus", 0), number(taken, "vcpus", 1))
    nics = vifs(taken)
    begun = host.now() if at is None else at
    domain = Domain(
        name=str(taken.get("name") or "vm.cfg"),
        uuid=dashed(str(taken.get("uuid") or uuid.uuid4())),
        domid=new_domid(host),
        config=taken,
        phase="building",
        until=begun + host.settings.build_seconds,
        start_paused=number(taken, "paused", 0) == 1,
        macs=[options.get("mac") or random_mac() for options in nics],
        vif_ids=list(range(len(nics))),
        next_vif_id=len(nics),
        seed=str(uuid.uuid4()),
        real=host.machines is not None and bool(disks(taken)),
    )
    added(host, domain, "create", begun)
    return domain


def random_mac() -> str:
    """Xen's prefix and three random bytes, new at each create (xend.md 3)."""
    last = [secrets.randbelow(0x80), secrets.randbelow(256), secrets.randbelow(256)]
    return "00:16:3e:" + ":".join(f"{byte:02x}" for byte in last)


def remove_device(domain: Domain, kind: str, key: str) -> None:
    """Remove a disk (key: its string) or a NIC (key: its device id) from a live domain."""
    entries = domain.config.get("disk" if kind == "vbd" else "vif") or []
    if kind == "vbd":
        domain.config["disk"] = [entry for entry in entries if entry != key]
        return
    index = domain.vif_ids.index(int(key))
    for items in (entries, domain.macs, domain.vif_ids):
        del items[index]


def stops_hard(config: dict[str, Any]) -> bool:
    """Whether a shutdown request is an immediate power-off (xend.md 4)."""
    return is_hvm(config) and "pv_driver" not in str(config.get("OVM_domain_type"))
