"""Disks in claims: what a VM holds while its claim is not free, and who is refused because of that.

The field ``disks`` of a claim is a text with one line for each disk: its mode, its path, and what
stands for it on all hosts as far as this one can tell, separated by tabs: ``wwid:<WWID>`` of a LUN,
``file:<repository>/<inode>`` of a file, a device's name in /dev/mapper; else the path once more.

A VM that is about to get a disk has it in its claim first, and reads the claims of others then: of
two that begin at once each finds the other's, so that one of them goes on at most.
"""

import re

from libcloud_ovm3_host import (block_devices, claim_records, claim_store, claims, errors, identify,
                                records, safe_paths, vm_disks, vm_files)
from libcloud_ovm3_host.compat import error, plain, to_bytes

SECONDS = 20  # for the claims of one repository, whose server may be dead

_REPOSITORY = re.compile(u'/OVS/Repositories/([0-9a-fA-F]{32})(?:/|\\Z)')
_WWID = re.compile(
    u'/dev/(?:mapper/3|disk/by-id/(?:dm-uuid-mpath|scsi)-3)([0-9a-f]{16}|[0-9a-f]{32})\\Z'
    u'|/dev/disk/by-id/wwn-0x([1235][0-9a-f]{15}|6[0-9a-f]{31})\\Z', re.IGNORECASE)
_LUN = u'wwid:'
_STARTS = (claims.START, claims.RESTORE)


# --- what a VM holds --------------------------------------------------------------------------

def wanted(function, content, parameters):
    """``[(mode, path)]``: the disks that a function of the agent gives to the VM.

    Of a start all of its vm.cfg; of a change those that it adds; of a save those that it shares,
    which nobody may change meanwhile. ``content``: the bytes of vm.cfg
    before it; None if there is none. Raises Conflict where they cannot be told.
    """
    try:
        if function in _STARTS:
            return vm_disks.of_vm_cfg(content)
        if function == claims.SAVE:
            return [disk for disk in vm_disks.of_vm_cfg(content) if disk[0] == u'w!']
        asked = []
        if function in ('configure_vm', 'create_vm'):
            asked = vm_disks.of_entries(parameters[0].get('disk') or [])
        had = asked and content and of_content(content) or []
        return [disk for disk in asked if disk not in had]
    except errors.Failed:
        raise errors.Conflict('which disks it is to have cannot be told: %s' % error())


def of_content(content):
    """``[(mode, path)]`` of a vm.cfg; where that cannot be understood, all paths that it has."""
    try:
        return vm_disks.of_vm_cfg(content)
    except errors.Failed:
        return vm_disks.any_path_of(content)


def found(dom0, content, entries):
    """The field of a VM with these domains (:func:`.observations.look`): what they have, and what
    its vm.cfg has; None where there is no domain. Raises Failed."""
    if not entries:
        return None
    disks = content and of_content(content) or []
    for entry in entries:
        disks = disks + vm_disks.of_devices(entry['device'])
    return field(dom0, disks)


def field(dom0, disks):
    """The field of a claim with these ``[(mode, path)]``."""
    keys = _keys(dom0, [path for _, path in disks])
    lines = [u'\t'.join([mode, path, vm_disks.one_line(keys[path])]) for mode, path in disks]
    return plain(u'\n'.join(sorted(set(lines))))


def _keys(dom0, paths):
    """``{path: what stands for it}``"""
    keys, found, devices = {}, {}, []
    absolute = [path for path in paths if path.startswith(u'/')]
    if absolute:
        try:
            found = dict([(entry['path'], entry) for entry in identify.identify(dom0, absolute)])
        except errors.HostModuleError:  # the path alone decides then
            pass
    if [path for path in paths if path.startswith(u'/dev/') and not _WWID.match(path)]:
        devices = _devices(dom0)
    for path in paths:
        keys[path] = _key(path, found.get(path, {}), devices)
    return keys


def _devices(dom0):
    try:
        return block_devices.block_devices(dom0)
    except errors.HostModuleError:  # the path alone decides then
        return []


