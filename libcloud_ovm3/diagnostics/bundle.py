"""The raw responses of hosts in one file, anonymized (format: docs/bundle.md)."""

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
# Functions whose string arguments are names of directories; elsewhere they are any text.
_NAMED = frozenset({"get_vm_config", "list_vm", "get_template_config"})


def make_bundle(calls: Sequence[Call], secrets: Iterable[str]) -> dict[str, Any]:
    """Return the contents of the file: every call, anonymized. Pure.

    Hosts are named 127.0.0.2, 127.0.0.3, … in the order in which they were first called, like those
    of a simulator, so that one started from the bundle finds its own pool in it.

    :param secrets: the agents' passwords.
    """
    anonymizer = Anonymizer(secrets)
    by_host: dict[str, list[Call]] = {}
    for call in calls:
        by_host.setdefault(call.address, []).append(call)
    new_addresses = {}
    for number, (address, own) in enumerate(by_host.items()):
        new = f"127.0.{(number + 2) // 256}.{(number + 2) % 256}"
        new_addresses[address] = new
        for name in (_host_of(address), _registered_ip(own)):
            if name:
                anonymizer.map_address(name, new)
    hosts = [_host(new_addresses[address], own, anonymizer) for address, own in by_host.items()]
    return {"format": FORMAT, "hosts": hosts}


def write_bundle(contents: dict[str, Any], path: Path) -> None:
    """Write a bundle into a new file that only its owner can read (mode 0600).

    :raises InvalidArgument: the file exists already, or it cannot be written.
    """
    text = json.dumps(contents, indent=1, ensure_ascii=False)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except FileExistsError:
        raise InvalidArgument(f"{path} already exists: choose another file name") from None
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}") from None


def _host_of(address: str) -> str:
    host, _, _ = address.rpartition(":")
    return host.strip("[]")


def _registered_ip(calls: Sequence[Call]) -> str:
    """Return the address at which a host is registered in its pool, "" if not known."""
    for call in calls:
        if call.function == "discover_server" and isinstance(call.answer, str):
            try:
                return documents.server(call.answer).registered_ip
            except MalformedResponse:
                return ""
    return ""


def _host(address: str, calls: Sequence[Call], anonymizer: Anonymizer) -> dict[str, Any]:
    responses = [_call(call, anonymizer) for call in calls if _is_response(call.error)]
    host: dict[str, Any] = {"address": address}
    if not responses:
        host["unreachable"] = type(calls[0].error).__name__
    return {**host, "calls": responses}


def _is_response(error: Ovm3Error | None) -> bool:
    return error is None or isinstance(error, AgentFault | OutcomeUnknown)


def _call(call: Call, anonymizer: Anonymizer) -> dict[str, Any]:
    arguments = [
        anonymizer.name(argument)
        if call.function in _NAMED and isinstance(argument, str)
        else anonymizer.value(argument)
        for argument in call.arguments
    ]
    entry = {"function": call.function, "arguments": encode(arguments)}
    if call.error is None:
        return {**entry, "answer": encode(anonymizer.value(call.answer))}
    if isinstance(call.error, AgentFault):
        text = anonymizer.text(as_it_came(call.error))
        return {**entry, "fault": {"code": call.error.code, "text": text}}
    return {**entry, "lost": type(call.error).__name__}


def encode(value: Any) -> Any:
    """Return an XML-RPC value in the bundle's JSON form. ``i8`` only where a number needs it."""
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
