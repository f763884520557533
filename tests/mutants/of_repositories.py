"""Weaknesses put into what changes repositories."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
DELETE = OPERATIONS + "delete_repository.py"
ERASABLE = OPERATIONS + "erasable.py"
USERS = "libcloud_ovm3/estate/repository_users.py"

MUTANTS = [
    Mutant(
        "share-lost",
        OPERATIONS + "create_repository.py",
        "        if (found.id, found.alias, found.owner) != (place.id, place.name, owner):\n",
        "        if False:\n",
        "repositories.what_is_on_an_export_stays",
    ),
    Mutant(
        "share-lost",
        OPERATIONS + "known_repositories.py",
        "        if its is not None and its.overlaps(share):\n",
        "        if its is not None and its.is_same(share):\n",
        "repositories.exports_do_not_overlap",
    ),
    Mutant(
        "unmounted-in-use",
        USERS,
        '        if any(f"{place}/" in named for place in places):\n',
        "        if False:\n",
        "repositories.what_starts_meanwhile_keeps_its_repository",
    ),
    Mutant(
        "unmounted-in-use",
        OPERATIONS + "repository_doors.py",
        "    if users:\n",
        "    if False:\n",
        "repositories.what_starts_meanwhile_keeps_its_repository",
    ),
    Mutant(
        "share-lost",
        USERS,
        '    yield from _counted("virtual disk", content.virtual_disks)\n',
        "",
        "repositories.a_volume_keeps_its_repository",
    ),
    Mutant(
        "share-lost",
        DELETE,
        '    if erase and undashed(confirm or "") != repository.key:\n',
        "    if False:\n",
        "repositories.nothing_is_erased_that_is_said_once",
    ),
    Mutant(
        "share-lost",
        ERASABLE,
        "    found = [one.name for one in page.entries if one.name not in _OWN]\n",
        "    found = []\n",
        "repositories.strangers_on_the_share_stay",
    ),
    Mutant(
        "unmounted-in-use",
        OPERATIONS + "detach_repository.py",
        "    if reasons:\n",
        "    if False:\n",
        "repositories.a_pool_keeps_the_repository_of_its_file_system",
    ),
    Mutant(
        "share-lost",
        ERASABLE,
        "    if own and not (its and its.is_same(own)):\n",
        "    if False:\n",
        "repositories.another_share_is_not_erased",
    ),
    Mutant(
        "share-lost",
        ERASABLE,
        "    if found is None or found.id != repository.key:\n",
        "    if False:\n",
        "repositories.another_repository_is_not_erased",
    ),
    Mutant(
        "share-lost",
        DELETE,
        "    require_as_before(operation, repository, host, erase=True)\n",
        "",
        "repositories.what_comes_at_the_last_moment_is_not_erased",
    ),
    Mutant(
        "share-lost",
        ERASABLE,
        "        if erase and now.content != repository.content:\n",
        "        if False:\n",
        "repositories.what_comes_at_the_last_moment_is_not_erased",
    ),
]
