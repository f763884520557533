"""Weaknesses put into imports."""

from tests.mutants.mutant import Mutant

OPERATIONS = "libcloud_ovm3/operations/"
FORMATS = OPERATIONS + "image_formats.py"
CONVERT = OPERATIONS + "convert_image.py"
FETCH = OPERATIONS + "fetch_image.py"
FINISH = OPERATIONS + "finish_import.py"

MUTANTS = [
    *(
        Mutant(
            "torn-image",
            FORMATS,
            old,
            "    if False:\n",
            "imports.images_that_are_cut_off_are_refused",
        )
        for old in (
            "    if kind == 2 and size + len(tail) != size_bytes:\n",
            "    if size_bytes < data + block * count:  # qemu-img reads zeros beyond the end\n",
            "    if size_bytes < blocks * block:\n",
        )
    ),
    *(
        Mutant(
            "other-files",
            FORMATS,
            old,
            new,
            "imports.images_that_name_other_files_are_refused",
        )
        for old, new in (
            ('    if _unpack(">Q", head, 8, label):\n', "    if False:\n"),
            ('_unpack(">Q", head, 72, label) & 4:', '_unpack(">Q", head, 72, label) & 1:'),
            ('b"parentfilenamehint" in head[512 : 21 * 512].lower()', "False"),
        )
    ),
    Mutant(
        "torn-image",
        CONVERT,
        "        rest = stream.unused_data\n",
        "        return\n",
        "imports.a_stream_that_is_damaged_is_not_the_end",
    ),
    Mutant(
        "torn-image",
        OPERATIONS + "qcow2_tables.py",
        "    return stream.eof\n",
        "    return True\n",
        "imports.compressed_data_is_all_there",
    ),
    Mutant(
        "torn-image",
        FINISH,
        "    if size not in (fetch.size_bytes, padded(fetch.size_bytes)):\n",
        "    if False:\n",
        "imports.half_an_import_is_not_finished",
    ),
    Mutant(
        "torn-image",
        FETCH,
        "        if size == fetch.size_bytes:\n",
        "        if size:\n",
        "imports.nothing_is_an_image_before_it_is_complete",
    ),
    Mutant(
        "torn-image",
        FETCH,
        "        put_mark(operation, host, target, fetch.mark)\n        _note(fetch)\n",
        "",
        "imports.nothing_is_an_image_before_it_is_complete",
    ),
    Mutant(
        "no-disk",
        OPERATIONS + "raw_content.py",
        "    if packed or found.driver != RAW:\n",
        "    if False:\n",
        "imports.what_is_packed_is_no_template",
    ),
    Mutant(
        "no-disk",
        OPERATIONS + "grow_disk.py",
        "    if size_bytes == padded(size_bytes):\n",
        "    if True:\n",
        "imports.what_is_imported_is_padded_and_whole",
    ),
    Mutant(
        "no-disk",
        OPERATIONS + "import_file.py",
        "multiple=1 if is_iso else BLOCK)",
        "multiple=1)",
        "imports.what_is_imported_is_padded_and_whole",
    ),
    Mutant(
        "half-copy",
        FETCH,
        "            _remove(fetch, size, failed)\n",
        "",
        "imports.a_refused_import_leaves_nothing",
    ),
    Mutant(
        "other-files",
        OPERATIONS + "url_size.py",
        'SCHEMES = ("http", "https", "ftp")',
        'SCHEMES = ("http", "https", "ftp", "file")',
        "imports.files_of_the_host_are_not_fetched",
    ),
]
