"""How the host's networks are set up: what decides which changes of them can succeed."""

import re

from libcloud_ovm3_host import errors, net_devices
from libcloud_ovm3_host.compat import plain, to_text

_LIBRARY = '/etc/xen/scripts/xen-network-common.sh'
_VLAN_SCRIPT = '/etc/xen/scripts/linuxbridge/ovs-vlan-bridge'
_NETWORK = '/etc/sysconfig/network'
_AGENT_INI = '/etc/ovs-agent/agent.ini'
_IFCFG = '/etc/sysconfig/network-scripts/ifcfg-'
_SWITCHES = ('linuxbridge', 'openvswitch')
_MODES = ('balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb',
          'balance-alb')  # linux/if_bonding.h, by number

_CALLED = re.compile(u'(?<![\\w${/.-])\\w*setup_\\w*bridge_port(?![\\w-])')
_DEFINED = re.compile(u'^[ \\t]*(?:function[ \\t]+(\\w+)|(\\w+)[ \\t]*\\([ \\t]*\\))', re.MULTILINE)
_ZEROCONF = re.compile(u'[ \\t]*(?:export[ \\t]+)?NOZEROCONF=([^#;]*)')
_OPTION = re.compile(u'[ \\t]*virtualnetwork[ \\t]*[=:](.*)')
_SECTION = re.compile(u'\\[([^\\]]*)\\]')
_BONDING = re.compile(u'[ \\t]*(?:export[ \\t]+)?BONDING_OPTS=(.*)')


def network_setup(dom0):
    """``{vlan_script, zeroconf, switch, bonds}``.

    ``vlan_script``: ``works``; ``broken``: the script that makes VLAN bridges calls a function that
    its library lacks (agent-behaviour.md 13); or ``unknown``. ``zeroconf``: whether the network
    scripts set its route at boot, ``on``, ``off`` or ``unknown``. ``switch``: ``linuxbridge``,
    ``openvswitch`` or ``unknown``, as the agent is configured. ``bonds``: a list of
    ``{bond, mode, saved}``, numbers from 0 to 6: the mode, and the one of the next boot, as its
    ifcfg- file says; each is missing where it is not known. Raises Failed.
    """
    return {'vlan_script': to_text(_vlan_script(dom0)), 'zeroconf': to_text(_zeroconf(dom0)),
            'switch': to_text(_switch(dom0)), 'bonds': _bonds(dom0)}


def _text(dom0, name):
    """The content of a file; None if it cannot be read."""
    try:
        return to_text(dom0.read(name))
    except errors.Failed:
        return None


def _vlan_script(dom0):
    library, script = _text(dom0, _LIBRARY), _text(dom0, _VLAN_SCRIPT)
    if library is None or script is None:
        return 'unknown'
    code = u'\n'.join([line for line in script.split(u'\n') if not line.strip().startswith(u'#')])
    defined = [first or second for first, second in _DEFINED.findall(library + u'\n' + code)]
    called = [name for name in _CALLED.findall(code)]
    missing = [name for name in called if name not in defined]
    if called and not missing:
        return 'works'
    if missing and u'_setup_bridge_port' in defined:  # the library that is known to lack it
        return 'broken'
    return 'unknown'


def _zeroconf(dom0):
    """Any value turns it off, and the last line counts (agent-behaviour.md 15.2)."""
    text = _text(dom0, _NETWORK)
    if text is None:
        return 'unknown'
    values = [match.group(1) for match in [_ZEROCONF.match(line) for line in text.split(u'\n')]
              if match]
    if values and values[-1].strip(u'"\' \t\r'):
        return 'off'
    return 'on'


def _switch(dom0):
    """Option ``virtualnetwork`` of section ``network`` (agent-behaviour.md 15.1)."""
    text = _text(dom0, _AGENT_INI)
    if text is None:
        return 'unknown'
    section, value = u'', u'linuxbridge'  # its default
    for line in text.split(u'\n'):
        if _SECTION.match(line):
            section = _SECTION.match(line).group(1).strip()
        elif section == u'network' and _OPTION.match(line):
            value = _OPTION.match(line).group(1).split(u';')[0].strip()
    if value in _SWITCHES:
        return value
    return 'unknown'


def _bonds(dom0):
    found = []
    for name in net_devices.names(dom0):
        mode = net_devices.bond_mode(dom0, name)
        if mode is None:
            continue
        bond = {'bond': to_text(name)}
        for key, value in (('mode', mode), ('saved', _saved(dom0, name))):
            if _number(value) is not None:
                bond[key] = _number(value)
        found.append(bond)
    return found


def _saved(dom0, bond):
    """The mode in the bond's ifcfg- file, a number or a name; '' if it has none."""
    value = ''
    for line in (_text(dom0, _IFCFG + bond) or u'').split(u'\n'):
        match = _BONDING.match(line)
        if match:
            words = match.group(1).split(u'#')[0].strip().strip(u'"\'').split()
            value = ([word[5:] for word in words if word.startswith(u'mode=')] or [u''])[-1]
    return value


def _number(mode):
    """The number of a mode that is given by its number, its name, or both; None if unknown."""
    for word in plain(mode).split():
        if word in _MODES:
            return list(_MODES).index(word)
        if word.isdigit() and int(word) < len(_MODES):
            return int(word)
    return None
