"""Reboot and power-off of the host itself (agent-behaviour.md 14).

``remote_power_on`` and ``remote_power_off`` are not modelled: neither the names of the controller
types nor a response is known.
"""

from __future__ import annotations

from libcloud_ovm3.simulator.host import SimulatedHost


def sys_reboot(host: SimulatedHost) -> None:
    """Respond, then reboot, which takes ``boot_seconds``."""
    host.after_the_response(host.reboot)


def sys_shutdown(host: SimulatedHost) -> None:
    """Respond, then stay off until :meth:`SimulatedHost.revive`."""
    host.after_the_response(host.shut_down)
