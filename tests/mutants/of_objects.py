"""Weaknesses put into containers, objects and uploads."""

from tests.mutants.mutant import Mutant

COMMITS = "hostside/commits.py"
CONTAINERS = "hostside/containers.py"
OBJECTS = "hostside/objects.py"
RECORDS = "hostside/abouts.py"
NAMES = "hostside/object_names.py"
UPLOADS = "hostside/uploads.py"

MUTANTS = [
    Mutant(
        "upload-overwrites",
        COMMITS,
        "        dirfd.link(folder, uploads.DATA, directory, name)\n    except errors.Exists:",
        "        _rename_over(folder, uploads.DATA, directory, name)\n    except errors.Exists:",
        "objects.a_file_of_the_repository_is_not_overwritten",
    ),
    Mutant(
        "upload-overwrites",
        COMMITS,
        "    aside.keep(dom0, operation, path, directory, name)\n",
        "",
        "objects.what_is_replaced_lies_aside",
    ),
    Mutant(
        "aside-overwrites",
        COMMITS,
        "    if not committed or abouts.identity(status) != to_text(committed['identity']):\n",
        "    if False:\n",
        "objects.nothing_is_restored_over_another_file",
    ),
    Mutant(
        "record-of-another",
        RECORDS,
        "        if to_text(record.get('identity', '')) == to_text(content):\n"
        "            if to_text(record.get('schema', '')) != SCHEMA:",
        "        if True:\n            if to_text(record.get('schema', '')) != SCHEMA:",
        "objects.a_record_is_of_one_content",
    ),
    Mutant(
        "record-of-another",
        RECORDS,
        "    return '%d-%d-%.6f' % (status.st_ino, status.st_size, status.st_mtime)",
        "    return '%d-%d-%.6f' % (status.st_ino, 0, 0)",
        "objects.a_record_is_of_one_content",
    ),
    Mutant(
        "record-lost",
        RECORDS,
        "            if time < latest - _COMMIT_SECONDS and (",
        "            if (",
        "objects.the_record_of_another_writer_stays",
    ),
    Mutant(
        "container-with-objects",
        CONTAINERS,
        "        if not remove_directory(place, DATA):",
        "        if False:",
        "objects.a_full_container_stays",
    ),
    Mutant(
        "name-not-encoded",
        NAMES,
        "    encoded = _OTHER.sub(_escape, name)\n",
        "    encoded = name\n",
        "objects.names_stay_in_their_folder",
    ),
    Mutant(
        "name-not-encoded",
        NAMES,
        "re.compile('[^A-Za-z0-9._-]'.encode('ascii'))",
        "re.compile('[^A-Za-z0-9._%-]'.encode('ascii'))",
        "objects.names_stay_in_their_folder",
    ),
    Mutant(
        "two-contents",
        OBJECTS,
        "    if wanted and abouts.identity(status) != wanted:\n",
        "    if False:\n",
        "objects.a_download_is_of_one_content",
    ),
    Mutant(
        "late-write",
        UPLOADS,
        "        _lock(handle, how)\n",
        "",
        "objects.who_writes_late_is_not_in_the_object",
    ),
    Mutant(
        "late-write",
        UPLOADS,
        "            if not dirfd.is_same(os.fstat(now), os.fstat(folder)):\n",
        "            if False:\n",
        "objects.who_has_adopted_an_upload_is_the_only_one",
    ),
    Mutant(
        "late-write",
        UPLOADS,
        "            require_no_object(handle)\n            files.write_pieces",
        "            files.write_pieces",
        "objects.nothing_is_written_into_an_object",
    ),
    Mutant(
        "late-write",
        COMMITS,
        "        if size > request['size']:\n",
        "        if False:\n",
        "objects.more_than_was_said_is_no_object",
    ),
]
