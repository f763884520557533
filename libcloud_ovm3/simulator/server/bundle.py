"""Bundles: hosts that answer with what a file holds (docs/bundle.md)."""

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
from libcloud_ovm3.simulator.server.wire import I8

FORMAT = 1


@dataclass
class BundleHost:
    """One host of the file; ``calls``: function and arguments -> its answers in order."""

    address: str
    silent: bool = False
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, name: str, arguments: list[Any]) -> Any:
        """The next answer that the file has for the call; the last one is repeated.

        :raises AgentFault: the fault that the file holds, or the file has nothing for this call,
            or the function changes something
        :raises Stopped: the file says that no answer came
        """
        with self.lock:
            found = self.calls.get(_key(name, arguments))
            # What the agent does not have itself (a host module's reads) the file may have.
            if not is_read(name) and (name in AGENT_FUNCTIONS or not found):
                raise plain_fault(
                    f"refused: {name} changes something, and a bundle can only be read"
                )
            if not found:
                shown = ", ".join(map(repr, arguments))
                raise plain_fault(f"the bundle has no answer for {name}({shown})")
            call = found.pop(0) if len(found) > 1 else found[0]
        if "lost" in call:
            raise Stopped
        if "fault" in call:
            raise ForeignFault(str(call["fault"]["text"]), int(call["fault"]["code"]))
        return decoded(call["answer"])


def load(path: str | Path) -> list[BundleHost]:
    """The hosts of a bundle.

    :raises SimulatorError: it cannot be read, or is no bundle of this format
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
                host.silent = True
            if "function" in record:
                if len(record.keys() & {"answer", "fault", "lost"}) != 1:
                    raise ValueError(f"{record['function']}: no answer, fault or lost, or several")
                arguments = [decoded(value) for value in record["arguments"]]
                decoded(record.get("answer"))
                if "fault" in record:
                    int(record["fault"]["code"]), str(record["fault"]["text"])
                host.calls.setdefault(_key(record["function"], arguments), []).append(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        words = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise SimulatorError(f"bundle {path}: {words}") from None
    if not hosts:
        raise SimulatorError(f"bundle {path}: it has no hosts")
    return list(hosts.values())


def _records(text: str) -> list[dict[str, Any]]:
    """The file's calls, each with its host's address; both forms of the file."""
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
        lines.pop()  # its writer was killed in the middle of it
    records: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    if not records:
        raise ValueError("neither an object nor lines of them")
    _check_format(records[0])
    return records[1:]


def _check_format(record: dict[str, Any]) -> None:
    if record.get("format") != FORMAT:
        raise ValueError(f"format {record.get('format')!r}, only {FORMAT} is known")


def decoded(value: Any) -> Any:
    """A value of the file as the wire sends it.

    :raises ValueError: it is none
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
    """What makes two calls the same."""
    return json.dumps([name, arguments], sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, xmlrpc.client.Binary):
        return ["base64", value.data.hex()]
    return ["dateTime", str(value)]
