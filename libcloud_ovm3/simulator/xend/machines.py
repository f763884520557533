"""xm and xend: the commands for one domain, by name or uuid.

Sources: xend.md 3 (start), 4 (actions).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.errors import AgentFault, SimulatorError, command_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.vmcfg import dashed, is_hvm, number, strings
from libcloud_ovm3.simulator.xend import life, log
from libcloud_ovm3.simulator.xend.clients import connection
from libcloud_ovm3.simulator.xend.listing import listed, status
from libcloud_ovm3.simulator.xend.progress import advance as advance  # noqa: PLC0414 - for callers that only read
from libcloud_ovm3.simulator.xend.progress import wait, xend
from libcloud_ovm3.simulator.xend.starting import config_refusal

LIST_FAULT = "Device 0 not connected"  # xend.md 1.3
TRIGGERS = ("nmi", "reset", "init", "s3resume", "power")


def find(host: SimulatedHost, name: str, vm_uuid: str = "") -> Domain | None:
    """A listed domain, by name first, then by uuid (xend.md 1.3). Called with the lock held."""
    live = listed(host)
    for domain in live:
        if domain.name == name:
            return domain
    return next((domain for domain in live if vm_uuid and domain.uuid == vm_uuid), None)


def look_up(host: SimulatedHost, name: str, vm_uuid: str) -> Domain | None:
    """The domain that a call refers to. Called with the lock held.

    Whether the agent looks it up by name or by uuid is not shown; it matters for a domain that xend
    has renamed (migrating, being saved, left over).

    :raises AgentFault: One domain cannot be refreshed, which makes every lookup fault.
    """
    check_list(host)
    if host.answer("a VM under another name") == "does not exist":
        return find(host, name)
    return find(host, name, vm_uuid)


def check_list(host: SimulatedHost) -> None:
    """Check that xend can list its domains.

    :raises AgentFault: One domain cannot be refreshed, so the whole list faults (xend.md 1.3).
    """
    if "list faults" in host.faults or any(_breaks_list(domain) for domain in host.domains):
        raise command_fault(["xm", "list"], 1, f"Error: {LIST_FAULT}")


def _breaks_list(domain: Domain) -> bool:
    """Whether it is a PV guest with a frame buffer that was renamed and kept (xend.md 1.3)."""
    renamed = domain.phase == "kept" and domain.name.startswith("Domain-")
    return bool(renamed and strings(domain.config, "vfb")) and not is_hvm(domain.config)


def check_printable(host: SimulatedHost, domain: Domain) -> None:
    """Check that xend can print this domain.

    :raises AgentFault: It cannot.
    """
    first = min((each.name for each in listed(host)), default="")
    if _breaks_list(domain) or ("lookup faults" in host.faults and domain.name == first):
        raise command_fault(["xm", "list", domain.name], 1, f"Error: {LIST_FAULT}")


def need(host: SimulatedHost, command: str, name: str, vm_uuid: str) -> Domain:
    """The domain that a command refers to.

    :raises AgentFault: There is no such domain.
    """
    domain = look_up(host, name, vm_uuid)
    if domain is None:
        text = f"Error: Domain '{name}' does not exist."
        raise command_fault(["xm", command, name], 3, text)
    return domain


def refused(command: str, name: str, text: str) -> AgentFault:
    """The fault of a command that xend refuses."""
    return command_fault(["xm", command, name], 1, f"Error: {text}")


def check_not_real(domain: Domain, what: str) -> None:
    """Check that only records are concerned.

    :raises AgentFault: A machine runs the guest, which cannot do that.
    """
    if domain.real:
        raise plain_fault(f"not modelled by the simulator with machines: {what}")


def start(host: SimulatedHost, path: str, config: dict[str, Any], alone: bool = False) -> None:
    """``xm create``: returns when the domain is unpaused; it is listed meanwhile.

    :param alone: Whether its process has died: its first call of xend is all that is done.
    """
    command = ["xm", "create", path]
    if number(config, "dryrun", 0) or number(config, "xmldryrun", 0):
        return
    name = str(config.get("name") or "vm.cfg")
    vm_uuid = dashed(str(config.get("uuid") or ""))
    with connection(host):
        with xend(host):
            text = config_refusal(host, config, name)
            other = find(host, name, vm_uuid)
            if not text and other is not None:
                text = f"Domain '{name}' already exists with ID '{other.domid}'"
            if text:
                raise command_fault(command, 1, f"Error: {text}")
            domain = life.new_domain(host, config)
            domain.alone = alone
            host.domains.append(domain)
            host.save()
        _await(host, domain, "building")
    if not alone:
        await_start(host, domain, command)


def _await(host: SimulatedHost, domain: Domain, phase: str) -> None:
    while domain.phase == phase and domain.until is not None:
        host.wait_until(domain.until)
        with host.lock:
            advance(host)


def await_start(host: SimulatedHost, domain: Domain, command: list[str]) -> None:
    """Wait until a domain is built.

    :raises AgentFault: The build failed, or the domain was destroyed meanwhile.
    """
    for phase in ("building", "devices"):
        with connection(host):
            _await(host, domain, phase)
    if domain.error == "killed":
        raise command_fault(command, -9, "")
    if domain.error:
        raise command_fault(command, 1, f"Error: {domain.error}")
    if domain.phase in ("dying", "zombie", "gone") and not domain.reason:
        text = "Domain was died while the bootloader was running."
        raise command_fault(command, 1, f"Error: {text}")


def shutdown(host: SimulatedHost, name: str, vm_uuid: str, reason: str) -> Domain:
    """Request the guest to power off or reboot; it may ignore the request."""
    command = "shutdown" if reason == "poweroff" else "reboot"
    with xend(host):
        domain = need(host, command, name, vm_uuid)
        if status(domain) == 0:
            raise refused(command, name, "Domain cannot be shutdown")
        if domain.paused or domain.phase != "running":
            return domain  # accepted without effect: xend.md 4
        if life.stops_hard(domain.config):
            life.guest_stopped(host, domain, reason, host.now())  # a hard stop: xend.md 4
        else:
            domain.request = reason
            seconds = host.settings.shutdown_seconds
            domain.request_due = None if domain.real else host.now() + seconds  # real: its own time
        host.save()
        return domain


def destroy(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """Destroy a domain. One that is off and about to restart comes back (xend.md 1.6)."""
    with connection(host):
        _destroy(host, lambda: need(host, "destroy", name, vm_uuid))


def destroy_number(host: SimulatedHost, domid: int) -> None:
    """The same by its number, whatever its name: a call of xend itself.

    :raises AgentFault: There is none.
    """

    def found() -> Domain:
        domain = next((one for one in listed(host) if one.domid == domid), None)
        if domain is None:
            raise plain_fault("(3, 'No such process')")  # xend.md 4
        return domain

    with connection(host):
        _destroy(host, found)


def _destroy(host: SimulatedHost, find_it: Callable[[], Domain]) -> None:
    with xend(host):
        domain = find_it()
        now = host.now()
        restarts = domain.phase in ("off", "crashed") and life.action(domain) in life.RESTARTS
        if restarts and not life.is_too_young(host, domain, now):
            life.to_gap(host, domain, now)
            host.save()
            return
        log.ended(host, domain)
        if "destroy fails" in host.faults:  # errors are logged and success is reported: 4
            domain.name, domain.phase, domain.until = "Domain-Unnamed", "unnamed", None
            log.write(host, "destroy failed", domain, error="(22, 'Invalid argument')")
            host.save()
            return
        seconds = 10 if domain.adopted else host.settings.destroy_seconds  # device model: 2
        domain.phase, domain.until = "dying", now + seconds
        host.save()
    host.wait_until(now + seconds)
    with host.lock:
        advance(host)


def pause(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """Pause a domain; succeeds without effect if it is crashed or paused."""
    with xend(host):
        domain = need(host, "pause", name, vm_uuid)
        if status(domain) not in (1, 2, 5):
            raise refused("pause", name, f"Domain '{name}' is not started")
        domain.paused = domain.paused or domain.phase == "running"
        host.save()


def unpause(host: SimulatedHost, name: str, vm_uuid: str) -> None:
    """Unpause a domain; this also releases one that is still being built or received (4)."""
    with xend(host):
        domain = need(host, "unpause", name, vm_uuid)
        if status(domain) not in (1, 2):
            raise refused("unpause", name, f"Domain '{name}' is not started")
        if domain.phase in ("building", "devices", "arriving", "incoming"):
            domain.start_time, domain.error = domain.start_time or host.now(), ""
            domain.start_paused = False
            life.release(host, domain, host.now())
        elif not domain.paused and host.answer("unpause of a running VM") == "fault":
            text = "Domain unable to be unpaused: (22, 'Invalid argument')"
            raise refused("unpause", name, text)
        domain.paused = False
        if domain.request_due is not None:
            domain.request_due = max(domain.request_due, host.now())
        host.save()


def sysrq(host: SimulatedHost, name: str, vm_uuid: str, letter: str) -> None:
    """Send a sysrq key to the guest's kernel: b, c, o as on Linux. A guest may ignore it."""
    with xend(host):
        domain = need(host, "sysrq", name, vm_uuid)
        if status(domain) not in (1, 2):
            raise refused("sysrq", name, f"Domain '{name}' is not started")
        what = {"b": "reboot", "o": "poweroff", "c": "crash"}.get(letter)
        if what and domain.phase == "running":
            domain.request, domain.request_due = what, host.now()
            advance(host)
        host.save()


