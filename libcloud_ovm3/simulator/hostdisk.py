"""A host's own disk, as far as the simulator reads it; ``dom0/tree.py`` creates it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from libcloud_ovm3.simulator.host import SimulatedHost

#: ``port=`` in a new tree, which stands for the port that the simulator gives the host.
PORT = 8899
#: MINIMUM_RESTART_TIME in a new tree (xend.md 2).
RESTART_TIME = 60
SCRIPTS = "etc/xen/scripts"
VLAN_SCRIPT = f"{SCRIPTS}/linuxbridge/ovs-vlan-bridge"
IFCFG = "etc/sysconfig/network-scripts/ifcfg-"
AGENT_INI = "etc/ovs-agent/agent.ini"


def tree(host: SimulatedHost) -> Path:
    """The directory that stands for the host's ``/``; empty until the tree is created."""
    return host.folder / "disk"


def exists(host: SimulatedHost) -> bool:
    """Whether the tree was created, in this run or an earlier one."""
    return (packages(host) / "agent" / "__init__.py").is_file()


def link(path: Path, target: Path) -> None:
    """Let a path of the tree lead to a log that the simulator writes beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(
            Path("../" * len(path.parent.relative_to(target.parent).parts), target.name)
        )


def packages(host: SimulatedHost) -> Path:
    """The site-packages of dom0's Python."""
    version = "2.4" if host.settings.old else "2.6"
    return tree(host) / f"usr/lib64/python{version}/site-packages"


def vlan_script_works(host: SimulatedHost) -> bool:
    """Whether the tree's VLAN script calls only functions that its library has."""
    try:
        text = (tree(host) / VLAN_SCRIPT).read_text()
        library = (tree(host) / SCRIPTS / "xen-network-common.sh").read_text()
    except OSError:
        return False
    called = set(re.findall(r"^\s*(\w*setup_\w*bridge_port)\b", text, re.MULTILINE))
    known = set(re.findall(r"^(\w+) ?\(\)", library, re.MULTILINE))
    return bool(called) and called <= known


def read_restart_time(host: SimulatedHost) -> None:
    """Read the MINIMUM_RESTART_TIME that xend starts with. Called with the lock held.

    The value of a new tree stands for the simulator's own setting.
    """
    path = packages(host) / "xen/xend/XendConstants.py"
    text = path.read_text() if path.is_file() else ""
    found = re.search(r"^MINIMUM_RESTART_TIME *= *(\d+)", text, re.MULTILINE)
    host.records.pop("restart_time", None)
    if found and int(found[1]) != RESTART_TIME:
        host.records["restart_time"] = int(found[1])


def agent_settings(host: SimulatedHost) -> tuple[bool, int] | None:
    """``ssl=`` and ``port=`` of agent.ini; None if it is missing or cannot be read."""
    found = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        found.read(tree(host) / AGENT_INI)
        for section in found.sections():
            if "ssl" in found[section]:
                return found[section]["ssl"] == "enable", found[section].getint("port", PORT)
    except (configparser.Error, ValueError, UnicodeDecodeError):
        pass
    return None


def write_switch(host: SimulatedHost, switch: str) -> None:
    """Write ``virtualnetwork=`` into agent.ini, if the tree was created."""
    path = tree(host) / AGENT_INI
    if path.is_file():
        line = f"virtualnetwork={switch}"
        path.write_text(re.sub("^virtualnetwork=.*$", line, path.read_text(), flags=re.MULTILINE))


def ifcfg(device: str, kind: str, protocol: str, *more: str) -> str:
    """The text of an ifcfg- file; ``kind`` is "" for all but bridges."""
    kinds = [f"TYPE={kind}"] if kind else []
    lines = [f"DEVICE={device}", *kinds, f"BOOTPROTO={protocol}", "ONBOOT=yes", *more]
    return "".join(f"{line}\n" for line in lines)


def write_ifcfg(host: SimulatedHost, device: str, text: str) -> None:
    """Write a device's ifcfg- file, or remove it ("" as text), if the tree was created."""
    if exists(host):
        path = tree(host) / f"{IFCFG}{device}"
        path.unlink(missing_ok=True)
        if text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def no_zeroconf(host: SimulatedHost) -> bool:
    """Whether the tree turns zeroconf off; any value does (15.2)."""
    path = tree(host) / "etc/sysconfig/network"
    text = path.read_text() if path.is_file() else ""
    return re.search(r"^NOZEROCONF=\S", text, re.MULTILINE) is not None
