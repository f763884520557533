"""The host module's view of its host, simulated from the simulator's state.

The module accesses its host through one object, a ``Dom0``. Here this is the class on the host's
disk, with those methods overridden that a directory cannot simulate: mounts, commands, xend, the
kernel's files. What the module does within a time limit runs in the caller's thread, as forking a
process with threads is not safe; so the limit applies only while it waits for xend's lock. What is
to outlive the call runs in a thread of its own.
"""

from __future__ import annotations

import errno
import itertools
import math
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.agent import storage
from libcloud_ovm3.simulator.dom0 import commands, kernel, listener, xendview
from libcloud_ovm3.simulator.errors import Killed, Stopped
from libcloud_ovm3.simulator.host import Process, SimulatedHost
from libcloud_ovm3.simulator.xend import clients
from libcloud_ovm3.simulator.xend.progress import advance

_KERNEL = ("/proc/", "/sys/")
_LOGS = "/var/log/xen/"
_PIDS = itertools.count(20001)  # of detached processes, on all hosts

# Jobs are real processes: clients that wait for one, in simulated time, must not outrun it.
_LOOK_AT_JOB, _JOB_SECONDS = "_status_of", 0.01


class _TimeLimit(BaseException):
    """Not an Exception, so that the module cannot catch it: on a host its process is killed."""


class _Thread(threading.local):
    """What a thread stands for.

    :ivar ends: When its time limit ends, by the host's clock.
    :ivar process: Pid and boot of the detached process that it is.
    """

    ends = math.inf
    process: tuple[str, str] | None = None


