"""The file vm.cfg: Python assignments, parsed with ``ast`` and never executed."""

from __future__ import annotations

import ast
import contextlib
import os
import threading
import uuid
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator.errors import AgentFault

#: Options that the agent keeps as integers (agent-behaviour.md 6.2).
INTEGERS = frozenset(
    """acpi apic blkif console_autoconnect cpu cpu_cap cpu_weight display expose_host_uuid hap hpet
    isa localtime machine_address_size maxmem maxvcpus memory monitor netif nographic nomigrate
    opengl pae pasued pci_msitranslate pci_power_mgmt rtc_timeoffset s3_integrity sdl shadow_memory
    stdvga superpages suppress_spurious_page_faults target timer_mode tpmif tsc_mode usb vcpus vhpt
    videoram viridian vnc vncconsole vncdisplay vncunused vpt_align xen_platform_pci""".split()
)

# One parse at a time: CPython up to 3.12 keeps the parser's recursion depth in shared state, and
# threads that parse side by side fail with "AST constructor recursion depth mismatch".
_PARSING = threading.Lock()


def _parse(text: str) -> ast.Module:
    """Parse it, again if a thread outside this module, the driver's for example, disturbed it."""
    for _ in range(9):
        with contextlib.suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def read(path: Path) -> dict[str, Any]:
    """The assignments of a vm.cfg, in order; a later one wins.

    :raises AgentFault: The file is missing, or is not made of literal assignments.
    """
    try:
        text = path.read_bytes().decode("latin-1")  # one character per byte, as Python 2 reads it
    except FileNotFoundError:
        raise AgentFault("exceptions.IOError", "[Errno 2] No such file or directory") from None
    try:
        with _PARSING:
            tree = _parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f" (vm.cfg, line {line})" if line else ""
        raise AgentFault("exceptions.SyntaxError", f"invalid syntax{where}") from None
    config: dict[str, Any] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            raise _not_literal(statement)
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError, RecursionError):
            if isinstance(statement.value, ast.Name):
                text = f"name '{statement.value.id}' is not defined"
                raise AgentFault("exceptions.NameError", text) from None
            raise _not_literal(statement) from None
        for target in statement.targets:
            if not isinstance(target, ast.Name):
                raise _not_literal(statement)
            config[target.id] = _as_text(value)
    return config


def _not_literal(statement: ast.stmt) -> AgentFault:
    text = f"not modelled by the simulator: line {statement.lineno} of vm.cfg is code, not a value"
    return AgentFault("exceptions.Exception", text)


def _as_text(value: Any) -> Any:
    """Decode the agent's Python 2 strings (bytes of UTF-8) as a response shows them."""
    if isinstance(value, str):
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeError:  # a unicode literal, or bytes that are not UTF-8
            return value
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, dict):
        return {_as_text(key): _as_text(item) for key, item in value.items()}
    return value


def _as_bytes(value: Any) -> Any:
    """The reverse: strings with one character per byte, which ``ascii`` writes as Python 2 does."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    if isinstance(value, list):
        return [_as_bytes(item) for item in value]
    if isinstance(value, dict):
        return {_as_bytes(key): _as_bytes(item) for key, item in value.items()}
    return value


def write(path: Path, config: dict[str, Any]) -> None:
    """Replace the file atomically, in the agent's syntax: ``key = <Python literal>``."""
    text = "".join(f"{key} = {_as_bytes(value)!a}\n" for key, value in config.items())
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    temporary.write_text(text, encoding="ascii")
    os.replace(temporary, path)


def with_numbers(params: dict[str, Any]) -> dict[str, Any]:
    """The options, with numeric strings converted to int where the agent stores ints (6.1)."""
    converted = dict(params)
    for key in INTEGERS & params.keys():
        value = params[key]
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            converted[key] = int(value)
    return converted


def number(config: dict[str, Any], key: str, default: int) -> int:
    """An integer option as xend reads it: strings and fractions are converted (xend.md 7)."""
    try:
        return int(float(config.get(key, default)))
    except (TypeError, ValueError, OverflowError):
        return default


def strings(config: dict[str, Any], key: str) -> list[str]:
    """A list option, without the items that are not strings."""
    value = config.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def is_hvm(config: dict[str, Any]) -> bool:
    """Whether the options describe a hardware-virtualised guest."""
    return str(config.get("builder", "linux")) == "hvm"


def dashed(text: str) -> str:
    """A uuid in the dashed lower-case form, or the text itself if it is not a uuid."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError):
        return text
