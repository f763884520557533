"""The host module into a host's agent and out of it, over SSH (docs/host-install.md).

from libcloud_ovm3.installer import connect, install
with connect("ovm-1.example.com") as ssh:
    install(ssh, agent)
"""

from libcloud_ovm3.installer.host_files import State
from libcloud_ovm3.installer.operations import Done, Waiting, check, install, uninstall
from libcloud_ovm3.installer.patches import PATCHES
from libcloud_ovm3.installer.ssh import Ssh, connect

__all__ = [
    "PATCHES",
    "Done",
    "Ssh",
    "State",
    "Waiting",
    "check",
    "connect",
    "install",
    "uninstall",
]
