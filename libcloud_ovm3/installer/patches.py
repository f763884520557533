"""Patches for known faults of hosts (agent-behaviour 15.2), and options of agent.ini. Pure.

Each is recognized from the files alone, and each leaves a marker, so that it can be reverted line
by line, whatever else was changed in the file in the meantime.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from libcloud_ovm3.errors import UnexpectedFileContent
from libcloud_ovm3.installer import lines as text_lines
from libcloud_ovm3.installer.lines import Line, join, split

RELEASE = "/etc/ovs-release"
NETWORK = "/etc/sysconfig/network"
LIBRARY = "/etc/xen/scripts/xen-network-common.sh"
VLAN_BRIDGE = "/etc/xen/scripts/linuxbridge/ovs-vlan-bridge"
AGENT_INI = "/etc/ovs-agent/agent.ini"

State = Literal["needed", "applied", "not needed", "file missing"]


@dataclass(frozen=True)
class Patch:
    """A known fault of a host and its correction.

    :ivar name: for ``--without-patch``.
    :ivar file: the file to change; ``{site}`` is the site-packages directory of dom0's Python.
    :ivar why: what fails without the patch.
    :ivar is_needed: whether the fault is present; gets the files' contents by name.
    :ivar apply: (file's name, its content) -> the patched content.
    :ivar revert: a content -> the content without the patch.
    """

    name: str
    file: str
    why: str
    is_needed: Callable[[Mapping[str, bytes | None]], bool]
    apply: Callable[[str, bytes], bytes]
    revert: Callable[[bytes], bytes]

    def state(self, files: Mapping[str, bytes | None]) -> State:
        """Return the patch's state on a host, given the files of :func:`files_to_read`."""
        content = files.get(self.file)
        if content is None:
            return "file missing"
        if self.is_needed(files):
            return "needed"
        return "not needed" if self.revert(content) == content else "applied"


# -- zeroconf: without it a route 169.254.0.0/16 on every interface, in conflict with control0

_NOZEROCONF = b"NOZEROCONF=yes"
_SET = re.compile(rb"[ \t]*(?:export[ \t]+)?NOZEROCONF=([^#;]*)")


def _has_zeroconf(files: Mapping[str, bytes | None]) -> bool:
    """As network scripts read it: any non-empty value disables it, and the last one counts."""
    values = [match[1] for line in split(files[NETWORK] or b"") if (match := _SET.match(line.text))]
    return not (values and values[-1].strip(b"\"' \t\r"))


def _disable_zeroconf(file: str, content: bytes) -> bytes:
    return join(text_lines.append(file, split(content), _NOZEROCONF))


def _restore_zeroconf(content: bytes) -> bytes:
    return join(text_lines.remove_line(split(content), _NOZEROCONF))


# -- vlan-bridge: the script calls a function that its library does not have

_DEFINED = rb"^[ \t]*(?:function[ \t]+%s\b|%s[ \t]*\([ \t]*\))"
_MISSING = re.compile(rb"(?<![\w${/.-])setup_bridge_port(?![\w-])")
_CALLED = re.compile(rb"(?<![\w${/.-])_?setup_bridge_port(?![\w-])")
_RIGHT = b"setup_physical_bridge_port"


def _defines(library: bytes, function: bytes) -> bool:
    return bool(re.search(_DEFINED % (function, function), library, re.MULTILINE))


def _calls(line: Line) -> bool:
    """Return whether a line calls the missing function. With a leading _ it is another one."""
    return bool(_MISSING.search(line.text)) and not line.text.lstrip().startswith(b"#")


def _has_wrong_call(files: Mapping[str, bytes | None]) -> bool:
    library, script = files[LIBRARY] or b"", files[VLAN_BRIDGE] or b""
    return (
        not _defines(library, b"setup_bridge_port")
        and _defines(library, _RIGHT)
        and any(_calls(line) for line in split(script))
    )


def _correct_call(line: bytes, _: bytes = b"") -> bytes:
    """Correct a call; also in what an older integration makes of our marker line."""
    return _CALLED.sub(_RIGHT, line)


def _correct_calls(file: str, content: bytes) -> bytes:
    found = split(content)
    for number in reversed(range(len(found))):
        if _calls(found[number]):
            found = text_lines.replace(file, found, number, _correct_call(found[number].text))
    return join(found)


def _restore_calls(content: bytes) -> bytes:
    return join(text_lines.restore(split(content), _correct_call))


# -- restart-time: xend of 3.2.1 destroys every guest that reboots within a minute of its start

CONSTANTS = "{site}/xen/xend/XendConstants.py"
_SIXTY = re.compile(rb"(MINIMUM_RESTART_TIME[ \t]*=[ \t]*)60(?=[ \t]*(?:#.*)?\Z)")


def _has_long_restart_time(files: Mapping[str, bytes | None]) -> bool:
    release = files[RELEASE] or b""
    of_release = re.search(rb"\brelease[ \t]+3\.2\.1\b(?!\.)", release)
    return bool(
        of_release and any(_SIXTY.match(line.text) for line in split(files[CONSTANTS] or b""))
    )


def _ten(line: bytes, _: bytes = b"") -> bytes:
    return _SIXTY.sub(rb"\g<1>10", line)


def _shorten(file: str, content: bytes) -> bytes:
    found = split(content)
    numbers = [number for number, line in enumerate(found) if _SIXTY.match(line.text)]
    if len(numbers) != 1:
        raise UnexpectedFileContent(f"{file}: MINIMUM_RESTART_TIME is set more than once:\n"
                           f"{text_lines.format_lines(found, numbers)}")  # fmt: skip
    return join(text_lines.replace(file, found, numbers[0], _ten(found[numbers[0]].text)))


def _lengthen(content: bytes) -> bytes:
    return join(text_lines.restore(split(content), _ten))


PATCHES = (
    Patch(
        "zeroconf",
        NETWORK,
        "zeroconf puts a route to 169.254.0.0/16 on every interface, in conflict with control0",
        _has_zeroconf,
        _disable_zeroconf,
        _restore_zeroconf,
    ),
    Patch(
        "vlan-bridge",
        VLAN_BRIDGE,
        "the script calls a function that its library does not have, so no VLAN bridge is made",
        _has_wrong_call,
        _correct_calls,
        _restore_calls,
    ),
    Patch(
        "restart-time",
        CONSTANTS,
        "xend destroys a guest that reboots within 60 s of its start (10 with the patch)",
        _has_long_restart_time,
        _shorten,
        _lengthen,
    ),
)


def files_to_read() -> tuple[str, ...]:
    """Return the files from which patches are recognized, and agent.ini."""
    return (RELEASE, NETWORK, LIBRARY, VLAN_BRIDGE, CONSTANTS, AGENT_INI)


# -- agent.ini: changed only on request

_OPTION = rb"(%s[ \t]*[=:][ \t]*)(.*?)([ \t]*(?:;.*)?)"


def _matches(lines: list[Line], name: str) -> dict[int, bytes]:
    """Return the lines that set an option of exactly that name, with its value there."""
    pattern = re.compile(_OPTION % name.encode())
    matches = {number: pattern.fullmatch(line.text) for number, line in enumerate(lines)}
    return {number: match[2] for number, match in matches.items() if match}


def option(content: bytes, name: str) -> str | None:
    """Return the value of an option of agent.ini; None unless it is set exactly once."""
    values = list(_matches(split(content), name).values())
    return values[0].decode("utf-8", "replace") if len(values) == 1 else None


def set_options(file: str, content: bytes, wanted: Mapping[str, str]) -> bytes:
    """Return agent.ini with these options changed in place.

    :raises UnexpectedFileContent: an option is not set exactly once, so its place is not known.
    """
    content = revert_options(content, tuple(wanted))
    for name, value in wanted.items():
        lines = split(content)
        found = _matches(lines, name)
        if len(found) != 1:
            raise UnexpectedFileContent(
                f"{file}: option {name} is not set exactly once. Found:\n"
                f"{text_lines.format_lines(lines, list(found)) or '  no such line'}"
            )
        [(number, now)] = found.items()
        if now != value.encode():
            new = _with_value(lines[number].text, name, value.encode())
            content = join(text_lines.replace(file, lines, number, new, value.encode()))
    return content


def revert_options(content: bytes, names: tuple[str, ...] = ("ssl", "port")) -> bytes:
    """Return agent.ini with our changes of these options reverted."""

    def ours(old: bytes, value: bytes) -> bytes | None:
        for name in names:
            if re.fullmatch(_OPTION % name.encode(), old):
                return _with_value(old, name, value)
        return None

    return join(text_lines.restore(split(content), ours))


def _with_value(line: bytes, name: str, value: bytes) -> bytes:
    return re.sub(
        _OPTION % name.encode() + rb"\Z", lambda match: match[1] + value + match[3], line, count=1
    )
