"""Key pairs: the public keys that new nodes can be given."""

from __future__ import annotations

from libcloud.compute.base import KeyPair

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import to_key_pair
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error


class KeyPairs(OVM3Base):
    """The key pair methods of the driver. All need the host module (docs/key-pairs.md)."""

    def list_key_pairs(self, *, ex_strict: bool | str | None = None) -> list[KeyPair]:
        """The key pairs of the repository that ``ex_keys_repository`` names, else of all, by name.

        ``private_key`` is None: private keys are kept nowhere. ``extra``: ``type``
        (``ssh-rsa``, ``ssh-ed25519`` ...), ``origin`` (``created`` or ``imported``),
        ``repository_id``, and ``repository``, its alias.

        :param ex_strict: Raise an error instead of a warning if a host is unreachable or something
            cannot be read. (default: the driver's ``ex_strict``)
        :type ex_strict: ``bool``

        :raises PreconditionFailed: No host that could be read has the host module.
        :raises Ovm3Error: No host responded; or with ``ex_strict``, something cannot be read.
        :rtype: ``list`` of :class:`KeyPair`
        """
        found = estate.key_pairs.read_key_pairs(self._estate)
        if found.errors and self._is_strict(ex_strict):
            raise Ovm3Error("; ".join(found.errors), self)
        self._warn(found.errors)
        return [to_key_pair(one, self) for one in found.keys]

    def get_key_pair(self, name: str) -> KeyPair:
        """One key pair by its name.

        :param name: Its name. (required)
        :type name: ``str``

        :raises KeyPairNotFound: There is none. Also libcloud's ``KeyPairDoesNotExistError``.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises AmbiguousName: Several repositories have one of this name: set
            ``ex_keys_repository``.
        :raises PreconditionFailed: No host that could be read has the host module.
        :rtype: :class:`KeyPair`
        """
        key, errors = estate.key_pairs.find_key_pair(self._estate, name)
        self._warn(errors)
        return to_key_pair(key, self)

    def create_key_pair(self, name: str, *, ex_type: str = "rsa") -> KeyPair:
        """Make a key pair on this machine, and record its public key.

        ``private_key`` of what is returned is the only copy there is: RSA (3072 bits) in PEM,
        ed25519 in OpenSSH's own form. Needs the library ``cryptography`` (extra ``[keys]``).

        :param name: Its name, of at most 255 characters. (required)
        :type name: ``str``

        :param ex_type: ``rsa`` or ``ed25519``, which guests with an OpenSSH before 6.5 do not know,
            such as Oracle Linux 6.
        :type ex_type: ``str``

        :raises InvalidArgument: An argument is wrong.
        :raises KeyPairTaken: There is one of this name. Also libcloud's ``KeyPairError``.
        :raises PreconditionFailed: Which repository it belongs in is not known, or it cannot be
            recorded there. Nothing was sent.
        :raises AgentFault: The host refused; it is not recorded.
        :raises OperationIncomplete: Whether it is recorded is unknown; its private key is lost.
        :rtype: :class:`KeyPair`
        """
        key, private_key, notices = operations.key_pairs.create(self._estate, name, ex_type)
        self._warn_of_done(notices)
        return to_key_pair(key, self, private_key)

    def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Record a public key that you have, under a name.

        Needs the library ``cryptography`` (extra ``[keys]``).

        :param name: Its name, of at most 255 characters. (required)
        :type name: ``str``

        :param key_material: One line in OpenSSH's form: RSA, ed25519 or ECDSA. (required)
        :type key_material: ``str``

        :raises InvalidArgument: An argument is wrong; a private key is never quoted.
        :raises KeyPairTaken: There is one of this name, even if it is the same key.
        :raises PreconditionFailed: Which repository it belongs in is not known, or it cannot be
            recorded there. Nothing was sent.
        :raises AgentFault: The host refused; it is not recorded.
        :raises OperationIncomplete: Whether it is recorded is unknown.
        :rtype: :class:`KeyPair`
        """
        key, notices = operations.key_pairs.import_key(self._estate, name, key_material)
        self._warn(notices)
        return to_key_pair(key, self)

    def import_key_pair_from_file(self, name: str, key_file_path: str) -> KeyPair:
        """The same with the public key in a file.

        :param name: Its name, of at most 255 characters. (required)
        :type name: ``str``

        :param key_file_path: The path of the file; ``~`` is the home directory. (required)
        :type key_file_path: ``str``

        :raises InvalidArgument: The file cannot be read, or has no public key in it.

        What else is raised: as by :meth:`import_key_pair_from_string`.

        :rtype: :class:`KeyPair`
        """
        material = operations.ssh_keys.read_key_file(key_file_path)
        return self.import_key_pair_from_string(name, material)

    def delete_key_pair(self, key_pair: KeyPair) -> bool:
        """Delete a key pair. Nodes that have its public key keep it.

        :param key_pair: The key pair, or its name. (required)
        :type key_pair: :class:`KeyPair` or ``str``

        :raises KeyPairNotFound: There is none. Also libcloud's ``KeyPairDoesNotExistError``.
        :raises SearchIncomplete: It may be where nothing could be read.
        :raises AmbiguousName: Only its name is given, and several repositories have one of it.
        :raises PreconditionFailed: Another client has made another one of this name meanwhile, or
            what is recorded cannot be changed. Nothing was sent.
        :raises AgentFault: The host refused; it is there.
        :raises OperationIncomplete: Whether it is there is unknown.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        delete = operations.key_pairs.delete
        if isinstance(key_pair, KeyPair):
            where = key_pair.extra.get("repository_id")
            self._warn(delete(self._estate, key_pair.name, where, key_pair.public_key))
        elif isinstance(key_pair, str):
            self._warn(delete(self._estate, key_pair))
        else:
            raise InvalidArgument(f"key_pair {quoted(key_pair)}: expected a KeyPair, or its name")
        return True
