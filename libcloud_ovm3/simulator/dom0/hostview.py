"""The host module's view of its host, answered from the simulator's state.

The module reaches everything of its host through one object, a ``Dom0``; here it is the very class
on the host's disk with other answers to what a directory cannot play: mounts, commands, xend, the
kernel's own files. What the module does within a time limit runs in the caller's thread (a fork of
a process with threads is not safe), so the limit strikes only while it waits for xend's lock.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.dom0 import commands, kernel, xendview
from libcloud_ovm3.simulator.errors import Stopped
from libcloud_ovm3.simulator.host import SimulatedHost

_KERNEL = ("/proc/", "/sys/")


class _TimeIsUp(BaseException):
    """Nothing in the module may catch it: on a host its process is killed."""


class _Ends(threading.local):
    """When a thread's time is up, by the host's clock."""

    by = math.inf


class Answers:
    """What stands before the methods of the disk's own ``Dom0``."""

    root: str

    def __init__(self, host: SimulatedHost, errors: Any) -> None:
        self.root = str(hostdisk.tree(host))
        self._host = host
        self._errors = errors
        self._kernel = kernel.Kernel(host)
        self._ends = _Ends()

    def path(self, name: str) -> str:
        """Where a file of the host lies; the kernel's are written when they are asked for."""
        if name.startswith(_KERNEL):
            self._kernel.update()
            return str(self._kernel.top) + name
        return self.root + name

    def place(self, path: bytes) -> bytes:
        """Where a file of the host lies, below a mount too.

        :raises OSError: that mount is stale
        """
        name = os.fsdecode(path)
        with self._host.lock:
            mounts = list(self._host.mounts)
        below = [point for point in mounts if f"{name}/".startswith(f"{point}/")]
        if below:
            point = max(below, key=len)
            return os.fsencode(f"{self.directory(point)}{name[len(point) :]}")
        if any(point.startswith(f"{name}/") for point in mounts):
            return os.fsencode(self.root)  # the tree has no directories to mount something on
        return os.fsencode(self.path(name))

    def mounts(self) -> list[tuple[str, str, str]]:
        """The host's own disk and what is mounted."""
        host = self._host
        with host.lock:
            shares = [(mount.device, point, "nfs") for point, mount in host.mounts.items()]
        return [("rootfs", "/", "rootfs"), *shares]

    def open_mount(self, mount_point: str) -> int:
        """A descriptor of the directory that plays the export.

        :raises OSError: nothing is mounted there, or the mount is stale
        """
        return os.open(self.directory(mount_point), os.O_RDONLY | os.O_DIRECTORY)

    def directory(self, mount_point: str) -> Path:
        """The directory that plays the export mounted there."""
        host = self._host
        with host.lock:
            if mount_point in host.stale:
                raise OSError(errno.ESTALE, "Stale NFS file handle", mount_point)
            if mount_point not in host.mounts:
                raise OSError(errno.ENOENT, "No such file or directory", mount_point)
            return host.settings.export(host.mounts[mount_point].device)

    def run(self, arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
        """A command of the host's; 127 for one that the simulator does not play."""
        status, output, words = commands.run(self._host, [str(word) for word in arguments])
        return status, output.encode(), words.encode()

    def within(self, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """What it returns; it raises the module's errors only, as from another process."""
        outer = self._ends.by
        own = self._host.now() + seconds
        self._ends.by = min(outer, own)
        try:
            return function(*arguments)
        except (Stopped, self._errors.HostModuleError):
            raise
        except _TimeIsUp:
            if outer < own:  # it is not this limit that has struck
                raise
            name = getattr(function, "__name__", "")
            raise self._errors.Timeout(f"{name}: more than {seconds:g} s") from None
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise self._errors.Failed(text) from error
        finally:
            self._ends.by = outer

    def xend(self) -> xendview.SimulatedXend:
        """xend's functions."""
        return xendview.SimulatedXend(self._host, self._wait_until)

    def _wait_until(self, moment: float) -> None:
        """Wait for a moment of the host's clock, or for the end of the time that is left."""
        self._host.wait_until(min(moment, self._ends.by))
        if moment > self._ends.by:
            raise _TimeIsUp

    def boot_id(self) -> str:
        """Differs after each boot of each host."""
        name = f"{self._host.index} {self._host.uuid} {self._host.boot_time}"
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))

    def hostname(self) -> str:
        """The host's own name."""
        return self._host.hostname

    def log(self, message: str) -> None:
        """A line in the host's syslog."""
        self._host.log("NOTICE", "libcloud-ovm3", message, "syslog")


def move_in(host: SimulatedHost, load: Callable[[str], Any], kinds: list[Any]) -> None:
    """Let the host module, if it is among these classes, meet this host."""
    for kind in kinds:
        if kind.__name__ != "LibcloudOvm3":
            continue
        try:
            base, errors = load("libcloud_ovm3_host.dom0").Dom0, load("libcloud_ovm3_host.errors")
        except (ImportError, SyntaxError, AttributeError):
            return  # half an installation: the module's own door says so to whoever calls
        commands.after_boot(host)
        kind.dom0 = type("SimulatedDom0", (Answers, base), {})(host, errors)
