"""Files of a host as the installer finds them: original texts in the known structure."""

from __future__ import annotations

API = b"""# Which modules the agent has.
from agent.api import common
from agent.api.host import linux
from agent.api.hypervisor import xenxm

MODULES = [
    common.Common,
    linux.Linux,
    xenxm.Xen,
]


def names():
    return [m.__name__ for m in ALL]
"""

LIBRARY = b"""#!/bin/bash
_setup_bridge_port() {
    local dev="$1"
    ip link set ${dev} mtu 1500
}

setup_physical_bridge_port() {
    _setup_bridge_port $1 0
}

setup_virtual_bridge_port() {
    _setup_bridge_port $1 1
}
"""

VLAN_BRIDGE = b"""#!/bin/bash
. /etc/xen/scripts/xen-network-common.sh

add() {
    create_bridge "$1"
    setup_bridge_port "$2"
    add_to_bridge "$1" "$2"
}
"""

CONSTANTS = b"""\
MINIMUM_RESTART_TIME = 60
SHUTDOWN_TIMEOUT = 300
"""

NETWORK = b"NETWORKING=yes\nHOSTNAME=ovm-1\n"
INI = b"# the agent\n[server]\nport=8899\nxport=1\nssl=enable ; as delivered\n"
RELEASE = b"Oracle VM server release 3.2.1\n"


def older_table(content: bytes) -> bytes:
    """What an older integration's installer makes of api.py (agent-behaviour 15.2, 1)."""
    out = []
    for line in content.split(b"\n"):
        out.append(line + b", cloudstack" if b"import common" in line else line)
        if b"MODULES" in line:
            out.append(b"\tcloudstack.CloudStack,")
    return b"\n".join(out)


def older_vlan_bridge(library: bytes, script: bytes) -> bytes:
    """15.2, 4a."""
    wrong = b"_setup_bridge_port"
    if sum(wrong in line for line in library.split(b"\n")) == 3 and wrong not in script:
        return script.replace(b"setup_bridge_port", wrong)
    return script


def older_restart_time(content: bytes) -> bytes:
    """15.2, 4c."""
    return content.replace(b"MINIMUM_RESTART_TIME = 60", b"MINIMUM_RESTART_TIME = 10")


def older_network(content: bytes) -> bytes:
    """15.2, 4b."""
    lines = content.split(b"\n")
    if any(b"NOZEROCONF=" in line for line in lines):
        changed = [b"NOZEROCONF=no" if b"NOZEROCONF=" in line else line for line in lines]
        return b"\n".join(changed)
    return content + b"NOZEROCONF=no\n"
