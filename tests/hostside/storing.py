"""What several of these tests do with containers, objects and uploads."""

import os

from libcloud_ovm3_host import chunks, commits, containers, objects, uploads
from libcloud_ovm3_host.compat import to_bytes
from libcloud_ovm3_host.rpc import Binary

REPOSITORY = '/OVS/Repositories/' + '0a' * 16
STATE = REPOSITORY + '/.libcloud-ovm3'
OWN = STATE + '/containers/repository'
PLAIN = STATE + '/containers/c-box'
RECORD = {'md5': '0d' * 16, 'content_type': 'text/plain', 'content_encoding': '',
          'meta_data': {'who': 'me & you', 'x=y\n': u'\xe9'}}
WHO = ('client', '0b' * 16)


def operation(number):
    return '%032x' % number


def by(number):
    return ('client', operation(number))


def prepare(host):
    """The functions are called in this process; what is logged is in ``logged``."""
    host.within = lambda seconds, function, *arguments: function(*arguments)
    host.logged = []
    host.log = host.logged.append
    for folder in ('Templates', 'ISOs', 'VirtualDisks'):
        os.mkdir(host.path(REPOSITORY + '/' + folder))
    return host


def create(host, name='box', number=1):
    return containers.create_container(host, *(by(number) + (REPOSITORY, name)))


def begin(host, number, name, container='', size=-1):
    return uploads.begin_upload(host, *(by(number) + (REPOSITORY, container, name, size)))


def write(host, number, offset, data, container=''):
    chunk = Binary(chunks.encode(to_bytes(data)))
    return uploads.write_upload(host, *(by(number) + (REPOSITORY, container, offset, chunk)))


def commit(host, number, name, size, container='', record=RECORD, replace=False):
    return commits.commit_upload(host, *(by(number) + (REPOSITORY, container, name, size, record,
                                                       replace)))


def put(host, number, name, data, container='', record=RECORD, replace=False):
    """Upload an object; its entry."""
    begin(host, number, name, container)
    write(host, number, 0, data, container)
    return commit(host, number, name, len(to_bytes(data)), container, record, replace)


def stat(host, name, container=''):
    return objects.stat_object(host, REPOSITORY, container, name)


def content(host, name, container='', identity=''):
    found = objects.read_object(host, REPOSITORY, container, name, 0, 1 << 20, identity)
    pieces = chunks.decode(found['chunk'].data)
    return ''.encode('ascii').join([data or '\0'.encode('ascii') * size
                                    for _, size, data in pieces]).decode('latin-1')


def listed(host, container='', prefix='', limit=1000):
    """All entries, page by page."""
    found, after = [], ''
    while True:
        page = objects.list_objects(host, REPOSITORY, container, prefix, after, limit)
        assert len(page['objects']) <= limit
        found += page['objects']
        after = page['after']
        if not after:
            return found


def names(host, container='', prefix='', limit=1000):
    return [entry['name'] for entry in listed(host, container, prefix, limit)]


def files_in(host, path):
    """The paths of all files below one of the host's directories, without it."""
    found = []
    top = host.path(path)
    for folder, _, files in os.walk(top):
        found += [os.path.join(folder, file)[len(top) + 1:] for file in files]
    return sorted(found)
