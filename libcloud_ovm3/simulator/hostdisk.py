"""What the simulator asks of a host's own disk; dom0tree.py makes it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from libcloud_ovm3.simulator.host import SimulatedHost

#: What ``port=`` says in a new tree: the port that the simulator gives this host.
PORT = 8899
#: What a new tree has as MINIMUM_RESTART_TIME (xend.md 2).
RESTART_TIME = 60
SCRIPTS = "etc/xen/scripts"
VLAN_SCRIPT = f"{SCRIPTS}/linuxbridge/ovs-vlan-bridge"
AGENT_INI = "etc/ovs-agent/agent.ini"


def tree(host: SimulatedHost) -> Path:
    """The directory that plays the host's ``/``; what a tree has is there only if it was made."""
    return host.folder / "disk"


def exists(host: SimulatedHost) -> bool:
    """Whether the tree was made, in this life or an earlier one."""
    return (packages(host) / "agent" / "__init__.py").is_file()


def packages(host: SimulatedHost) -> Path:
    """The site-packages of dom0's Python."""
    version = "2.4" if host.settings.old else "2.6"
    return tree(host) / f"usr/lib64/python{version}/site-packages"


def vlan_script_works(host: SimulatedHost) -> bool:
    """Whether the tree's VLAN script calls nothing that its library does not have."""
    try:
        text = (tree(host) / VLAN_SCRIPT).read_text()
        library = (tree(host) / SCRIPTS / "xen-network-common.sh").read_text()
    except OSError:
        return False
    called = set(re.findall(r"^\s*(\w*setup_\w*bridge_port)\b", text, re.MULTILINE))
    known = set(re.findall(r"^(\w+) ?\(\)", library, re.MULTILINE))
    return bool(called) and called <= known


def read_restart_time(host: SimulatedHost) -> None:
    """Let xend start with the MINIMUM_RESTART_TIME of the tree. Called with the lock held.

    The figure of a new tree stands for the simulator's own setting.
    """
    path = packages(host) / "xen/xend/XendConstants.py"
    text = path.read_text() if path.is_file() else ""
    found = re.search(r"^MINIMUM_RESTART_TIME *= *(\d+)", text, re.MULTILINE)
    host.records.pop("restart_time", None)
    if found and int(found[1]) != RESTART_TIME:
        host.records["restart_time"] = int(found[1])


def agent_settings(host: SimulatedHost) -> tuple[bool, int] | None:
    """``ssl=`` and ``port=`` of agent.ini; None where there is none, or none that can be read."""
    found = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        found.read(tree(host) / AGENT_INI)
        for section in found.sections():
            if "ssl" in found[section]:
                return found[section]["ssl"] == "enable", found[section].getint("port", PORT)
    except (configparser.Error, ValueError, UnicodeDecodeError):
        pass
    return None


def no_zeroconf(host: SimulatedHost) -> bool:
    """Whether the tree turns zeroconf off: any value does (15.2)."""
    path = tree(host) / "etc/sysconfig/network"
    text = path.read_text() if path.is_file() else ""
    return re.search(r"^NOZEROCONF=\S", text, re.MULTILINE) is not None
