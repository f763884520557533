"""The agent's own answers inside the host module's responses: ``{answer}`` or ``{fault}``."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.hostmodule_types import Reader


def answer_of(
    connection: AgentConnection, reader: Reader, function: str, entry: Any, kind: type
) -> Any:
    """The answer of one of the agent's functions, which is of this type.

    :raises AgentFault: it faulted, or its list of domains lacks some.
    :raises MalformedResponse: the entry is not as documented.
    """
    struct = reader.struct(entry)
    if function == "list_vms" and "missing" in struct:
        require_all(connection, reader, function, struct, str(struct.get("fault")))
    elif "fault" in struct:
        raise connection.error_of(Fault(1, reader.key(struct, "fault", str)), function)
    return reader.typed("answer", struct.get("answer"), kind)


def require_all(
    connection: AgentConnection, reader: Reader, function: str, struct: dict[str, Any], why: str
) -> None:
    """Raise AgentFault if some domains are missing in a response, even one by one."""
    missing = reader.key(struct, "missing", list)
    if missing:
        text = f"{why} (also not one by one: {', '.join(map(_shown, missing))})"
        raise connection.error_of(Fault(1, text), function)


def has_missing(entry: Any) -> bool:
    """Whether some domains are missing in it."""
    return isinstance(entry, dict) and bool(entry.get("missing"))


def _shown(missing: Any) -> str:
    if isinstance(missing, dict):
        return f"{missing.get('name')}: {missing.get('error')}"
    return str(missing)
