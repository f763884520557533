"""All known functions of the agent as data, from ``catalogue.json`` beside this file.

The data is read when it is first used, not at import. :mod:`.functions` is generated from it
(``tools/generate_functions.py``).
"""

from __future__ import annotations

import functools
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["read", "write", "long"]

# Agent module -> (attribute of Agent, class). "": sources call these functions, but show no class.
GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agent.api.common.Common": ("common", "Common"),
        "agent.api.host.linux.Linux": ("linux", "Linux"),
        "agent.api.hypervisor.xenxm.Xen": ("xen", "Xen"),
        "agent.api.repository.Repository": ("repository", "Repository"),
        "agent.api.storageplugin.StoragePlugin": ("storageplugin", "StoragePlugin"),
        "agent.api.network.linux_network.LinuxNetwork": ("network", "LinuxNetwork"),
        "agent.api.serverpool.ServerPool": ("serverpool", "ServerPool"),
        "agent.api.poolfs.ocfs2.PoolOCFS2": ("poolfs", "PoolOCFS2"),
        "agent.api.cluster.o2cb.ClusterO2CB": ("cluster", "ClusterO2CB"),
        "agent.api.remote.linux_remote.LinuxRemoteManagement": ("remote", "LinuxRemoteManagement"),
        "": ("unplaced", "Unplaced"),
    }
)


@dataclass(frozen=True)
class Argument:
    """One argument of a function.

    :ivar type: ``str``, ``int``, ``bool``, ``dict``, ``list``, or ``any`` if it is unknown.
    :ivar is_optional: Whether some client omits it. What the agent uses instead is unknown.
    :ivar listed: Its name in the agent's listing if that is probably not the real one, else "".
    """

    name: str
    type: str
    is_optional: bool = False
    listed: str = ""


@dataclass(frozen=True)
class Function:
    """One function of the agent.

    :ivar module: the agent's own class for it; "" where no source shows one.
    :ivar kind: ``read``, or ``write`` if it is not known to be read-only; ``long`` is a write.
    :ivar versions: ``3.2`` (only in a 3.2.1 agent's listing), ``3.3`` (seen only there and later),
        ``both`` or ``unknown``. That a function is gone is shown by no source.
    :ivar arguments: in the agent's order.
    :ivar has_more: further positional arguments exist that no source shows.
    :ivar other_arguments: the arguments on 3.3 where they differ, else empty.
    :ivar answer: type of the answer, as for arguments; ``?`` after it: or nil.
    :ivar answers: what is known of the answer, in words.
    :ivar about: what it does; "" where only its name is known.
    :ivar source: where that is from.
    :ivar arguments_from: where the arguments are from: the agent's listing, a call, a comment.
    :ivar probe: harmless arguments to see with whether it is there; None: it is not tried.
    """

    name: str
    module: str
    kind: Kind
    versions: str
    arguments: tuple[Argument, ...]
    has_more: bool
    other_arguments: tuple[Argument, ...]
    answer: str
    answers: str
    about: str
    source: str
    arguments_from: str
    probe: tuple[Any, ...] | None

    @property
    def group(self) -> str:
        """Where its method is: ``xen`` for ``agent.xen.list_vms``."""
        return GROUPS[self.module][0]


@functools.cache
def functions() -> Mapping[str, Function]:
    """All 202 functions by name, module by module."""
    data = pkgutil.get_data(__package__, "catalogue.json")
    assert data is not None, "catalogue.json is missing from the installation"
    found = [_function(entry) for entry in json.loads(data)["functions"]]
    found.sort(key=lambda function: list(GROUPS).index(function.module))
    return MappingProxyType({function.name: function for function in found})


def _function(entry: dict[str, Any]) -> Function:
    probe = entry.get("probe")
    return Function(
        name=entry["name"],
        module=entry["module"],
        kind=entry["kind"],
        versions=entry["versions"],
        arguments=_arguments(entry["arguments"]),
        has_more=entry.get("more", False),
        other_arguments=_arguments(entry.get("other_arguments", [])),
        answer=entry["answer"],
        answers=entry["answers"],
        about=entry.get("about", ""),
        source=entry["source"],
        arguments_from=entry["arguments_from"],
        probe=None if probe is None else tuple(probe),
    )


def _arguments(entries: list[dict[str, Any]]) -> tuple[Argument, ...]:
    return tuple(
        Argument(e["name"], e["type"], e.get("optional", False), e.get("listed", ""))
        for e in entries
    )
