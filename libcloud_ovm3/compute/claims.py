"""Claims of nodes: settling what is in doubt."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import Node, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.errors import warn


class Claims(OVM3Base):
    """The method of the driver for the claim of a node (docs/claims.md)."""

    def ex_settle_node(
        self,
        node: Node | str,
        ex_gone_from: NodeLocation | str | None = None,
        *,
        ex_accept: bool | str = False,
    ) -> dict[str, Any]:
        """Have all hosts in the claim of a node look what they have of it. What none of them can
        tell, you can: see docs/claims.md first.

        A node without a claim gets its first one, and its repository with it, if all hosts of the
        estate answer and all that have the repository mounted have the host module with claims.

        :param node: The node, or its id; or the id of a claim (``repository/directory``) whose
            definition is gone, as another tool has deleted or moved it. (required)
        :type node: :class:`Node` or ``str``

        :param ex_gone_from: A host that has nothing of it any more, neither a domain nor a saved
            guest, by its server uuid, its address or its name: it is taken out of the claim. A host
            with claims is asked itself, and refuses if it sees something. One without must not
            list the node. One that does not answer must not answer anything: see
            docs/a-host-is-dead.md first. (default: none)
        :type ex_gone_from: :class:`NodeLocation` or ``str``

        :param ex_accept: Whether its vm.cfg is right as it is, although somebody changed it without
            a claim.
        :type ex_accept: ``bool``

        :raises NodeNotFound: There is no such node.
        :raises HostNotFound: The claim does not name the host ``ex_gone_from``.
        :raises PreconditionFailed: It can have no claim, its claim cannot be read, or what you say
            is refused; says what was seen. Nothing was written but what hosts saw themselves.
        :raises OperationIncomplete: Whether what you said is written is unknown.
        :return: ``claim``: as ``extra["claim"]`` of the node; ``said``: what each host in it has
            said, by its name: why it cannot tell, "" if it could; ``word``: what was written
            because you said so, "" if nothing was.
        :rtype: ``dict``
        """
        gone = None if ex_gone_from is None else object_id(ex_gone_from)
        accept = parse_flag(ex_accept, "ex_accept")
        found = operations.settle_vm.settle(self._estate, object_id(node), gone, accept)
        if found.word:
            warn(f"VM {found.label}: because you said so, {found.word}", stacklevel=2)
        claim = estate.claim_data.claim_data(found.claim, found.hosts, found.addresses)
        return {"claim": claim, "said": dict(found.said), "word": found.word}
