"""Whether a file stays as it is while it is copied, as far as its host shows it. Reads only.

With the host module its size and its modification time are compared. The agent itself reports no
times: without the module its size and the space that it takes are compared, so what is overwritten
in place is not seen.
"""

from __future__ import annotations

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.disk_files import stat_size
from libcloud_ovm3.estate.disks import FileSize, FileSystem, file_size
from libcloud_ovm3.estate.hosts import HostView


def read_source(host: HostView, path: str, system: FileSystem | None) -> FileSize:
    """The state of a file that is to be copied, or was: one call.

    :param path: absolute, on the host.
    :param system: what the storage plug-in has mounted of the repository; None: the host has the
        host module.
    :raises PreconditionFailed: it is not there.
    :raises Ovm3Error: it cannot be read.
    """
    found = stat_size(host, path) if system is None else file_size(system, path)
    if found is None:
        raise PreconditionFailed(f"{path} was not copied: {host.label} does not find it")
    return found


def what_changed(before: FileSize, after: FileSize) -> str:
    """What differs between two states of a file, for messages; "": nothing that shows a change.

    The space that a file takes changes as well when its file system writes out what was written
    before, so that counts only where there is no modification time.
    """
    if before.size_bytes != after.size_bytes:
        return f"it had {before.size_bytes} bytes and has {after.size_bytes}"
    if before.modified != after.modified:
        return f"it was modified at {before.modified} and at {after.modified} (seconds since 1970)"
    if before.modified is None and before.used_bytes != after.used_bytes:
        return f"it took {before.used_bytes} bytes on its file system and takes {after.used_bytes}"
    return ""
