"""What is recorded of the contents of objects, beside them.

``about/<two digits>/<file name>.<operation>``: the record of the content that this operation has
committed, or described. It is written before the content gets its name, and names the content's
identity: a record counts for the content that it fits, and for no other. So at each moment an
object is there with its own record or, where somebody else has written it, with none; records that
fit nothing do no harm. The digits are the first ones of the MD5 of the file name: so no directory
has the records of all objects.
"""

import os
import re

from libcloud_ovm3_host import (arguments, containers, dirfd, errors, object_names, records,
                                 safe_paths, state_dir)
from libcloud_ovm3_host.compat import bytes_type, md5, text_type, to_bytes, to_text

SCHEMA = '1'
RECORD_BYTES = 16384  # all texts of one record

# A commit takes less than that, from its record to its content: an older record of another
# operation belongs to one that has ended.
_COMMIT_SECONDS = 60

_DOT = '.'.encode('ascii')  # between a file name and the 32 digits of an operation
_MD5 = re.compile('(?:[0-9a-f]{32})?\\Z')
_META = 'meta:'


def identity(status):
    """What a content is told by: its inode, size and time. The same on all hosts."""
    return '%d-%d-%.6f' % (status.st_ino, status.st_size, status.st_mtime)


# --- a record as clients know it ------------------------------------------------------------

def checked(value):
    """The fields of ``{md5, content_type, content_encoding, meta_data}``, all bytes.

    Raises InvalidArgument.
    """
    expected = 'about: expected {md5, content_type, content_encoding, meta_data}'
    if not isinstance(value, dict) or not isinstance(value.get('meta_data'), dict):
        raise errors.InvalidArgument(expected)
    fields = {'md5': arguments.matching(_MD5, 'md5', value.get('md5'), "an MD5 or ''")}
    for key in ('content_type', 'content_encoding'):
        fields[key] = _text(key, value.get(key))
    for key in value['meta_data']:
        encoded = object_names.encode(_text('meta_data', key))
        fields[_META + str(to_text(encoded))] = _text('meta_data', value['meta_data'][key])
    size = sum([len(key) + len(fields[key]) for key in fields])
    if size > RECORD_BYTES:
        raise errors.InvalidArgument('about: %d bytes, more than %d' % (size, RECORD_BYTES))
    return fields


def _text(what, value):
    if isinstance(value, (bytes_type, text_type)):
        try:
            return to_bytes(value)
        except UnicodeError:  # a lone surrogate
            pass
    raise errors.InvalidArgument('%s: expected a string' % what)


def answer(record):
    """A record as clients know it."""
    meta_data = {}
    for key in record:
        if key.startswith(_META):
            meta_data[to_text(object_names.decode(to_bytes(key[len(_META):])))] = to_text(
                record[key])
    found = {'meta_data': meta_data}
    for key in ('md5', 'content_type', 'content_encoding'):
        found[key] = to_text(record.get(key, ''))
    return found


# --- reading --------------------------------------------------------------------------------

def bucket_of(file):
    """The name of the directory of the records of a file name."""
    return md5(file).hexdigest()[:2]


def open_bucket(place, file, make):
    """A descriptor of it; None if it is missing and not to be made."""
    about = containers.open_below(place, containers.ABOUT, make)
    if about is None:
        return None
    try:
        return containers.open_below(about, bucket_of(file), make)
    finally:
        os.close(about)


def names_in(bucket):
    """``{file name: [names of records]}`` of an open directory of records."""
    found = {}
    for name in dirfd.sorted_names(bucket):  # tens of thousands for one page
        if name[-33:-32] == _DOT:
            found.setdefault(name[:-33], []).append(name)
    return found


def read_all(bucket, names):
    """``[(time, name, record)]`` of these records, the latest one last. Raises Failed."""
    found = []
    for name in names:
        try:
            time = safe_paths.stat_regular(bucket, name).st_mtime
            found.append((time, name, records.read(bucket, name)))
        except errors.NotFound:  # removed concurrently
            continue
    found.sort(key=_age)
    return found


def _age(entry):
    return entry[:2]


def is_described(entries, content):
    """Whether one of these records is of the content with this identity, of whatever form."""
    return to_text(content) in [to_text(record.get('identity', '')) for _, _, record in entries]


def fitting(entries, content):
    """The latest of these records that is of the content with this identity, or None."""
    for _, _, record in reversed(entries):
        if to_text(record.get('identity', '')) == to_text(content):
            if to_text(record.get('schema', '')) != SCHEMA:
                raise errors.Failed('its record is not of a form that this module knows')
            return record
    return None


def of_operation(place, file, operation):
    """The record of an operation, or None."""
    bucket = open_bucket(place, file, False)
    if bucket is None:
        return None
    try:
        return records.read_if_there(bucket, _name(file, operation)) or None
    finally:
        os.close(bucket)


def _name(file, operation):
    return file + to_bytes('.' + operation)


# --- writing --------------------------------------------------------------------------------

def write(temporary, place, file, operation, record, is_new):
    """Write a record, in place of one of the same operation; older ones of this very content go.

    ``is_new``: nobody else can know the content yet. Then all other records of it go: they are of
    one that is gone, and whose inode this one has got, which had the same size and time.
    """
    bucket = open_bucket(place, file, True)
    try:
        name = _name(file, operation)
        state_dir.replace(temporary, operation, records.encode(dict(record, schema=SCHEMA)),
                          bucket, name)
        dirfd.sync(bucket)
        entries = read_all(bucket, names_in(bucket).get(file, []))
        for _, other, known in is_new and entries or _before(entries, name):
            if other != name and known.get('identity') == to_bytes(record['identity']):
                dirfd.remove(bucket, other)
    finally:
        os.close(bucket)


def prune(place, file, operation, kept):
    """Remove the records of contents that are gone: those that are older than that of this
    operation by more than a commit takes, but for one of the content with the identity ``kept``.
    """
    bucket = open_bucket(place, file, False)
    if bucket is None:
        return
    try:
        name = _name(file, operation)
        entries = read_all(bucket, names_in(bucket).get(file, []))
        earlier = _before(entries, name)
        if earlier:
            latest = entries[len(earlier)][0]
        for time, other, record in earlier:
            if time < latest - _COMMIT_SECONDS and (
                    not kept or to_text(record.get('identity', '')) != to_text(kept)):
                dirfd.remove(bucket, other)
    finally:
        os.close(bucket)


def _before(entries, name):
    """The records of a file that come before that one. Of two that are written at the same time
    one does not: so neither is lost through the other."""
    names = [entry[1] for entry in entries]
    if name not in names:  # a later record of it has taken its place, or it was deleted
        return []
    return entries[:names.index(name)]


def remove(place, file, operation):
    """Remove the record of an operation, which may be gone."""
    bucket = open_bucket(place, file, False)
    if bucket is not None:
        try:
            dirfd.remove(bucket, _name(file, operation))
        finally:
            os.close(bucket)


def forget(place, file, content, deleted):
    """Remove the records of a content that was deleted, and those of contents that went before it:
    all that are older, at that time of the file system's, than a commit takes.
    """
    bucket = open_bucket(place, file, False)
    if bucket is None:
        return
    try:
        for time, name, record in read_all(bucket, names_in(bucket).get(file, [])):
            if time < deleted - _COMMIT_SECONDS or to_text(
                    record.get('identity', '')) == to_text(content):
                dirfd.remove(bucket, name)
    finally:
        os.close(bucket)
