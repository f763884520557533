"""Jobs of the kind ``clone``: a copy that shares the blocks of its source, made within the call."""

import os

from libcloud_ovm3_host import dirfd, errors, jobs, records, run_job, safe_paths, state_dir
from libcloud_ovm3_host.compat import describe, error, to_text


def require_possible(dom0, request):
    """Raise Failed where the file system cannot share blocks, tried with small temporary files."""
    mount_point = safe_paths.split(request['target'])[0]
    if safe_paths.split(request['source'])[0] != mount_point:
        raise errors.Failed('the file system cannot share blocks with that of another mount')
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        label = 'probe-%s' % str(to_text(request['id']))
        name, _ = state_dir.write_temporary(temporary, label, 'blocks'.encode('ascii'))
        try:
            dom0.share_blocks(temporary, name, temporary, name + '.clone')
            dirfd.remove(temporary, name + '.clone')
        finally:
            dirfd.remove(temporary, name)
    finally:
        os.close(temporary)


def run(dom0, mount_point, folder):
    """Run the job, unless another process has begun to."""
    request = records.read(folder, 'request')
    temporary = state_dir.open_folder(dom0, mount_point, [state_dir.TEMPORARY], True)
    try:
        if run_job.begins(temporary, folder, request):
            name = jobs.temporary_name(request)
            record = {'done_bytes': '0', 'size_bytes': '0'}
            try:
                _clone(dom0, temporary, name, request, record)
                record['state'] = 'done'
            except (errors.HostModuleError, IOError, OSError):
                record['state'], record['error'] = 'failed', describe(error())
                dirfd.remove(temporary, name)  # it may be what fills the file system
            jobs.record_once(temporary, folder, request, 'outcome', record)
            dirfd.remove(temporary, name)
    finally:
        os.close(temporary)


def _clone(dom0, temporary, name, request, record):
    directory, source = safe_paths.open_parent(dom0, request['source'])
    try:
        before = safe_paths.stat_regular(directory, source)
        dom0.share_blocks(directory, source, temporary, name)
        after = safe_paths.stat_regular(directory, source)
    finally:
        os.close(directory)
    made = safe_paths.stat_regular(temporary, name)
    if (before.st_ino, before.st_size, before.st_mtime) != (
            after.st_ino, after.st_size, after.st_mtime) or made.st_size != after.st_size:
        raise errors.Failed(run_job.MODIFIED)
    record['done_bytes'] = record['size_bytes'] = '%d' % made.st_size
    run_job.publish(dom0, temporary, name, request)
