"""Weaknesses put into transfers of objects, and into their addresses."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
SEND = OPERATIONS + "send_file.py"
SOURCES = OPERATIONS + "file_sources.py"
UPLOAD = OPERATIONS + "upload_object.py"
OWN = OPERATIONS + "own_files.py"
FETCH = OPERATIONS + "fetch_file.py"
CDN = "libcloud_ovm3/storage/cdn.py"

MUTANTS = [
    Mutant(
        "torn-object",
        SEND,
        "    if found != wanted:\n",
        "    if False:\n",
        "transfers.what_arrives_otherwise_is_no_object",
    ),
    Mutant(
        "torn-object",
        SOURCES,
        "        if states[0] != states[1]:\n",
        "        if False:\n",
        "transfers.what_changes_while_it_is_sent_is_no_object",
    ),
    Mutant(
        "upload-left",
        UPLOAD,
        "        _withdraw(operation, container, label, failed)\n"
        "        if isinstance(failed, AgentFault):\n",
        "        if isinstance(failed, AgentFault):\n",
        "transfers.nothing_is_left_of_an_upload_that_failed",
    ),
    Mutant(
        "user-ignored",
        OWN,
        "    _require_replaceable(Operation(estate), found, path)\n",
        "",
        "transfers.what_a_vm_needs_is_not_even_sent",
    ),
    Mutant(
        "user-ignored",
        OWN,
        "        why = users_now(operation, [path]).get(path)\n",
        "        why = None\n",
        "transfers.what_a_vm_has_begun_to_need_is_put_back",
    ),
    Mutant(
        "two-contents",
        FETCH,
        "            mount, plain, found.name, offset, length, found.identity\n",
        "            mount, plain, found.name, offset, length\n",
        "transfers.a_download_is_of_one_content",
    ),
    Mutant(
        "two-contents",
        FETCH,
        "    if md5 is not None and md5.hexdigest() != found.md5:\n",
        "    if False:\n",
        "transfers.what_was_changed_on_the_host_is_said",
    ),
    Mutant(
        "two-contents",
        FETCH,
        '    content = f"{found.container.repository.id} {found.identity} {start} {end}"\n',
        '    content = f"{found.container.repository.id} {start} {end}"\n',
        "transfers.a_download_goes_on_with_the_same_content_only",
    ),
    Mutant(
        "not-resumed",
        FETCH,
        "    there = min(file.seek(0, os.SEEK_END), end - start)\n",
        "    there = 0\n",
        "transfers.a_download_goes_on_with_the_same_content_only",
    ),
    Mutant(
        "not-resumed",
        FETCH,
        "        _hash_file(md5, file, there)\n",
        "        pass\n",
        "transfers.a_download_goes_on_with_the_same_content_only",
    ),
    Mutant(
        "local-file-lost",
        OPERATIONS + "local_files.py",
        "    if overwrite:\n        with contextlib.suppress(FileNotFoundError):\n",
        "    if True:\n        with contextlib.suppress(FileNotFoundError):\n",
        "transfers.a_local_file_that_has_come_meanwhile_stays",
    ),
    Mutant(
        "address-of-all",
        CDN,
        "        scopes = [(container, name), (container,)]\n",
        "        signed, scopes = _signature(self.server.secret, token, end), [()]\n",
        "transfers.an_address_is_of_one_object_until_its_end",
    ),
    Mutant(
        "address-of-all",
        CDN,
        "        if cdn is None or cdn.now() > int(end):\n",
        "        if cdn is None:\n",
        "transfers.an_address_is_of_one_object_until_its_end",
    ),
    Mutant(
        "torn-object",
        CDN,
        "                asked = None  # a part of another content",
        "                pass  #",
        "transfers.the_rest_is_of_the_same_content",
    ),
]
