"""The host module's functions, literally: what our module in a host's agent can do beyond it.

``HostModule(agent.connection).read_document(mount, name)``; every function, its arguments and its
answer: docs/host-module.md. Every method raises what :meth:`.AgentConnection.call` raises, and
MalformedResponse for an answer that is not as documented. Texts and bytes: a path is a text, or its
bytes where they are no UTF-8. ``client`` is a short name of who asks, ``operation`` 32 lower-case
hexadecimal digits that the caller makes (``uuid4().hex``); both go into the host's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from libcloud_ovm3.agent import chunks
from libcloud_ovm3.agent.call_kinds import Kind
from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule_types import (
    AgentReadings,
    Aside,
    Document,
    FilePage,
    FileRange,
    Holder,
    Identity,
    Reader,
    RepositoryFiles,
)
from libcloud_ovm3.errors import AgentFault, InvalidArgument, MalformedResponse

API: Final = 1  # the module's number that this client was written for
NAME: Final = "libcloud-ovm3"  # what ``libcloud_version`` says beside the number
_PREFIX = "libcloud_"
_FAULTS = "libcloud_ovm3_host."

Struct = dict[str, Any]
Path = str | bytes

# The agent's own reads that libcloud_read_agent passes on -> the type of what they answer.
AGENT_READS: Final[dict[str, type]] = {
    "discover_server": str,
    "list_vms": list,
    "discover_repository_db": str,
    "discover_server_pool": str,
    "discover_hardware": str,
    "discover_network": str,
    "get_last_boot_time": dict,
}


def fits(api: int) -> bool:
    """Whether a module of this number and this client understand each other."""
    return api >= 1 and abs(api - API) <= 1


def api_of(version: Mapping[str, Any]) -> int | None:
    """The module's number in an answer to ``libcloud_version``.

    :return: 0 for a module from before API 1, whose own numbers were counted in another way; None
        if the answer is not the module's.
    """
    api = version.get("api")
    if not isinstance(api, int) or isinstance(api, bool) or api < 1:
        return None
    return api if version.get("module") == NAME else 0


def api_label(api: int) -> str:
    """A module's number for messages: ``api 3``."""
    return f"api {api}" if api else "older than api 1"


def is_absent(fault: AgentFault) -> bool:
    """Whether a fault of one of our functions says that the host lacks it.

    All of the module's own faults name its classes, and what the agent says of an unknown function
    is not known for sure (agent-behaviour 18, question 10): so whatever is not ours counts.
    """
    return not fault.kind.startswith(_FAULTS)


