"""Weaknesses put into what guests are told, idempotency keys, and the choice of a host."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
CREATE = OPERATIONS + "create_vm.py"
KEY = OPERATIONS + "same_key.py"
NETWORK = OPERATIONS + "guest_network.py"
PLACEMENT = OPERATIONS + "placement.py"

MUTANTS = [
    Mutant(
        "umask",
        "hostside/dirfd.py",
        "FILE_MODE = int('0600', 8)",
        "FILE_MODE = int('0644', 8)",
        "guests.a_seed_is_for_root_alone",
    ),
    Mutant(
        "seed-left",
        OPERATIONS + "destroy_vm.py",
        "    kept = delete_seeds(operation, snapshot, seeds)\n",
        "    kept = {}\n",
        "guests.a_seed_goes_with_its_node",
    ),
    Mutant(
        "seed-left",
        CREATE,
        "            withdraw_seed(plan.operation, plan.seed)\n",
        "            pass\n",
        "guests.a_seed_goes_with_a_creation_that_fails",
    ),
    Mutant(
        "user-ignored",
        OPERATIONS + "remove_seed.py",
        "            if why or host is None or host.module is None:\n",
        "            if host is None or host.module is None:\n",
        "guests.a_seed_that_another_node_names_stays",
    ),
    Mutant(
        "secret-told",
        OPERATIONS + "seed_image.py",
        "    return str(sha512_crypt.using(rounds=_ROUNDS).hash(password))\n",
        "    return password\n",
        "guests.a_password_is_told_as_a_hash",
    ),
    Mutant(
        "told-unasked",
        OPERATIONS + "write_seed.py",
        "    if not spec.guest.is_asked_for and not told:\n",
        "    if False:\n",
        "guests.nothing_is_told_that_nobody_asked_for",
    ),
    Mutant(
        "another-card",
        NETWORK,
        '        "mac_address": card.mac,\n',
        "",
        "guests.addresses_are_told_by_mac",
    ),
    Mutant(
        "another-card",
        NETWORK,
        '{"match": {"macaddress": card.mac}, "set-name": name}',
        '{"match": {"name": name}}',
        "guests.addresses_are_told_by_mac",
    ),
    Mutant(
        "made-twice",
        KEY,
        "    return str(uuid.uuid5(_NODES, key))\n",
        "    return str(uuid.uuid5(uuid.NAMESPACE_OID, key))\n",
        "guests.a_key_stands_for_the_same_node_in_every_version",
    ),
    Mutant(
        "key-guessed",
        KEY,
        "    if vm.name != spec.name:\n",
        "    if False:\n",
        "guests.another_name_is_refused",
    ),
    Mutant(
        "made-twice",
        CREATE,
        "            require_no_definition(plan)\n",
        "            pass\n",
        "guests.what_another_client_makes_meanwhile_is_not_made_again",
    ),
    Mutant(
        "made-twice",
        OPERATIONS + "own_definition.py",
        "    if not (has_mark(plan, config) or (is_configured and _is_unmarked(plan, config))):\n",
        "    if False:\n",
        "guests.what_another_client_has_written_over_it_stays",
    ),
    Mutant(
        "foreign-definition",
        CREATE,
        "    if plan.spec.key and not has_mark(plan, read_config(plan)):\n",
        "    if False:\n",
        "guests.what_another_client_has_written_over_it_stays",
    ),
    Mutant(
        "made-twice",
        KEY,
        "    if unread:\n",
        "    if False:\n",
        "guests.a_node_that_may_be_there_is_not_made",
    ),
    Mutant(
        "refused-late",
        OPERATIONS + "plan_vm.py",
        " or vm_id in recorded_metadata(image.repository).entries:\n",
        ":\n",
        "guests.what_cannot_be_removed_is_refused_first",
    ),
    Mutant(
        "another-machine",
        OPERATIONS + "deployable.py",
        "    if others:\n",
        "    if False:\n",
        "guests.an_address_that_another_node_has_is_not_logged_in_to",
    ),
    Mutant(
        "no-room",
        PLACEMENT,
        "if mb is not None and mb >= memory_mb]\n",
        "if mb is not None]\n",
        "guests.a_node_goes_where_memory_is_free",
    ),
    Mutant(
        "no-room",
        PLACEMENT,
        "    best, _ = max(able, ",
        "    best, _ = min(able, ",
        "guests.a_node_goes_where_memory_is_free",
    ),
]
