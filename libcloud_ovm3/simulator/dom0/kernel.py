"""The kernel's files of a host that the host module reads: ``hosts/<i>/kernel``.

They are written from the simulator's state when one of them is requested.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import luns, network
from libcloud_ovm3.simulator.agent import mounted
from libcloud_ovm3.simulator.dom0 import xendview
from libcloud_ovm3.simulator.host import Process, SimulatedHost
from libcloud_ovm3.simulator.xend import clients

TICKS = 100  # of /proc in a second
_UP, _NO_ARP, _BASE = 0x1, 0x80, 0x1002  # IFF_BROADCAST and IFF_MULTICAST are always set


class Kernel:
    """The kernel's files of one host.

    :ivar top: The directory that stands for ``/`` for /proc and /sys.
    """

    def __init__(self, host: SimulatedHost) -> None:
        self.top = host.folder / "kernel"
        self._host = host
        self._written: dict[str, str] | None = None
        self._guard = threading.Lock()

    def update(self) -> None:
        """Bring the files up to date."""
        with self._guard:
            wanted = _files(self._host)
            if wanted != self._written:
                _write(self.top, wanted)
                self._written = wanted


def _write(top: Path, wanted: dict[str, str]) -> None:
    for folder in ("proc/net", "sys/block", "sys/class/net"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    kinds = ("sys/block/*", "sys/class/net/*", "proc/net/vlan", "proc/[0-9]*")
    for there in [path for kind in kinds for path in top.glob(kind)]:
        path = there.relative_to(top).as_posix()
        if path not in wanted and not any(name.startswith(f"{path}/") for name in wanted):
            shutil.rmtree(there)
    for port in top.glob("sys/class/net/*/brif/*"):
        if port.relative_to(top).as_posix() not in wanted:
            port.unlink()
    for path, text in wanted.items():
        file = top / path
        if path.endswith("/"):
            file.mkdir(parents=True, exist_ok=True)
        elif not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = top / ".new"
            temporary.write_text(text)
            temporary.replace(file)


def _files(host: SimulatedHost) -> dict[str, str]:
    """Path -> text; of a directory that may be empty, with a slash at its end, none."""
    files = {"proc/net/arp": _arp(host), "proc/net/unix": _sockets(host)}
    for pid, process in _processes(host).items():
        fields = [pid, f"({process.words[0][-15:]})", "S", "1", pid, process.session, *["0"] * 15]
        files[f"proc/{pid}/stat"] = " ".join([*fields, str(int(process.began * TICKS)), "0\n"])
        files[f"proc/{pid}/cmdline"] = "".join(f"{word}\0" for word in process.words)
    for number, path in enumerate(xendview.loop_files(host)):
        files[f"sys/block/loop{number}/loop/backing_file"] = f"{path}\n"
    with host.lock:
        files |= luns.kernel_files(host)
        shares = mounted.shares(host)
        mounts = [f"{device} {point} nfs {options} 0 0\n" for device, point, options in shares]
        files["proc/mounts"] = "".join(mounts)
        found = network.state(host)
        usable = network.bridges(host)
        for name in [*network.devices(found), *usable]:
            flags = _BASE | _UP | (0 if network.has_arp(host, name) else _NO_ARP)
            files[f"sys/class/net/{name}/flags"] = f"{flags:#x}\n"
            files[f"sys/class/net/{name}/address"] = f"{network.mac(found, name)}\n"
            files[f"sys/class/net/{name}/mtu"] = f"{network.mtu(found, name)}\n"
            files[f"sys/class/net/{name}/ifindex"] = f"{network.index(found, name)}\n"
        for name in usable:
            files[f"sys/class/net/{name}/bridge/bridge_id"] = "8000.000000000000\n"
            files[f"sys/class/net/{name}/brif/"] = ""
            below = found["bridges"][name]["netdev"]
            for port in [*([below] if below else []), *network.vifs(host, name)]:
                files[f"sys/class/net/{name}/brif/{port}"] = ""  # a link in life
        for name, bond in found["bonds"].items():
            mode = f"{network.BOND_MODES[bond['mode']]} {bond['mode']}\n"
            files[f"sys/class/net/{name}/bonding/mode"] = mode
        files |= _vlans(found)
    return files


def _sockets(host: SimulatedHost) -> str:
    """/proc/net/unix: xend's sockets, and both ends of each connection to them."""
    lines = ["Num       RefCount Protocol Flags    Type St Inode Path"]
    lines += [_socket(0x10000, 1, 9001 + place, path) for place, path in enumerate(clients.SOCKETS)]
    for number, inode in host.connections.copy().items():
        lines.append(_socket(0, 3, number + 500_000, ""))  # the client's end has no path
        lines.append(_socket(0, 3 if inode else 2, inode, clients.SOCKETS[0]))
    return "\n".join([*lines, ""])


def _socket(flags: int, state: int, inode: int, path: str) -> str:
    line = f"0000000000000000: {2:08X} {0:08X} {flags:08X} {1:04X} {state:02X} {inode:5}"
    return f"{line} {path}" if path else line


def _processes(host: SimulatedHost) -> dict[str, Process]:
    """Those that ask something of xend, and xend's own: one receives each domain (4.1)."""
    found = host.processes.copy()
    with host.lock:
        for domain in host.domains:
            if domain.phase == "incoming" or (domain.phase == "building" and domain.restored):
                words = ["/usr/lib64/xen/bin/xc_restore", "4", str(domain.domid), "1", "2", "0"]
                began = max(0.0, host.now() - host.boot_time)
                found[str(3000 + domain.domid)] = Process(clients.XEND, words, began)
    return found


def _vlans(found: dict[str, Any]) -> dict[str, str]:
    """/proc/net/vlan/config, which is there once there is a VLAN device."""
    lines = [
        f"{name:<15}| {vlan['vlan']:<4} | {vlan['netdev']}\n"
        for name, vlan in found["vlans"].items()
    ]
    title = "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n"
    return {"proc/net/vlan/config": title + "".join(lines)} if lines else {}


def _arp(host: SimulatedHost) -> str:
    """/proc/net/arp."""
    lines = ["IP address       HW type     Flags       HW address            Mask     Device"]
    with host.lock:
        for address, mac, device, complete in network.neighbours(host):
            flags = "0x2" if complete else "0x0"
            lines.append(f"{address:<16} 0x1         {flags:<11} {mac}     *        {device}")
    return "\n".join([*lines, ""])
