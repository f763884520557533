"""discover_mounted_file_systems: a host's /proc/mounts (agent-behaviour.md 8.4, 19)."""

from __future__ import annotations

import ipaddress
from xml.etree.ElementTree import Element

from libcloud_ovm3.simulator import network
from libcloud_ovm3.simulator.agent.xmltext import add, document
from libcloud_ovm3.simulator.host import SimulatedHost

NFS_OPTIONS = "rw,relatime,vers=3,rsize=524288,wsize=524288,namlen=255,hard,proto=tcp,timeo=600"
#: (type, directory, device, options) of the file systems that every host has.
OWN = (
    ("rootfs", "/", "rootfs", "rw"),
    ("proc", "/proc", "proc", "rw,relatime"),
    ("sysfs", "/sys", "sysfs", "rw,relatime"),
    ("devpts", "/dev/pts", "devpts", "rw,relatime,gid=5,mode=620,ptmxmode=000"),
    ("tmpfs", "/dev/shm", "tmpfs", "rw,relatime"),  # noqa: S108 - a name, not used
    ("ext3", "/", "/dev/sda2", "rw,relatime,errors=continue"),
    ("xenfs", "/proc/xen", "xenfs", "rw,relatime"),
    ("rpc_pipefs", "/var/lib/nfs/rpc_pipefs", "sunrpc", "rw,relatime"),
)


def shares(host: SimulatedHost) -> list[tuple[str, str, str]]:
    """Device, mount point and options of what is mounted over NFS. Called with the lock held."""
    return [
        (mount.device, point, f"{NFS_OPTIONS},addr={_address(host, mount.device)}")
        for point, mount in sorted(host.mounts.items())
    ]


def _address(host: SimulatedHost, device: str) -> str:
    """The address of an NFS server; of one that has only a name the last one of the network in
    which the host's own address is.
    """
    name = device.rpartition(":")[0].strip("[]")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        own = network.address(host, network.management(host))
        if own is None:
            return name
        return str(ipaddress.IPv4Interface("/".join(own)).network[-2])


def discover_mounted_file_systems(host: SimulatedHost, kind: str) -> str:
    """The mounts of one type, or ``all``; an empty root element if there are none."""
    with host.lock:
        mounts = list(OWN)
        mounts += [("nfs", point, device, options) for device, point, options in shares(host)]
    root = Element("Discover_Mounted_File_Systems_Result")
    systems: dict[str, Element] = {}
    for name, directory, device, options in mounts:
        if kind not in (name, "all"):
            continue
        if name not in systems:
            systems[name] = add(root, "Filesystem", Type=name)
        mount = add(systems[name], "Mount", Dir=directory)
        add(mount, "Device", device)
        add(mount, "Mount_Options", options)
    return document(root)
