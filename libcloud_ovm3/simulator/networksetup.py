"""What tests set of the network of hosts from outside: devices, guests' addresses, neighbours."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from libcloud_ovm3.simulator import hostdisk, network
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.host import SimulatedHost

SWITCHES = ("linuxbridge", "openvswitch")


def set_up(
    host: SimulatedHost,
    nics: Sequence[str],
    infiniband: Sequence[str],
    bonds: Mapping[str, tuple[int, Sequence[str]]],
    metadata: Mapping[str, str],
    addresses: Mapping[str, str],
    switch: str | None,
) -> None:
    """See :meth:`.Simulator.set_up_network`."""
    with host.lock:
        found = network.state(host)
        before = network.line(host)
        for name in (*nics, *infiniband):
            if not network.NAME.fullmatch(name) or name in network.devices(found):
                raise SimulatorError(f"{host.hostname}: {name!r} is in use or not a valid name")
            number = len(found["nics"]) + 0x47
            found["nics"][name] = f"52:54:00:24:{number:02x}:{host.index + 0x10:02x}"
        found["infiniband"] += infiniband
        for bond, (mode, ports) in bonds.items():
            _add_bond(host, bond, mode, ports)
        for device, text in metadata.items():
            _need(host, device in network.devices(found), device)
            found["metadata"][device] = text
        for device, text in addresses.items():
            _need(host, device in (*network.devices(found), *found["bridges"]), device)
            _set_address(host, device, text)
        if switch is not None:
            _set_switch(host, switch)
        network.changed(host, before)
    network.show(host)


def _need(host: SimulatedHost, exists: bool, device: str) -> None:
    if not exists:
        raise SimulatorError(f"{host.hostname} has no network device {device!r}")


def _add_bond(host: SimulatedHost, bond: str, mode: int, ports: Sequence[str]) -> None:
    found = network.state(host)
    if mode not in range(len(network.BOND_MODES)) or not ports:
        raise SimulatorError(f"bond {bond!r}: expected a mode from 0 to 6 and at least one NIC")
    others = [name for name in found["bonds"] if name != bond]
    taken = {port for name in others for port in found["bonds"][name]["ports"]}
    for port in ports:
        _need(host, port in found["nics"], port)
        if port in taken:
            raise SimulatorError(f"bond {bond!r}: {port} is in another bond")
    found["bonds"][bond] = {"ports": list(ports), "mode": mode}


def _set_address(host: SimulatedHost, device: str, text: str) -> None:
    if not text:
        network.state(host)["addresses"].pop(device, None)
        return
    try:
        parsed = ipaddress.IPv4Interface(text)
    except ValueError as error:
        raise SimulatorError(f"address of {device}: {error}") from None
    network.set_address(host, device, str(parsed.ip), str(parsed.netmask), saved=True)


def _set_switch(host: SimulatedHost, switch: str) -> None:
    if switch not in SWITCHES:
        raise SimulatorError(f"switch must be {' or '.join(SWITCHES)}, not {switch!r}")
    network.state(host)["switch"] = switch
    hostdisk.write_switch(host, switch)


def set_guest_address(hosts: Sequence[SimulatedHost], mac: str, addresses: Sequence[str]) -> None:
    """See :meth:`.Simulator.set_guest_address`."""
    with hosts[0].lock:
        hosts[0].records.setdefault("guest_addresses", {})[mac.lower()] = list(addresses)
        hosts[0].save()


def add_neighbour(host: SimulatedHost, address: str, mac: str, device: str, complete: bool) -> None:
    """See :meth:`.Simulator.add_neighbour`."""
    with host.lock:
        found = network.state(host)
        _need(host, device in (*network.devices(found), *found["bridges"]), device)
        entry = [address, mac.lower(), device, complete, host.boot_time]
        found["neighbours"].append(entry)
        host.save()
