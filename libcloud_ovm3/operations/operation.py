"""What all changes share: an id, the name of this client, and the estate that is changed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.estate.members import Estate

if TYPE_CHECKING:
    from libcloud_ovm3.agent.vm_claims import VMClaim

CLIENT = "libcloud-ovm3"  # what the host module's log and its records call this client


def new_id() -> str:
    """The id of an operation."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Operation:
    """One change that a user has asked for, from its first read to its last call.

    It holds no list of what is to be undone: only what a read has shown to be there may be undone,
    so each operation says itself what it undoes (docs/architecture.md, "Rules").

    :ivar id: 32 lower-case hexadecimal digits: in the host module's log, in the description of a VM
        that is being created, in the names of files that are set aside, and in error messages.
    :ivar client: the name of this client.
    :ivar claims: of VMs, by repository and directory: the newest that this operation has seen.
    """

    estate: Estate
    id: str = field(default_factory=new_id)
    client: str = CLIENT
    claims: dict[tuple[str, str], VMClaim] = field(default_factory=dict, compare=False, repr=False)

    def incomplete(
        self, message: str, left: tuple[str, ...] = (), **where: Any
    ) -> OperationIncomplete:
        """The error for an operation that was not completed; its message names the operation.

        :param left: node ids and disk paths that are, or may still come to be, left.
        :param where: ``host`` and ``function``, where they are known.
        """
        name = f"[operation {self.id}]"
        text = message if name in message else f"{message}{self._believed()} {name}"
        return OperationIncomplete(text, left=left, **where)

    def _believed(self) -> str:
        """What this operation believed because the user said so, for messages."""
        names = ", ".join(self.estate.hosts_off)
        return f" (assumed to be powered off, ex_hosts_off: {names})" if names else ""
