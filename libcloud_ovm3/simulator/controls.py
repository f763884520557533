"""What is done to the hosts of a running simulator from outside: faults, time, contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import dhcp, networksetup, seeds
from libcloud_ovm3.simulator.agent import functions
from libcloud_ovm3.simulator.dom0 import hostmodule
from libcloud_ovm3.simulator.dom0.trees import Dom0Trees
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.server.backend import Backend
from libcloud_ovm3.simulator.server.faults import Rule
from libcloud_ovm3.simulator.xend import clients, listing, machines


class Controls:
    """These methods of :class:`.Simulator`, which sets the attributes."""

    hosts: list[SimulatedHost]
    _backend: Backend
    _trees: Dom0Trees

    # -- fault injection ----------------------------------------------------------------------

    def misbehave(
        self,
        kind: str,
        function: str,
        *,
        host: int | None = None,
        nth: int = 1,
        times: int | None = 1,
        seconds: float | None = None,
        text: str | None = None,
        hook: Callable[[str], None] | None = None,
        value: Any = None,
    ) -> Rule:
        """Make the ``nth`` call of a function fail; see :class:`Rule` for the settings.

        :returns: The rule, whose ``hits`` counts the calls that it has affected.
        :raises SimulatorError: The kind, the function or the host is unknown, or a setting is
            missing.
        """
        rule = Rule(kind, function, host, nth, times, seconds, text, hook, value)
        self.add_rule(rule)
        return rule

    def add_rule(self, rule: Rule) -> None:
        """Put a rule in force.

        :raises SimulatorError: There is no such function or host.
        """
        self._backend.rules.add(rule, self.hosts)

    def clear_misbehaviour(self) -> None:
        """Remove all rules."""
        self._backend.rules.clear()

    def flush_delayed(self) -> None:
        """Run every delayed effect now, in the order in which the calls came."""
        self._backend.flush_delayed()

    # -- time and domains ---------------------------------------------------------------------

    def now(self, host_index: int = 0) -> float:
        """Simulated epoch seconds on a host's clock."""
        return self.hosts[host_index].now()

    def wait(self, seconds: float) -> None:
        """Sleep that many simulated seconds."""
        self.hosts[0].clock.sleep(seconds)

    def domains(self, host_index: int) -> list[dict[str, Any]]:
        """The domains that a host lists: name, uuid, domid (int), state (six letters), status."""
        host = self.hosts[host_index]
        with host.lock:
            machines.advance(host)
            return listing.overview(host)

    def guest(self, host_index: int, vm_uuid: str, action: str) -> None:
        """Make a guest ``poweroff``, ``reboot`` or ``crash`` by itself.

        :raises SimulatorError: The host does not run this guest, or the action is unknown.
        """
        machines.guest(self.hosts[host_index], vm_uuid, action)

    def restart_xend(self, host_index: int) -> None:
        """Restart a host's xend: guests keep running, operations in progress end, values change."""
        machines.restart_xend(self.hosts[host_index])

    def other_program(self, host_index: int, function: str, *arguments: Any) -> None:
        """Let another program on a host call a function of the agent, while this goes on.

        It is a process of dom0 with a session of its own. Its fault, if there is one, is nobody's.
        """
        host = self.hosts[host_index]
        act = partial(functions.perform, host, function, list(arguments))
        clients.other_program(host, act)

    # -- networks -----------------------------------------------------------------------------

    def set_up_network(
        self,
        host_index: int,
        *,
        nics: Sequence[str] = (),
        infiniband: Sequence[str] = (),
        bonds: Mapping[str, tuple[int, Sequence[str]]] | None = None,
        metadata: Mapping[str, str] | None = None,
        addresses: Mapping[str, str] | None = None,
        switch: str | None = None,
    ) -> None:
        """Give a host further devices, without a call; see :func:`.networksetup.set_up`.

        :param nics: Names of new NICs.
        :param infiniband: Names of new NICs that are InfiniBand's.
        :param bonds: Name -> its mode, 0 to 6, and its NICs; an existing bond is replaced.
        :param metadata: NIC, bond or VLAN device -> what the Manager says of it; "" for nothing.
        :param addresses: Device -> address, ``10.0.0.5/24``, which is saved; "" for none.
        :param switch: ``linuxbridge`` or ``openvswitch``, where no ovs_* function works.
        :raises SimulatorError: A name, mode or address is not valid.
        """
        networksetup.set_up(
            self.hosts[host_index],
            nics,
            infiniband,
            bonds or {},
            metadata or {},
            addresses or {},
            switch,
        )

    def set_guest_address(self, mac: str, *addresses: str) -> None:
        """Which IP addresses a guest's NIC has, on whatever host it runs.

        They are in the neighbour table of dom0 while the NIC is on a bridge on which dom0 has an
        address.

        :param mac: The NIC's MAC address.
        :param addresses: All of its addresses, none to forget them.
        """
        networksetup.set_guest_address(self.hosts, mac, addresses)

    def add_neighbour(
        self, host_index: int, address: str, mac: str, device: str, complete: bool = True
    ) -> None:
        """Add an entry to the neighbour table of a host's dom0, where it stays until a reboot."""
        networksetup.add_neighbour(self.hosts[host_index], address, mac, device, complete)

    def set_guest_lease(self, mac: str, address: str, seconds: int = 3600) -> None:
        """Which address a guest's NIC gets by DHCP, on whatever host it starts from now on.

        The guest asks some seconds after its start; dom0 knows of it only if it listens then.

        :param mac: The NIC's MAC address.
        :param address: The IPv4 address.
        :param seconds: How long the lease is valid.
        """
        dhcp.set_lease(self.hosts, mac, address, seconds)

    def put_frame(self, host_index: int, bridge: str, frame: bytes) -> None:
        """Put an Ethernet frame on a bridge of a host, for what listens there now.

        :func:`.dhcp.message` makes those of DHCP.
        """
        dhcp.put(self.hosts[host_index], bridge, frame)

    # -- dom0 and contents --------------------------------------------------------------------

    def dom0(self, host_index: int) -> Path:
        """The directory that stands for a host's ``/``, with its agent's package.

        It is created at the first call.
        """
        return self._trees.get(self.hosts[host_index])

    def restart_agent(self, host_index: int) -> None:
        """Restart a host's agent, which reads its disk again, and wait until it is back."""
        self.hosts[host_index].restart_agent()

    def put_host_module(self, host_index: int) -> None:
        """Install the host module in a host's agent and restart the agent.

        :raises SimulatorError: The agent's table of modules was changed.
        """
        self.dom0(host_index)
        hostmodule.put(self.hosts[host_index])
        self.restart_agent(host_index)

    def remove_host_module(self, host_index: int) -> None:
        """Remove the host module from a host's agent and restart the agent."""
        self.dom0(host_index)
        hostmodule.remove(self.hosts[host_index])
        self.restart_agent(host_index)

    def add_vm(
        self,
        name: str,
        uuid: str | None = None,
        directory: str | None = None,
        running_on: int | None = None,
        config: Mapping[str, Any] | None = None,
        age: float = 3600,
        disk: bool = True,
    ) -> str:
        """Add a VM: a definition and a sparse disk as Oracle VM Manager writes them.

        :param name: The display name (OVM_simple_name); the option ``name`` is the directory's
            name, as with the Manager.
        :param uuid: The VM's uuid with dashes, None for a random one.
        :param directory: Name of its directory, None for the uuid without dashes.
        :param running_on: Index of the host that runs it, None for a stopped VM.
        :param config: Further options of vm.cfg; the value None omits an option.
        :param age: Simulated seconds since its start.
        :param disk: Whether it gets a disk, unless ``config`` names disks.
        :returns: The directory's name.
        """
        host = None if running_on is None else self.hosts[running_on]
        return seeds.add_vm(self.hosts[0], host, name, uuid, directory, config or {}, age, disk)

    def add_repository(
        self,
        alias: str = "",
        repository_id: str | None = None,
        hosts: Sequence[int] | None = None,
    ) -> str:
        """Create another repository, on an NFS export of its own.

        :param alias: Its display name.
        :param repository_id: 32 hexadecimal digits, None for an id in the Manager's form.
        :param hosts: Indexes of the hosts that register and mount it, None for all.
        :returns: Its id; :meth:`path_of` returns its directory.
        :raises SimulatorError: The id is not valid or in use.
        """
        members = [host for host in self.hosts if hosts is None or host.index in hosts]
        return seeds.add_repository(self.hosts[0], members, alias, repository_id)

    def add_lun(
        self,
        hosts: Sequence[int] | None = None,
        wwid: str | None = None,
        size_bytes: int = 8 << 20,
        alias: str | None = None,
    ) -> str:
        """Create a LUN, or let further hosts see an existing one.

        :param hosts: Indexes of the hosts that see it, None for all.
        :param wwid: Its NAA identifier, 32 or 16 hexadecimal digits; None for a random one.
        :param size_bytes: Its size, if it is new.
        :param alias: Its name below /dev/mapper on these hosts, None for ``3<wwid>``, "" for a disk
            without multipath.
        :returns: The path of its device on the first of these hosts.
        :raises SimulatorError: The WWID is not valid, or there are no hosts.
        """
        members = [host for host in self.hosts if hosts is None or host.index in hosts]
        return seeds.add_lun(members, wwid, size_bytes, alias)

    def path_of(self, repository_id: str) -> Path:
        """The directory of a repository of this simulator.

        :raises SimulatorError: No host has registered it.
        """
        for host in self.hosts:
            if record := host.repository_db.get(repository_id):
                return host.settings.export(record["Fs_location"])
        raise SimulatorError(f"no host has registered a repository {repository_id!r}")
