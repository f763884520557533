"""Plans an operation completely before anything is changed. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed, UnexpectedFileContent
from libcloud_ovm3.installer import patches, payload, table
from libcloud_ovm3.installer.host_files import TABLE, HostFiles
from libcloud_ovm3.installer.patches import AGENT_INI, PATCHES


@dataclass(frozen=True)
class Edit:
    """One file of the host, its content before and after."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Plan:
    """Everything that will be changed.

    :ivar put: this package's files to write, by name below site-packages, in this order.
    :ivar edits: files of the host to change, in this order.
    :ivar remove: files and directories to remove below site-packages.
    :ivar clean: temporary files to remove, by the name of the file beside which they are.
    :ivar stray_files: files to remove under another Python.
    """

    put: Mapping[str, bytes]
    edits: Sequence[Edit]
    remove: Sequence[str]
    clean: Sequence[str]
    stray_files: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.put or self.edits or self.remove or self.clean or self.stray_files)

    def edit_of(self, name: str) -> Edit | None:
        """Return the edit of one file of the host; None: it is not changed."""
        return next((edit for edit in self.edits if edit.name == name), None)

    def describe(self, where: Callable[[str], str]) -> str:
        """Return the list of files and their differences, for people.

        :param where: returns the path of a file.
        """
        lines = [f"write  {where('{site}/' + name)}" for name in self.put]
        lines += [f"change {where(edit.name)}" for edit in self.edits]
        lines += [f"remove {where('{site}/' + name)}" for name in self.remove]
        lines += [f"remove {where(name)}" for name in self.stray_files]
        lines += [
            f"remove what an interrupted installation left beside {where(name)}"
            for name in self.clean
        ]
        return "\n".join([*lines, *(_difference(edit, where) for edit in self.edits)])


def _difference(edit: Edit, where: Callable[[str], str]) -> str:
    name = where(edit.name)
    before, after = (
        [line.decode("utf-8", "backslashreplace") for line in content.split(b"\n")]
        for content in (edit.before, edit.after)
    )
    return "\n".join(difflib.unified_diff(before, after, name, name, lineterm=""))


def plan_install(
    on_disk: HostFiles, without: Sequence[str], options: Mapping[str, str], site: str
) -> Plan:
    """Plan an installation: the files, needed patches, options of agent.ini, and last the table.

    :param without: names of patches to skip; they are reverted where they are applied.
    :param options: new options of agent.ini.
    :raises InvalidArgument: there is no such patch.
    :raises PreconditionFailed: a file is missing or has an unknown structure.
    """
    unknown = set(without) - {patch.name for patch in PATCHES}
    if unknown:
        known = ", ".join(patch.name for patch in PATCHES)
        raise InvalidArgument(f"unknown patch {', '.join(sorted(unknown))}; known: {known}")
    files = payload.files()
    put = {n: c for n, c in files.items() if on_disk.checksums.get(n) != payload.md5(c)}
    edits = []
    for patch in PATCHES:
        content = on_disk.files[patch.file]
        if content is not None and patch.name in without:
            edits.append(Edit(patch.file, content, patch.revert(content)))
        elif content is not None and patch.state(on_disk.files) == "needed":
            edits.append(Edit(patch.file, content, _applied(patch, content)))
    if options:
        ini = on_disk.files[AGENT_INI]
        if ini is None:
            raise PreconditionFailed(f"{AGENT_INI} is missing")
        edits.append(Edit(AGENT_INI, ini, patches.set_options(AGENT_INI, ini, options)))
    edits.append(
        Edit(TABLE, on_disk.table, table.register(TABLE.replace("{site}", site), on_disk.table))
    )
    return Plan(
        put, _effective(edits), _obsolete(on_disk, files), on_disk.leftovers, on_disk.stray_files
    )


def plan_uninstall(on_disk: HostFiles, site: str) -> Plan:
    """Plan an uninstallation: first the table, so that it never refers to a missing file."""
    edits = [
        Edit(TABLE, on_disk.table, table.unregister(TABLE.replace("{site}", site), on_disk.table))
    ]
    for patch in PATCHES:
        content = on_disk.files[patch.file]
        if content is not None:
            edits.append(Edit(patch.file, content, patch.revert(content)))
    ini = on_disk.files[AGENT_INI]
    if ini is not None:
        edits.append(Edit(AGENT_INI, ini, patches.revert_options(ini)))
    remove = [f"{payload.FOLDER}/{name}" for name in on_disk.folder_names if not _is_lock(name)]
    entry_point = [payload.ENTRY_POINT] if payload.ENTRY_POINT in on_disk.checksums else []
    return Plan(
        {}, _effective(edits), [*entry_point, *remove], on_disk.leftovers, on_disk.stray_files
    )


def _effective(edits: Sequence[Edit]) -> list[Edit]:
    return [edit for edit in edits if edit.before != edit.after]


def _applied(patch: patches.Patch, content: bytes) -> bytes:
    try:
        return patch.apply(patch.file, content)
    except PreconditionFailed as error:
        raise UnexpectedFileContent(
            f"{error}\n(--without-patch {patch.name} skips this patch)"
        ) from None


def _obsolete(on_disk: HostFiles, files: Mapping[str, bytes]) -> list[str]:
    """Return what an earlier version or an interrupted installation has left in the directory."""
    kept = {name.partition("/")[2] for name in [*files, payload.MANIFEST]}
    kept |= {payload.BACKUP, "__pycache__"} | {name + end for name in kept for end in "co"}
    return [
        f"{payload.FOLDER}/{n}" for n in on_disk.folder_names if n not in kept and not _is_lock(n)
    ]


def _is_lock(name: str) -> bool:
    return name.startswith("lock-")
