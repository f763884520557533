"""The host that the module runs on: its files, commands, xend, agent and log.

Everything that differs between a real host, the simulator and a test is in here.
"""

import os
import re
import socket
import syslog
import time

from libcloud_ovm3_host import errors, limits, packets, reflink
from libcloud_ovm3_host.compat import error, describe, text_type, to_bytes

_ESCAPED = re.compile(r'\\([0-7]{3})')


class Dom0(object):
    """A host. ``root`` is '' on a real one, elsewhere the directory that stands for ``/``."""

    def __init__(self, root=''):
        self.root = root

    def path(self, name):
        """The real path of one of the host's own files."""
        return self.root + name

    def real_path(self, path):
        """The real path of a file on any mount of the host; both as bytes. May raise OSError."""
        return to_bytes(self.root) + path

    def read(self, name, limit=1 << 20):
        """The content of one of the host's own files, up to ``limit`` bytes. Raises Failed."""
        try:
            handle = open(self.path(name), 'rb')
            try:
                return handle.read(limit)
            finally:
                handle.close()
        except (IOError, OSError):
            raise errors.Failed(describe(error()))

    def mounts(self):
        """``(device, mount point, type)`` of every mount, as text."""
        found = []
        for line in self.read('/proc/mounts').decode('utf-8', 'replace').splitlines():
            fields = [_ESCAPED.sub(_unescaped, field) for field in line.split(' ')]
            if len(fields) >= 3:
                found.append((fields[0], fields[1], fields[2]))
        return found

    def mounted_devices(self):
        """``(device number "8:2", mount point)`` of every mount, as text. Raises Failed.

        Unlike in :meth:`mounts`, also the root's: kernels call it ``/dev/root``.
        """
        found = []
        for line in self.read('/proc/self/mountinfo').decode('utf-8', 'replace').splitlines():
            fields = line.split(' ')
            if len(fields) > 4:
                found.append((fields[2], _ESCAPED.sub(_unescaped, fields[4])))
        return found

    def open_mount(self, mount_point):
        """A descriptor of the directory at which a repository or a share is mounted."""
        return os.open(self.path(mount_point), os.O_RDONLY | os.O_DIRECTORY)

    def share_blocks(self, directory, name, new_directory, new_name):
        """Create a file with the blocks of another one, both in open directories. Raises Failed,
        where the file system cannot do that too, and Exists: then nothing was created."""
        reflink.share_blocks(directory, name, new_directory, new_name)

    def run(self, arguments, seconds):
        """``(status, output, errors)`` of a command; raises Timeout, Failed."""
        return limits.run(arguments, seconds)

    def within(self, seconds, function, *arguments):
        """What the function returns or raises; raises Timeout after that many seconds."""
        return limits.within(seconds, function, *arguments)

    def detached(self, seconds, function, *arguments):
        """The same in a process that outlives the time limit, and the agent; None if it goes on."""
        return limits.detached(seconds, function, *arguments)

    def listen(self, device, index):
        """What hears DHCP on a device: its name and the kernel's number of it. Raises Failed."""
        return packets.Listener(device, index)

    def process(self):
        """``(pid, start time)``, as text, of the process that calls this."""
        pid = os.getpid()
        return '%d' % pid, limits.start_time(pid)

    def lives(self, pid, started):
        """Whether such a process lives, since the host's last boot."""
        return pid.isdigit() and started != '' and limits.start_time(int(pid)) == started

    def session(self):
        """The id of the session of the process that calls this, as text."""
        return '%d' % os.getsid(0)

    def session_members(self, session):
        """``[(pid, start time)]``, text, of the processes in the session of that id."""
        if not session.isdigit():
            raise errors.Failed('%r: not the id of a session' % session)
        return [('%d' % pid, started) for pid, started in limits.session_members(int(session))]

    def seconds(self):
        """Seconds that pass evenly, whoever sets the host's clock."""
        return os.times()[4]

    def uptime(self):
        """Seconds since the host's last boot. Raises Failed."""
        return float(self.read('/proc/uptime').split()[0])

    def sleep(self, seconds):
        """Wait that long."""
        time.sleep(seconds)

    def xend(self):
        """xend's functions: ``xend().domain(name, 1)`` (agent-behaviour.md 15.5)."""
        from xen.util.xmlrpcclient import ServerProxy
        from xen.xend import XendClient
        return ServerProxy(XendClient.uri).xend

    def agent_modules(self):
        """The classes of the agent's modules, including this one: ``kind().get_services()`` returns
        the functions of one; a new object for each use (agent-behaviour.md 15.5)."""
        from agent.target.api import MODULES
        return list(MODULES)

    def boot_id(self):
        """A text that differs after each boot of each host."""
        return self.read('/proc/sys/kernel/random/boot_id').decode('ascii', 'replace').strip()

    def hostname(self):
        """The host's own name."""
        return socket.gethostname()

    def log(self, message):
        """Write a line to the host's syslog; it must not contain secrets."""
        if isinstance(message, text_type) and not isinstance('', text_type):
            message = message.encode('utf-8')
        syslog.openlog('libcloud-ovm3', syslog.LOG_PID, syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_NOTICE, message)


def _unescaped(match):
    return chr(int(match.group(1), 8))
