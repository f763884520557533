"""Turning the host itself off and on (agent-behaviour.md 14).

``remote_power_on`` and ``remote_power_off`` are not modelled: no source shows the names of the
controller types, nor an answer.
"""

from __future__ import annotations

from libcloud_ovm3.simulator.host import SimulatedHost


def sys_reboot(host: SimulatedHost) -> None:
    """Answer, then go away for ``boot_seconds``."""
    host.after_the_answer(host.reboot)


def sys_shutdown(host: SimulatedHost) -> None:
    """Answer, then go away until somebody calls :meth:`SimulatedHost.revive`."""
    host.after_the_answer(host.shut_down)
