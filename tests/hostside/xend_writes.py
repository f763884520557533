"""What xend writes to its log when domains begin and end: xend.md 1.6 and XendDomainInfo."""

VM, OTHER = '0b0b0b0b-0000-0000-0000-000000000001', '0c0c0c0c-0000-0000-0000-000000000002'
NAMES = {VM: 'web', OTHER: 'db'}


class Xend(object):
    """``lines``: what it has written. It also knows what is so: ``domains`` ``{domid: uuid}``, and
    ``restarts``: those that are under way."""

    def __init__(self):
        self.lines, self.domains, self.restarts, self.domid = [], {}, [], 0
        self.start()

    def write(self, text, level='DEBUG', source='XendDomainInfo:101'):
        self.lines.append('[2012-03-20 02:12:19 5447] %s (%s) %s\n' % (level, source, text))

    def start(self):
        self.write('Xend Daemon started', 'INFO', 'SrvDaemon:332')
        self.write('Listening on :8002', source='tcp:96 ')
        self.restarts = []
        for domid in sorted(self.domains):
            self.write("XendDomainInfo.recreate({'domid': %d})" % domid)
            self.write('Recreating domain %d, UUID %s. at /local/domain/%d' % (
                domid, self.domains[domid], domid), 'INFO')
            self.added(domid)

    def added(self, domid):
        self.write('Adding Domain: %d' % domid, source='XendDomain:535')

    def born(self, uuid, how='create', actions=''):
        """The line of a creation: it has no domain yet."""
        if how == 'create_from_dict':
            self.write("XendDomainInfo.create_from_dict({'uuid': '%s', 'name_label': '%s'%s})" % (
                uuid, NAMES[uuid], actions))
        else:
            self.write("XendDomainInfo.%s(['vm', ['name', '%s'], ['uuid', '%s']%s, ['device', "
                       "['vbd', ['uuid', '0d0d0d0d-0000-0000-0000-000000000003']]]])" % (
                           how, NAMES[uuid], uuid.replace('-', ''), actions))

    def build(self, uuid, how='create', actions=''):
        self.born(uuid, how, actions)
        self.domid += 1
        self.added(self.domid)
        self.domains[self.domid] = uuid
        return self.domid

    def stored(self, domid):
        self.write("Storing domain details: {'vm': '/vm/%s', 'domid': '%d', 'name': '%s'}" % (
            self.domains[domid], domid, NAMES[self.domains[domid]]))

    def create(self, uuid, how='create', actions=''):
        domid = self.build(uuid, how, actions)
        self.stored(domid)
        return domid

    def fail(self, uuid, how='create'):
        """It gets as far as a domain, as when pygrub finds nothing."""
        domid = self.build(uuid, how)
        self.write('VM start failed', 'ERROR')
        self.lines.append('Traceback (most recent call last):\n  File "x.py", line 1, in y\n')
        self.end(domid)
        self.write('Domain construction failed', 'ERROR')

    def end(self, domid):
        self.write('XendDomainInfo.destroy: domid=%d' % domid)
        self.write('XendDomainInfo.destroyDomain(%d)' % domid)
        self.domains.pop(domid, None)

    def shut_down(self, domid, reason='reboot'):
        name = NAMES[self.domains[domid]]
        if reason == 'crash':
            self.write('Domain has crashed: name=%s id=%d.' % (name, domid), 'WARNING')
        else:
            self.write('Domain has shutdown: name=%s id=%d reason=%s.' % (name, domid, reason),
                       'INFO')

    def begin_restart(self, domid, reason='reboot'):
        """The guest has stopped, its domain is gone, its thread waits for xend's lock."""
        self.shut_down(domid, reason)
        self.restarts.append((domid, self.domains[domid]))
        self.end(domid)

    def end_restart(self, position=0):
        domid, uuid = self.restarts.pop(position)
        return self.create(uuid, 'create_from_dict')

    def fail_restart(self, position=0, builds=True):
        domid, uuid = self.restarts.pop(position)
        if builds:
            self.fail(uuid, 'create_from_dict')
        self.write('Failed to restart domain %d.' % domid, 'ERROR')

    def is_open(self, uuid):
        return uuid in list(self.domains.values()) + [each for _, each in self.restarts]

    def text(self):
        return ''.join(self.lines)
