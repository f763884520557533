"""Weaknesses put into what makes and removes bridges, and into guarded changes."""

from tests.mutants.mutant import Mutant

BRIDGES = "hostside/bridges.py"
RECORDS = "hostside/bridge_records.py"
REMOVAL = "hostside/bridge_removal.py"
CHANGE = "hostside/network_change.py"
CALLS = "hostside/network_calls.py"
STATE = "hostside/local_state.py"
FRAMES = "hostside/dhcp_frames.py"
LEASES = "hostside/dhcp_leases.py"

MUTANTS = [
    Mutant(
        "used-bridge-removed",
        BRIDGES,
        "    if not made or left['users'] or",
        "    if not made or",
        "networks.a_used_bridge_stays",
    ),
    Mutant(
        "used-bridge-removed",
        BRIDGES,
        "    return ([port for port in on_it if port not in own] + over,",
        "    return (over,",
        "networks.a_used_bridge_stays",
    ),
    Mutant(
        "used-bridge-removed",
        BRIDGES,
        "            net_devices.addresses(dom0, [bridge] + own))",
        "            net_devices.addresses(dom0, [bridge]))",
        "networks.a_used_bridge_stays",
    ),
    Mutant(
        "used-bridge-removed",
        REMOVAL,
        "        if users:\n",
        "        if False:\n",
        "networks.a_bridge_that_is_to_go_stays_while_it_is_used",
    ),
    Mutant(
        "foreign-bridge-removed",
        RECORDS,
        "    if not made:\n        return False\n",
        "",
        "networks.a_bridge_that_was_there_stays",
    ),
    Mutant(
        "foreign-bridge-removed",
        RECORDS,
        "        return made['index'] == '%d' % net_devices.index(dom0, bridge)",
        "        return True",
        "networks.a_bridge_made_in_its_place_stays",
    ),
    Mutant(
        "arrival-not-checked",
        BRIDGES,
        "    if not _comes_true(dom0, _is_on_vlan, request):",
        "    if fault:",
        "networks.what_is_there_counts",
    ),
    Mutant(
        "two-changes-at-once",
        STATE,
        "        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "        pass",
        "networks.the_lock_is_waited_for",
    ),
    Mutant(
        "change-not-undone",
        CHANGE,
        "    return found == change_records.CONFIRMED",
        "    return True",
        "networks.what_is_not_confirmed_is_undone",
    ),
    Mutant(
        "undone-without-need",
        CHANGE,
        "            if is_late or not _is_as(dom0, before):",
        "            if True:",
        "networks.what_was_there_is_not_undone",
    ),
    Mutant(
        "change-run-again",
        CHANGE,
        "        if change_records.get(dom0, request['operation'], 'request'):",
        "        if False:",
        "networks.a_change_is_made_once",
    ),
    Mutant(
        "argument-unchecked",
        CALLS,
        "            'arguments': [check(value) for check, value in zip(takes, given)]}",
        "            'arguments': list(given)}",
        "networks.only_documented_calls_are_made",
    ),
    Mutant(
        "not-its-address",
        FRAMES,
        "        if message['xid'] not in self.requests or (\n",
        "        if not self.requests or (\n",
        "networks.only_an_answer_to_the_card_itself_is_its_lease",
    ),
    Mutant(
        "not-its-address",
        FRAMES,
        "            if message['source'] != self.mac:\n                return None\n",
        "",
        "networks.only_an_answer_to_the_card_itself_is_its_lease",
    ),
    Mutant(
        "not-its-address",
        FRAMES,
        "        if message['type'] == ACK and not message['seconds']:",
        "        if message['type'] == ACK and message['seconds'] == 0:",
        "networks.only_an_answer_to_the_card_itself_is_its_lease",
    ),
    Mutant(
        "not-its-address",
        LEASES,
        "    return lease.get('boot') == dom0.boot_id() and 'address' in lease and (",
        "    return 'address' in lease and (",
        "networks.a_lease_ends_with_its_time_and_with_the_boot",
    ),
    Mutant(
        "not-its-address",
        LEASES,
        "dom0.uptime() < int(until)",
        "dom0.uptime()",
        "networks.a_lease_ends_with_its_time_and_with_the_boot",
    ),
]
