"""Claims of VMs, as the host module makes and reports them: docs/host-module.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libcloud_ovm3.agent.hostmodule_calls import ModuleCalls
from libcloud_ovm3.agent.hostmodule_types import Reader


@dataclass(frozen=True)
class VMClaim:
    """A claim: which hosts a VM may be on.

    :ivar folder: The name of the repository's claims; "" if it has none.
    :ivar version: The version of this claim; 0: there is none.
    :ivar kind: ``free``, ``on``, ``moving``, ``doubt`` or ``gone``; "": there is none.
    :ivar hosts: Server uuids and boots; the boot is "" where it is not known.
    :ivar state: Of its operation: ``running`` or ``dead``, on the host that was asked;
        ``elsewhere`` (only its own host can tell); ``ended``; "" without an operation.
    :ivar why: Why the call left the claim as it is; "" if it did not.
    :ivar operation: The operation that it belongs to, or did last.
    :ivar client: Whose it is.
    :ivar function: The agent's function.
    :ivar outcome: ``done``, ``failed`` or ``not done``; "" if not known.
    :ivar fault: What the agent's function raised, or why it was not called.
    :ivar digest: The MD5 of the vm.cfg when this was written.
    :ivar source: While it is moving, the host that it comes from.
    :ivar target: And the one to which it goes.
    :ivar paused: The operation that has paused the VM.
    :ivar error: Where two domains of the VM were seen.
    :ivar taken: The hosts that a person has taken out, and what was said of them.
    :ivar disks: The disks that the VM holds: mode (``r``, ``w``, ``w!``) and path on its host.
    :ivar said: What else a person has said of it: the host put in, or the vm.cfg accepted.
    :ivar saved: The operation that has saved the memory of its guest, after ``unsure`` if it is not
        known whether all of it, and whether nothing has run since; "": none has.
    """

    folder: str
    version: int
    kind: str
    hosts: tuple[tuple[str, str], ...]
    state: str
    why: str
    operation: str
    client: str
    function: str
    outcome: str
    fault: str
    digest: str
    source: str
    target: str
    paused: str
    error: str
    taken: str
    disks: tuple[tuple[str, str], ...] = ()
    said: str = ""
    saved: str = ""

    @property
    def is_suspended(self) -> bool:
        """Whether no host has the VM, and the memory of its guest is saved."""
        return self.kind == "free" and bool(self.saved)

    @property
    def is_restorable(self) -> bool:
        """Whether that is all of it, and nothing has run since."""
        return self.is_suspended and not self.saved.startswith("unsure")


_TEXTS = (
    *("folder", "kind", "state", "why", "operation", "client", "function", "outcome", "fault"),
    *("digest", "source", "target", "paused", "error", "taken", "said"),
)


def to_claim(reader: Reader, answer: object) -> VMClaim:
    """A claim in a response."""
    struct = reader.struct(answer)
    hosts = reader.structs(reader.key(struct, "hosts", list))
    disks = reader.structs(reader.key(struct, "disks", list))
    return VMClaim(
        version=reader.key(struct, "version", int),
        hosts=tuple((reader.key(one, "host", str), reader.key(one, "boot", str)) for one in hosts),
        disks=tuple((reader.key(one, "mode", str), reader.key(one, "path", str)) for one in disks),
        saved=reader.optional(struct, "saved", str) or "",
        **{key: reader.key(struct, key, str) for key in _TEXTS},
    )


@dataclass(frozen=True)
class RepositoryClaims:
    """All claims of a repository, by the names of their documents (:func:`document_of`).

    :ivar folder: The name of the repository's claims; "" if it has none.
    :ivar claims: The newest claim of each VM; a text: why it cannot be read.
    :ivar hosts: The server uuids of all hosts that have claims in it, each with the IP address that
        it had last; "" if that is not known, or another host has it by now.
    """

    folder: str
    claims: Mapping[str, VMClaim | str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expectation:
    """What the target of a migration says before it begins.

    :ivar host: Its server uuid, as claims name it.
    :ivar boot: Its present boot.
    :ivar address: The IP address with which it is registered; "": it is not known.
    :ivar why: What speaks against the migration; "": nothing.
    """

    host: str
    boot: str
    address: str
    why: str


_EXPECTED = ("host", "boot", "address", "why")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def document_of(directory: str) -> str:
    """The name under which the module keeps what is about the VM in this directory."""
    if _PLAIN.fullmatch(directory):
        return f"vm-{directory}"
    name = directory.encode("utf-8", "surrogateescape")
    return f"vm.{hashlib.md5(name, usedforsecurity=False).hexdigest()}"


def to_claims(reader: Reader, answer: object) -> RepositoryClaims:
    """All claims of a repository in a response."""
    struct = reader.struct(answer)
    claims: dict[str, VMClaim | str] = {}
    for one in reader.structs(reader.key(struct, "claims", list)):
        error = reader.optional(one, "error", str)
        name = reader.key(one, "document", str)
        claims[name] = to_claim(reader, one) if "version" in one else str(error)
    hosts = {
        reader.key(one, "host", str): reader.key(one, "address", str)
        for one in reader.structs(reader.key(struct, "hosts", list))
    }
    return RepositoryClaims(reader.key(struct, "folder", str), claims, hosts)


def claims_or_error(reader: Reader, answer: object) -> RepositoryClaims | str | None:
    """The same, as a part of another response; None: the module has no claims."""
    if answer is None:
        return None
    error = reader.optional(reader.struct(answer), "error", str)
    return to_claims(reader, answer) if error is None else error


class VMClaims(ModuleCalls):
    """The module's functions for them (API 3)."""

    def read_claim(self, repository_id: str, directory: str, operation: str = "") -> VMClaim:
        """The claim of a VM.

        :param operation: whose claim to report; "" for the newest one.
        """
        function, answer = self._read("read_claim", repository_id, directory, operation)
        return to_claim(self._reader(function), answer)

    def list_claims(self, repository_id: str) -> RepositoryClaims:
        """The newest claim of each VM of a repository."""
        function, answer = self._read("list_claims", repository_id)
        return to_claims(self._reader(function), answer)

    def claim_vm(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        hosts: Sequence[str],
    ) -> VMClaim:
        """Make the first claim of a VM: it may be on any of these hosts, and on all that have
        claims in the repository. This host looks at once. The VM keeps a claim that it has.

        :param hosts: the server uuids of all hosts that can see the repository, this one too.
        """
        name, answer = self._write(
            "claim_vm", client, operation, repository_id, directory, list(hosts)
        )
        return to_claim(self._reader(name), answer)

    def change_claimed_vm(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        folder: str,
        version: int,
        digest: str,
        function: str,
        parameters: Sequence[Any],
    ) -> VMClaim:
        """Call one of the agent's functions under the claim of that version.

        It goes on if it takes longer than this call; :meth:`read_claim` with the operation reports
        what became of it.

        :param folder: of the claim that was read.
        :param version: of that claim; 0 for a VM that is to be created and has none.
        :param digest: of the vm.cfg that was read; "": there must be none; for what does not change
            it: whatever it is.
        :param function: ``start_vm``, ``stop_vm``, ``reboot_vm``, ``pause_vm``, ``unpause_vm``,
            ``save_vm``, ``restore_vm``, ``configure_vm``, ``create_vm``, ``delete_vm`` or
            ``migrate_vm``.
        :param parameters: its arguments after the repository and the directory; of ``migrate_vm``
            also the target's server uuid and boot (:meth:`expect_vm`).
        :raises AgentFault: of kind ``...Conflict`` if another claim is current, or does not allow
            this, or the vm.cfg is another one: nothing was done.
        """
        place = (repository_id, directory, folder, version, digest)
        name, answer = self._write(
            "change_claimed_vm", client, operation, *place, function, list(parameters)
        )
        return to_claim(self._reader(name), answer)

    def expect_vm(
        self, client: str, operation: str, repository_id: str, directory: str
    ) -> Expectation:
        """Ask a host whether a VM that has a claim may migrate to it now (claims of form 2)."""
        function, answer = self._write("expect_vm", client, operation, repository_id, directory)
        reader = self._reader(function)
        struct = reader.struct(answer)
        return Expectation(**{key: reader.key(struct, key, str) for key in _EXPECTED})

    def settle_claim(
        self, client: str, operation: str, repository_id: str, directory: str
    ) -> VMClaim:
        """Have the host look what it has of the VM, and write the claim that says so."""
        name, answer = self._write("settle_claim", client, operation, repository_id, directory)
        return to_claim(self._reader(name), answer)
