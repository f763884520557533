"""A vm.cfg and its changes, as the host module makes and reports them: docs/host-module.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.hostmodule_calls import ModuleCalls, Struct
from libcloud_ovm3.agent.hostmodule_types import Reader


@dataclass(frozen=True)
class VMChange:
    """A change of a vm.cfg that the host module made, or makes.

    :ivar state: ``running``; ``elsewhere`` (another host's, which alone knows); ``dead`` (its
        process is gone, and nobody has recorded an outcome); ``done``; ``failed``; ``not done``
        (the agent's function was not called); ``unknown`` (settled after it was ``dead``).
    :ivar operation: The operation that it belongs to.
    :ivar client: Whose it is.
    :ivar function: The agent's function.
    :ivar host: The name of the host that made it.
    :ivar host_uuid: That host's server uuid as its agent reports it; "" if not known.
    :ivar address: The IP address with which it is registered; "" if not known.
    :ivar digest: The MD5 of the vm.cfg after it; while it has no outcome, of the one before.
    :ivar fault: What the agent's function raised, or why it was not called.
    """

    state: str
    operation: str
    client: str
    function: str
    host: str
    host_uuid: str
    address: str
    digest: str
    fault: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"operation {self.operation} of {self.client} on host {self.host}"


@dataclass(frozen=True)
class VMReading:
    """A vm.cfg as it is, and the change that was asked for.

    :ivar content: Its bytes; None if it cannot be read.
    :ivar digest: Their MD5; "" if it cannot be read.
    :ivar error: Why it cannot be read.
    :ivar change: None: there is none.
    :ivar before: The vm.cfg as it was before that change, if the change has no outcome.
    """

    content: bytes | None
    digest: str
    error: str | None
    change: VMChange | None
    before: bytes | None


def read_reading(reader: Reader, answer: object) -> VMReading:
    """The response of ``libcloud_read_vm``."""
    struct = reader.struct(answer)
    change = reader.key(struct, "change", dict)
    error = reader.optional(struct, "error", str)
    return VMReading(
        content=None if error is not None else reader.key(struct, "content", bytes),
        digest="" if error is not None else reader.key(struct, "digest", str),
        error=error,
        change=read_change(reader, change) if change else None,
        before=reader.optional(struct, "before", bytes),
    )


def read_change(reader: Reader, answer: object) -> VMChange:
    """The response of ``libcloud_change_vm`` and ``libcloud_settle_vm``."""
    struct = reader.struct(answer)

    def text(key: str) -> str:
        return reader.key(struct, key, str)

    return VMChange(
        state=text("state"),
        operation=text("operation"),
        client=text("client"),
        function=text("function"),
        host=text("host"),
        host_uuid=text("host_uuid"),
        address=text("address"),
        digest=text("digest"),
        fault=text("fault"),
    )


class VMChanges(ModuleCalls):
    """The module's functions for them (API 2)."""

    def read_vm(self, repository_id: str, directory: str, operation: str = "") -> VMReading:
        """A vm.cfg and what is or was done to it.

        :param operation: whose change to report; "" for the newest one.
        """
        function, answer = self._read("read_vm", repository_id, directory, operation)
        return read_reading(self._reader(function), answer)

    def change_vm(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        digest: str,
        function: str,
        parameters: Sequence[Struct],
    ) -> VMChange:
        """Call one of the agent's functions if the vm.cfg has that digest, and no host changes it.

        It goes on if it takes longer than this call; :meth:`read_vm` reports what became of it.

        :param digest: that of :meth:`read_vm`; "": there must be no vm.cfg.
        :param function: ``configure_vm``; API 3: ``create_vm``, with the digest "", and
            ``delete_vm``, which has no parameters.
        :param parameters: its arguments after the repository and the directory.
        :raises AgentFault: of kind ``...Conflict`` if the vm.cfg is another one, or is being
            changed: nothing was done.
        """
        name, answer = self._write(
            "change_vm",
            *(client, operation, repository_id, directory, digest, function, list(parameters)),
        )
        return read_change(self._reader(name), answer)

    def settle_vm(
        self,
        client: str,
        operation: str,
        repository_id: str,
        directory: str,
        change: str,
        take_over: bool,
    ) -> VMChange:
        """Record that the outcome of a change is unknown, so that others can follow.

        :param change: the operation of the change, whose process is gone.
        :param take_over: whether to believe that another host, whose it is, is off.
        """
        name, answer = self._write(
            "settle_vm", client, operation, repository_id, directory, change, take_over
        )
        return read_change(self._reader(name), answer)
