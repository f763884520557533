"""Which variants of a test ``make test`` takes. ``make test-tables`` takes the others, but for
seven eighths of the longest tables, and variants of some: these are in ``make soak``.

Of each input one variant is taken (a personality, a dialect, with the module or without), always
the same one, so that all of them are met by some test; of the failure tables one row of some, of
what is tried with each of many methods half, of what goes further than the faults that were found
an eighth.
"""

from __future__ import annotations

import zlib
from collections import defaultdict

import pytest

from tests.support import DIALECTS, PERSONALITIES

FOLDERS = ("cli", "compute", "diagnostics", "estate", "faults", "operations", "storage", "system")
MODULE = ("agent", "module", "alone", "with the module")
VARIANTS = frozenset((*PERSONALITIES, *DIALECTS, *MODULE))
TABLES = (
    "test_attach_failures.py",
    "test_cd_drive_failures.py",
    "test_change_failures.py",
    "test_claims_failures.py",
    "test_clone_failures.py",
    "test_control0_failures.py",
    "test_create_failures.py",
    "test_create_whole_failures.py",
    "test_destroy_failures.py",
    "test_detach_failures.py",
    "test_hold_failures.py",
    "test_hosts_off_failures.py",
    "test_image_failures.py",
    "test_import_failures.py",
    "test_import_file_failures.py",
    "test_key_pair_failures.py",
    "test_label_failures.py",
    "test_migrate_failures.py",
    "test_network_failures.py",
    "test_nic_failures.py",
    "test_node_snapshot_failures.py",
    "test_object_failures.py",
    "test_power_failures.py",
    "test_record_address_failures.py",
    "test_repository_failures.py",
    "test_same_key.py",
    "test_seed_failures.py",
    "test_settings_failures.py",
    "test_settle_failures.py",
    "test_snapshot_failures.py",
    "test_vlan_failures.py",
    "test_volume_failures.py",
    "test_watch_dhcp.py",
)
ROWS = 48  # of the failure tables, one row of so many
# The longest tables: of the inputs that make test leaves out, seven of eight are in make soak.
LONGEST = (
    "test_claims_failures.py",
    "test_clone_failures.py",
    "test_control0_failures.py",
    "test_create_whole_failures.py",
    "test_hold_failures.py",
    "test_hosts_off_failures.py",
    "test_image_failures.py",
    "test_import_failures.py",
    "test_migrate_failures.py",
    "test_network_failures.py",
    "test_nic_failures.py",
    "test_node_snapshot_failures.py",
    "test_object_failures.py",
    "test_repository_failures.py",
    "test_settings_failures.py",
    "test_snapshot_failures.py",
    "test_volume_failures.py",
)
# Long tables whose rows hold in each variant (a personality, a dialect): of inputs that make test
# leaves out, one variant is in make test-tables, always the same one, and the others in make soak;
# rows with the module and rows without it are different ones.
ONE_VARIANT = (
    "test_attach_failures.py",
    "test_cd_drive_failures.py",
    "test_create_failures.py",
    "test_destroy_failures.py",
    "test_detach_failures.py",
    "test_power_failures.py",
    "test_seed_failures.py",
    "test_vlan_failures.py",
)
# Of these the variants that no other way than ``make soak`` takes: long tables in the other
# dialect of each personality.
_OTHER_DIALECT = ({"plain", "3.2.1"}, {"awkward", "3.3.3"})
IN_SOAK = {
    "test_network_failures.py": _OTHER_DIALECT,
    "test_repository_failures.py": _OTHER_DIALECT,
}
# Operations step by step, over a socket: of their tests ``make test`` takes a quarter.
STEPS = (
    "test_attach.py",
    "test_cards_out.py",
    "test_cd_drives.py",
    "test_change_definition.py",
    "test_clones.py",
    "test_containers.py",
    "test_create_from_template.py",
    "test_delete_orphan.py",
    "test_detach.py",
    "test_disks_at_once.py",
    "test_erasing.py",
    "test_fault_after.py",
    "test_import_file.py",
    "test_import_url.py",
    "test_key_again.py",
    "test_key_deletions.py",
    "test_label_bridges.py",
    "test_landing_late.py",
    "test_luns.py",
    "test_migrate.py",
    "test_network_by_module.py",
    "test_network_changes.py",
    "test_network_consent.py",
    "test_network_users.py",
    "test_never_guess.py",
    "test_new_from_iso.py",
    "test_new_settings.py",
    "test_new_volumes.py",
    "test_nic_bridges.py",
    "test_nic_sequences.py",
    "test_nics.py",
    "test_node_settings.py",
    "test_node_snapshots.py",
    "test_own_files.py",
    "test_release_bridges.py",
    "test_repositories.py",
    "test_revert.py",
    "test_right_machine.py",
    "test_same_macs.py",
    "test_secondary.py",
    "test_seeds.py",
    "test_settle_vm.py",
    "test_snapshots.py",
    "test_source_changes.py",
    "test_suspend.py",
    "test_transfers.py",
    "test_two_clients.py",
    "test_unfinished_copies.py",
    "test_vlan_bridges.py",
    "test_volumes.py",
    "test_what_was_seen.py",
    "test_which_nic.py",
)
# Over a socket too, for each of many methods, commands or forms of a file: ``make test`` takes half
# of these.
EACH = (
    "test_calls.py",
    "test_calls_of_forms.py",
    "test_examples.py",
    "test_read_only.py",
    "test_disks.py",
    "test_domains.py",
    "test_hosts_off.py",
    "test_odd_arguments.py",
    "test_vm_cfg_cases.py",
)
# The same for commands, methods, and what is read by both ways: half of these, whatever is given.
HALF = (
    "test_addresses.py",
    "test_blocks.py",
    "test_calls_of_forms.py",
    "test_disk_methods.py",
    "test_doctor_trouble.py",
    "test_file.py",
    "test_hostile_names.py",
    "test_hosts_in_trouble.py",
    "test_image.py",
    "test_images.py",
    "test_key_pairs.py",
    "test_lost_disks.py",
    "test_metadata.py",
    "test_networks.py",
    "test_nics.py",
    "test_nodes.py",
    "test_output.py",
    "test_placement_networks.py",
    "test_promises.py",
    "test_races.py",
    "test_snapshot.py",
    "test_terminal.py",
    "test_vm.py",
    "test_vm_create.py",
    "test_vm_nics.py",
    "test_vm_settings.py",
    "test_volume.py",
    "test_volumes.py",
    "test_with_module.py",
)
# Pages of docs/ whose examples are run: ``make test`` runs those of README.md.
EXAMPLES = ("test_python_examples", "test_commands")
# They run whole on Python 2.7 (``make test-py2``): on Python 3 ``make test`` takes a quarter.
HOSTSIDE = ("test_change_vm.py", "test_claim_changes.py", "test_jobs.py", "test_migrations.py")
MANY = 8  # inputs of one test, of which an eighth is taken in tests/faults/test_more_*


