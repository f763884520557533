"""Claims of VMs as plain data and as text (docs/claims.md). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaim, document_of
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.guards import DOUBT, FREE, GONE, MOVING, ON, Guard, hosts_of

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts import HostView
    from libcloud_ovm3.estate.repositories import Repository
    from libcloud_ovm3.estate.vms import VM, EstateSnapshot

# Kinds that the module does not have: nothing was claimed yet, and what could not be read.
NO_CLAIM, UNREAD = "none", "unknown"

_TEXTS = (
    *("operation", "client", "function", "state", "outcome", "fault"),
    *("source", "target", "paused", "saved", "error", "taken", "why"),
)


def guard_data(guard: Guard | None) -> dict[str, Any] | None:
    """What guards a VM, as :func:`claim_data`; None: nothing guards it.

    ``kind`` is ``none`` while it has no claim yet, which is not free, and ``unknown`` where its
    claim could not be read; ``why`` then says why.
    """
    if guard is None:
        return None
    if guard.claim is not None:
        return claim_data(guard.claim, guard.hosts, guard.addresses)
    kind = UNREAD if guard.error else NO_CLAIM
    known: dict[str, Any] = {
        "kind": kind,
        "version": 0,
        "hosts": [],
        "disks": [],
        **dict.fromkeys(_TEXTS),
    }
    return {**known, "why": guard.error or None}


def claim_data(
    claim: VMClaim, hosts: Sequence[HostView], addresses: Mapping[str, str]
) -> dict[str, Any]:
    """A claim: ``kind``, ``version``, ``hosts`` (``id``: server uuid; ``host``: its name, None if
    it is none of these; ``address``: its IP address, of one that is none of these the last that is
    known; ``boot``), ``disks`` (``path``, ``mode``) and the texts of
    :class:`.VMClaim` of the same names, None where it has none. ``source`` and ``target`` are
    names of hosts where these are known.
    """
    views = hosts_of(claim, hosts)
    names = {host: one.server.hostname or one.label for host, one in views.items() if one}
    known = {**addresses, **{host: one.address.host for host, one in views.items() if one}}
    texts = {key: getattr(claim, key) or None for key in _TEXTS}
    texts |= {key: names.get(texts[key] or "", texts[key]) for key in ("source", "target")}
    return {
        "kind": claim.kind or NO_CLAIM,
        "version": claim.version,
        "hosts": [
            {
                "id": host,
                "host": names.get(host),
                "address": known.get(host) or None,
                "boot": boot or None,
            }
            for host, boot in claim.hosts
        ],
        "disks": [{"path": path, "mode": mode} for mode, path in claim.disks],
        **texts,
    }


def claim_text(claim: Mapping[str, Any]) -> str:
    """Such data in a few words, as lists show it."""
    hosts = ", ".join(one["host"] or one["address"] or one["id"] for one in claim["hosts"])
    begun = [claim["function"], claim["state"]] if claim["operation"] else []
    text = f" ({', '.join(filter(None, begun))})" if any(begun) else ""
    if claim["error"]:
        return f"two domains were seen {claim['error']}"
    if claim["kind"] == FREE and claim["saved"]:
        return "suspended"
    return {
        NO_CLAIM: "none yet",
        UNREAD: "not read",
        ON: f"on {hosts}",
        MOVING: f"moving from {claim['source']} to {claim['target']}{text}",
        DOUBT: f"in doubt on {hosts}{text}",
        GONE: "free, its definition is deleted",
    }.get(claim["kind"], claim["kind"])


def is_in_doubt(claim: Mapping[str, Any]) -> bool:
    """Whether nobody knows yet on which hosts its VM is: it is not settled, or could not be read.

    Not of a VM without a claim, nor while the operation of its claim is known to go on.
    """
    is_open = claim["kind"] in (DOUBT, MOVING, UNREAD) or bool(claim["error"])
    return is_open and claim["state"] != "running"


def all_claims(snapshot: EstateSnapshot) -> list[dict[str, Any]]:
    """The claims of all repositories that have any, those without a definition included.

    Each as :func:`guard_data`, with ``id`` (repository and directory; of a VM without a definition
    whose directory is not known, the name of the document), ``vm_id`` and ``vm_name`` (None:
    nothing there is defined), ``repository_id`` and ``repository``.
    """
    return [one for repository in snapshot.repositories for one in _claims_in(repository, snapshot)]


def _claims_in(repository: Repository, snapshot: EstateSnapshot) -> Iterator[dict[str, Any]]:
    known = {"repository_id": repository.id, "repository": repository.record.alias or None}
    named = set()
    for vm in snapshot.vms.values():
        for one in vm.definitions:
            if one.repository_id == repository.id and one.guard is not None:
                named.add(document_of(one.directory))
                guard = replace(one.guard, hosts=snapshot.hosts)
                yield _listed(one.directory, vm, known, guard_data(guard) or {})
    if not isinstance(repository.claims, RepositoryClaims):
        return
    for document, claim in repository.claims.claims.items():
        if document not in named:
            if isinstance(claim, str):
                guard = Guard("", snapshot.hosts, error=claim)
            else:
                guard = Guard("", snapshot.hosts, claim, addresses=repository.claims.hosts)
            yield _listed(document.removeprefix("vm-"), None, known, guard_data(guard) or {})


def _listed(
    directory: str, vm: VM | None, known: Mapping[str, Any], claim: Mapping[str, Any]
) -> dict[str, Any]:
    claim_id = f"{known['repository_id']}/{directory}"
    named = {"vm_id": vm.id if vm else None, "vm_name": vm.name if vm else None}
    return {"id": claim_id, **named, **known, **claim}


def find_claim(snapshot: EstateSnapshot, text: str) -> dict[str, Any]:
    """The claim of the VM that a person means, by its name or id, or that of this id.

    :raises NodeNotFound: There is no such VM.
    :raises SearchIncomplete: It was not found, but not everything could be read.
    :raises AmbiguousName: Several VMs have this name.
    :raises PreconditionFailed: It has no claim, or several definitions.
    """
    found = all_claims(snapshot)
    for one in found:
        if one["id"] == text:
            return one
    vm = snapshot.vm_called(text)
    its = [one for one in found if one["vm_id"] == vm.id]
    if len(its) == 1:
        return its[0]
    if its:
        why = f"has several definitions, each with a claim: {', '.join(one['id'] for one in its)}"
    else:
        why = f"has no claim, so nothing guards it; `ovm3 claim settle {vm.id}` makes the first one"
    raise PreconditionFailed(f"VM {vm.label} {why}", nodes=[vm.summary])
