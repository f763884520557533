"""XML-RPC in the agent's dialect, with the standard library (agent-behaviour.md 2)."""

from __future__ import annotations

import xmlrpc.client
from typing import Any
from xml.parsers import expat

from libcloud_ovm3.simulator.values import I8, Payload

HEADER = "<?xml version='1.0'?>\n<methodResponse>\n"


class _Unmarshaller(xmlrpc.client.Unmarshaller):
    """The standard unmarshaller, with :class:`Payload`."""

    dispatch: dict[str, Any] = dict(xmlrpc.client.Unmarshaller.dispatch)  # noqa: RUF012 - its base

    def end_base64(self, data: str) -> None:
        value = Payload()
        value.decode(data.encode("ascii"))
        self.append(value)
        self._value = False

    dispatch["base64"] = end_base64


class _Marshaller(xmlrpc.client.Marshaller):
    """The standard marshaller, with ``<i8>`` for :class:`I8` and for ints beyond 32 bits."""

    dispatch: dict[Any, Any] = dict(xmlrpc.client.Marshaller.dispatch)  # noqa: RUF012 - its base

    def dump_int(self, value: int, write: Any) -> None:
        small = not isinstance(value, I8) and -(1 << 31) <= value < 1 << 31
        word = "int" if small else "i8"
        write(f"<value><{word}>{int(value)}</{word}></value>\n")

    def dump_payload(self, value: Payload, write: Any) -> None:
        self.dump_instance(xmlrpc.client.Binary(value.data), write)

    dispatch[int] = dump_int
    dispatch[I8] = dump_int
    dispatch[Payload] = dump_payload


def encode(value: Any) -> bytes:
    """A response with one value; None as ``<nil/>``."""
    body = _Marshaller("utf-8", allow_none=True).dumps((value,))
    return f"{HEADER}{body}</methodResponse>\n".encode("utf-8", "replace")


def encode_fault(text: str, code: int = 1) -> bytes:
    """A fault response; its code is 1 in every sample."""
    body = _Marshaller("utf-8", allow_none=True).dumps(xmlrpc.client.Fault(code, text))
    return f"{HEADER}{body}</methodResponse>\n".encode("utf-8", "replace")


def decode(body: bytes) -> tuple[str, list[Any]]:
    """Function name and arguments of a request.

    :raises ValueError: It is not an XML-RPC call, or has a DOCTYPE.
    """

    def refuse(*_: Any) -> None:
        raise ValueError("a DOCTYPE is refused")

    try:
        checker = expat.ParserCreate()
        checker.StartDoctypeDeclHandler = refuse
        checker.Parse(body, True)
        target = _Unmarshaller()
        parser = xmlrpc.client.ExpatParser(target)
        parser.feed(body)
        parser.close()
        arguments, name = target.close(), target.getmethodname()
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"not an XML-RPC call: {type(error).__name__}: {error}") from None
    if not name:
        raise ValueError("not an XML-RPC call: no method name")
    return name, list(arguments)
