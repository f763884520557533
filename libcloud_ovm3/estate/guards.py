"""What guards a VM against a second start: its claim, by the host module (docs/claims.md). Pure.

A VM without a guard is changed as hosts without the module are: what is left to chance then is in
docs/guarantees.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.identifiers import undashed
from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaim, document_of

if TYPE_CHECKING:
    from libcloud_ovm3.estate.definitions import Definition
    from libcloud_ovm3.estate.hosts import HostView
    from libcloud_ovm3.estate.repositories import Repository

BEGINS = (
    True  # whether repositories get claims once all hosts have the module; tests do without, too
)

FREE, ON, DOUBT, MOVING, GONE = "free", "on", "doubt", "moving", "gone"

UNGUARDED = (  # the warning of each call that is told so
    "ex_unguarded: on a host without claims nothing keeps a VM from being started twice: neither "
    "what other clients start there, nor a guest that reboots there, stands in its claim. When it "
    "is gone from there, only you can say so (ex_settle_node with ex_gone_from)"
)


@dataclass(frozen=True)
class Guard:
    """How a VM is guarded.

    :ivar folder: The name of the claims of its repository; "": there are none yet.
    :ivar hosts: The hosts that have its repository mounted.
    :ivar claim: Its claim; None: it has none yet, and that is not free.
    :ivar error: Why that is not known; "": it is. Nothing is changed then.
    :ivar unseen: Why another host may have it mounted, too. The first claim of a VM has to name all
        of them, so it is not made then.
    :ivar addresses: The hosts with claims of this repository, by their server uuids, with the IP
        address that each had last; "" if it is not known.
    """

    folder: str
    hosts: tuple[HostView, ...] = field(repr=False)
    claim: VMClaim | None = None
    error: str = ""
    unseen: tuple[str, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)

    def label(self, host_id: str) -> str:
        """How messages name a host of a claim."""
        view = hosts_by_id(self.hosts).get(undashed(host_id))
        address = self.addresses.get(host_id)
        return view.label if view else f"{host_id} (last at {address})" if address else host_id

    @property
    def is_suspended(self) -> bool:
        """Whether its claim says that the memory of its guest is saved."""
        return self.claim is not None and self.claim.is_suspended

    @property
    def saved_disks(self) -> tuple[str, ...]:
        """The paths of what the saved memory of a suspended guest refers to; empty: nothing is."""
        disks = self.claim.disks if self.claim is not None and self.is_suspended else ()
        return tuple(path for _, path in disks)

    def with_claim(self, claim: VMClaim) -> Guard:
        """The same with a claim that was read since."""
        return replace(self, folder=claim.folder, claim=claim if claim.version else None)


def guard_of(
    repository: Repository, directory: str, all_answer: bool, unseen: tuple[str, ...] = ()
) -> Guard | None:
    """The guard of the VM in this directory; None: it has none.

    :param all_answer: Whether all hosts of the estate have answered, so that it is known which have
        the repository mounted. Only then a repository gets its first claims.
    :param unseen: Why not, but for hosts of which the user says that they are off.
    """
    claims, hosts = repository.claims, repository.mounted_on
    with_claims = [host for host in hosts if host.module_claims is not None]
    if not isinstance(claims, RepositoryClaims):
        if not with_claims:
            return None
        return Guard("", hosts, error=claims or "the host module could not list them")
    if not claims.folder and not (BEGINS and all_answer and len(with_claims) == len(hosts)):
        return None
    claim = claims.claims.get(document_of(directory))
    if isinstance(claim, str):
        return Guard(claims.folder, hosts, error=claim)
    return Guard(claims.folder, hosts, claim, unseen=unseen, addresses=claims.hosts)


def with_guards(
    definitions: Iterable[Definition],
    repositories: Iterable[Repository],
    all_answer: bool,
    unseen: tuple[str, ...] = (),
) -> list[Definition]:
    """These definitions with their guards. One without a uuid gets no claim: xend makes one at each
    start, so no host could tell whether it has the VM. If it has one its vm.cfg had a uuid, and was
    cut off or edited since: it may run by that, and its hosts know it. One that its creation has
    left, free, has never run; through its claim no host could tell which VM to delete."""
    by_id: Mapping[str, Repository] = {one.id: one for one in repositories}
    found = []
    for one in definitions:
        guard = None
        if one.repository_id in by_id:
            guard = guard_of(by_id[one.repository_id], one.directory, all_answer, unseen)
        if guard and one.own_uuid is None and not _may_run(guard, one):
            guard = None
        found.append(replace(one, guard=guard))
    return found


def _may_run(guard: Guard, definition: Definition) -> bool:
    """Whether a claim stands for a VM that its vm.cfg does not name any more."""
    if guard.error:
        return bool(guard.folder)
    if guard.claim is None or guard.claim.kind == GONE:
        return False
    return guard.claim.kind != FREE or not definition.is_creating


def lacks_claims(host: HostView) -> bool:
    """Whether it is known that a host has no claims: no host module, or an older one."""
    return not host.claims and not host.notice and (host.module is None or host.module_api > 0)


def why_no_claims(host: HostView) -> str:
    """Why a host does not look what it has of a VM, for messages."""
    if lacks_claims(host):
        return "it has no host module with claims"
    return f"its host module failed{f': {host.notice}' if host.notice else ''}"


def hosts_of(claim: VMClaim, hosts: Sequence[HostView]) -> dict[str, HostView | None]:
    """The hosts that a claim names, by their server uuids; None: none of these."""
    by_id = hosts_by_id(hosts)
    return {name: by_id.get(undashed(name)) for name, _ in claim.hosts}


def hosts_by_id(hosts: Sequence[HostView]) -> dict[str | None, HostView]:
    """These hosts by the 32 digits of their server uuids."""
    return {undashed(host.server.uuid): host for host in hosts if host.server.uuid}
