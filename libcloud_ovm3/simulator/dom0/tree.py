"""A host's own disk as the agent, xend and an installer see it: ``hosts/<i>/disk``.

It has two forms: 3.2 (Python 2.4) and later (Python 2.6). The paths and what an installer reads in
the files come from agent-behaviour.md 1, 13, 15.2; all other text is the simulator's.
"""

from __future__ import annotations

from pathlib import Path

from libcloud_ovm3.simulator import luns
from libcloud_ovm3.simulator.dom0 import agentpackage
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.hostdisk import (
    AGENT_INI,
    IFCFG,
    PORT,
    SCRIPTS,
    VLAN_SCRIPT,
    exists,
    ifcfg,
    link,
    packages,
    tree,
)
from libcloud_ovm3.simulator.network import CONTROL, state
from libcloud_ovm3.simulator.xend import log


def make(host: SimulatedHost, secure: bool, older_module: bool) -> Path:
    """Create the tree, unless it exists.

    :param secure: The value of ``ssl=`` in agent.ini.
    :param older_module: Whether the agent has another integration's module.
    :returns: Its directory.
    """
    top = tree(host)
    if exists(host):
        return top
    for path, text in _files(host, secure).items():
        _write(top / path, text)
    for path in ("sbin/service", VLAN_SCRIPT):
        (top / path).chmod(0o755)
    link(top / "var/log/ovs-agent.log", host.folder / "ovs-agent.log")
    log.link(host)
    luns.link_by_id(host, luns.own_wwid(host), "sda")
    agent = agentpackage.files(older_module)
    for path in sorted(agent, reverse=True):  # __init__.py last: it marks the tree as complete
        _write(packages(host) / "agent" / path, agent[path])
    return top


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def _files(host: SimulatedHost, secure: bool) -> dict[str, str]:
    control, found = CONTROL[0], state(host)
    files = {
        "etc/ovs-release": f"Oracle VM server release {host.settings.version}\n",
        AGENT_INI: _AGENT_INI.format(
            ssl="enable" if secure else "disable", port=PORT, switch=found["switch"]
        ),
        "etc/sysconfig/network": f"NETWORKING=yes\nHOSTNAME={host.hostname}\n",
        f"{SCRIPTS}/xen-network-common.sh": _LIBRARY,
        VLAN_SCRIPT: _VLAN.format(
            function="setup_bridge_port" if faulty(host) else "setup_physical_bridge_port"
        ),
        "sbin/service": _SERVICE,
    }
    if host.settings.old:
        constants = (packages(host) / "xen/xend/XendConstants.py").relative_to(tree(host))
        for folder in (constants.parent, constants.parent.parent):
            files[f"{folder}/__init__.py"] = ""
        files[str(constants)] = _CONSTANTS
    if control in found["bridges"]:
        files[f"{IFCFG}{control}"] = ifcfg(control, "Bridge", "static")
    return files


def faulty(host: SimulatedHost) -> bool:
    """Whether this release's VLAN script calls a function that its library lacks (13)."""
    return (3, 2, 1) <= host.settings.release <= (3, 3, 2)


# The section of ssl= and port= and the other names are the simulator's.
_AGENT_INI = """\
; Settings of the agent. It reads them when it starts.

[server]
ssl={ssl}
port={port}
; port=8898
notifyport=7002

[network]
virtualnetwork={switch}
"""
_CONSTANTS = '''"""Times of xend, in seconds (xend.md 2)."""

SHUTDOWN_TIMEOUT = 300
MINIMUM_RESTART_TIME = 60
MIGRATE_TIMEOUT = 30
'''
_LIBRARY = """\
# Functions for the scripts that make bridges.

_setup_bridge_port () {
    local dev=$1
    local virtual=$2
    ip link set dev "$dev" down
    if [ "$virtual" = 1 ]; then
        ip link set dev "$dev" arp off
    fi
    ip addr flush dev "$dev"
}

setup_physical_bridge_port () {
    _setup_bridge_port "$1" 0
}

setup_virtual_bridge_port () {
    _setup_bridge_port "$1" 1
}
"""
_VLAN = """\
#!/bin/sh
# ovs-vlan-bridge start|stop bridge=NAME netdev=DEVICE vlan=NUMBER

. /etc/xen/scripts/xen-network-common.sh

action=$1
shift
for word in "$@"; do
    case "$word" in
        bridge=*) bridge=${{word#*=}} ;;
        netdev=*) netdev=${{word#*=}} ;;
        vlan=*) vlan=${{word#*=}} ;;
    esac
done
device=$netdev.$vlan

case "$action" in
    start)
        vconfig add "$netdev" "$vlan"
        brctl addbr "$bridge"
        {function} "$device"
        brctl addif "$bridge" "$device"
        ip link set dev "$device" up
        ip link set dev "$bridge" up
        ;;
    stop)
        ip link set dev "$bridge" down
        brctl delbr "$bridge"
        vconfig rem "$device"
        ;;
esac
"""
# It sends a request to the simulator: see service.py.
_SERVICE = """\
#!/bin/sh
# service NAME restart|status

top=$(cd "$(dirname "$0")/.." && pwd)
requests=$top/../requests
request=$requests/$$

mkdir -p "$requests" || exit 1
echo "$1 $2" > "$request.new" || exit 1
mv "$request.new" "$request.request" || exit 1
waited=0
while [ ! -f "$request.answer" ]; do
    if [ "$waited" -ge 600 ]; then
        rm -f "$request.request"
        echo "$1: timed out" >&2
        exit 1
    fi
    waited=$((waited + 1))
    sleep 0.05
done
read -r status words < "$request.answer"
rm -f "$request.answer"
echo "$words"
exit "$status"
"""
