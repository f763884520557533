"""The dom0 trees of a simulator's hosts, created when needed and kept in its root."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.dom0 import agentcode, hostmodule, tree
from libcloud_ovm3.simulator.dom0.service import Watcher
from libcloud_ovm3.simulator.host import SimulatedHost


class Dom0Trees:
    """The trees of all hosts.

    :param secure: The value of ``ssl=`` in a new tree.
    :param older_module: Whether a new tree has another integration's module.
    """

    def __init__(self, secure: bool, older_module: bool) -> None:
        self._secure = secure
        self._older_module = older_module
        self._watcher = Watcher()

    def prepare(self, hosts: list[SimulatedHost], with_module: Iterable[int]) -> None:
        """Before the agents start: use the existing trees and create those that are required.

        :param with_module: Indexes of the hosts that have the host module.
        """
        wanted = set(with_module)
        for host in hosts:
            if self._older_module or host.index in wanted or hostdisk.exists(host):
                tree.make(host, self._secure, self._older_module)
                self._watcher.add(host)
            if host.index in wanted:
                hostmodule.put(host)

    def get(self, host: SimulatedHost) -> Path:
        """A host's tree, created if needed; the agent then runs from it without a restart."""
        if not hostdisk.exists(host):
            tree.make(host, self._secure, self._older_module)
            agentcode.start(host)
        self._watcher.add(host)
        return hostdisk.tree(host)
