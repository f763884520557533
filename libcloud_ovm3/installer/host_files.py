"""Reads the state of an installation: from the host's disk and from its agent. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.hostmodule import api_label, api_of
from libcloud_ovm3.agent.probe import lacks
from libcloud_ovm3.errors import (
    AgentFault,
    CertificateRejected,
    HostNotVerified,
    HostUnreachable,
    OutcomeUnknown,
    PreconditionFailed,
)
from libcloud_ovm3.installer import patches, payload, table
from libcloud_ovm3.installer.host import Host

TABLE = "{site}/agent/target/api.py"
_VERSION = "libcloud_version"


class InstalledAgent(Protocol):
    """The part of :class:`libcloud_ovm3.agent.functions.Agent` that the installer uses."""

    def call(self, function: str, *arguments: Any, **how: Any) -> Any:
        """Call one function."""


@dataclass(frozen=True)
class ModuleState:
    """The agent's response to ``libcloud_version``.

    :ivar kind: ``installed``: the module responds. ``absent``: there is no such function.
        ``unexpected``: another response. ``unreachable``: no response.
    :ivar api: the module's API number, 0 if it does not respond or is
        from before API 1.
    :ivar text: the other response, or the error.
    """

    kind: Literal["installed", "absent", "unexpected", "unreachable"]
    api: int = 0
    text: str = ""


def read_module_state(agent: InstalledAgent) -> ModuleState:
    """Read which module the agent has.

    :raises BadCredentials: the agent does not accept user and password.
    :raises CertificateRejected, HostNotVerified: it may not be the intended agent.
    """
    try:
        value = agent.call(_VERSION, kind="read", limit=10.0)
    except AgentFault as error:
        is_absent = lacks(agent, _VERSION, error)
        return ModuleState("absent" if is_absent else "unexpected", text=error.text)
    except (CertificateRejected, HostNotVerified):
        raise  # the agent may be fine: the caller's pin, CA or name must be corrected
    except (HostUnreachable, OutcomeUnknown) as error:
        return ModuleState("unreachable", text=str(error))
    api = api_of(value) if isinstance(value, dict) else None
    if api is not None:
        return ModuleState("installed", api)
    return ModuleState("unexpected", text=repr(value)[:200])


def find_set_aside(agent: InstalledAgent) -> list[str]:
    """Return the files that interrupted deletions have set aside in the host's repositories.

    They are visible only through the module. What cannot be read is included, as a text.

    :raises Ovm3Error: they cannot be read.
    """
    found = []
    for record in documents.repository_db(agent.call("discover_repository_db")):
        if record.is_mounted:
            content = agent.call("libcloud_repository", record.id, "", kind="read")
            listed = content.get("aside", []) if isinstance(content, dict) else [content]
            for one in listed if isinstance(listed, list) else [listed]:
                known = isinstance(one, dict) and (one.get("path") or one.get("error"))
                found.append(str(known or one))
    return found


@dataclass(frozen=True)
class HostFiles:
    """What is on a host's disk.

    :ivar table: the agent's ``api.py``.
    :ivar files: contents of the files that patches need, by name; None: there is no such file.
    :ivar checksums: MD5 of those of the module's files that exist, by name below site-packages.
    :ivar manifest: the files of the last complete installation; None: there was none.
    :ivar folder_names: the entries of the module's directory.
    :ivar leftovers: temporary files of an interrupted installation, outside it.
    :ivar stray_files: this package's files under another Python.
    """

    table: bytes
    files: Mapping[str, bytes | None]
    checksums: Mapping[str, str]
    manifest: bytes | None
    folder_names: tuple[str, ...]
    has_folder: bool
    leftovers: tuple[str, ...]
    stray_files: tuple[str, ...] = ()

    @property
    def files_state(self) -> Literal["none", "complete", "partial"]:
        """Whether the module's files are there."""
        entries = [name for name in self.folder_names if not name.startswith("lock-")]
        if not entries and payload.ENTRY_POINT not in self.checksums:
            return "none"
        expected = payload.parse_manifest(self.manifest or b"")
        is_complete = bool(expected) and all(
            self.checksums.get(name) == checksum for name, checksum in expected.items()
        )
        return "complete" if is_complete else "partial"

    @property
    def is_current(self) -> bool:
        """Whether they are the files of this version of libcloud-ovm3."""
        return self.manifest == payload.manifest(payload.files())