class Dom0Overrides:
    """The methods that override those of the disk's own ``Dom0``."""

    root: str

    def __init__(self, host: SimulatedHost, errors: Any) -> None:
        self.root = str(hostdisk.tree(host))
        self._host = host
        self._errors = errors
        self._kernel = kernel.Kernel(host)
        self._thread = _Thread()

    def path(self, name: str) -> str:
        """The real path of a file of the host; the kernel's files are written when requested."""
        self._require_alive()
        if name.startswith(_LOGS):
            with self._host.lock:
                advance(self._host)  # what has happened by now is in xend's log
        if f"{name}/".startswith(_KERNEL):
            self._kernel.update()
            return str(self._kernel.top) + name
        return self.root + name

    def real_path(self, path: bytes) -> bytes:
        """The real path of a file of the host, including files below a mount.

        :raises OSError: The mount is stale.
        """
        name = os.fsdecode(path)
        with self._host.lock:
            mounts = list(self._host.mounts)
        below = [point for point in mounts if f"{name}/".startswith(f"{point}/")]
        if below:
            point = max(below, key=len)
            return os.fsencode(f"{self.directory(point)}{name[len(point) :]}")
        if any(point.startswith(f"{name}/") for point in mounts):
            return os.fsencode(self.root)  # the tree has no directories for mount points
        return os.fsencode(self.path(name))

    def mounts(self) -> list[tuple[str, str, str]]:
        """The mounts: the root file system and the NFS shares."""
        self._require_alive()
        host = self._host
        with host.lock:
            shares = [(mount.device, point, "nfs") for point, mount in host.mounts.items()]
        return [("rootfs", "/", "rootfs"), *shares]

    def open_mount(self, mount_point: str) -> int:
        """A descriptor of the directory that stands for the export.

        :raises OSError: Nothing is mounted there, or the mount is stale.
        """
        return os.open(self.directory(mount_point), os.O_RDONLY | os.O_DIRECTORY)

    def directory(self, mount_point: str) -> Path:
        """The directory that stands for the export mounted there."""
        host = self._host
        with host.lock:
            if mount_point in host.stale:
                raise OSError(errno.ESTALE, "Stale NFS file handle", mount_point)
            if mount_point not in host.mounts:
                raise OSError(errno.ENOENT, "No such file or directory", mount_point)
            return host.settings.export(host.mounts[mount_point].device)

    def share_blocks(
        self, directory: int, name: bytes, new_directory: int, new_name: bytes
    ) -> None:
        """Create a file with the content of another one, if file systems share blocks here."""
        if not self._host.settings.shares_blocks:
            raise self._errors.Failed("the file system cannot share blocks")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
        target = os.open(new_name, flags, 0o600, dir_fd=new_directory)
        try:
            storage.copy_blocks(source, target, 0, os.fstat(source).st_size, True)
        finally:
            os.close(source)
            os.close(target)

    def run(self, arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
        """Run a command of the host; status 127 if it is not simulated."""
        status, output, errors = commands.run(self._host, [str(word) for word in arguments])
        return status, output.encode(), errors.encode()

    def within(self, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function with a time limit; only the module's errors are raised."""
        if getattr(function, "__name__", "") == _LOOK_AT_JOB:
            time.sleep(_JOB_SECONDS)
        outer = self._thread.ends
        own = self._host.now() + seconds
        self._thread.ends = min(outer, own)
        try:
            return function(*arguments)
        except (Stopped, self._errors.HostModuleError):
            raise
        except _TimeLimit:
            if outer < own:  # an outer limit has ended
                raise
            name = getattr(function, "__name__", "")
            raise self._errors.Timeout(f"{name}: more than {seconds:g} s") from None
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise self._errors.Failed(text) from error
        finally:
            self._thread.ends = outer

    def detached(self, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function in a thread that stands for a process; None if it goes on after that.

        It ends with :class:`.Killed`, and at its next use of a mount if the host has lost power.
        """
        host, errors = self._host, self._errors
        results: list[tuple[Any, Exception | None]] = []
        session, pid = str(next(_PIDS)), str(next(_PIDS))  # its first process has ended at once
        host.processes[pid] = Process(session, ["python"], self.uptime())

        def act() -> None:
            self._thread.process = (pid, self.boot_id())
            host.here.session = session
            try:
                results.append((function(*arguments), None))
            except (Stopped, errors.HostModuleError) as error:
                results.append((None, error))
            except Killed:
                results.append((None, errors.Failed("its process died")))
            except Exception as error:
                results.append((None, errors.Failed(f"{type(error).__name__}: {error}")))
            finally:
                host.processes.pop(pid, None)

        end = host.now() + seconds
        host.clock.later(act, 0)
        while pid in host.processes and host.now() < end:
            host.wait_until(min(end, host.now() + host.clock.poll))
        if not results:
            return None
        value, error = results[0]
        if error is not None:
            raise error
        return value

    def listen(self, device: str, index: int) -> listener.Listener:
        """What hears the frames of a bridge."""
        return listener.Listener(self._host, device)

    def process(self) -> tuple[str, str]:
        """The pid and the start time of the process that calls this."""
        if self._thread.process is None:
            return clients.AGENT, "0"
        pid = self._thread.process[0]
        return pid, _ticks(self._host.processes[pid])

    def lives(self, pid: str, started: str) -> bool:
        """Whether such a process lives, since the host's last boot."""
        process = self._host.processes.get(pid)
        return process is not None and started == _ticks(process)

    def session(self) -> str:
        """The session of the process that calls this."""
        return clients.session(self._host)

    def session_members(self, session: str) -> list[tuple[str, str]]:
        """Pid and start time of the processes of a session."""
        processes = self._host.processes.copy().items()
        return [(pid, _ticks(one)) for pid, one in processes if one.session == session]

    def _require_alive(self) -> None:
        """End a process of before the last boot.

        :raises Killed: It is one.
        """
        process = self._thread.process
        if process is not None and process[1] != self.boot_id():
            raise Killed

    def seconds(self) -> float:
        """The host's clock."""
        return self._host.now()

    def uptime(self) -> float:
        """Seconds since the host's last boot."""
        return self._host.now() - self._host.boot_time

    def sleep(self, seconds: float) -> None:
        """Let the host's time pass."""
        self._require_alive()
        self._host.wait_until(self._host.now() + seconds)

    def xend(self) -> xendview.SimulatedXend:
        """The proxy of xend."""
        return xendview.SimulatedXend(self._host, self._wait_until)

    def _wait_until(self, moment: float) -> None:
        """Wait for a time of the host's clock, or for the end of the time limit."""
        self._host.wait_until(min(moment, self._thread.ends))
        if moment > self._thread.ends:
            raise _TimeLimit

    def boot_id(self) -> str:
        """An id that differs for each boot of each host."""
        name = f"{self._host.index} {self._host.uuid} {self._host.boot_time}"
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))

    def hostname(self) -> str:
        """The host's name."""
        return self._host.hostname

    def log(self, message: str) -> None:
        """Write a line to the host's syslog."""
        self._host.log("NOTICE", "libcloud-ovm3", message, "syslog")


def _ticks(process: Process) -> str:
    """Its start time as /proc has it."""
    return str(int(process.began * kernel.TICKS))


def install(host: SimulatedHost, load: Callable[[str], Any], kinds: list[Any]) -> None:
    """Connect the host module to this host, if it is among these classes."""
    for kind in kinds:
        if kind.__name__ != "LibcloudOvm3":
            continue
        try:
            base, errors = load("libcloud_ovm3_host.dom0").Dom0, load("libcloud_ovm3_host.errors")
        except (ImportError, SyntaxError, AttributeError):
            return  # an incomplete installation: the module's entry reports it to its callers
        commands.after_boot(host)
        kind.dom0 = type("SimulatedDom0", (Dom0Overrides, base), {})(host, errors)
