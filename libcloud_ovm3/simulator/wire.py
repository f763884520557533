"""XML-RPC in the agent's dialect, by the standard library (agent-behaviour.md 2)."""

from __future__ import annotations

import xmlrpc.client
from typing import Any
from xml.parsers import expat

HEADER = "<?xml version='1.0'?>\n<methodResponse>\n"


class I8(int):
    """A number that is sent as ``<i8>`` whatever its size, as Python 2 sends its longs."""


class _Marshaller(xmlrpc.client.Marshaller):
    """The standard one, and ``<i8>``: for :class:`I8` and for what is beyond 32 bits."""

    dispatch: dict[Any, Any] = dict(xmlrpc.client.Marshaller.dispatch)  # noqa: RUF012 - its base

    def dump_int(self, value: int, write: Any) -> None:
        small = not isinstance(value, I8) and -(1 << 31) <= value < 1 << 31
        word = "int" if small else "i8"
        write(f"<value><{word}>{int(value)}</{word}></value>\n")

    dispatch[int] = dump_int
    dispatch[I8] = dump_int


def encode(value: Any) -> bytes:
    """The answer with one value; None as ``<nil/>``."""
    body = _Marshaller("utf-8", allow_none=True).dumps((value,))
    return f"{HEADER}{body}</methodResponse>\n".encode("utf-8", "replace")


def encode_fault(text: str, code: int = 1) -> bytes:
    """A fault; its code is 1 in every sample."""
    body = _Marshaller("utf-8", allow_none=True).dumps(xmlrpc.client.Fault(code, text))
    return f"{HEADER}{body}</methodResponse>\n".encode("utf-8", "replace")


def decode(body: bytes) -> tuple[str, list[Any]]:
    """Function name and arguments of a request.

    :raises ValueError: it is no XML-RPC call, or it has a DOCTYPE
    """

    def refuse(*_: Any) -> None:
        raise ValueError("a DOCTYPE is refused")

    try:
        looker = expat.ParserCreate()
        looker.StartDoctypeDeclHandler = refuse
        looker.Parse(body, True)
        arguments, name = xmlrpc.client.loads(body)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"not an XML-RPC call: {type(error).__name__}: {error}") from None
    if not name:
        raise ValueError("not an XML-RPC call: no method name")
    return name, list(arguments)
