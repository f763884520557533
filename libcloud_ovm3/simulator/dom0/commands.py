"""The commands that the host module runs, simulated from the simulator's state.

Only the commands and arguments that it uses are simulated; any other command is not found (status
127).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from libcloud_ovm3.simulator import hostdisk, network
from libcloud_ovm3.simulator.dom0 import xendview
from libcloud_ovm3.simulator.host import SimulatedHost

_BACKENDS = "/local/domain/0/backend"
ZEROCONF = "169.254.0.0/16"
_NOT_FOUND = (127, "", "not modelled by the simulator\n")

Outcome = tuple[int, str, str]


def run(host: SimulatedHost, words: list[str]) -> Outcome:
    """Run a command: ``(status, stdout, stderr)``."""
    if words[0] == "ip":
        return _ip(host, [word for word in words[1:] if word not in ("-o", "-4")])
    simulated = {
        ("xenstore-list", "/vm"): lambda: _lines(xendview.uuids(host)),
        ("xenstore-list", "/local/domain"): lambda: _lines(xendview.stored(host)),
        ("xenstore-list", "/local/domain/0"): lambda: _lines(["vm", "device", "backend"]),
        ("xenstore-ls", "-f", _BACKENDS): lambda: _lines(_backends(host)),
        ("losetup", "-a"): lambda: _lines(
            # the kernel's old interface has room for 62 characters (xend.md 0)
            f"/dev/loop{number}: [0015]:{number + 100} ({path[:62]})"
            for number, path in enumerate(xendview.loop_files(host))
        ),
    }
    if words[0] == "xenstore-read":
        return _xenstore_read(host, words[1])
    run_it = simulated.get(tuple(words))
    return run_it() if run_it else _NOT_FOUND


def _xenstore_read(host: SimulatedHost, path: str) -> Outcome:
    for domid, name in xendview.stored(host).items():
        if path == f"/local/domain/{domid}/vm":
            return _lines([name])
    return 1, "", f"xenstore-read: couldn't read path {path}\n"


def _lines(lines: Any) -> Outcome:
    return 0, "".join(f"{line}\n" for line in lines), ""


def _backends(host: SimulatedHost) -> list[str]:
    lines = [f'{_BACKENDS} = ""']
    for each in xendview.backends(host):
        kind = "tap" if each["keys"]["type"].startswith("tap") else "vbd"
        top = f"{_BACKENDS}/{kind}/{each['domid']}/{each['number']}"
        lines.append(f'{top} = ""')
        for key, value in each["keys"].items():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'{top}/{key} = "{escaped}"')
    return lines


# -- ip ------------------------------------------------------------------------------------------


def _ip(host: SimulatedHost, words: list[str]) -> Outcome:  # noqa: PLR0911 - one for each command
    match words:
        case ["addr", "show"]:
            return _lines(_addresses(host))
        case ["route", "show"]:
            return _lines(_routes(host))
        case ["link", "set", "dev", device, "up"]:
            return _link(host, device, arp=False)
        case ["link", "set", "dev", device, "arp", "on"]:
            return _link(host, device, arp=True)
        case ["addr", "add", address, "broadcast", "+", "dev", device]:
            return _add_address(host, device, address)
        case ["route", "replace", net, "dev", device, "scope", "link", "src", _]:
            return _change_route(host, net, device, "", add=True)
        case ["route", "del", net, "dev", device]:
            return _change_route(host, net, device, "", add=False)
        case ["route", "del", net, "dev", device, "via", gateway]:
            return _change_route(host, net, device, gateway, add=False)
    return _NOT_FOUND


def _missing(device: str) -> Outcome:
    return 1, "", f'Cannot find device "{device}"\n'


def _known(host: SimulatedHost, device: str) -> bool:
    return device in network.bridges(host) or device in network.devices(network.state(host))


def _owned(host: SimulatedHost) -> list[tuple[str, ipaddress.IPv4Interface]]:
    """The address of every device that has one."""
    found = network.state(host)
    owned = [("lo", ipaddress.IPv4Interface("127.0.0.1/8"))]
    for device in [*network.devices(found), *network.bridges(host)]:
        if pair := network.address(host, device):
            owned.append((device, ipaddress.IPv4Interface("/".join(pair))))
    return owned


def _addresses(host: SimulatedHost) -> list[str]:
    with host.lock:
        owned = _owned(host)
    return [
        f"{place}: {device}    inet {address} scope global {device}"
        for place, (device, address) in enumerate(owned, 1)
    ]


def _routes(host: SimulatedHost) -> list[str]:
    """Routes that belong to an address and routes that were set, without the deleted ones."""
    with host.lock:
        made = [
            f"{address.network} dev {device}  proto kernel  scope link  src {address.ip}"
            for device, address in _owned(host)
            if device != "lo" and not _deleted(host, str(address.network), device)
        ]
        return made + [
            f"{net} {'via ' + via + ' ' if via else ''}dev {device}  scope link"
            for net, device, via in _table(host, "routes")
        ]


def _table(host: SimulatedHost, name: str) -> list[list[str]]:
    """Routes that were set or deleted since boot. Called with the lock held.

    At each boot zeroconf sets one, unless /etc/sysconfig/network has NOZEROCONF (13, 15.2).
    """
    found = network.state(host)
    if found.get("routes_since") != host.boot_time:
        device = network.management(host)
        routes = [] if hostdisk.no_zeroconf(host) or not device else [[ZEROCONF, device, ""]]
        found.update(routes_since=host.boot_time, routes=routes, deleted=[])
    table: list[list[str]] = found[name]
    return table


def after_boot(host: SimulatedHost) -> None:
    """Create the routes of this boot, unless they exist."""
    with host.lock:
        _table(host, "routes")
        host.save()


def _deleted(host: SimulatedHost, net: str, device: str) -> bool:
    return [net, device, ""] in _table(host, "deleted")


def _link(host: SimulatedHost, device: str, *, arp: bool) -> Outcome:
    with host.lock:
        if not _known(host, device):
            return _missing(device)
        if arp:
            network.state(host)["arp"][device] = host.boot_time
            host.save()
    return 0, "", ""


def _add_address(host: SimulatedHost, device: str, text: str) -> Outcome:
    address = ipaddress.IPv4Interface(text)
    with host.lock:
        if not _known(host, device):
            return _missing(device)
        if network.address(host, device):
            return 2, "", "RTNETLINK answers: File exists\n"
        before = network.line(host)
        network.set_address(host, device, str(address.ip), str(address.netmask), saved=False)
        network.changed(host, before)
    network.show(host)
    return 0, "", ""


def _change_route(
    host: SimulatedHost, net: str, device: str, gateway: str, *, add: bool
) -> Outcome:
    entry = [net, device, gateway]
    with host.lock:
        if not _known(host, device):
            return _missing(device)
        there, gone = _table(host, "routes"), _table(host, "deleted")
        made = [net, device, ""] in [[str(at.network), name, ""] for name, at in _owned(host)]
        if add:
            if made and entry in gone:
                gone.remove(entry)
            elif not made and entry not in there:
                there.append(entry)
        elif entry in there:
            there.remove(entry)
        elif made and not gateway and entry not in gone:
            gone.append(entry)
        else:
            return 2, "", "RTNETLINK answers: No such process\n"
        host.save()
    return 0, "", ""