def trigger(host: SimulatedHost, name: str, vm_uuid: str, word: str) -> None:
    """Send an event to the guest: power and reset take effect, others do nothing here."""
    with xend(host):
        domain = need(host, "trigger", name, vm_uuid)
        if word not in TRIGGERS:
            raise refused("trigger", name, f"Invalid trigger: {word}")
        if status(domain) not in (1, 2):
            raise refused("trigger", name, f"Domain '{name}' is not started")
        what = {"power": "poweroff", "reset": "reboot"}.get(word)
        if what and domain.phase == "running":
            seconds = host.settings.shutdown_seconds if word == "power" else 0
            own_time = domain.real and word == "power"
            domain.request = what
            domain.request_due = None if own_time else host.now() + seconds
            advance(host)
        host.save()


def wait_until_off(host: SimulatedHost, domain: Domain, limit: float) -> bool:
    """Wait until the domain has left the list; False after ``limit`` simulated seconds."""
    return wait(host, limit, lambda: not domain.listed)


def wait_until_back(host: SimulatedHost, domain: Domain, domid: int, limit: float) -> bool:
    """Wait until the domain runs under another number, or is gone; False after the limit."""

    def back() -> bool:
        again = domain.phase == "running" and domain.domid != domid
        return again or domain.phase in ("zombie", "gone", "kept")

    return wait(host, limit, back)