def _key(path, found, devices):
    named = _WWID.match(path)
    if named:
        return _LUN + (named.group(1) or named.group(2)).lower()
    real = found.get('real', path)
    for device in devices:
        if device['device'] == real or path in device['names']:
            if device['wwid']:
                return _LUN + device['wwid']
            return ([name for name in device['names'] if name.startswith(u'/dev/mapper/')]
                    + [path])[0]
    in_repository = _REPOSITORY.match(real)
    if in_repository and found.get('type') == 'file':  # NFS and OCFS2: one number on all hosts
        return u'file:%s/%s' % (in_repository.group(1).lower(), found['inode'])
    return real


# --- who is refused ---------------------------------------------------------------------------

def conflict(function, wanted_disks, held, is_saved=False):
    """The first path of ``wanted_disks`` that is among ``held`` in a way that does not go together;
    '' if there is none. Both ``[(mode, path, key)]``.

    Before a start what others only read does not count, as in the driver's own check; a disk that
    is added goes together only with the same mode, shared (``w!``) or for reading. ``is_saved``: the
    holder's guest is: what it shares must not be changed until that is restored.
    """
    for mode, path, key in wanted_disks:
        for its_mode, its_path, its_key in held:
            is_one = key == its_key or (
                path == its_path and not (key.startswith(_LUN) and its_key.startswith(_LUN)))
            together = mode == its_mode and mode in (u'w!', u'r')
            if mode == u'w!' and (is_saved or function == claims.SAVE):
                together = False
            if function in _STARTS + (claims.SAVE,):
                together = together or its_mode.startswith(u'r')
            if is_one and not together:
                return path
    return u''


def refusal(dom0, request, wanted_field):
    """'' if no other VM's claim in a repository that is mounted here speaks against these disks, or
    which one does. To be asked when they are in this VM's own claim already.

    What cannot be read protects whatever it may name. Raises NotMounted, Failed.
    """
    disks = claim_records.disks_of(wanted_field)
    if not disks:
        return ''
    for _, point, _ in dom0.mounts():
        match = _REPOSITORY.match(point + u'/')
        if match and match.end() == len(point) + 1:
            try:
                found = dom0.within(SECONDS, _refusal_in, dom0, request, to_bytes(point), disks)
            except errors.HostModuleError:
                found = ('the claims of repository %s, which is mounted here, cannot be read, so '
                         'its VMs may hold them: %s' % (match.group(1), error()))
            if found:
                return plain(found)
    return ''


def _refusal_in(dom0, request, mount_point, disks):
    repository = plain(mount_point).split('/')[-1]
    for document, _, claim, problem in claim_store.newest(dom0, mount_point)[1]:
        if (mount_point, document) == (request['mount'], request['document']):
            continue
        whose = 'VM %s of repository %s' % (document[3:], repository)
        if problem:
            held = _of_damaged(dom0, mount_point, document)
            path = held is not None and conflict(request['function'], disks, held)
            if held is None or path:
                return 'the claim of %s cannot be read, so it may hold %s: %s (docs/claims.md)' % (
                    whose, safe_paths.printable(path or u'any disk'), problem)
            continue
        path = claim and conflict(request['function'], disks,
                                  claim_records.disks_of(claim['disks']), bool(claim['saved']))
        if path:
            return 'disk %s is held by %s, which is %s; if it is not: `ovm3 claim settle %s/%s`' % (
                safe_paths.printable(path), whose, claims.described(claim), repository, document[3:])
    return ''


def _of_damaged(dom0, mount_point, document):
    """What a VM may hold whose newest claim cannot be understood; None: that cannot be told.

    Nobody writes a version after one that is not understood. So it is what the version before it
    says, what that change was to add, which vm.cfg has by now, and each path in what is left of it.
    """
    if not document.startswith('vm-'):
        return None  # which directory that is cannot be told
    try:
        data, before = claim_store.before_damage(dom0, mount_point, document)
        disks = vm_disks.any_path_of(records.unescaped(data))
        try:
            disks += of_content(vm_files.content(dom0, vm_files.target(
                plain(mount_point).split('/')[-1], document[3:])))
        except errors.NotFound:
            pass
        return claim_records.disks_of(claims.joined(before['disks'], field(dom0, disks)))
    except errors.HostModuleError:
        return None
