"""The host module's functions, one method each: what this package's module adds to a host's agent.

``HostModule(agent.connection).read_document(mount, name)``; every function, its arguments and its
response: docs/host-module.md. Every method raises what :meth:`.AgentConnection.call` raises, and
MalformedResponse for a response that is not as documented. A path is a ``str``, or its bytes where
they are not UTF-8. ``client`` is a short name of the client, ``operation`` 32 lower-case hex
digits that the caller generates (``uuid4().hex``); both are written to the host's syslog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.block_devices import HostDevice, read_devices
from libcloud_ovm3.agent.claim_words import ClaimWords
from libcloud_ovm3.agent.host_networks import HostNetworks
from libcloud_ovm3.agent.hostmodule_answers import has_missing, require_all
from libcloud_ovm3.agent.hostmodule_calls import PREFIX, Struct
from libcloud_ovm3.agent.hostmodule_types import (
    AgentReadings,
    Aside,
    Document,
    FilePage,
    FileRange,
    Holder,
    Identity,
    RepositoryFiles,
)
from libcloud_ovm3.agent.object_files import ObjectFiles
from libcloud_ovm3.agent.seed_files import SeedFile, SeedFiles, read_seeds
from libcloud_ovm3.agent.vm_changes import VMChanges
from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaims, claims_or_error
from libcloud_ovm3.errors import AgentFault, InvalidArgument, MalformedResponse

API: Final = 3  # the module's number that this client was written for
NAME: Final = "libcloud-ovm3"  # what ``libcloud_version`` says beside the number
_FAULTS = "libcloud_ovm3_host."

NEIGHBOURS: Final = f"{PREFIX}neighbours"
ADDRESSES: Final = f"{PREFIX}addresses"
ROUTES: Final = f"{PREFIX}routes"
STORAGE_SERVERS: Final = f"{PREFIX}storage_servers"
DHCP_LEASES: Final = f"{PREFIX}dhcp_leases"

Path = str | bytes

# The agent's own reads that libcloud_read_agent calls -> the type of their response.
AGENT_READS: Final[dict[str, type]] = {
    "discover_server": str,
    "list_vms": list,
    "discover_repository_db": str,
    "discover_server_pool": str,
    "discover_hardware": str,
    "discover_network": str,
    "get_last_boot_time": dict,
}
# The module's own that it calls as well (API 3) -> the same.
OWN_READS: Final[dict[str, type]] = dict.fromkeys(
    (NEIGHBOURS, ADDRESSES, ROUTES, STORAGE_SERVERS, DHCP_LEASES), list
)


def fits(api: int) -> bool:
    """Whether a module with this number and this client are compatible."""
    return api >= 1 and abs(api - API) <= 1


def api_of(version: Mapping[str, Any]) -> int | None:
    """The module's number in a response to ``libcloud_version``.

    :return: 0 for a module from before API 1, whose own numbers mean something else; None if the
        response is not the module's.
    """
    api = version.get("api")
    if not isinstance(api, int) or isinstance(api, bool) or api < 1:
        return None
    return api if version.get("module") == NAME else 0


def api_label(api: int) -> str:
    """A module's number for messages: ``API 3``."""
    return f"API {api}" if api else "older than API 1"


def is_absent(fault: AgentFault) -> bool:
    """Whether a fault of one of the module's functions may mean that the host lacks it.

    All of the module's own faults name its classes, and the agent's fault for an unknown function
    is not known for sure (agent-behaviour 18, question 10): so any other fault counts.
    """
    return not fault.kind.startswith(_FAULTS)