class HostModule:
    """The host module in one host's agent."""

    def __init__(self, connection: AgentConnection) -> None:
        self._connection = connection

    # ------------------------------------------------------------------ what is there

    def version(self) -> int:
        """The module's number, ``api`` (see :func:`fits`); 0 for a module from before API 1."""
        function, answer = self._read("version")
        reader = self._reader(function)
        api = api_of(reader.struct(answer))
        if api is None:
            raise reader.malformed("api: expected a whole number from 1")
        return api

    def capabilities(self) -> Struct:
        """Its functions by name, and its limits."""
        return self._struct(*self._read("capabilities"))

    def get_api_services(self) -> list[Struct]:
        """Every function of every module of the agent, with arguments and defaults, as data."""
        return self._structs(*self._read("get_api_services"))

    # ------------------------------------------------------------------ inventory

    def read_agent(self, functions: Sequence[str]) -> AgentReadings:
        """Several of the agent's own reads without arguments in one call (see ``AGENT_READS``).

        Where ``list_vms`` faults as a whole, the domains that xend shows one by one take its place,
        if that is all of them. A function that faults, or answers what it should not, has no answer
        here: ask the agent itself.
        """
        function, answer = self._read("read_agent", list(functions))
        reader = self._reader(function)
        struct = reader.struct(answer)
        api = reader.key(struct, "api", int)
        if not fits(api):
            return AgentReadings(api, {})
        given = reader.key(struct, "answers", dict)
        answers = {}
        missing: Exception | None = None
        for name in functions:
            try:
                answers[name] = self._said(name, given.get(name))
            except (AgentFault, MalformedResponse) as error:
                missing = error if _has_missing(given.get(name)) else missing
        return AgentReadings(api, answers, reader.unlisted(given.get("list_vms")), missing)

    def repository(self, repository_id: str) -> RepositoryFiles:
        """A repository's listing and every vm.cfg in it: one call, more beyond 12 MiB.

        :raises AgentFault: also if the listing alone faults.
        """
        after: str | bytes = ""
        listing: str | None = None
        aside: tuple[Aside, ...] = ()
        found = []
        while True:
            function, answer = self._read("repository", repository_id, after)
            reader = self._reader(function)
            struct = reader.struct(answer)
            if listing is None:
                said = self._answer("discover_repositories", struct.get("listing"), str)
                listing = reader.typed("listing", said, str)
                aside = reader.asides(struct.get("aside", []))
            page = reader.key(struct, "vm_cfg", list)
            found += [reader.vm_cfg(entry) for entry in page]
            before, after = after, reader.cursor(struct)
            if not after:
                return RepositoryFiles(listing, tuple(found), aside)
            if after == before or not page:
                raise reader.malformed("its pages do not end")

    def domains(self) -> list[Struct]:
        """The live domains as ``list_vms`` has them, asked for one by one if need be.

        :raises AgentFault: some of them could not be had; names them. Part of a list is no list.
        """
        function, answer = self._read("domains")
        reader = self._reader(function)
        struct = reader.struct(answer)
        self._require_all(function, struct, reader, "xend does not show them")
        return reader.structs(struct.get("domains"))

    def free_space(self) -> list[Struct]:
        """Size and free bytes of every repository and secondary mount."""
        return self._structs(*self._read("free_space"))

    def file_holders(self) -> tuple[Holder, ...]:
        """Which block backends and loop devices hold which file, whoever is still listed."""
        function, answer = self._read("file_holders")
        return self._reader(function).holders(answer)

    def identify(self, paths: Sequence[Path]) -> tuple[Identity, ...]:
        """Which file each of these absolute paths leads to on the host, links followed.

        :param paths: at most 1000; the answers are in their order.
        """
        function, answer = self._read("identify", list(paths))
        return self._reader(function).identities(answer, paths)

    def autostart_guests(self) -> list[Struct]:
        """Guests that the next boot or start of xend may bring back."""
        return self._structs(*self._read("autostart_guests"))

    # ------------------------------------------------------------------ files

    def list_files(self, path: Path, after: str | bytes = "", limit: int = 1000) -> FilePage:
        """Some names of a directory, in the order of their bytes.

        :param after: what the page before says; "" for the first.
        """
        function, answer = self._read("list_files", path, after, limit)
        return self._reader(function).file_page(answer)

    def stat_file(self, path: Path) -> Struct:
        """Type, size, used bytes, time and mode of a file or directory."""
        return self._struct(*self._read("stat_file", path))

    def read_file(self, path: Path, offset: int, length: int) -> FileRange:
        """A stretch of a file, at most ``chunks.CHUNK_BYTES`` long."""
        function, answer = self._read("read_file", path, offset, length)
        reader = self._reader(function)
        struct = reader.struct(answer)
        try:
            data = chunks.decode(reader.payload(struct, "chunk"))
        except ValueError as error:
            raise reader.malformed(str(error)) from None
        return FileRange(reader.key(struct, "size_bytes", int), data)

    def create_file(self, client: str, operation: str, path: Path, size_bytes: int) -> None:
        """Make a sparse file that must not be there yet."""
        self._write("create_file", client, operation, path, size_bytes)

    def write_file(self, client: str, operation: str, path: Path, offset: int, data: bytes) -> None:
        """Write a stretch, at most ``chunks.CHUNK_BYTES`` long. Repeating it does no harm."""
        # As base64 the path, too: what is text would stand in the agent's log with every chunk.
        name = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        try:
            chunk = chunks.encode(data)
        except ValueError as error:
            raise InvalidArgument(f"{_PREFIX}write_file: {error}") from None
        self._write("write_file", client, operation, name, offset, chunk)

    def truncate_file(self, client: str, operation: str, path: Path, size_bytes: int) -> None:
        """Give a file another size."""
        self._write("truncate_file", client, operation, path, size_bytes)

    def rename_file(self, client: str, operation: str, path: Path, new_path: Path) -> None:
        """Rename a file within its mount, never onto something."""
        self._write("rename_file", client, operation, path, new_path)

    def delete_file(self, client: str, operation: str, path: Path) -> None:
        """Delete a regular file."""
        self._write("delete_file", client, operation, path)

    def set_aside(self, client: str, operation: str, path: Path) -> None:
        """Take a regular file out of its place and keep it in our folder on that mount: a deletion
        that can be taken back. Repeating it does no harm.

        :raises AgentFault: of kind ``...NotFound`` if there is no such file, nor one set aside from
            there under this operation; ``...NotAllowed`` for a link or a directory.
        """
        self._write("set_aside", client, operation, path)

    def put_back(self, client: str, operation: str, path: Path) -> None:
        """Give a file that was set aside under this operation its place again.

        :param path: the place that it was taken from.
        :raises AgentFault: of kind ``...Exists`` if something is there now: the file stays aside.
        """
        self._write("put_back", client, operation, path)

    def delete_aside(self, client: str, operation: str, path: Path) -> None:
        """Delete a file that was set aside under this operation, for good.

        :param path: the place that it was taken from.
        :raises AgentFault: of kind ``...NotFound`` if it is not aside (any more).
        """
        self._write("delete_aside", client, operation, path)

    # ------------------------------------------------------------------ jobs

    def start_job(
        self, client: str, operation: str, kind: str, source: Path, target: Path = ""
    ) -> Struct:
        """Start a ``copy``, ``sparse_copy`` or ``md5``; the operation is the job's id."""
        return self._struct(*self._write("start_job", client, operation, kind, source, target))

    def job_status(self, mount: str, job_id: str) -> Struct:
        """How far a job is."""
        return self._struct(*self._read("job_status", mount, job_id))

    def cancel_job(self, client: str, operation: str, mount: str, job_id: str) -> Struct:
        """Cancel a job; answers as :meth:`job_status`."""
        return self._struct(*self._write("cancel_job", client, operation, mount, job_id))

    # ------------------------------------------------------------------ documents

    def list_documents(
        self, mount: str, after: str = "", limit: int = 1000
    ) -> tuple[list[str], str]:
        """Some names of documents, and where to go on ("" at the end)."""
        function, answer = self._read("list_documents", mount, after, limit)
        reader = self._reader(function)
        struct = reader.struct(answer)
        names = [reader.typed("name", name, str) for name in reader.key(struct, "names", list)]
        return names, reader.key(struct, "after", str)

    def read_document(self, mount: str, name: str) -> Document:
        """The highest whole version of a document."""
        function, answer = self._read("read_document", mount, name)
        return self._reader(function).document(answer)

    def write_document(
        self, client: str, operation: str, mount: str, name: str, version: int, content: bytes
    ) -> int:
        """Write a version of a document, the ``next_version`` of what was read.

        :raises AgentFault: of kind ``...Conflict`` if another writer made that version first.
        """
        function, answer = self._write(
            "write_document", client, operation, mount, name, version, content
        )
        return self._reader(function).typed("the answer", answer, int)

    # ------------------------------------------------------------------ network, logs

    def set_control_interface(
        self, client: str, operation: str, bridge: str, address: str, prefix_length: int
    ) -> None:
        """Give a bridge an address and the only route to its network, switch its ARP on and take
        its ``ifcfg-`` file away.
        """
        self._write("set_control_interface", client, operation, bridge, address, prefix_length)

    def addresses(self) -> list[Struct]:
        """The addresses of dom0's devices."""
        return self._structs(*self._read("addresses"))

    def routes(self) -> list[Struct]:
        """dom0's IPv4 routes."""
        return self._structs(*self._read("routes"))

    def neighbours(self) -> list[Struct]:
        """dom0's ARP table."""
        return self._structs(*self._read("neighbours"))

    def check_port(self, address: str, port: int, seconds: int) -> bool:
        """Whether something takes TCP connections there, seen from the host."""
        function, answer = self._read("check_port", address, port, seconds)
        return self._reader(function).typed("the answer", answer, bool)

    def log_tail(self, log: str, size_bytes: int) -> str:
        """The end of the ``agent``'s or ``xend``'s log; bytes that are no UTF-8 are replaced."""
        function, answer = self._read("log_tail", log, size_bytes)
        return self._reader(function).typed("the answer", answer, bytes).decode("utf-8", "replace")

    # ------------------------------------------------------------------ calling

    def _read(self, name: str, *arguments: Any) -> tuple[str, Any]:
        return self._call(name, arguments, "read")

    def _write(self, name: str, *arguments: Any) -> tuple[str, Any]:
        return self._call(name, arguments, "write")

    def _call(self, name: str, arguments: tuple[Any, ...], kind: Kind) -> tuple[str, Any]:
        function = _PREFIX + name
        return function, self._connection.call(function, *arguments, kind=kind)

    def _reader(self, function: str) -> Reader:
        def malformed(what: str) -> MalformedResponse:
            address = str(self._connection.address)
            text = f"{address}: {function}: not as documented: {what}"
            return MalformedResponse(text, host=address, function=function)

        return Reader(malformed)

    def _struct(self, function: str, answer: Any) -> Struct:
        return self._reader(function).struct(answer)

    def _structs(self, function: str, answer: Any) -> list[Struct]:
        return self._reader(function).structs(answer)

    # ------------------------------------------------------------------ answers within answers

    def _said(self, function: str, entry: Any) -> Any:
        """What one of the agent's functions answered."""
        if function == "list_vms" and isinstance(entry, dict) and "missing" in entry:
            self._require_all(function, entry, self._reader(function), str(entry.get("fault")))
            entry = {"answer": entry.get("answer")}
        return self._answer(function, entry, AGENT_READS.get(function, object))

    def _answer(self, function: str, entry: Any, kind: type) -> Any:
        reader = self._reader(function)
        struct = reader.struct(entry)
        if "fault" in struct:
            fault = Fault(1, reader.key(struct, "fault", str))
            raise self._connection.error_of(fault, function)
        return reader.typed("answer", struct.get("answer"), kind)

    def _require_all(self, function: str, struct: Struct, reader: Reader, why: str) -> None:
        missing = reader.key(struct, "missing", list)
        if missing:
            text = f"{why} (not even one by one: {', '.join(map(_shown, missing))})"
            raise self._connection.error_of(Fault(1, text), function)


def _has_missing(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(entry.get("missing"))


def _shown(missing: Any) -> str:
    if isinstance(missing, dict):
        return f"{missing.get('name')}: {missing.get('error')}"
    return str(missing)
