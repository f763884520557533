"""The process of one job: ``run_job.py MOUNT ID``, and of each mount ``POINT DIRECTORY DEV:INODE``.

Started by :mod:`jobs`; it detaches itself at once, so it outlives the agent.
"""

import os
import sys
import time

if __name__ == '__main__':  # modules beside this file have names of others' modules
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from libcloud_ovm3_host import (dirfd, errors, files, holes, jobs, limits, records, safe_paths,
                                state_dir)
from libcloud_ovm3_host.compat import describe, error, md5, to_bytes

BLOCK = 1 << 20  # bytes read at once
MODIFIED = 'the source was modified while it was read'
REPORT_SECONDS = 1  # between two checks for a cancellation and two progress records


class Cancelled(Exception):
    """The job was cancelled."""


class Mounted(object):
    """As much of a host as places needs: the mounts that this job was given, if they are still
    the same."""

    def __init__(self, words):
        self._mounts = {}
        for first in range(0, len(words), 3):
            self._mounts[words[first]] = words[first + 1:first + 3]

    def mounts(self):
        return [('', point, '') for point in self._mounts]

    def open_mount(self, point):
        place, identity = self._mounts[point]
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        status = os.fstat(directory)
        if '%d:%d' % (status.st_dev, status.st_ino) != identity:
            os.close(directory)
            raise errors.NotMounted('%s: another file system is mounted there now' % point)
        return directory


def main(words):
    mount_point, job_id, host = to_bytes(words[0]), words[1], Mounted(words[2:])
    if hasattr(os, 'stat_float_times'):
        os.stat_float_times(True)  # Python 2.4 has whole seconds: see read_all
    detach()
    folder = jobs.open_job(host, mount_point, job_id, False)
    temporary = state_dir.open_folder(host, mount_point, [state_dir.TEMPORARY], True)
    request = records.read(folder, 'request')
    if begins(temporary, folder, request):
        record = Job(host, temporary, folder, request).run()
        name = jobs.temporary_name(request)
        if record['state'] != 'done':
            dirfd.remove(temporary, name)  # it may be what fills the file system
        jobs.record_once(temporary, folder, request, 'outcome', record)
        dirfd.remove(temporary, name)


def detach():
    """Become a daemon: no parent, terminal or inherited descriptors."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.umask(int('077', 8))


def begins(temporary, folder, request):
    """Whether this is the process that runs the job.

    Only one can create the record. It is created before the clock is checked: whoever finds no
    record after START_SECONDS can be sure that no process will start the job.
    """
    pid = os.getpid()
    record = {'pid': '%d' % pid, 'started': limits.start_time(pid)}
    try:
        state_dir.create(temporary, request['id'].decode('ascii'), records.encode(record), folder,
                   'process')
    except errors.Exists:
        return False
    return jobs.is_fresh(request) and not dirfd.exists(folder, 'outcome')


def publish(host, temporary, name, request):
    """Link the complete copy to its name. Raises Exists."""
    directory, target_name = safe_paths.open_parent(host, request['target'])
    try:
        dirfd.link(temporary, name, directory, target_name)
        dirfd.sync(directory)
    finally:
        os.close(directory)


class Job(object):
    """A running job."""

    def __init__(self, host, temporary, folder, request):
        self.host, self.temporary, self.folder, self.request = host, temporary, folder, request
        self.record = {'done_bytes': '0', 'size_bytes': '0'}
        self.reported = 0

    def run(self):
        """Run the job and return the record of its outcome."""
        try:
            source = safe_paths.open_file(self.host, self.request['source'], os.O_RDONLY)
            try:
                if self.request['target']:
                    self.copy(source)
                else:
                    self.read_all(source, None)
            finally:
                os.close(source)
            self.record['state'] = 'done'
        except Cancelled:
            self.record['state'] = 'cancelled'
        except Exception:
            self.record['state'] = 'failed'
            self.record['error'] = describe(error())
        return self.record

    def copy(self, source):
        name = jobs.temporary_name(self.request)
        target = dirfd.create(self.temporary, name)
        try:
            size = self.read_all(source, target)
            os.ftruncate(target, size)
            os.fsync(target)
        finally:
            os.close(target)
        self.report()  # if the copy is linked but no outcome is recorded, this has the result
        publish(self.host, self.temporary, name, self.request)

    def read_all(self, source, target):
        """Read the source to its end, write it to the target if there is one; return its size.

        A sparse copy reads only what may be data. Raises Failed if the source was modified
        meanwhile, as far as its size and modification time show.
        """
        before = os.fstat(source)
        self.record['size_bytes'] = '%d' % before.st_size
        sparse = self.request['kind'] == to_bytes('sparse_copy')
        ranges = [(0, before.st_size)]
        if sparse:
            ranges = holes.data_ranges(source, before.st_size)
        total = md5()
        for start, end in ranges:
            self.read_range(source, target, start, end, total)
        after = os.fstat(source)
        if (after.st_size, after.st_mtime) != (before.st_size, before.st_mtime):
            raise errors.Failed(MODIFIED)
        self.record['done_bytes'] = '%d' % before.st_size
        self.record['result'] = total.hexdigest()
        return before.st_size

    def read_range(self, source, target, at, end, total):
        """Read from one offset to another, write that to the target if there is one."""
        sparse = self.request['kind'] == to_bytes('sparse_copy')
        while at < end:
            data = files.read_at(source, at, min(BLOCK, end - at))
            if not data:
                raise errors.Failed(MODIFIED)
            total.update(data)
            if sparse:
                holes.write_sparse(target, at, data)
            elif target is not None:
                files.write_at(target, at, data)
            at += len(data)
            self.record['done_bytes'] = '%d' % at
            if abs(time.time() - self.reported) >= REPORT_SECONDS:
                self.report()

    def report(self):
        """Record the progress. Raises Cancelled."""
        if dirfd.exists(self.folder, 'cancel'):
            raise Cancelled()
        state_dir.replace(self.temporary, self.request['id'].decode('ascii'),
                     records.encode(self.record), self.folder, 'progress')
        self.reported = time.time()


if __name__ == '__main__':
    main(sys.argv[1:])
