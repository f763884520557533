"""The seed of a new guest: decided before anything is created, written once, taken back if the
creation fails. It lies in the host module's own folder of the VM's repository.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.seed_files import SEED_BYTES, seed_name
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    OutcomeUnknown,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.estate.repositories import Repository, with_module
from libcloud_ovm3.estate.seeds import seed_path
from libcloud_ovm3.operations import doors
from libcloud_ovm3.operations.guest_config import seed_files
from libcloud_ovm3.operations.guest_network import FORMATS
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.operations.seed_image import seed_image

if TYPE_CHECKING:
    from libcloud_ovm3.agent.hostmodule import HostModule
    from libcloud_ovm3.operations.plan_cards import CardEntries
    from libcloud_ovm3.operations.vm_spec import VMSpec

# Of what is told by one, for errors.
SEED_IS_FOR = (
    "what a guest is told (auth, ex_keyname, ex_userdata, an address with a prefix length)"
)


@dataclass(frozen=True)
class NewSeed:
    """The seed that a new VM is to have.

    :ivar module: the host module that writes it.
    :ivar vm_id: the dashed uuid of the VM.
    :ivar image: its content.
    """

    module: HostModule
    repository: Repository
    vm_id: str
    name: str
    image: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """Its path on the hosts."""
        return seed_path(self.repository, self.name)


def planned_seed(
    operation: Operation, repository: Repository, spec: VMSpec, vm_id: str, cards: CardEntries
) -> tuple[NewSeed | None, list[str]]:
    """The seed of a new VM, and notices; None: nothing is asked for that the guest has to be told.

    :param repository: where the VM is created.
    :raises InvalidArgument: what is asked for contradicts itself, or is too large.
    :raises PreconditionFailed: a library is missing, or a host module that can write it.
    """
    told = [card for card in cards.guests if card.addresses.interfaces]
    notices = _without_effect(spec, bool(cards.vifs), bool(told))
    if not spec.guest.is_asked_for and not told:
        return None, notices
    macs = {card.mac for card in told}
    bare = [address for one in cards.addresses if one.mac not in macs for address in one.addresses]
    if bare and told:
        raise InvalidArgument(
            f"ex_networks: address {', '.join(bare)} has no prefix length, and others have: "
            f"expected one with each, as 192.0.2.10/24"
        )
    image = seed_image(seed_files(spec.name, vm_id, spec.guest, cards.guests))
    if len(image) > SEED_BYTES:
        raise InvalidArgument(
            f"the seed of VM {spec.name!r} has {len(image)} bytes: expected {SEED_BYTES} at most; "
            f"make ex_userdata smaller"
        )
    host = with_module(repository)
    if host is None or host.module is None or repository.seeds is None:
        raise PreconditionFailed(
            f"{SEED_IS_FOR} cannot be written in repository {repository.id}: no host that has it "
            f"mounted has a host module that can (`ovm3 host install`)"
        )
    notices += [
        f"VM {spec.name!r}: its address {address} is recorded, but the guest is not told: it has "
        f"no prefix length (expected as {address}/24)"
        for address in bare
    ]
    name = seed_name(vm_id, operation.id)
    return NewSeed(host.module, repository, vm_id, name, image), notices


def _without_effect(spec: VMSpec, has_cards: bool, has_static: bool) -> list[str]:
    """Notices of what is asked for in vain. Pure."""
    notices = []
    if (spec.guest.public_keys or spec.guest.password_hash) and not has_cards:
        notices.append(
            f"VM {spec.name!r} has no network card, so nobody can log in to its guest by SSH: "
            f"expected ex_networks, or ex_default_network"
        )
    if spec.guest.network_format != FORMATS[0] and not has_static:
        notices.append(
            f"VM {spec.name!r}: ex_network_format {spec.guest.network_format} has no effect: "
            f"it has no static address (ex_networks, as 192.0.2.10/24)"
        )
    return notices


def write_seed(operation: Operation, seed: NewSeed) -> list[str]:
    """Write it; after a failure it counts if it is seen to be there: it is never there in part.

    :return: a notice, if it was written although the call failed.
    :raises AgentFault: the host refused; there is none.
    :raises OutcomeUnknown: whether it is there, or may still come, is unknown.
    """
    try:
        doors.write_seed(operation, seed.module, seed.repository, seed.vm_id, seed.image)
    except (AgentFault, OutcomeUnknown) as failed:
        try:
            there = is_there(seed.module, seed.path)
        except Ovm3Error as error:
            raise OutcomeUnknown(
                f"{failed}; whether it is there cannot be read: {error}"
            ) from failed
        if there:
            return [f"{seed.path} is written, although {failed}"]
        if isinstance(failed, AgentFault):
            raise failed.with_state("there is no such file") from failed
        raise
    return []


def withdraw_seed(operation: Operation, seed: NewSeed) -> None:
    """Remove it, if this operation has come as far as writing it.

    :raises Ovm3Error: it stays, or whether it does is unknown.
    """
    if is_there(seed.module, seed.path):
        delete_seed(operation, seed.module, seed.repository, seed.name)


def delete_seed(
    operation: Operation, module: HostModule, repository: Repository, name: str
) -> None:
    """Delete a seed; after a failure it counts only if it is seen to be gone.

    :raises AgentFault: the host refused; it is there.
    :raises OperationIncomplete: whether it is there is unknown.
    """
    path = seed_path(repository, name)
    try:
        doors.delete_seed(operation, module, repository, name)
    except (AgentFault, OutcomeUnknown) as failed:
        why = ""
        try:
            if not is_there(module, path):
                return
        except Ovm3Error as error:
            why = f"; whether it is still there cannot be read: {error}"
        if isinstance(failed, AgentFault) and not why:
            raise failed.with_state(f"{path} is still there") from failed
        raise operation.incomplete(
            f"{path} may not be deleted: {failed}{why}", left=(path,)
        ) from failed


def is_there(module: HostModule, path: str) -> bool:
    """Whether a file is there now.

    :raises Ovm3Error: that cannot be read.
    """
    try:
        module.stat_file(path)
    except AgentFault as fault:
        if fault.kind.endswith(".NotFound"):
            return False
        raise
    return True