class HostModule(VMChanges, VMClaims, ClaimWords, HostNetworks, SeedFiles, ObjectFiles):
    """The host module in one host's agent."""

    # ------------------------------------------------------------------ the module

    def version(self) -> int:
        """The module's number, ``api``; 0 for a module from before API 1."""
        function, answer = self._read("version")
        reader = self._reader(function)
        api = api_of(reader.struct(answer))
        if api is None:
            raise reader.malformed("api: expected a whole number from 1")
        return api

    def capabilities(self) -> Struct:
        """The names of the module's functions, and its limits."""
        return self._struct(*self._read("capabilities"))

    def get_api_services(self) -> list[Struct]:
        """Every function of every module in the agent, with arguments and defaults."""
        return self._structs(*self._read("get_api_services"))

    # ------------------------------------------------------------------ inventory

    def read_agent(self, functions: Sequence[str]) -> AgentReadings:
        """Call several of the agent's own reads without arguments in one request.

        Where ``list_vms`` faults as a whole, the domains that xend reports one by one replace it,
        if they are complete. A function that faults, or returns another type, has no answer here:
        call the agent itself.

        :param functions: names in ``AGENT_READS`` or (API 3) ``OWN_READS``.
        """
        function, answer = self._read("read_agent", list(functions))
        reader = self._reader(function)
        struct = reader.struct(answer)
        api = reader.key(struct, "api", int)
        if not fits(api):
            return AgentReadings(api, {})
        entries = reader.key(struct, "answers", dict)
        answers, types = {}, {**AGENT_READS, **OWN_READS}
        missing: Exception | None = None
        for name in functions:
            try:
                answers[name] = self._answer(name, entries.get(name), types.get(name, object))
            except (AgentFault, MalformedResponse) as error:
                missing = error if has_missing(entries.get(name)) else missing
        unlisted = reader.unlisted(entries.get("list_vms"))
        claims = reader.optional(struct, "claims", int) or 0
        return AgentReadings(api, answers, unlisted, missing, claims)

    def repository(self, repository_id: str) -> RepositoryFiles:
        """A repository's listing and every vm.cfg in it: one call, more beyond 12 MiB.

        :raises AgentFault: also if only the listing faults.
        """
        after: str | bytes = ""
        listing: str | None = None
        aside: tuple[Aside, ...] = ()
        addresses: tuple[Document | None, str | None] = (None, None)
        metadata: tuple[Document | None, str | None] = (None, None)
        seeds: tuple[SeedFile, ...] | None = None
        claims: RepositoryClaims | str | None = None
        found = []
        while True:
            function, answer = self._read("repository", repository_id, after)
            reader = self._reader(function)
            struct = reader.struct(answer)
            if listing is None:
                answer = self._answer("discover_repositories", struct.get("listing"), str)
                listing = reader.typed("listing", answer, str)
                aside = reader.asides(struct.get("aside", []))
                addresses = reader.document_or_error(struct.get("addresses"))
                metadata = reader.document_or_error(struct.get("metadata"))
                seeds = read_seeds(reader, struct.get("seeds"))
                claims = claims_or_error(reader, struct.get("claims"))
            page = reader.key(struct, "vm_cfg", list)
            found += [reader.vm_cfg(entry) for entry in page]
            before, after = after, reader.cursor(struct)
            if not after:
                documents = (*addresses, *metadata)
                return RepositoryFiles(listing, tuple(found), aside, *documents, seeds, claims)
            if after == before or not page:
                raise reader.malformed("its pages do not end")

    def domains(self) -> list[Struct]:
        """The live domains in the form of ``list_vms``, read one by one if necessary.

        :raises AgentFault: some could not be read; the message names them. A list that is not
            complete is not returned.
        """
        function, answer = self._read("domains")
        reader = self._reader(function)
        struct = reader.struct(answer)
        require_all(self._connection, reader, function, struct, "xend does not report them")
        return reader.structs(struct.get("domains"))

    def free_space(self) -> list[Struct]:
        """Size and free bytes of every repository and secondary mount."""
        return self._structs(*self._read("free_space"))

    def file_holders(self) -> tuple[Holder, ...]:
        """Which block backends and loop devices hold which file, also of unlisted domains."""
        function, answer = self._read("file_holders")
        return self._reader(function).holders(answer)

    def block_devices(self) -> tuple[HostDevice, ...]:
        """The host's disks, multipath devices, logical volumes and partitions (API 2)."""
        function, answer = self._read("block_devices")
        return read_devices(self._reader(function), answer)

    def identify(self, paths: Sequence[Path]) -> tuple[Identity, ...]:
        """Which file each of these absolute paths leads to on the host, links followed.

        :param paths: at most 1000; the result is in the same order.
        """
        function, answer = self._read("identify", list(paths))
        return self._reader(function).identities(answer, paths)

    def autostart_guests(self) -> list[Struct]:
        """Guests that the next boot or start of xend may start."""
        return self._structs(*self._read("autostart_guests"))

    # ------------------------------------------------------------------ files

    def list_files(self, path: Path, after: str | bytes = "", limit: int = 1000) -> FilePage:
        """One page of a directory, in byte order of the names.

        :param after: the cursor of the previous page; "" for the first.
        :param limit: entries at most, 1 to 1000.
        """
        function, answer = self._read("list_files", path, after, limit)
        return self._reader(function).file_page(answer)

    def stat_file(self, path: Path) -> Struct:
        """Type, size, used bytes, modification time and mode of a file or directory."""
        return self._struct(*self._read("stat_file", path))

    def read_file(self, path: Path, offset: int, length: int) -> FileRange:
        """A range of a file, at most ``chunks.CHUNK_BYTES`` long; offset and length in bytes."""
        function, answer = self._read("read_file", path, offset, length)
        reader = self._reader(function)
        struct = reader.struct(answer)
        try:
            data = chunks.decode(reader.payload(struct, "chunk"))
        except ValueError as error:
            raise reader.malformed(str(error)) from None
        return FileRange(reader.key(struct, "size_bytes", int), data)

    def create_file(self, client: str, operation: str, path: Path, size_bytes: int) -> None:
        """Create a sparse file, which must not exist yet."""
        self._write("create_file", client, operation, path, size_bytes)

    def write_file(self, client: str, operation: str, path: Path, offset: int, data: bytes) -> None:
        """Write a range, at most ``chunks.CHUNK_BYTES`` long. It may be repeated safely."""
        # The path as base64, too: a string would be in the agent's log for every chunk.
        name = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        try:
            chunk = chunks.encode(data)
        except ValueError as error:
            raise InvalidArgument(f"{PREFIX}write_file: {error}") from None
        self._write("write_file", client, operation, name, offset, chunk)

    def truncate_file(self, client: str, operation: str, path: Path, size_bytes: int) -> None:
        """Change the size of a file."""
        self._write("truncate_file", client, operation, path, size_bytes)

    def grow_file(
        self, client: str, operation: str, path: Path, from_bytes: int, to_bytes: int
    ) -> None:
        """Make a file larger, never smaller (API 2). It may be repeated safely.

        :raises AgentFault: of kind ``...Conflict`` if it has neither of these sizes, or another
            request is changing its size.
        """
        self._write("grow_file", client, operation, path, from_bytes, to_bytes)

    def rename_file(self, client: str, operation: str, path: Path, new_path: Path) -> None:
        """Rename a file within its mount; never overwrites."""
        self._write("rename_file", client, operation, path, new_path)

    def delete_file(self, client: str, operation: str, path: Path) -> None:
        """Delete a regular file."""
        self._write("delete_file", client, operation, path)

    def set_aside(self, client: str, operation: str, path: Path) -> None:
        """Move a regular file into the state directory of its mount: a deletion that can be undone.
        It may be repeated safely.

        :raises AgentFault: of kind ``...NotFound`` if there is no such file, nor one set aside from
            there by this operation; ``...NotAllowed`` for a link or a directory.
        """
        self._write("set_aside", client, operation, path)

    def put_back(self, client: str, operation: str, path: Path) -> None:
        """Move a file that was set aside by this operation back to its path.

        :param path: its original path.
        :raises AgentFault: of kind ``...Exists`` if another file is there now: it stays aside.
        """
        self._write("put_back", client, operation, path)

    def delete_aside(self, client: str, operation: str, path: Path) -> None:
        """Delete a file that was set aside by this operation permanently.

        :param path: its original path.
        :raises AgentFault: of kind ``...NotFound`` if it is not set aside (any more).
        """
        self._write("delete_aside", client, operation, path)

    # ------------------------------------------------------------------ jobs

    def start_job(
        self, client: str, operation: str, kind: str, source: Path, target: Path = ""
    ) -> Struct:
        """Start a ``copy``, ``sparse_copy``, ``clone`` (API 2) or ``md5``; the operation is the
        job's id.

        :raises AgentFault: of kind ``...Failed`` for a ``clone`` where the file system cannot share
            blocks: then nothing was created.
        """
        return self._struct(*self._write("start_job", client, operation, kind, source, target))

    def job_status(self, mount: str, job_id: str) -> Struct:
        """The status of a job."""
        return self._struct(*self._read("job_status", mount, job_id))

    def cancel_job(self, client: str, operation: str, mount: str, job_id: str) -> Struct:
        """Cancel a job; returns what :meth:`job_status` does."""
        return self._struct(*self._write("cancel_job", client, operation, mount, job_id))

    # ------------------------------------------------------------------ documents

    def list_documents(
        self, mount: str, after: str = "", limit: int = 1000
    ) -> tuple[list[str], str]:
        """One page of document names, and the next page's cursor ("" at the end)."""
        function, answer = self._read("list_documents", mount, after, limit)
        reader = self._reader(function)
        struct = reader.struct(answer)
        names = [reader.typed("name", name, str) for name in reader.key(struct, "names", list)]
        return names, reader.key(struct, "after", str)

    def read_document(self, mount: str, name: str) -> Document:
        """The highest complete version of a document."""
        function, answer = self._read("read_document", mount, name)
        return self._reader(function).document(answer)

    def write_document(
        self, client: str, operation: str, mount: str, name: str, version: int, content: bytes
    ) -> int:
        """Write a version of a document, the ``next_version`` of what was read.

        :raises AgentFault: of kind ``...Conflict`` if another writer wrote that version first.
        """
        function, answer = self._write(
            "write_document", client, operation, mount, name, version, content
        )
        return self._reader(function).typed("the response", answer, int)

    # ------------------------------------------------------------------ network, logs

    def set_control_interface(
        self, client: str, operation: str, bridge: str, address: str, prefix_length: int
    ) -> None:
        """Give a bridge an address and the only route to its network, enable ARP on it and remove
        its ``ifcfg-`` file.
        """
        self._write("set_control_interface", client, operation, bridge, address, prefix_length)

    def addresses(self) -> list[Struct]:
        """The addresses of dom0's network devices."""
        return self._structs(*self._read("addresses"))

    def routes(self) -> list[Struct]:
        """dom0's IPv4 routes."""
        return self._structs(*self._read("routes"))

    def neighbours(self) -> list[Struct]:
        """dom0's ARP table."""
        return self._structs(*self._read("neighbours"))

    def dhcp_leases(self) -> list[Struct]:
        """The leases that :meth:`watch_dhcp` has seen, as far as they are valid."""
        return self._structs(*self._read("dhcp_leases"))

    def storage_servers(self) -> list[Struct]:
        """The servers that the host has storage from over IP: of NFS mounts, iSCSI portals."""
        return self._structs(*self._read("storage_servers"))

    def check_port(self, address: str, port: int, seconds: int) -> str:
        """How an address answers the host at a TCP port: ``open``, ``refused`` or ``silent``.

        :param seconds: time limit, 1 to 30.
        """
        function, answer = self._read("check_port", address, port, seconds)
        return self._reader(function).typed("the response", answer, str)

    def log_tail(self, log: str, size_bytes: int) -> str:
        """The end of the ``agent``'s or ``xend``'s log; bytes that are not UTF-8 are replaced."""
        function, answer = self._read("log_tail", log, size_bytes)
        return (
            self._reader(function).typed("the response", answer, bytes).decode("utf-8", "replace")
        )
