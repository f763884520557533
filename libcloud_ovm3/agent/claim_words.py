"""A person's words about claims, as the host module takes them: docs/host-module.md."""

from __future__ import annotations

from libcloud_ovm3.agent.hostmodule_calls import ModuleCalls
from libcloud_ovm3.agent.vm_claims import VMClaim, to_claim


class ClaimWords(ModuleCalls):
    """The module's functions for them (API 3).

    Each is said of one version of a claim: ``folder`` and ``version`` are those of the claim that
    was read. A response that was lost: the operation stands in ``taken`` or ``said`` of the claim.
    """

    def take_out_host(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        folder: str,
        version: int,
        host: str,
        words: str,
    ) -> VMClaim:
        """Take a host out of a claim. Of another host than the one that is asked this module
        cannot tell whether that is right.

        :param host: its server uuid.
        :param words: at most 500 printable characters, without ``|``.
        :raises AgentFault: of kind ``...Conflict`` if another claim is current, the host is not in
            it, or is the one that is asked and sees something of the VM: nothing was done.
        """
        place = (repository_id, directory, folder, version)
        name, answer = self._write("take_out_host", client, operation, *place, host, words)
        return to_claim(self._reader(name), answer)

    def put_in_host(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        folder: str,
        version: int,
        host: str,
        words: str,
    ) -> VMClaim:
        """Put a host without the module into a claim that is free or gone, before the VM is
        started there. Arguments as of :meth:`take_out_host`."""
        place = (repository_id, directory, folder, version)
        name, answer = self._write("put_in_host", client, operation, *place, host, words)
        return to_claim(self._reader(name), answer)

    def leave_claims(self, client: str, operation: str, forced: bool = False) -> tuple[str, ...]:
        """Take the host that is asked off the claims of all repositories mounted there, before the
        module is removed from it; the last host takes their claims away.

        :param forced: also if claims name it: it stays in them.
        :return: The claims that name it, or may.
        :raises AgentFault: of kind ``...Conflict`` if there are any, and it is not forced: nothing
            was changed.
        """
        name, answer = self._write("leave_claims", client, operation, forced)
        reader = self._reader(name)
        return reader.texts(reader.struct(answer), "named")

    def accept_vm_cfg(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        folder: str,
        version: int,
        digest: str,
    ) -> VMClaim:
        """Accept a vm.cfg that was changed without a claim.

        :param digest: the MD5 of the vm.cfg that was read.
        :raises AgentFault: of kind ``...Conflict`` if another claim is current, it is neither free
            nor on this host, or the vm.cfg is another one: nothing was done.
        """
        place = (repository_id, directory, folder, version)
        name, answer = self._write("accept_vm_cfg", client, operation, *place, digest)
        return to_claim(self._reader(name), answer)

    def discard_saved(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        folder: str,
        version: int,
        words: str,
    ) -> VMClaim:
        """Discard what was saved of a guest (of modules with claims of form 2). Arguments as of
        :meth:`take_out_host`."""
        place = (repository_id, directory, folder, version)
        name, answer = self._write("discard_saved", client, operation, *place, words)
        return to_claim(self._reader(name), answer)
