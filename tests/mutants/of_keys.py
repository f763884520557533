"""Weaknesses put into key pairs, and into what is checked before a node is created."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
KEYS = OPERATIONS + "key_pairs.py"

MUTANTS = [
    Mutant(
        "key-lost",
        KEYS,
        "        if name in entries:\n",
        "        if False:\n",
        "keys.a_name_is_not_given_twice",
    ),
    Mutant(
        "key-lost",
        KEYS,
        '        if entries[name].get("public_key") != expected:\n',
        "        if False:\n",
        "keys.another_key_of_the_name_stays",
    ),
    Mutant(
        "key-lost",
        KEYS,
        "        if document.error:\n",
        "        if False:\n",
        "keys.what_a_newer_version_wrote_stays",
    ),
    Mutant(
        "key-lost",
        OPERATIONS + "change_document.py",
        '            if isinstance(failed, AgentFault) and failed.kind.endswith(".Conflict"):\n',
        "            if False:\n",
        "keys.what_another_client_writes_meanwhile_stays",
    ),
    Mutant(
        "key-guessed",
        "libcloud_ovm3/estate/key_pairs.py",
        "        if len(found) > 1:\n",
        "        if False:\n",
        "keys.of_two_of_a_name_none_is_guessed",
    ),
    Mutant(
        "key-guessed",
        KEYS,
        "    if found.errors and not found.chosen and repository_id is None:\n",
        "    if False:\n",
        "keys.nothing_changes_where_there_may_be_others",
    ),
    Mutant(
        "key-guessed",
        KEYS,
        "    if found.errors:\n",
        "    if False:\n",
        "keys.nothing_changes_where_there_may_be_others",
    ),
    Mutant(
        "attached-twice",
        OPERATIONS + "new_volumes.py",
        '        require_attachable(found, one, "", MODE)\n',
        "        pass\n",
        "keys.what_another_has_is_not_given_to_a_new_node",
    ),
    Mutant(
        "mark-forged",
        OPERATIONS + "vm_spec.py",
        "    if is_creating_mark(text):\n",
        "    if False:\n",
        "keys.a_description_that_marks_a_half_node_is_refused",
    ),
    Mutant(
        "cut-off",
        OPERATIONS + "plan_vm.py",
        "    if wanted < template_bytes:\n",
        "    if False:\n",
        "keys.a_disk_is_not_made_smaller_than_its_template",
    ),
]
