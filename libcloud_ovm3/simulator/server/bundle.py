"""Bundles: hosts that respond with what a file recorded (docs/bundle.md)."""

from __future__ import annotations

import base64
import json
import threading
import xmlrpc.client
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator.agent.names import AGENT_FUNCTIONS, is_read
from libcloud_ovm3.simulator.errors import ForeignFault, SimulatorError, Stopped, plain_fault
from libcloud_ovm3.simulator.values import I8

FORMAT = 1


@dataclass
class BundleHost:
    """One host of the file.

    :ivar calls: Function and arguments -> the recorded responses in order.
    """

    address: str
    unreachable: bool = False
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, name: str, arguments: list[Any]) -> Any:
        """The next recorded response to the call; the last one is repeated.

        :raises AgentFault: The fault that was recorded, or nothing was recorded for this call, or
            the function changes something.
        :raises Stopped: The file says that no response came.
        """
        with self.lock:
            found = self.calls.get(_key(name, arguments))
            # The file may have functions that the agent itself lacks: a host module's reads.
            if not is_read(name) and (name in AGENT_FUNCTIONS or not found):
                raise plain_fault(f"refused: {name} changes something; a bundle is read-only")
            if not found:
                shown = ", ".join(map(repr, arguments))
                raise plain_fault(f"the bundle has no response to {name}({shown})")
            call = found.pop(0) if len(found) > 1 else found[0]
        if "lost" in call:
            raise Stopped
        if "fault" in call:
            raise ForeignFault(str(call["fault"]["text"]), int(call["fault"]["code"]))
        return decoded(call["answer"])


def load(path: str | Path) -> list[BundleHost]:
    """The hosts of a bundle.

    :raises SimulatorError: The file cannot be read, or is not a bundle of this format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SimulatorError(f"bundle {path}: {error}") from None
    try:
        records = _records(text)
        hosts: dict[str, BundleHost] = {}
        for record in records:
            host = hosts.setdefault(record["address"], BundleHost(record["address"]))
            if "unreachable" in record:
                host.unreachable = True
            if "function" in record:
                if len(record.keys() & {"answer", "fault", "lost"}) != 1:
                    raise ValueError(
                        f"{record['function']}: needs exactly one of answer, fault, lost"
                    )
                arguments = [decoded(value) for value in record["arguments"]]
                decoded(record.get("answer"))
                if "fault" in record:
                    int(record["fault"]["code"]), str(record["fault"]["text"])
                host.calls.setdefault(_key(record["function"], arguments), []).append(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise SimulatorError(f"bundle {path}: {reason}") from None
    if not hosts:
        raise SimulatorError(f"bundle {path}: it contains no hosts")
    return list(hosts.values())


def _records(text: str) -> list[dict[str, Any]]:
    """The recorded calls, each with its host's address, from either form of the file."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and "hosts" in whole:
        _check_format(whole)
        found = []
        for host in whole["hosts"]:
            head = {key: host[key] for key in ("address", "unreachable") if key in host}
            calls = [call | {"address": host["address"]} for call in host.get("calls", [])]
            found += [head, *calls]
        return found
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()  # its writer was killed while writing it
    records: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    if not records:
        raise ValueError("neither a JSON object nor lines of JSON objects")
    _check_format(records[0])
    return records[1:]


def _check_format(record: dict[str, Any]) -> None:
    if record.get("format") != FORMAT:
        raise ValueError(f"format {record.get('format')!r} is not supported, only {FORMAT}")


def decoded(value: Any) -> Any:
    """Convert a value of the file to the value that is sent.

    :raises ValueError: It is not a value of this format.
    """
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not any(key.startswith("$") for key in value):
        return {key: decoded(item) for key, item in value.items()}
    if len(value) != 1:
        raise ValueError(f"a value with the keys {sorted(value)}")
    [(kind, content)] = value.items()
    return _special(kind, content)


def _special(kind: str, content: Any) -> Any:
    if kind == "$i8" and type(content) is int:
        return I8(content)
    if kind == "$base64" and isinstance(content, str):
        return xmlrpc.client.Binary(base64.b64decode(content, validate=True))
    if kind == "$dateTime" and isinstance(content, str):
        return xmlrpc.client.DateTime(content)
    if kind == "$struct" and isinstance(content, dict):
        return {key: decoded(item) for key, item in content.items()}
    raise ValueError(f"a value of the kind {kind!r}")


def _key(name: str, arguments: list[Any]) -> str:
    """A text that is equal for equal calls."""
    return json.dumps([name, arguments], sort_keys=True, default=_comparable)


def _comparable(value: Any) -> Any:
    if isinstance(value, xmlrpc.client.Binary):
        return ["base64", value.data.hex()]
    return ["dateTime", str(value)]
