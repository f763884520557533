"""The dom0 trees of a simulator's hosts: made when they are asked for, kept in its root."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.dom0 import agentcode, hostmodule, tree
from libcloud_ovm3.simulator.dom0.service import Watcher
from libcloud_ovm3.simulator.host import SimulatedHost


class Dom0Trees:
    """All of them.

    :param secure: what ``ssl=`` is to say in a new tree
    :param older_module: whether a new tree has another integration's module
    """

    def __init__(self, secure: bool, older_module: bool) -> None:
        self._secure = secure
        self._older_module = older_module
        self._watcher = Watcher()

    def prepare(self, hosts: list[SimulatedHost], with_module: Iterable[int]) -> None:
        """Before the agents start: trees of an earlier life, and those that are to be there."""
        wanted = set(with_module)
        for host in hosts:
            if self._older_module or host.index in wanted or hostdisk.exists(host):
                tree.make(host, self._secure, self._older_module)
                self._watcher.add(host)
            if host.index in wanted:
                hostmodule.put(host)

    def get(self, host: SimulatedHost) -> Path:
        """A host's tree; one that is made now is what its agent runs from already."""
        if not hostdisk.exists(host):
            tree.make(host, self._secure, self._older_module)
            agentcode.start(host)
        self._watcher.add(host)
        return hostdisk.tree(host)