def read_host_files(host: Host) -> HostFiles:
    """Read everything that an installation depends on.

    :raises PreconditionFailed: the agent's table is missing.
    """
    content = host.read(TABLE)
    if content is None:
        raise PreconditionFailed(f"{host.name}: {host.path(TABLE)} is missing")
    manifest = host.read(f"{{site}}/{payload.MANIFEST}")
    names = {**payload.files(), **payload.parse_manifest(manifest or b"")}
    edited = [TABLE, *(patch.file for patch in patches.PATCHES), patches.AGENT_INI]
    return HostFiles(
        content,
        {name: host.read(name) for name in patches.files_to_read()},
        host.checksums(sorted(names)),
        manifest,
        tuple(host.below(payload.FOLDER)),
        host.kind(f"{{site}}/{payload.FOLDER}") is not None,
        tuple(host.leftovers([*edited, f"{{site}}/{payload.ENTRY_POINT}"])),
        host.stray_files,
    )


Verdict = Literal[
    "not installed",
    "ok",
    "unregistered",
    "incomplete",
    "restart needed",
    "unexpected reply",
    "unreachable",
    "removed, restart needed",
]


@dataclass(frozen=True)
class State:
    """The state of an installation.

    :ivar verdict: the state in a word or two.
    :ivar text: the state in a sentence, with what to do.
    :ivar api: the API number of the module that responds, or 0.
    :ivar patches: name -> state.
    """

    verdict: Verdict
    text: str
    api: int
    patches: Mapping[str, patches.State]


def assess(on_disk: HostFiles, module: ModuleState) -> State:
    """Combine what is on the disk and what the agent reports. Pure."""
    verdict, text = _verdict(on_disk, module)
    states = {patch.name: patch.state(on_disk.files) for patch in patches.PATCHES}
    return State(verdict, text, module.api, states)


def _verdict(on_disk: HostFiles, module: ModuleState) -> tuple[Verdict, str]:
    lines = table.state(on_disk.table)
    if on_disk.stray_files:
        return "incomplete", (
            f"files are left from before an upgrade of the agent: "
            f"{', '.join(on_disk.stray_files)}; install again, or uninstall"
        )
    if (on_disk.files_state, lines) == ("none", "unregistered"):
        if module.kind == "installed":
            return "removed, restart needed", (
                "files removed but still loaded; restart the agent (uninstall again does it)"
            )
        return "not installed", "not installed" + _unreachable_suffix(module)
    if (on_disk.files_state, lines) == ("complete", "registered"):
        return _verdict_if_complete(on_disk, module)
    if (on_disk.files_state, lines) == ("complete", "unregistered"):
        return "unregistered", (
            "the files are there, but not registered in the agent's table, as after an upgrade of "
            "the agent; install again"
        )
    return "incomplete", (
        f"incomplete (files: {on_disk.files_state}; lines in the agent's table: {lines}); "
        f"install again to complete it, or uninstall to roll it back"
    )


def _verdict_if_complete(on_disk: HostFiles, module: ModuleState) -> tuple[Verdict, str]:
    if module.kind == "installed":
        other = "" if on_disk.is_current else "; its files are of another version; install again"
        return "ok", f"installed and working ({api_label(module.api)}){other}"
    if module.kind == "unreachable":
        return "unreachable", "installed" + _unreachable_suffix(module)
    if module.kind == "absent":
        return "restart needed", "installed, but the agent has not loaded it; install again"
    return "unexpected reply", f"installed, but the agent returned another reply: {module.text}"


def _unreachable_suffix(module: ModuleState) -> str:
    return f"; the agent is unreachable: {module.text}" if module.kind == "unreachable" else ""
