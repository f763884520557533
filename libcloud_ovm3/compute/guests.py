"""What the guests of new nodes are told: cloud-init's seed."""

from __future__ import annotations

from typing import Any

from libcloud.compute.base import KeyPair, Node, NodeAuthPassword, NodeAuthSSHKey

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.habitual import says_something


class Guests(OVM3Base):
    """The method of the driver for seeds (docs/guest-configuration.md)."""

    features = {"create_node": ["ssh_key", "password"]}  # noqa: RUF012 (libcloud's own form)

    def ex_remove_seed(self, node: Node) -> bool:
        """Take a node's seed out of its CD drive, which stays, and delete it.

        The seed is what the guest was told when the node was created: it may hold the hash of a
        password. A guest that has started once needs it no more, but see "Removing the seed" in
        docs/guest-configuration.md first. A node without one is left as it is. Of a node that is
        gone, the seeds that :meth:`ex_list_orphans` lists are deleted.

        :param node: The node, running, paused or stopped, or its id. (required)
        :type node: :class:`Node` or ``str``

        :raises NodeNotFound: There is no such node, and no seed of it.
        :raises PreconditionFailed: The node's state does not allow it, somebody else uses the seed,
            or no host module can delete it. Nothing was sent.
        :raises AgentFault: The agent or the host module refused; everything is as it was.
        :raises OperationIncomplete: The seed is out of the drive, and is or may be still there; or
            whether it is out is unknown.
        :return: True: the node has no seed.
        :rtype: ``bool``
        """
        self._warn(operations.remove_seed.remove(self._estate, object_id(node)))
        return True

    def _guest_config(
        self, auth: Any, ex_keyname: object, ex_userdata: object, ex_network_format: object
    ) -> tuple[Any, NodeAuthPassword | None]:
        """What the guest is told, and the password of ``auth``, if it is one."""
        check_auth(auth)
        checked = self._get_and_check_auth(auth) if auth else None
        keys = []
        password_hash = None
        if isinstance(checked, NodeAuthSSHKey):
            keys.append(operations.ssh_keys.parse_public_key(checked.pubkey, "auth").line)
        elif isinstance(checked, NodeAuthPassword):
            password_hash = operations.seed_image.hash_password(checked.password)
        if says_something(ex_keyname):
            name = ex_keyname.name if isinstance(ex_keyname, KeyPair) else ex_keyname
            record, errors = estate.key_pairs.find_key_pair(self._estate, str(name))
            self._warn(errors)
            keys.append(record.public_key)
        user_data = None
        if says_something(ex_userdata):
            user_data = operations.user_data.checked_user_data(ex_userdata)
        config = operations.guest_config.GuestConfig(
            tuple(dict.fromkeys(keys)),
            password_hash,
            user_data,
            operations.guest_config.checked_format(ex_network_format),
        )
        return config, checked if isinstance(checked, NodeAuthPassword) else None


def check_auth(auth: object) -> None:
    """Refuse what is neither a key nor a password: libcloud would make a password instead.

    :raises InvalidArgument: says what is expected; not what it is, which may be a secret.
    """
    if auth and not isinstance(auth, NodeAuthSSHKey | NodeAuthPassword):
        of_pair = "; ex_keyname takes a KeyPair" if isinstance(auth, KeyPair) else ""
        raise InvalidArgument(
            f"auth: expected a NodeAuthSSHKey or a NodeAuthPassword, not {type(auth).__name__}"
            f"{of_pair}"
        )
