"""Values as they travel in XML-RPC, and as they may be written to a log."""

from __future__ import annotations

import re
import xmlrpc.client
from typing import Any


class I8(int):
    """A number that is always sent as ``<i8>``, as Python 2 sends its longs."""


class Payload(xmlrpc.client.Binary):
    """A received base64 value. Its repr is that of Python 2, so logs do not show the content."""

    def __repr__(self) -> str:
        return f"<xmlrpclib.Binary instance at {id(self):#x}>"


def censored(text: str) -> str:
    """The text with passwords in URLs replaced by ``******``, as the agent logs them."""
    if "://" not in text:
        return text
    # Only where a word begins: in a long one without "://" it would be looked for at every letter.
    return re.sub(r"(\b\w+://[^\s:/@'\"]+):[^\s@'\"]+@", r"\1:******@", text)


def censored_value(value: Any) -> Any:
    """An argument with every string censored and base64 values cut to their first 64 KiB."""
    if isinstance(value, Payload):
        return Payload(value.data[: 64 << 10])
    if isinstance(value, str):
        return censored(value)
    if isinstance(value, list):
        return [censored_value(item) for item in value]
    if isinstance(value, dict):
        return {key: censored_value(item) for key, item in value.items()}
    return value
