"""What is there: on the host's disk, and in its agent's answer. Reads only."""

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


class Agent(Protocol):
    """What is needed of an agent: :class:`libcloud_ovm3.agent.functions.Agent` has it."""

    def call(self, function: str, *arguments: Any, **how: Any) -> Any:
        """Call one function."""


@dataclass(frozen=True)
class ModuleState:
    """What the agent says to ``libcloud_version``.

    :ivar kind: ``ours``: the module answers. ``unknown``: there is no such function. ``odd``:
        something else comes. ``silent``: nothing comes.
    :ivar api: the module's number, 0 if it is not ours or from before API 1.
    :ivar text: what came instead.
    """

    kind: Literal["ours", "unknown", "odd", "unreachable"]
    api: int = 0
    text: str = ""


def ask(agent: Agent) -> ModuleState:
    """Ask the agent which module it has.

    :raises BadCredentials: the agent does not accept user and password.
    :raises CertificateRejected, HostNotVerified: it may not be the agent that was meant.
    """
    try:
        value = agent.call(_VERSION, kind="read", limit=10.0)
    except AgentFault as error:
        kind: Literal["unknown", "odd"] = "unknown" if lacks(agent, _VERSION, error) else "odd"
        return ModuleState(kind, text=error.text)
    except (CertificateRejected, HostNotVerified):
        raise  # the agent may be well: the caller's pin, CA or name is to be put right
    except (HostUnreachable, OutcomeUnknown) as error:
        return ModuleState("unreachable", text=str(error))
    api = api_of(value) if isinstance(value, dict) else None
    if api is not None:
        return ModuleState("ours", api)
    return ModuleState("odd", text=repr(value)[:200])


def set_aside(agent: Agent) -> list[str]:
    """The files that deletions have set aside in the host's repositories and left there, and what
    of that cannot be read: without the module nobody sees them.

    :raises Ovm3Error: it cannot be seen.
    """
    found = []
    for record in documents.repository_db(agent.call("discover_repository_db")):
        if record.is_mounted:
            answer = agent.call("libcloud_repository", record.id, "", kind="read")
            listed = answer.get("aside", []) if isinstance(answer, dict) else [answer]
            for one in listed if isinstance(listed, list) else [listed]:
                known = isinstance(one, dict) and (one.get("path") or one.get("error"))
                found.append(str(known or one))
    return found


@dataclass(frozen=True)
class HostFiles:
    """What lies on a host.

    :ivar table: the agent's ``api.py``.
    :ivar files: contents of what patches look at, by name.
    :ivar checksums: of our files that are there, by name below site-packages.
    :ivar manifest: what the last whole installation consisted of; None if none was.
    :ivar inside: everything in our folder.
    :ivar leftovers: temporary files of a cut installation, outside it.
    :ivar elsewhere: files of ours under another Python.
    """

    table: bytes
    files: Mapping[str, bytes | None]
    checksums: Mapping[str, str]
    manifest: bytes | None
    inside: tuple[str, ...]
    has_folder: bool
    leftovers: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()

    @property
    def is_there(self) -> Literal["none", "whole", "part"]:
        """Our files."""
        things = [name for name in self.inside if not name.startswith("lock-")]
        if not things and payload.DOOR not in self.checksums:
            return "none"
        wanted = payload.listed(self.manifest or b"")
        is_whole = bool(wanted) and all(self.checksums.get(n) == s for n, s in wanted.items())
        return "whole" if is_whole else "part"

    @property
    def is_current(self) -> bool:
        """Whether they are the files that this program carries."""
        return self.manifest == payload.manifest(payload.files())


def read_host_files(host: Host) -> HostFiles:
    """Read all that matters.

    :raises Refused: there is no such file as the agent's table.
    """
    content = host.read(TABLE)
    if content is None:
        raise PreconditionFailed(f"{host.name}: {host.path(TABLE)} is gone")
    manifest = host.read(f"{{site}}/{payload.MANIFEST}")
    names = {**payload.files(), **payload.listed(manifest or b"")}
    edited = [TABLE, *(patch.file for patch in patches.PATCHES), patches.AGENT_INI]
    return HostFiles(
        content,
        {name: host.read(name) for name in patches.files_to_read()},
        host.checksums(sorted(names)),
        manifest,
        tuple(host.below(payload.FOLDER)),
        host.kind(f"{{site}}/{payload.FOLDER}") is not None,
        tuple(host.leftovers([*edited, f"{{site}}/{payload.DOOR}"])),
        host.elsewhere,
    )


Verdict = Literal[
    "not installed",
    "answering",
    "thrown out",
    "half",
    "not loaded",
    "odd",
    "unreachable",
    "still loaded",
]


@dataclass(frozen=True)
class State:
    """How an installation is.

    :ivar verdict: in a word.
    :ivar text: in a sentence, with what to do.
    :ivar api: the number of the module that answers, or 0.
    :ivar patches: name -> state.
    """

    verdict: Verdict
    text: str
    api: int
    patches: Mapping[str, patches.State]


def judge(seen: HostFiles, answer: ModuleState) -> State:
    """What it comes to. Pure."""
    verdict, text = _verdict(seen, answer)
    states = {patch.name: patch.state(seen.files) for patch in patches.PATCHES}
    return State(verdict, text, answer.api, states)


def _verdict(seen: HostFiles, answer: ModuleState) -> tuple[Verdict, str]:
    lines = table.state(seen.table)
    if seen.elsewhere:
        return "half", (
            f"files of it are left from before an upgrade of the agent: "
            f"{', '.join(seen.elsewhere)}; install again, or uninstall"
        )
    if (seen.is_there, lines) == ("none", "out"):
        if answer.kind == "ours":
            return "still loaded", "gone from the disk, but the agent has it yet: uninstall again"
        return "not installed", "not installed" + _silence(answer)
    if (seen.is_there, lines) == ("whole", "in"):
        return _verdict_of_whole(seen, answer)
    if (seen.is_there, lines) == ("whole", "out"):
        return "thrown out", (
            "its files are there, but it is not in the agent's table, as after an upgrade of the "
            "agent: install again"
        )
    return "half", (
        f"half installed (files: {seen.is_there}; lines in the agent's table: {lines}): "
        f"install again to finish it, or uninstall to roll it back"
    )


def _verdict_of_whole(seen: HostFiles, answer: ModuleState) -> tuple[Verdict, str]:
    if answer.kind == "ours":
        other = (
            "" if seen.is_current else "; its files are not those of this program: install again"
        )
        return "answering", f"installed and answering ({api_label(answer.api)}){other}"
    if answer.kind == "unreachable":
        return "unreachable", "installed" + _silence(answer)
    if answer.kind == "unknown":
        return "not loaded", "on the disk, but the agent has not loaded it: install again"
    return "odd", f"on the disk, but the agent answers something else: {answer.text}"


def _silence(answer: ModuleState) -> str:
    return f"; the agent does not answer: {answer.text}" if answer.kind == "unreachable" else ""
