"""The process of one job: ``run_job.py MOUNT ID``, and of each mount ``POINT DIRECTORY DEV:INODE``.

Started by :mod:`jobs`; it leaves its parent at once, so it outlives the agent.
"""

import os
import sys
import time

if __name__ == '__main__':  # beside this file lies what has the names of other people's modules
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from libcloud_ovm3_host import chunks, dirfd, errors, files, jobs, records, safe_paths, state_dir
from libcloud_ovm3_host.compat import describe, error, md5, to_bytes

BLOCK = 1 << 20  # bytes read at once
SAY_SECONDS = 1  # between two looks whether it is cancelled, and two words about its progress


class Cancelled(Exception):
    """It was asked to end."""


class Mounted(object):
    """As much of a host as places needs: the mounts that this job was told of, if they are still
    the ones that they were."""

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
            raise errors.NotMounted('%s: something else is there than before' % point)
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
            dirfd.remove(temporary, name)  # it may be what leaves no room for the outcome
        jobs.put_down(temporary, folder, request, 'outcome', record)
        dirfd.remove(temporary, name)


def detach():
    """Become a process without a parent, a terminal or anybody's descriptors."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.umask(int('077', 8))


def begins(temporary, folder, request):
    """Whether this is the process that does the job.

    Only one can make the record. It is made before the look at the clock: whoever finds no record
    after START_SECONDS can be sure that none begins any more.
    """
    pid = os.getpid()
    record = {'pid': '%d' % pid, 'started': jobs.start_time(pid)}
    try:
        state_dir.place(temporary, request['id'].decode('ascii'), records.encode(record), folder,
                   'process')
    except errors.Exists:
        return False
    return jobs.is_fresh(request) and not dirfd.is_there(folder, 'outcome')


class Job(object):
    """A job on its way."""

    def __init__(self, host, temporary, folder, request):
        self.host, self.temporary, self.folder, self.request = host, temporary, folder, request
        self.record = {'done_bytes': '0', 'size_bytes': '0'}
        self.said = 0

    def run(self):
        """What to put down as its outcome."""
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
        self.say()  # whoever finds the copy in place, but no outcome, needs the result
        directory, target_name = safe_paths.open_parent(self.host, self.request['target'])
        try:
            dirfd.link(self.temporary, name, directory, target_name)
            dirfd.sync(directory)
        finally:
            os.close(directory)

    def read_all(self, source, target):
        """Read it to its end, and write it if there is a target; its size.

        Raises Failed if somebody wrote to it meanwhile, as far as its time of modification tells.
        """
        before = os.fstat(source)
        sparse = self.request['kind'] == to_bytes('sparse_copy')
        self.record['size_bytes'] = '%d' % before.st_size
        total, at = md5(), 0
        while True:
            data = files.read_at(source, at, BLOCK)
            if not data:
                break
            total.update(data)
            if target is not None:
                write(target, at, data, sparse)
            at += len(data)
            self.record['done_bytes'] = '%d' % at
            if abs(time.time() - self.said) >= SAY_SECONDS:
                self.say()
        after = os.fstat(source)
        if (after.st_size, after.st_mtime) != (before.st_size, before.st_mtime) or (
                at != before.st_size):
            raise errors.Failed('the source was written to while it was read')
        self.record['result'] = total.hexdigest()
        return at

    def say(self):
        """Put down how far it is. Raises Cancelled."""
        if dirfd.is_there(self.folder, 'cancel'):
            raise Cancelled()
        state_dir.replace(self.temporary, self.request['id'].decode('ascii'),
                     records.encode(self.record), self.folder, 'progress')
        self.said = time.time()


def write(target, at, data, sparse):
    """Write a stretch into a new file; if sparse, without its blocks of zeros."""
    if not sparse:
        files.write_at(target, at, data)
        return
    for start, size, piece in chunks.decode(chunks.encode(data)):
        if piece is not None:
            files.write_at(target, at + start, piece)


if __name__ == '__main__':
    main(sys.argv[1:])
