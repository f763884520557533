"""discover_mounted_file_systems: a host's /proc/mounts (agent-behaviour.md 8.4, 19)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

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


def discover_mounted_file_systems(host: SimulatedHost, kind: str) -> str:
    """The mounts of one type, or ``all``; an empty root element if there are none."""
    with host.lock:
        shares = sorted((point, mount.device) for point, mount in host.mounts.items())
    mounts = list(OWN)
    for point, device in shares:
        mounts.append(("nfs", point, device, f"{NFS_OPTIONS},addr={device.partition(':')[0]}"))
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
