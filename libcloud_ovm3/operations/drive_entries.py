"""CD drives as entries of a vm.cfg. Pure."""

from __future__ import annotations

from dataclasses import replace

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import DiskEntry, format_disk
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.attachments import key_of_path
from libcloud_ovm3.operations.device_names import EMULATED, next_device


def drive_entry(path: str, device: str) -> str:
    """A new CD drive with a medium, as an entry of vm.cfg."""
    return format_disk(DiskEntry("", "file", path, device, "cdrom", "r"))


def with_iso(config: VMConfig, path: str, what: str) -> list[str]:
    """The disk list of a new VM with an ISO in its first empty CD drive, else in a new one; as it
    is, if the ISO is in a drive already: xend takes no file twice (xend.md 3).

    :param what: what the ISO is for, for the error.
    :raises PreconditionFailed: it cannot have another drive.
    """
    drive = next((one for one in config.disks if one.is_cdrom and not one.location), None)
    entries = [one.text for one in config.disks]
    if key_of_path(path) in [key_of_path(one.path) for one in config.disks if one.path]:
        return entries
    if drive is None:
        try:
            device = next_device(config, is_cdrom=True)
        except PreconditionFailed as error:
            raise PreconditionFailed(
                f"{error}. {what} needs one, and an HVM guest has {EMULATED} such devices: "
                f"expected an image with fewer disks, or an empty CD drive. Nothing was created"
            ) from None
        return [*entries, drive_entry(path, device)]
    full = format_disk(replace(drive, scheme="file", location=path, kind="cdrom", mode="r"))
    return [full if one == drive.text else one for one in entries]
