"""The hosts that have claims in a repository, in the folder of its claims:

* ``hosts/<uuid of the server>``: a random token of that host, so that no two hosts have one uuid.
  ``left`` where the module was taken from the host by force, while claims named it.
* ``addresses/<IP address>``: the uuid of the host that had it last; ``addresses/<uuid>``: the IP
  address that this host had last. It has that address if both say so: an address may have gone to
  another host since, and each host writes only what it knows of itself. No clock is asked.

All of it by an open descriptor of the folder.
"""

import binascii
import os
import re

from libcloud_ovm3_host import arguments, dirfd, errors, safe_paths, state_dir
from libcloud_ovm3_host.compat import plain, to_bytes

HOSTS, _ADDRESSES = 'hosts', 'addresses'
_LEFT = 'left'
_LONGEST = 100
_IP = re.compile('[0-9a-f]*[.:][0-9a-f.:]{1,44}\\Z')


def register(temporary, claims_folder, uuid, token, address):
    """Record that this host has claims here, and its address ('' if it is not known).

    Raises Conflict (another host has this uuid), Failed.
    """
    _in_folder(claims_folder, HOSTS, False, _put_token, temporary, uuid, token)
    address = plain(address).lower()
    if _IP.match(address):
        _in_folder(claims_folder, _ADDRESSES, True, _put_addresses, temporary, uuid, address)


def registered(claims_folder):
    """``[(uuid, address)]``, the address '' where it is not known. Raises Failed, ..."""
    uuids = _in_folder(claims_folder, HOSTS, False, state_dir.matching_names, arguments.SERVER)
    try:
        return _in_folder(claims_folder, _ADDRESSES, False, _addresses_of, uuids)
    except errors.NotFound:
        return [(uuid, '') for uuid in uuids]


def leave(temporary, claims_folder, uuid, is_named):
    """Whether no host with the module is left, when this one ('': not known which) has gone.

    ``is_named``: claims name it, or may: it stays known, with its address, but looks after nothing.
    """
    return _in_folder(claims_folder, HOSTS, False, _leave, temporary, uuid, is_named)


def _leave(folder, temporary, uuid, is_named):
    if uuid and is_named and _read(folder, uuid):
        state_dir.replace(temporary, _label(), to_bytes(_LEFT), folder, uuid)
    elif uuid:
        dirfd.remove(folder, uuid)
    dirfd.sync(folder)
    return not [name for name in dirfd.sorted_names(folder)
                if name != to_bytes(uuid) and _read(folder, plain(name)) != _LEFT]


def _in_folder(claims_folder, name, make, function, *given):
    """What the function returns of an open descriptor of one of the two folders."""
    directory = os.dup(claims_folder)
    if make:
        directory = dirfd.enter_or_make(directory, name)
    else:
        directory = safe_paths.enter(directory, name)
    try:
        return function(directory, *given)
    finally:
        os.close(directory)


def _put_token(folder, temporary, uuid, token):
    found = _read(folder, uuid)
    if found == '':
        try:
            state_dir.create(temporary, _label(), token, folder, uuid)
            return
        except errors.Exists:
            found = _read(folder, uuid)
    if found == _LEFT:  # its module is back
        state_dir.replace(temporary, _label(), token, folder, uuid)
    elif found != plain(token):
        raise errors.Conflict(
            'another host with the server uuid %s has claims in this repository; give this one a '
            'uuid of its own, or remove .libcloud-ovm3/claims/hosts/%s if that host is gone for '
            'good' % (uuid, uuid))


def _put_addresses(folder, temporary, uuid, address):
    for name, content in ((address, uuid), (uuid, address)):
        if _read(folder, name) != content:
            state_dir.replace(temporary, _label(), to_bytes(content), folder, name)


def _addresses_of(folder, uuids):
    found = []
    for uuid in uuids:
        address = _read(folder, uuid)
        if not _IP.match(address) or _read(folder, address) != uuid:
            address = ''
        found.append((uuid, address))
    return found


def _read(folder, name):
    """'' if there is no such file. Raises NotAllowed, Failed."""
    try:
        return plain(state_dir.read_whole(folder, name, _LONGEST))
    except errors.NotFound:
        return ''


def _label():
    return binascii.hexlify(os.urandom(8)).decode('ascii')
