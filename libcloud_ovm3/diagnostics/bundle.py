"""The raw answers of hosts in one file, redacted (docs/bundle.md has the format)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from libcloud_ovm3.agent import documents
from libcloud_ovm3.agent.faults import as_it_came
from libcloud_ovm3.diagnostics.anonymize import Anonymizer
from libcloud_ovm3.diagnostics.collect import Call
from libcloud_ovm3.errors import (
    AgentFault,
    InvalidArgument,
    MalformedResponse,
    OutcomeUnknown,
    Ovm3Error,
)

FORMAT = 1
# Functions whose string arguments are names of directories; elsewhere they are texts.
_NAMED = frozenset({"get_vm_config", "list_vm", "get_template_config"})


def bundle(calls: Sequence[Call], secrets: Iterable[str]) -> dict[str, Any]:
    """What the file holds: every call, redacted. Pure.

    Hosts are called 127.0.0.2, 127.0.0.3, … in the order in which they were asked first, as those
    of a simulator are, so that one started from the bundle finds its own pool in it.

    :param secrets: the agents' password.
    """
    redactor = Anonymizer(secrets)
    by_host: dict[str, list[Call]] = {}
    for call in calls:
        by_host.setdefault(call.address, []).append(call)
    new_names = {}
    for number, (address, own) in enumerate(by_host.items()):
        new = f"127.0.{(number + 2) // 256}.{(number + 2) % 256}"
        new_names[address] = new
        for name in (_host_of(address), _registered(own)):
            if name:
                redactor.call_it(name, new)
    hosts = [_host(new_names[address], own, redactor) for address, own in by_host.items()]
    return {"format": FORMAT, "hosts": hosts}


def write(contents: dict[str, Any], path: Path) -> None:
    """Write a bundle, for its owner alone (mode 0600), whole or not at all.

    :raises InvalidArgument: there is such a file already, or it cannot be written.
    """
    text = json.dumps(contents, indent=1, ensure_ascii=False)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except FileExistsError:
        raise InvalidArgument(f"{path} exists already: name a new file") from None
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}") from None


def _host_of(address: str) -> str:
    host, _, _ = address.rpartition(":")
    return host.strip("[]")


def _registered(calls: Sequence[Call]) -> str:
    """The address that a host is registered with in its pool, "" if it does not say."""
    for call in calls:
        if call.function == "discover_server" and isinstance(call.answer, str):
            try:
                return documents.server(call.answer).registered_ip
            except MalformedResponse:
                return ""
    return ""


def _host(address: str, calls: Sequence[Call], redactor: Anonymizer) -> dict[str, Any]:
    written = [_call(call, redactor) for call in calls if _says_something(call.error)]
    host: dict[str, Any] = {"address": address}
    if not written:
        host["unreachable"] = type(calls[0].error).__name__
    return {**host, "calls": written}


def _says_something(error: Ovm3Error | None) -> bool:
    return error is None or isinstance(error, AgentFault | OutcomeUnknown)


def _call(call: Call, redactor: Anonymizer) -> dict[str, Any]:
    arguments = [
        redactor.name(argument)
        if call.function in _NAMED and isinstance(argument, str)
        else redactor.value(argument)
        for argument in call.arguments
    ]
    written = {"function": call.function, "arguments": encode(arguments)}
    if call.error is None:
        return {**written, "answer": encode(redactor.value(call.answer))}
    if isinstance(call.error, AgentFault):
        text = redactor.text(as_it_came(call.error))
        return {**written, "fault": {"code": call.error.code, "text": text}}
    return {**written, "lost": type(call.error).__name__}


def encode(value: Any) -> Any:
    """An XML-RPC value in the bundle's JSON form. ``i8`` only where a number needs it."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if -(2**31) <= value < 2**31 else {"$i8": value}
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {"$dateTime": value.isoformat().replace("-", "")}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    members = {key: encode(item) for key, item in value.items()}
    return {"$struct": members} if any(key.startswith("$") for key in members) else members
