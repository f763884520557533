"""Installs the host module on a host, and removes it, over SSH (docs/host-install.md).

SSH needs the extra ``ssh``; ``agent`` is the :class:`.Agent` of the same host::

    from libcloud_ovm3.installer import connect, install

    with connect("ovm-1.example.com") as ssh:
        install(ssh, agent)
"""

from libcloud_ovm3.installer.host_files import State
from libcloud_ovm3.installer.operations import Result, Waiting, check, install, uninstall
from libcloud_ovm3.installer.patches import PATCHES
from libcloud_ovm3.installer.ssh import SSHConnection, connect

__all__ = [
    "PATCHES",
    "Result",
    "SSHConnection",
    "State",
    "Waiting",
    "check",
    "connect",
    "install",
    "uninstall",
]
