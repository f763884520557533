"""xend: the stages of a migration or a save, which ``migration.py`` and ``saving.py`` start.

Source: xend.md 4 (save), 4.1 (migration), 1.4 (what each phase shows). The domain keeps running
until it is suspended; only its name gets the prefix ``migrating-``.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from libcloud_ovm3.simulator import network
from libcloud_ovm3.simulator.domain import Domain, Transfer
from libcloud_ovm3.simulator.errors import AgentFault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import is_hvm, number
from libcloud_ovm3.simulator.xend import life, log
from libcloud_ovm3.simulator.xend.starting import boot_refusal, memory_needed_mb, memory_refusal

SUSPEND_SECONDS = 60.0  # 60 checks, one per second (xend.md 2)
TIMED_OUT = "timed out"  # xend's text for every failure of the source, 3 s later (4.1)
TIMED_OUT_SECONDS = 3.0


def source_domain(host: SimulatedHost, transfer: Transfer) -> Domain | None:
    """The domain on the source, while it exists."""
    same = (domain for domain in host.domains if domain.seed == transfer.seed and domain.listed)
    return next(same, None)


def target_domain(host: SimulatedHost, transfer: Transfer) -> Domain | None:
    """The domain on the target, while it is being received."""
    if transfer.to is None:
        return None
    for domain in host.peers[transfer.to].domains:
        if domain.domid == transfer.far_domid and domain.phase in ("arriving", "incoming"):
            return domain
    return None


def seconds_for(host: SimulatedHost, domain: Domain) -> float:
    """How many seconds the transfer of the memory pages takes."""
    return number(domain.config, "memory", 128) / host.settings.transfer_mb_per_second


def step(host: SimulatedHost, transfer: Transfer, at: float) -> None:
    """Run the event that was due at that time."""
    domain = source_domain(host, transfer)
    if transfer.stage == "memory":
        _receive(host, transfer, domain, at)
    elif transfer.stage == "failing":
        transfer.stage = "done"
    elif domain is None or domain.phase != ("suspended" if transfer.stage == "rest" else "running"):
        _break_off(host, transfer, domain, at)
    elif transfer.stage in ("pages", "suspending"):
        _suspend(host, transfer, domain, at)
    elif transfer.stage == "rest":
        _arrived(host, transfer, domain, at)


def _receive(host: SimulatedHost, transfer: Transfer, domain: Domain | None, at: float) -> None:
    """The target's checks before the pages come: name, memory, an HVM guest's files (4.1)."""
    target, arriving = host.peers[transfer.to or 0], target_domain(host, transfer)
    if domain is None or arriving is None or not network.responds(target):
        _break_off(host, transfer, domain, at)
        return
    needed_mb = memory_needed_mb(arriving.config)
    refusal = memory_refusal(target, needed_mb)
    if refusal and not arriving.waited:
        seconds = life.memory_wait(target, needed_mb)
        arriving.waited, transfer.until = True, at + seconds
        arriving.until = _target_time(host, target, at) + seconds
        return
    collides = any(
        other.listed and other.name == arriving.name and other.uuid != arriving.uuid
        for other in target.domains
    )
    if is_hvm(arriving.config):
        refusal = refusal or boot_refusal(target, arriving.config)
    if number(arriving.config, "nomigrate", 0):
        refusal = refusal or "cannot restore non-migratable domain"
    if "migration refused" in target.faults | host.faults:
        refusal = refusal or "/usr/lib64/xen/bin/xc_restore 4 1 1 2 0 0 0 failed"
    there = _target_time(host, target, at)
    if collides:  # its text has quotes and cannot be parsed: the source's is shown (4.1)
        life.fail(target, arriving, f"VM name '{arriving.name}' already exists", there)
        _resume(host, transfer, domain, "/usr/lib64/xen/bin/xc_save 3 1 0 0 1 failed")
    elif refusal:
        life.fail(target, arriving, refusal, there)
        _resume(host, transfer, domain, f"{refusal} (from {target.address})")
    else:
        arriving.phase, arriving.until, arriving.waited = "incoming", None, False
        transfer.stage, transfer.until = "pages", at + seconds_for(host, domain)
        if {"migration breaks", "migration cut"} & host.faults:
            transfer.until = at + seconds_for(host, domain) / 2


def _target_time(host: SimulatedHost, target: SimulatedHost, at: float) -> float:
    """Convert a time of the source's clock to the target's clock."""
    return at - host.clock_offset + target.clock_offset


def _resume(host: SimulatedHost, transfer: Transfer, domain: Domain, error: str) -> None:
    """A failure without loss: the source gets its name back and continues."""
    if transfer.stage == "rest":
        domain.phase = "running"
    domain.name, transfer.error, transfer.stage = transfer.name, error, "done"
    log.write(host, "save failed", domain, error=error)


def _break_off(
    host: SimulatedHost, transfer: Transfer, domain: Domain | None, at: float, text: str = ""
) -> None:
    """The source fails: it continues, and the target keeps an incomplete domain (4.1)."""
    text = text or f"Domain {transfer.name} is not running"
    if transfer.to is None:
        if domain is not None:
            _resume(host, transfer, domain, text)
        transfer.error, transfer.stage = text, "done"
        return
    if domain is not None:
        domain.name = transfer.name
        domain.phase = "running" if transfer.stage == "rest" else domain.phase
    target, arriving = host.peers[transfer.to], target_domain(host, transfer)
    if arriving is not None:
        forever = not network.responds(target) or "migration cut" in host.faults
        gone = _target_time(host, target, at) + host.settings.half_domain_seconds
        arriving.phase, arriving.until = "incoming", None if forever else gone
    if domain is not None:
        log.write(host, "save failed", domain, at, error=text)
    transfer.error, transfer.stage, transfer.until = TIMED_OUT, "failing", at + TIMED_OUT_SECONDS


def _suspend(host: SimulatedHost, transfer: Transfer, domain: Domain, at: float) -> None:
    """The pages are transferred; the guest is requested to suspend and may not respond."""
    broken = transfer.to is not None and (
        target_domain(host, transfer) is None or not network.responds(host.peers[transfer.to])
    )
    if broken or {"migration breaks", "migration cut"} & host.faults:
        _break_off(host, transfer, domain, at, "Error when reading batch size")
    elif (domain.paused or domain.uuid in host.ignores_requests) and transfer.stage == "pages":
        transfer.stage, transfer.until = "suspending", at + SUSPEND_SECONDS + 1
    elif domain.paused or domain.uuid in host.ignores_requests:
        text = f"Timeout waiting for domain {domain.domid} to suspend"
        _break_off(host, transfer, domain, at, text)
    else:
        domain.phase, domain.until = "suspended", None
        log.write(host, "shutdown", domain, at, reason="suspend")
        transfer.stage, transfer.until = "rest", at + host.settings.off_seconds


def _arrived(host: SimulatedHost, transfer: Transfer, domain: Domain, at: float) -> None:
    """Success means that the source is gone. The source does not learn how the target continues."""
    arriving = target_domain(host, transfer)
    if transfer.to is None:
        if error := write_state(host, transfer.path, domain, transfer.name):
            _resume(host, transfer, domain, error)
            return
        if transfer.checkpoint:
            domain.name, domain.phase, transfer.stage = transfer.name, "running", "done"
            return
    elif arriving is None:
        _break_off(host, transfer, domain, at)
        return
    else:
        target = host.peers[transfer.to]
        there = _target_time(host, target, at)
        log.write(target, "stored", arriving, there)
        arriving.phase, arriving.start_paused = "devices", False
        arriving.until = there + host.settings.device_seconds
        arriving.held_mb, arriving.online_vcpus = domain.held_mb, domain.online_vcpus
        if "migration loses" in host.faults or "devices hang" in target.faults:
            arriving.lost = life.hanging_device(arriving)
    life.end(host, domain, at)
    transfer.stage = "done"


def write_state(host: SimulatedHost, path: str, domain: Domain, name: str) -> str:
    """Write the state file; xend's text if it cannot be written."""
    state = asdict(domain) | {"name": name, "phase": "building"}
    try:
        real_path(host, path).write_text(json.dumps({"xend": state}))
    except (OSError, AgentFault) as error:
        return f"can't write guest state file {path}: {error}"
    return ""
