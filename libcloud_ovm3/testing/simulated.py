"""A simulated estate as tests need it: a driver, its arguments, what is there, faults on demand."""

from __future__ import annotations

import uuid
from typing import Any

from libcloud.compute.base import Node

from libcloud_ovm3.clock import Clock
from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.simulator import Rule, SimulatedHost, SimulatedTime, Simulator, SimulatorError


class SimulatedEstate:
    """Simulated hosts in one pool, with one repository that all of them have mounted.

    It is started by its constructor; :meth:`close`, or the end of a ``with`` block, ends it and
    deletes its files. Two VMs run from the start and there are two templates, unless ``vms`` and
    ``templates`` say otherwise.

    Time is simulated: no wait takes real time. Where the driver is in another process, or goes by
    its own clock, pass ``clock=None``; then time is real, ``speed`` times faster on the hosts.

    :param hosts: How many hosts.
    :param options: All other arguments of :class:`.Simulator`: ``personality="awkward"``,
        ``host_module=True``, ``version="3.2.1"``, ``vms=0``, ...
    :raises SimulatorError: An argument is not valid, or the library ``cryptography`` is missing.

    :ivar simulator: The :class:`.Simulator`, for everything that is not here.
    :ivar is_open: Whether it has not been closed yet.
    """

    def __init__(self, hosts: int = 3, **options: Any) -> None:
        self.simulator = Simulator(hosts, **{"clock": SimulatedTime(), **options})
        self.simulator.start()
        self.is_open = True

    def __enter__(self) -> SimulatedEstate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it and delete its files. Calling it again has no effect."""
        self.is_open = False
        self.simulator.stop()

    # -- the driver ---------------------------------------------------------------------------

    @property
    def arguments(self) -> dict[str, Any]:
        """The driver's arguments for the whole pool: ``get_driver("ovm3")(**estate.arguments)``."""
        first = self.hosts[0]
        arguments = {
            "key": self.simulator.user,
            "secret": self.simulator.password,
            "host": first.address,
            "port": first.port,
            "ex_fingerprint": {host.address: host.fingerprint for host in self.hosts},
        }
        time = self.simulator.clock
        return arguments if time is None else {**arguments, "ex_clock": Clock(time.now, time.sleep)}

    def driver(self, **more: Any) -> OVM3NodeDriver:
        """A new driver for the whole pool.

        :param more: Arguments of the driver, instead of or besides :attr:`arguments`.
        """
        return OVM3NodeDriver(**{**self.arguments, **more})

    # -- what is there ------------------------------------------------------------------------

    @property
    def hosts(self) -> list[SimulatedHost]:
        """The hosts. ``kill()`` ends the agent of one, ``shut_down()`` powers it off, ``revive()``
        brings it back.
        """
        return self.simulator.hosts

    @property
    def calls(self) -> list[str]:
        """The functions that the hosts were asked for, in order."""
        return [call.function for call in self.simulator.calls]

    def runs_on(self, node: Node | str) -> list[int]:
        """The indexes of the hosts that run a VM, as they see it themselves: no driver is asked.

        :param node: The node, or its id. One that does not exist runs nowhere.
        :raises SimulatorError: A text is not the id of a node, but a name, for example.
        """
        node_id = node if isinstance(node, str) else node.id
        try:
            wanted = uuid.UUID(node_id)
        except ValueError:
            raise SimulatorError(f"runs_on: {node_id!r} is not the id of a node") from None
        return [
            host.index
            for host in self.hosts
            for domain in self.simulator.domains(host.index)
            if uuid.UUID(domain["uuid"]) == wanted
        ]

    def files(self, folder: str = "") -> list[str]:
        """The files in the repository, as they are on the disk, relative to it, sorted.

        :param folder: ``VirtualDisks``, ``VirtualMachines``, ``Templates`` or ``ISOs``; ``""`` for
            all. Those of another repository: ``estate.simulator.path_of(id)``.
        :raises SimulatorError: There is no such folder.
        """
        repository = self.simulator.repository_path
        if not (repository / folder).is_dir():
            there = ", ".join(sorted(one.name for one in repository.iterdir() if one.is_dir()))
            raise SimulatorError(f"files: the repository has no folder {folder!r}, but {there}")
        found = (repository / folder).rglob("*")
        return sorted(str(one.relative_to(repository)) for one in found if one.is_file())

    def add_vm(self, name: str, running_on: int | None = None, **options: Any) -> str:
        """Add a VM with a disk, as Oracle VM Manager would have left it.

        :param name: Its name.
        :param running_on: The index of the host that runs it; None: it is stopped.
        :param options: As of :meth:`.Simulator.add_vm`, such as ``config={"memory": 512}``.
        :returns: The id of its node.
        :raises SimulatorError: There is no such host.
        """
        if running_on is not None and running_on not in range(len(self.hosts)):
            last = len(self.hosts) - 1
            raise SimulatorError(f"there is no host {running_on!r}: running_on= is 0 to {last}")
        node_id = str(options.pop("uuid", None) or uuid.uuid4())
        self.simulator.add_vm(name, uuid=node_id, running_on=running_on, **options)
        return node_id

    # -- what goes wrong ----------------------------------------------------------------------

    def fail(self, function: str, kind: str = "fault", **details: Any) -> Rule:
        """Make the next call of an agent's function go wrong.

        :param function: The agent's function, such as ``start_vm``; ``*`` for any.
        :param kind: ``fault`` (refused), ``fault_after`` (done, then a fault), ``drop_before`` and
            ``drop_after`` (the connection is closed before or after it was done), ``hang``,
            ``latency``, ...: all are in :data:`libcloud_ovm3.simulator.KINDS`.
        :param details: ``host`` (the index of one host), ``nth`` (from which call on), ``times``
            (how many calls; None: all from then on), ``text`` (of the fault), ``seconds``.
        :returns: The rule; its ``hits`` counts the calls that it has affected.
        :raises SimulatorError: The kind, the function or the host is unknown, or a detail is
            missing or out of range.
        """
        return self.simulator.misbehave(kind, function, **details)

    def wait(self, seconds: float) -> None:
        """Let simulated seconds pass: until a guest has booted, for example."""
        self.simulator.wait(seconds)
