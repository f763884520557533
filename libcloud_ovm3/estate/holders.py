"""Which files are still held open on hosts, where the host module can tell.

A domain that is off its host's list may still hold its disks, and a loop device writes through
Domain-0's page cache (xend.md 10.5). A host without the module does not say.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from libcloud_ovm3.agent.hostanswers import Holder
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.hosts import Estate, HostView, ask_all

RELEASE_LIMIT = 60.0  # seconds; xend gives a guest's devices up within some
POLL = 2.0


def wait_released(
    estate: Estate, hosts: Sequence[HostView], paths: Sequence[str]
) -> dict[str, str]:
    """Wait until no host that can tell holds any of these files.

    :param paths: absolute, on the hosts.
    :return: those that are still held after the limit, or of which it is not known, and by whom.
    """
    asked = [host for host in hosts if host.module is not None]
    deadline = estate.clock.now() + RELEASE_LIMIT
    while asked and paths:
        held = _held(asked, paths)
        if not held or estate.clock.now() >= deadline:
            return held
        estate.clock.sleep(POLL)
    return {}


def _held(hosts: Sequence[HostView], paths: Sequence[str]) -> dict[str, str]:
    held: dict[str, list[str]] = {}
    for host, answer in zip(hosts, ask_all(_holders, hosts), strict=True):
        for path in paths:
            if isinstance(answer, Ovm3Error):
                held.setdefault(path, []).append(f"not known: {answer}")
            else:
                held.setdefault(path, []).extend(
                    f"{who} on {host.label}" for who in _holding(answer, path)
                )
    return {path: "; ".join(who) for path, who in held.items() if who}


def _holders(host: HostView) -> Sequence[Holder]:
    assert host.module is not None, "only those that have it are asked"
    # It was there a moment ago: if it has gone meanwhile it is not known who holds what.
    return host.module.holders()


def _holding(holders: Sequence[Holder], path: str) -> Iterator[str]:
    """Who holds a file: by its name, because one file may be reached by several paths."""
    for one in holders:
        if one.path is None:
            yield f"not known ({one.kind}: {one.problem})"
        elif posixpath.basename(one.path) == posixpath.basename(path) or (
            one.problem and path.startswith(one.path)
        ):
            yield one.who