def guest(host: SimulatedHost, vm_uuid: str, what: str) -> None:
    """Make a guest power off, reboot or crash by itself.

    :raises SimulatorError: The guest does not run on this host, or the action is unknown.
    """
    if what not in ("poweroff", "reboot", "crash"):
        raise SimulatorError(f"a guest can poweroff, reboot or crash, not {what!r}")
    with host.lock:
        advance(host)
        domain = find(host, vm_uuid, vm_uuid)
        if domain is None or domain.phase != "running":
            raise SimulatorError(f"no guest {vm_uuid} runs on {host.hostname}")
        life.guest_stopped(host, domain, what, host.now())
        host.save()


def restart_xend(host: SimulatedHost) -> None:
    """Restart xend; guests keep running, but some of their values change (xend.md 6, 9)."""
    with host.lock:
        hostdisk.read_restart_time(host)
        advance(host)
        for domain in host.domains:
            if domain.phase == "gap":
                domain.phase = "gone"  # the restart thread died with xend: 1.6
            elif domain.phase in ("building", "devices", "arriving", "incoming"):
                domain.until, domain.error = None, "killed"
            domain.adopted, domain.set_since = True, []
        for transfer in host.transfers:
            transfer.stage, transfer.until, transfer.error = "failing", host.now(), "killed"
        host.busy_until = 0.0
        host.connections.clear()
        host.xend_starts += 1
        host.domains = [domain for domain in host.domains if domain.phase != "gone"]
        log.started(host, again=True)
        for domain in listed(host):
            log.write(host, "found", domain)
            log.write(host, "added", domain)
            if domain.phase in ("off", "crashed"):
                life.log_stop(host, domain, host.now())
        host.save()
