"""What is to be done, from what was seen: decided as a whole before anything is changed. Pure."""

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
    """One file of the host and what becomes of it."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Plan:
    """Everything that is to be done.

    :ivar put: files of ours to write, by name below site-packages, in this order.
    :ivar edits: files of the host, in this order.
    :ivar remove: what is to go from site-packages.
    :ivar clean: temporary files to remove, by the name of the file they lie beside.
    :ivar elsewhere: what is to go from under another Python.
    """

    put: Mapping[str, bytes]
    edits: Sequence[Edit]
    remove: Sequence[str]
    clean: Sequence[str]
    elsewhere: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.put or self.edits or self.remove or self.clean or self.elsewhere)

    def edit_of(self, name: str) -> Edit | None:
        """What is to become of one file of the host."""
        return next((edit for edit in self.edits if edit.name == name), None)

    def described(self, where: Callable[[str], str]) -> str:
        """Files and differences, for a person.

        :param where: a file's name -> where it lies.
        """
        lines = [f"write  {where('{site}/' + name)}" for name in self.put]
        lines += [f"change {where(edit.name)}" for edit in self.edits]
        lines += [f"remove {where('{site}/' + name)}" for name in self.remove]
        lines += [f"remove {where(name)}" for name in self.elsewhere]
        lines += [
            f"remove what a cut installation left beside {where(name)}" for name in self.clean
        ]
        return "\n".join([*lines, *(_difference(edit, where) for edit in self.edits)])


def _difference(edit: Edit, where: Callable[[str], str]) -> str:
    name = where(edit.name)
    before, after = (
        [line.decode("utf-8", "backslashreplace") for line in content.split(b"\n")]
        for content in (edit.before, edit.after)
    )
    return "\n".join(difflib.unified_diff(before, after, name, name, lineterm=""))


def for_install(
    seen: HostFiles, without: Sequence[str], options: Mapping[str, str], site: str
) -> Plan:
    """Our files, the patches that are needed, agent.ini if asked, and the table last.

    :param without: names of patches to leave out; they are taken back where they are applied.
    :param options: for agent.ini.
    :raises InvalidArgument: no such patch.
    :raises Refused: a file's structure is not the one that is known.
    """
    unknown = set(without) - {patch.name for patch in PATCHES}
    if unknown:
        known = ", ".join(patch.name for patch in PATCHES)
        raise InvalidArgument(f"no patch {', '.join(sorted(unknown))}; known: {known}")
    files = payload.files()
    put = {n: c for n, c in files.items() if seen.checksums.get(n) != payload.md5(c)}
    edits = []
    for patch in PATCHES:
        content = seen.files[patch.file]
        if content is not None and patch.name in without:
            edits.append(Edit(patch.file, content, patch.revert(content)))
        elif content is not None and patch.state(seen.files) == "needed":
            edits.append(Edit(patch.file, content, _applied(patch, content)))
    if options:
        ini = seen.files[AGENT_INI]
        if ini is None:
            raise PreconditionFailed(f"{AGENT_INI} is not there")
        edits.append(Edit(AGENT_INI, ini, patches.set_options(AGENT_INI, ini, options)))
    edits.append(Edit(TABLE, seen.table, table.put_in(TABLE.replace("{site}", site), seen.table)))
    return Plan(put, _real(edits), _obsolete(seen, files), seen.leftovers, seen.elsewhere)


def for_uninstall(seen: HostFiles, site: str) -> Plan:
    """The table first, so that it never names a file that is gone; then the other files."""
    edits = [Edit(TABLE, seen.table, table.take_out(TABLE.replace("{site}", site), seen.table))]
    for patch in PATCHES:
        content = seen.files[patch.file]
        if content is not None:
            edits.append(Edit(patch.file, content, patch.revert(content)))
    ini = seen.files[AGENT_INI]
    if ini is not None:
        edits.append(Edit(AGENT_INI, ini, patches.revert_options(ini)))
    remove = [f"{payload.FOLDER}/{name}" for name in seen.inside if not _is_lock(name)]
    door = [payload.DOOR] if payload.DOOR in seen.checksums else []
    return Plan({}, _real(edits), [*door, *remove], seen.leftovers, seen.elsewhere)


def _real(edits: Sequence[Edit]) -> list[Edit]:
    return [edit for edit in edits if edit.before != edit.after]


def _applied(patch: patches.Patch, content: bytes) -> bytes:
    try:
        return patch.apply(patch.file, content)
    except PreconditionFailed as error:
        raise UnexpectedFileContent(
            f"{error}\n(--without-patch {patch.name} leaves it out)"
        ) from None


def _obsolete(seen: HostFiles, files: Mapping[str, bytes]) -> list[str]:
    """What an earlier version of ours, or a cut installation, has left in our folder."""
    kept = {name.partition("/")[2] for name in [*files, payload.MANIFEST]}
    kept |= {payload.BACKUP, "__pycache__"} | {name + end for name in kept for end in "co"}
    return [f"{payload.FOLDER}/{n}" for n in seen.inside if n not in kept and not _is_lock(n)]


def _is_lock(name: str) -> bool:
    return name.startswith("lock-")