def mark_tables(items: list[pytest.Item]) -> None:
    """Mark what ``make test`` leaves out."""
    _mark_examples_and_hostside(items)
    variants: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    inputs: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.path.parent.name in FOLDERS:
            if any(pair <= set(_words(item)) for pair in IN_SOAK.get(item.path.name, ())):
                item.add_marker(pytest.mark.soak)
                continue
            function, given = _function_and_input(item)
            variants[function, given].append(item)
            inputs[function].add(given)
    for (function, given), same in variants.items():
        lot = zlib.crc32(f"{function}[{given}".encode("utf-8", "replace"))
        taken = same[lot // ROWS % len(same)]
        name = same[0].path.name
        left_out = name in TABLES and lot % ROWS and given
        left_out = left_out or (
            name.startswith("test_more_") and len(inputs[function]) > MANY and lot % 8
        )
        is_step = same[0].path.parent.name in ("operations", "storage") and name in STEPS
        left_out = left_out or (is_step and lot % 4)
        left_out = left_out or (name in EACH and given and lot % 2)
        left_out = left_out or (name in HALF and lot % 2)
        is_in_soak = left_out and name in LONGEST and lot >> 8 & 7
        for item in same:
            is_other = name in ONE_VARIANT and item is not _one_variant(item, same, lot)
            if is_in_soak or (left_out and is_other):
                item.add_marker(pytest.mark.soak)
            if left_out or item is not taken:
                item.add_marker(pytest.mark.tables)


def _one_variant(item: pytest.Item, same: list[pytest.Item], lot: int) -> pytest.Item:
    """Of the variants that have the host module as this one has it, or do not, the one to take."""
    has = set(_words(item)).intersection(MODULE)
    alike = [one for one in same if set(_words(one)).intersection(MODULE) == has]
    return alike[lot // ROWS % len(alike)]


def _mark_examples_and_hostside(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.path.name
        is_example = name == "test_docs.py" and item.name.startswith(EXAMPLES)
        is_hostside = name in HOSTSIDE and item.path.parent.name == "hostside"
        is_left_out = is_example and "[README.md" not in item.name
        if is_left_out or (is_hostside and zlib.crc32(item.name.encode()) % 4):
            item.add_marker(pytest.mark.tables)


def _function_and_input(item: pytest.Item) -> tuple[str, str]:
    function = item.nodeid.partition("[")[0]
    return function, "-".join(word for word in _words(item) if word not in VARIANTS)


def _words(item: pytest.Item) -> list[str]:
    call = getattr(item, "callspec", None)
    return call.id.split("-") if call is not None else []
