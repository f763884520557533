"""import_virtual_disk and import_ISO: downloads into a repository (agent-behaviour.md 5).

Only from plain HTTP on loopback: a simulator never connects to other machines.
"""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from libcloud_ovm3.simulator.agent.loopback import is_loopback
from libcloud_ovm3.simulator.errors import AgentFault, os_fault, plain_fault
from libcloud_ovm3.simulator.files import real_path
from libcloud_ovm3.simulator.host import SimulatedHost

SECONDS = 60.0
_PIECE = 1 << 16
_ISO_SECONDS = 3.0  # between the first piece of an ISO and the rest of it


def import_virtual_disk(
    host: SimulatedHost, url: str, virtual_disk_id: str, repo_uuid: str, option: Any = None
) -> None:
    """Download to ``VirtualDisks/<virtual_disk_id>``; nil when it is complete."""
    if option:
        raise plain_fault("not modelled by the simulator: the option of import_virtual_disk")
    target = _target(host, url, repo_uuid, "VirtualDisks", virtual_disk_id)
    _fetch(url, target)


def import_ISO(  # noqa: N802 - the agent's name
    host: SimulatedHost, url: str, iso_id: str, repo_uuid: str, option: Any = None
) -> None:
    """Download to ``ISOs/<iso_id>`` after the response; options fault, as seen in 2014.

    The first piece is there at once, the rest some seconds later.
    """
    if option is not None:
        raise AgentFault("exceptions.TypeError", "import_ISO() does not take an option")
    target = _target(host, url, repo_uuid, "ISOs", iso_id)

    def fetch() -> None:
        try:
            _fetch(url, target, lambda: host.clock.pause(_ISO_SECONDS))
        except (AgentFault, OSError) as error:
            host.log("ERROR", "service:97", f"import_ISO: {error}")

    host.clock.later(fetch, 0)


def _target(host: SimulatedHost, url: str, repo_uuid: str, folder: str, name: str) -> Path:
    if not _is_local_http(url):
        raise plain_fault("not modelled by the simulator: a URL that is not HTTP on loopback")
    if "/" in name or name in ("", ".", ".."):
        raise plain_fault(f"Invalid file name: {name!r}")
    with host.lock:
        if f"/OVS/Repositories/{repo_uuid}" not in host.mounts:
            raise plain_fault(f"Repository {repo_uuid} is not mounted")
        path = f"/OVS/Repositories/{repo_uuid}/{folder}/{name}"
        target = real_path(host, path)
    if target.exists():
        raise plain_fault(f"not modelled by the simulator: an import onto {path}, which exists")
    if not target.parent.is_dir():
        raise os_fault(2, "No such file or directory", path)
    return target


def _is_local_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which could lead away from loopback."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _fetch(url: str, target: Path, between: Callable[[], None] = lambda: None) -> None:
    """Download a file.

    :param between: called when its first half is there, but 64 KiB at most
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(url, timeout=SECONDS) as response, target.open("xb") as file:
            file.write(response.read(min(_PIECE, (response.length or 0) // 2)))
            file.flush()
            between()
            shutil.copyfileobj(response, file)
    except urllib.error.HTTPError as error:
        raise AgentFault("urllib2.HTTPError", f"HTTP Error {error.code}: {error.reason}") from None
    except urllib.error.URLError as error:
        raise AgentFault("urllib2.URLError", f"<urlopen error {error.reason}>") from None
