"""How the host module's functions are called, and their responses read."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.agent.call_kinds import Kind
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule_answers import answer_of
from libcloud_ovm3.agent.hostmodule_types import Reader
from libcloud_ovm3.errors import MalformedResponse

PREFIX = "libcloud_"

Struct = dict[str, Any]


class ModuleCalls:
    """Calls of the module in one host's agent."""

    def __init__(self, connection: AgentConnection) -> None:
        self._connection = connection

    def _read(self, name: str, *arguments: Any) -> tuple[str, Any]:
        return self._call(name, arguments, "read")

    def _write(self, name: str, *arguments: Any) -> tuple[str, Any]:
        return self._call(name, arguments, "write")

    def _call(self, name: str, arguments: tuple[Any, ...], kind: Kind) -> tuple[str, Any]:
        function = PREFIX + name
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

    def _answer(self, function: str, entry: Any, kind: type) -> Any:
        return answer_of(self._connection, self._reader(function), function, entry, kind)
