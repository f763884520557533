"""The agent's functions that change networks, with what they take (agent-behaviour.md 13).

Only those whose arguments are documented; each argument is checked before anything is called.
"""

from libcloud_ovm3_host import arguments, errors, network
from libcloud_ovm3_host.compat import bytes_type, text_type


def checked(what, calls, most):
    """A list of ``{function, arguments}`` or ``{}``, checked. Raises InvalidArgument."""
    if not isinstance(calls, (list, tuple)) or len(calls) > most:
        raise errors.InvalidArgument('%s: expected a list of at most %d' % (what, most))
    return [_checked('%s %d' % (what, number + 1), call) for number, call in enumerate(calls)]


def _checked(what, call):
    if call == {}:
        return {}
    if not isinstance(call, dict) or sorted(call) != ['arguments', 'function']:
        raise errors.InvalidArgument('%s: expected {function, arguments}' % what)
    function = arguments.one_of('%s: function' % what, call['function'], sorted(FUNCTIONS))
    given = call['arguments']
    if not isinstance(given, (list, tuple)):
        raise errors.InvalidArgument('%s: arguments: expected a list' % what)
    takes = FUNCTIONS[function]
    if function == 'ovs_ip_config' and len(given) == 2:
        takes = (arguments.device, _no_address)
    if len(given) != len(takes):
        raise errors.InvalidArgument('%s: %s: expected %d arguments, not %d' % (
            what, function, len(takes), len(given)))
    return {'function': function,
            'arguments': [check(value) for check, value in zip(takes, given)]}


def text(call):
    """A call in one line, for records and messages."""
    return ' '.join([call['function']] + ['%s' % (value,) for value in call['arguments']])


def removed_bridges(calls):
    """The bridges that calls remove."""
    return [call['arguments'][1] for call in calls
            if FUNCTIONS[call['function']][0] is _start_or_stop and call['arguments'][0] == 'stop']


def _start_or_stop(value):
    return arguments.one_of('action', value, ('start', 'stop'))


def _add_or_remove(value):
    return arguments.one_of('action', value, ('add', 'remove'))


def _static(value):
    return arguments.one_of('type', value, ('static',))


def _no_address(value):
    return arguments.one_of('type', value, ('dynamic', 'flush'))


def _vlan(value):
    return arguments.number('vlan', value, 1, 4094)


def _vlan_device(value):
    return arguments.number('vlan', value, 2, 4094)


def _mtu(value):
    return arguments.number('mtu', value, 1500, 64000)


def _mode(value):
    if value not in (1, 4, 6):
        raise errors.InvalidArgument('mode: expected 1, 4 or 6')
    return arguments.number('mode', value, 1, 6)


def _number_of(what, value):
    number = None
    if isinstance(value, (bytes_type, text_type)):
        number = network.number_of(value)
    if number is None:
        raise errors.InvalidArgument('%s: expected four numbers with dots' % what)
    return number


def _address(value):
    _number_of('ip', value)
    return str(value)


def _netmask(value):
    rest = 0xffffffff ^ _number_of('netmask', value)
    if rest & (rest + 1):
        raise errors.InvalidArgument('netmask: not a netmask')
    return str(value)


FUNCTIONS = {
    'ovs_br_config': (_start_or_stop, arguments.device, arguments.device),
    'ovs_local_config': (_start_or_stop, arguments.device),
    'ovs_vlan_bridge': (_start_or_stop, arguments.device, arguments.device, _vlan),
    'ovs_vlan_config': (_add_or_remove, arguments.device, _vlan_device),
    'ovs_ip_config': (arguments.device, _static, _address, _netmask),
    'ovs_change_mtu': (arguments.device, _mtu),
    'ovs_bond_mode': (arguments.device, _mode),
}
