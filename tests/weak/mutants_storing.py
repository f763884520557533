"""Weaknesses put into files, chunks and documents."""

from tests.weak.mutant import Mutant

FILES = "hostside/files.py"
CHUNKS = "hostside/chunks.py"
NAMES = "hostside/directories.py"
OURS = "hostside/ours.py"
DOCUMENTS = "hostside/documents.py"

MUTANTS = [
    Mutant(
        "umask",
        NAMES,
        "    return os.open(places.below(directory, name), flags, FILE_MODE)",
        "    return os.open(places.below(directory, name), flags)",
        "storing.not_for_everybody",
    ),
    Mutant(
        "decimal-mode",
        NAMES,
        "FILE_MODE = int('0600', 8)",
        "FILE_MODE = 600",
        "storing.not_for_everybody",
    ),
    Mutant(
        "true-or-nil",
        NAMES,
        "    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW",
        "    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW",
        "storing.success_is_nil_and_a_second_time_is_refused",
    ),
    Mutant(
        "true-or-nil",
        FILES,
        "    return dom0.within(SECONDS, _create, dom0, path, size_bytes)",
        "    return dom0.within(SECONDS, _create, dom0, path, size_bytes) is None",
        "storing.success_is_nil_and_a_second_time_is_refused",
    ),
    Mutant(
        "status-ignored",
        NAMES,
        "    except OSError:\n        if error().errno != errno.ENOENT:\n"
        "            raise places.failure(error(), name)\n\n\ndef link(",
        "    except OSError:\n        pass\n\n\ndef link(",
        "storing.what_cannot_be_removed_is_said",
    ),
    Mutant(
        "links",
        FILES,
        "    directory, name = places.open_parent(dom0, path)\n    try:\n"
        "        places.status_in(directory, name)\n        directories.remove",
        "    directory, name = places.open_parent(dom0, path)\n    try:\n"
        "        directories.remove",
        "storing.links_stay_closed",
    ),
    Mutant(
        "links",
        NAMES,
        "    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW",
        "    flags = os.O_RDWR | os.O_CREAT",
        "storing.links_stay_closed",
    ),
    Mutant(
        "not-mounted",
        "hostside/places.py",
        "        raise errors.NotMounted(",
        "        return errors.NotMounted(",
        "storing.nothing_below_what_is_not_mounted",
    ),
    Mutant(
        "zeros-written",
        FILES,
        "        if data is None:\n            write_zeros(handle, offset + start, size)",
        "        if data is None:\n            write_at(handle, offset + start, _ZERO * size)",
        "storing.zeros_take_no_room",
    ),
    Mutant(
        "zeros-written",
        CHUNKS,
        "            bits.append(0)\n",
        "            bits.append(1)\n            blocks.append(block)\n",
        "storing.zeros_take_no_room",
    ),
    Mutant(
        "payload-text",
        FILES,
        "arguments.payload('chunk', chunk, CHUNK_BYTES + 4 + CHUNK_BYTES // 8)",
        "arguments.name_bytes('chunk', chunk)",
        "storing.payload_is_base64",
    ),
    Mutant(
        "endless-chunk",
        CHUNKS,
        "    if length > CHUNK_BYTES:",
        "    if length > CHUNK_BYTES * 1000:",
        "storing.chunks_have_a_limit",
    ),
    Mutant(
        "endless-chunk",
        FILES,
        "    arguments.number('length', length, 0, CHUNK_BYTES)",
        "    arguments.number('length', length, 0, LARGEST)",
        "storing.chunks_have_a_limit",
    ),
    Mutant(
        "chunk-unchecked",
        CHUNKS,
        "    if at != len(chunk):",
        "    if at > len(chunk):",
        "storing.chunks_fit",
    ),
    Mutant(
        "chunk-unchecked",
        CHUNKS,
        "    if 1 in bits[count:]:",
        "    if False:",
        "storing.chunks_fit",
    ),
    Mutant(
        "rename-overwrites",
        FILES,
        "    directories.link(directory, name, new_directory, new_name)\n",
        "    os.rename(places.below(directory, name), places.below(new_directory, new_name))\n",
        "storing.never_renamed_onto_something",
    ),
    Mutant(
        "unlogged",
        FILES,
        "    say(dom0, client, operation, 'write_file', [path]",
        "    (lambda *said: None)(dom0, client, operation, 'write_file', [path]",
        "storing.the_hosts_log_knows",
    ),
    Mutant(
        "logged",
        FILES,
        "'%d bytes at %d' % (length, offset))\n",
        "'%d bytes at %d: %r' % (length, offset, chunk.data))\n",
        "storing.the_hosts_log_knows",
    ),
    Mutant(
        "any-path",
        FILES,
        "        places.require_not_ours(path)\n",
        "        pass\n",
        "storing.our_own_folder_has_doors_of_its_own",
    ),
    Mutant(
        "no-limit",
        FILES,
        "    size_bytes, data = dom0.within(SECONDS, _read, dom0, path, offset, length)",
        "    size_bytes, data = _read(dom0, path, offset, length)",
        "storing.what_touches_a_mount_has_a_limit",
    ),
    Mutant(
        "no-limit",
        DOCUMENTS,
        "    found = dom0.within(SECONDS, _read, dom0, mount_point, name)",
        "    found = _read(dom0, mount_point, name)",
        "storing.what_touches_a_mount_has_a_limit",
    ),
    Mutant(
        "no-limit",
        "hostside/inventory.py",
        "dom0.within(max(0.5, share), _space, dom0, str(mount_point))",
        "_space(dom0, str(mount_point))",
        "storing.what_touches_a_mount_has_a_limit",
    ),
    Mutant(
        "not-closed",
        FILES,
        "        finally:\n            os.close(new_directory)",
        "        finally:\n            os.close",
        "storing.nothing_stays_open",
    ),
    Mutant(
        "rename-wins",
        OURS,
        "        directories.link(temporary, made, directory, name)\n    finally:\n"
        "        directories.remove(temporary, made)\n",
        "        os.rename(places.below(temporary, made), places.below(directory, name))\n"
        "    finally:\n        pass\n",
        "versions.the_first_one_wins",
    ),
    Mutant(
        "repeat-lost",
        DOCUMENTS,
        "    if stored['operation'] != operation:",
        "    if True:",
        "versions.a_repeated_request_is_recognised",
    ),
    Mutant(
        "repeat-lost",
        DOCUMENTS,
        "    if built_on != operation:",
        "    if True:",
        "versions.a_repeated_request_is_recognised",
    ),
    Mutant(
        "no-second-look",
        DOCUMENTS,
        "    _require_standing(folder, version, operation)\n    if modified",
        "    if modified",
        "versions.a_winner_looks_for_higher_versions",
    ),
    Mutant(
        "torn-read",
        DOCUMENTS,
        "    if data != _stored(version, fields[1], fields[2], fields[3], content):\n"
        "        return None\n",
        "",
        "versions.half_a_version_is_none",
    ),
    Mutant(
        "pruned-too-much",
        DOCUMENTS,
        "_versions(folder)[KEPT:]",
        "_versions(folder)[KEPT // 2:]",
        "versions.the_16_highest_stay",
    ),
    Mutant(
        "pruned-too-much",
        DOCUMENTS,
        "    versions.reverse()\n    return versions",
        "    return versions",
        "versions.the_16_highest_stay",
    ),
    Mutant(
        "pruned-too-early",
        DOCUMENTS,
        "modified - KEPT_SECONDS",
        "modified + KEPT_SECONDS",
        "versions.the_last_hour_stays",
    ),
    Mutant(
        "payload-text",
        DOCUMENTS,
        "arguments.payload('content', content, DOCUMENT_BYTES)",
        "arguments.name_bytes('content', content)",
        "versions.documents_are_base64_and_have_a_limit",
    ),
    Mutant(
        "umask",
        NAMES,
        "FILE_MODE = int('0600', 8)",
        "FILE_MODE = int('0666', 8)",
        "versions.documents_are_not_for_everybody",
    ),
    Mutant(
        "links",
        "hostside/places.py",
        "os.O_RDONLY | os.O_DIRECTORY | _FOLLOW_NOTHING)",
        "os.O_RDONLY | os.O_DIRECTORY)",
        "versions.documents_stay_inside",
    ),
    Mutant(
        "not-mounted",
        OURS,
        "    directory = places.open_root(dom0, mount_point)\n",
        "    directory = dom0.open_mount(str(mount_point.decode('ascii')))\n",
        "versions.not_where_nothing_is_mounted",
    ),
]
