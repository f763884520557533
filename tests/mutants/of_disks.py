"""Weaknesses put into the operations on volumes, snapshots and images: each one loses data."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
ATTACHABLE = OPERATIONS + "attachable.py"
ATTACH = OPERATIONS + "attach_disk.py"
DETACH = OPERATIONS + "detach_disk.py"
DESTROY = OPERATIONS + "destroy_snapshot.py"
OWN = OPERATIONS + "own_disks.py"
REVERT = OPERATIONS + "revert_disk.py"
SNAPSHOT = OPERATIONS + "snapshot_disk.py"
PAUSING = OPERATIONS + "pausing.py"
DELETE_IMAGE = OPERATIONS + "delete_image.py"
TEMPLATE = OPERATIONS + "make_template.py"
CONTENTS = OPERATIONS + "template.py"

MUTANTS = [
    Mutant(
        "template-ignored",
        "libcloud_ovm3/estate/disks.py",
        "    more = read_templates(snapshot.repositories) + ",
        "    more = ",
        "disks.what_a_template_names_is_not_deleted",
    ),
    Mutant(
        "template-ignored",
        DESTROY,
        "    users = find_users(snapshot, [(repository, path)])\n",
        "    users: dict = {}\n",
        "disks.what_a_template_names_is_not_deleted",
    ),
    Mutant(
        "user-ignored",
        OPERATIONS + "create_vm.py",
        "            require_no_rivals(estate, plan.vm_id, plan.volumes)\n",
        "",
        "disks.a_new_node_gives_way_if_another_gets_its_volume",
    ),
    Mutant(
        "user-ignored",
        DESTROY,
        "    users = find_users(snapshot, [(repository, path)])\n",
        "    users: dict = {}\n",
        "disks.an_image_that_a_vm_names_is_not_deleted",
    ),
    Mutant(
        "user-ignored",
        DELETE_IMAGE,
        "        users = [why for path in others if (why := why_used(usage, "
        "posixpath.basename(path)))]\n",
        "        users: list = []\n",
        "disks.a_template_that_gets_a_user_is_put_back",
    ),
    Mutant(
        "unread-ignored",
        OWN,
        "    if usage.unread:\n",
        "    if False:\n",
        "disks.nothing_is_deleted_while_something_is_unread",
    ),
    Mutant(
        "volume-goes-along",
        OWN,
        "    if parse_file_name(file_name) is not None:",
        "    if False:",
        "disks.a_volume_does_not_go_with_a_node",
    ),
    Mutant(
        "attached-twice",
        ATTACHABLE,
        "    taken = why_taken(volume, vm_id, mode)\n",
        "    taken = ''\n",
        "disks.what_another_has_is_not_attached",
    ),
    Mutant(
        "attached-twice",
        ATTACHABLE,
        '    return one == other and one in ("w!", "r")\n',
        "    return True\n",
        "disks.what_another_has_is_not_attached",
    ),
    Mutant(
        "attached-twice",
        ATTACHABLE,
        "        if may_be_at(volume.id, path, found.disks):\n",
        "        if False:\n",
        "disks.what_may_be_the_same_lun_is_not_attached",
    ),
    Mutant(
        "attached-twice",
        ATTACH,
        "    if rival:\n",
        "    if False:\n",
        "disks.of_two_that_attach_one_gives_way",
    ),
    Mutant(
        "not-detached",
        DETACH,
        "    names = {key_of_path(path) for path in paths}\n",
        "    names = {key_of_path(volume.path)}\n",
        "disks.a_lun_is_detached_by_any_name",
    ),
    Mutant(
        "not-detached",
        DETACH,
        "        if not isinstance(fault, AgentFault) or not _TIMED_OUT.search(fault.text):\n"
        "            raise\n",
        "        if not isinstance(fault, AgentFault) or not _TIMED_OUT.search(fault.text):\n"
        "            raise\n        return\n",
        "disks.what_the_guest_keeps_is_not_detached",
    ),
    Mutant(
        "old-content-lost",
        REVERT,
        "    _put_in_place(operation, host, module, volume, new)\n"
        "    _clean_up(operation, host, module, volume, new)\n",
        "    _clean_up(operation, host, module, volume, new)\n"
        "    _put_in_place(operation, host, module, volume, new)\n",
        "disks.the_old_content_stays_until_the_new_is_there",
    ),
    Mutant(
        "old-content-lost",
        REVERT,
        "        put_back_file(operation, module, new.repository, volume.path)\n",
        "        doors.delete_aside(operation, module, volume.path)\n",
        "disks.the_old_content_stays_until_the_new_is_there",
    ),
    Mutant(
        "old-content-lost",
        REVERT,
        "    if snapshot.origin_key != origin_key(volume.id):\n",
        "    if False:\n",
        "disks.a_volume_is_not_reverted_to_another_s_snapshot",
    ),
    Mutant(
        "stays-paused",
        PAUSING,
        "            _resume(operation, snapshot, vm, live, mark, failed)\n",
        "            pass\n",
        "disks.what_was_paused_runs_again",
    ),
    Mutant(
        "torn-copy",
        SNAPSHOT,
        "                if not is_paused(live, vm.definition, found.estate.defined_ids):\n",
        "                if False:\n",
        "disks.a_copy_of_what_ran_meanwhile_is_none",
    ),
    Mutant(
        "torn-copy",
        SNAPSHOT,
        "        snapshot = read_estate(operation.estate)\n"
        "        require_idle(operation.estate, snapshot, source.path, volume.label)\n"
        "    except",
        "        pass\n    except",
        "disks.a_copy_of_what_was_started_meanwhile_is_none",
    ),
    Mutant(
        "not-a-snapshot",
        DESTROY,
        "    snapshot = found.snapshot(snapshot_id)\n",
        "    snapshot = found._found((*found.volumes, *found.snapshots), snapshot_id, '', ())\n",
        "disks.destroying_snapshots_deletes_no_volume",
    ),
    Mutant(
        "copied-into",
        DESTROY,
        "        require_still(operation, host, file, label)\n",
        "        pass\n",
        "disks.what_somebody_copies_into_is_not_deleted",
    ),
    Mutant(
        "cut-off",
        OPERATIONS + "resize_disk.py",
        "    if wanted < now:\n",
        "    if False:\n",
        "disks.a_volume_is_not_made_smaller",
    ),
    Mutant(
        "identity-kept",
        TEMPLATE,
        "        uuid=str(uuid.UUID(ident)),\n",
        "        uuid=config.uuid,\n",
        "disks.a_template_is_not_the_vm",
    ),
    Mutant(
        "identity-kept",
        TEMPLATE,
        "        vif=[anonymous(vif).text for vif in config.vifs],\n",
        "        vif=[vif.text for vif in config.vifs],\n",
        "disks.a_template_is_not_the_vm",
    ),
    Mutant(
        "identity-kept",
        TEMPLATE,
        "    if why := identity_in(others, config):\n",
        "    if why := '':\n",
        "disks.a_template_has_no_mac_in_any_option",
    ),
    Mutant(
        "identity-kept",
        CONTENTS,
        "        cards.append(anonymous(vif).changed(mac=mac).text)\n",
        "        cards.append(vif.text)\n",
        "disks.clones_have_macs_of_their_own",
    ),
]
