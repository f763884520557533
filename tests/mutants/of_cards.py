"""Weaknesses put into the operations on network cards, and into what is known of addresses."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
NICS = OPERATIONS + "nic_changes.py"
UPDATE = OPERATIONS + "update_nic.py"
MACS = OPERATIONS + "same_macs.py"
ADDRESSES = "libcloud_ovm3/estate/addresses.py"

MUTANTS = [
    Mutant(
        "another-card",
        NICS,
        "    if numbers[place] != place and place in numbers:",
        "    if False:",
        "cards.another_card_does_not_go",
    ),
    Mutant(
        "another-card",
        NICS,
        "    if not lost or not is_same:",
        "    if True:",
        "cards.another_card_that_goes_is_named",
    ),
    Mutant(
        "another-card",
        "libcloud_ovm3/estate/cards.py",
        "            if entries[n] == places[place] == 1:",
        "            if n == place:",
        "cards.entries_without_a_mac_are_not_guessed",
    ),
    Mutant(
        "card-lost",
        UPDATE,
        "        raise _given_back(after, card, what, error) from error",
        "        raise error",
        "cards.a_card_is_given_back",
    ),
    Mutant(
        "card-lost",
        OPERATIONS + "record_card.py",
        "    if card.live is None or module is None:",
        "    if True:",
        "cards.a_card_that_is_lost_is_said",
    ),
    Mutant(
        "card-lost",
        OPERATIONS + "record_card.py",
        "    except (*NEVER_SENT, AgentFault, PreconditionFailed):",
        "    except BaseException:",
        "cards.a_card_that_is_lost_is_said",
    ),
    Mutant(
        "mac-twice",
        OPERATIONS + "new_cards.py",
        "        if mac not in taken:",
        "        if True:",
        "cards.a_known_mac_is_not_chosen",
    ),
    Mutant(
        "mac-twice",
        MACS,
        "    return defined | {(c.mac, c.bridge) for one in vm.live for c in one.domain.cards "
        "if c.mac}",
        "    return defined",
        "cards.a_known_mac_is_not_chosen",
    ),
    Mutant(
        "mac-twice",
        MACS,
        "        if not force:",
        "        if False:",
        "cards.a_doubled_mac_is_not_started",
    ),
    Mutant(
        "no-bridge",
        NICS,
        "        require_networks(cards, network)\n",
        "",
        "cards.a_bridge_is_there_first",
    ),
    Mutant(
        "no-bridge",
        NICS,
        "if one.bridge not in still])",
        "])",
        "cards.a_bridge_stays_with_its_other_card",
    ),
    Mutant(
        "foreign-address",
        ADDRESSES,
        "            if len(owners[mac]) == 1:",
        "            if True:",
        "cards.nothing_of_a_foreign_mac_is_shown",
    ),
    Mutant(
        "foreign-address",
        ADDRESSES,
        "        if not _is_elsewhere(mac, one.network, one.address, tables, hosts)",
        "        if True",
        "cards.what_is_in_conflict_is_not_shown",
    ),
    Mutant(
        "foreign-address",
        ADDRESSES,
        "        and not any(one.network in (network, None) for one in given.get(text, ()))",
        "        and True",
        "cards.what_is_in_conflict_is_not_shown",
    ),
    Mutant(
        "address-lost",
        NICS,
        "    return addresses_given_to(target.vm, mac, target.snapshot.repositories)",
        "    return tuple(one.address for one in target.vm.addresses if one.mac == mac)",
        "cards.recorded_addresses_follow_a_doubled_mac",
    ),
    Mutant(
        "refused-late",
        OPERATIONS + "attach_nic.py",
        "        require_addresses_recordable(target)",
        "        pass",
        "cards.an_address_is_refused_before_anything_is_sent",
    ),
    Mutant(
        "refused-late",
        OPERATIONS + "plan_vm.py",
        "        require_recordable(image.repository)",
        "        pass",
        "cards.an_address_is_refused_before_anything_is_sent",
    ),
]
