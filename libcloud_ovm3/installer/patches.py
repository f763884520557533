"""The patches of a host that are known to be needed (agent-behaviour 15.2), and agent.ini. Pure.

Each can be told from the files alone, and each leaves a mark, so that it can be taken back line by
line, whatever else was changed in the file meanwhile.
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

State = Literal["needed", "applied", "not needed", "not there"]


@dataclass(frozen=True)
class Patch:
    """A known fault of a host and its mending.

    :ivar name: as ``--without-patch`` takes it.
    :ivar file: what it changes; ``{site}`` stands for the folder site-packages of dom0's Python.
    :ivar why: what goes wrong without it.
    :ivar is_needed: whether the fault is there; gets the files' contents by name.
    :ivar apply: (file's name, its content) -> the mended content.
    :ivar revert: a content -> what would be there without us.
    """

    name: str
    file: str
    why: str
    is_needed: Callable[[Mapping[str, bytes | None]], bool]
    apply: Callable[[str, bytes], bytes]
    revert: Callable[[bytes], bytes]

    def state(self, files: Mapping[str, bytes | None]) -> State:
        """How things are on a host. Its files must be those of :func:`files_to_read`."""
        content = files.get(self.file)
        if content is None:
            return "not there"
        if self.is_needed(files):
            return "needed"
        return "not needed" if self.revert(content) == content else "applied"


# -- zeroconf: without it a route 169.254.0.0/16 on every interface, in conflict with control0

_NOZEROCONF = b"NOZEROCONF=yes"
_SET = re.compile(rb"[ \t]*(?:export[ \t]+)?NOZEROCONF=([^#;]*)")


def _has_zeroconf(files: Mapping[str, bytes | None]) -> bool:
    """As network scripts see it: any non-empty value switches it off, and the last one counts."""
    values = [match[1] for line in split(files[NETWORK] or b"") if (match := _SET.match(line.text))]
    return not (values and values[-1].strip(b"\"' \t\r"))


def _switch_zeroconf_off(file: str, content: bytes) -> bytes:
    return join(text_lines.append(file, split(content), _NOZEROCONF))


def _let_zeroconf_be(content: bytes) -> bytes:
    return join(text_lines.take_out(split(content), _NOZEROCONF))


# -- vlan-bridge: the script calls a function that its library does not have

_DEFINED = rb"^[ \t]*(?:function[ \t]+%s\b|%s[ \t]*\([ \t]*\))"
_MISSING = re.compile(rb"(?<![\w${/.-])setup_bridge_port(?![\w-])")
_CALLED = re.compile(rb"(?<![\w${/.-])_?setup_bridge_port(?![\w-])")
_RIGHT = b"setup_physical_bridge_port"


def _defines(library: bytes, function: bytes) -> bool:
    return bool(re.search(_DEFINED % (function, function), library, re.MULTILINE))


def _calls(line: Line) -> bool:
    """Whether a line calls the missing function. With _ before it, another one is called."""
    return bool(_MISSING.search(line.text)) and not line.text.lstrip().startswith(b"#")


def _has_wrong_call(files: Mapping[str, bytes | None]) -> bool:
    library, script = files[LIBRARY] or b"", files[VLAN_BRIDGE] or b""
    return (
        not _defines(library, b"setup_bridge_port")
        and _defines(library, _RIGHT)
        and any(_calls(line) for line in split(script))
    )


def _right_call(line: bytes, _: bytes = b"") -> bytes:
    """Also of what an older integration makes of the line that we keep for undoing."""
    return _CALLED.sub(_RIGHT, line)


def _mend_calls(file: str, content: bytes) -> bytes:
    found = split(content)
    for number in reversed(range(len(found))):
        if _calls(found[number]):
            found = text_lines.replace(file, found, number, _right_call(found[number].text))
    return join(found)


def _old_calls(content: bytes) -> bytes:
    return join(text_lines.restore(split(content), _right_call))


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
        raise UnexpectedFileContent(f"{file}: MINIMUM_RESTART_TIME more than once:\n"
                           f"{text_lines.shown(found, numbers)}")  # fmt: skip
    return join(text_lines.replace(file, found, numbers[0], _ten(found[numbers[0]].text)))


def _lengthen(content: bytes) -> bytes:
    return join(text_lines.restore(split(content), _ten))


PATCHES = (
    Patch(
        "zeroconf",
        NETWORK,
        "zeroconf puts a route to 169.254.0.0/16 on every interface, in conflict with control0",
        _has_zeroconf,
        _switch_zeroconf_off,
        _let_zeroconf_be,
    ),
    Patch(
        "vlan-bridge",
        VLAN_BRIDGE,
        "the script calls a function that its library does not have, so no VLAN bridge is made",
        _has_wrong_call,
        _mend_calls,
        _old_calls,
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
    """The files that say which patches are needed, and agent.ini."""
    return (RELEASE, NETWORK, LIBRARY, VLAN_BRIDGE, CONSTANTS, AGENT_INI)


# -- agent.ini: only when asked

_OPTION = rb"(%s[ \t]*[=:][ \t]*)(.*?)([ \t]*(?:;.*)?)"


def _matches(lines: list[Line], name: str) -> dict[int, bytes]:
    """Where an option stands, by its exact name, and its value there."""
    pattern = re.compile(_OPTION % name.encode())
    matches = {number: pattern.fullmatch(line.text) for number, line in enumerate(lines)}
    return {number: match[2] for number, match in matches.items() if match}


def option(content: bytes, name: str) -> str | None:
    """The value of an option of agent.ini; None if it does not stand there exactly once."""
    values = list(_matches(split(content), name).values())
    return values[0].decode("utf-8", "replace") if len(values) == 1 else None


def set_options(file: str, content: bytes, wanted: Mapping[str, str]) -> bytes:
    """agent.ini with these options, each where it stands now.

    :raises Refused: an option does not stand there exactly once, so where it belongs is not known.
    """
    content = revert_options(content, tuple(wanted))
    for name, value in wanted.items():
        lines = split(content)
        found = _matches(lines, name)
        if len(found) != 1:
            raise UnexpectedFileContent(
                f"{file}: option {name} is not there exactly once. Found:\n"
                f"{text_lines.shown(lines, list(found)) or '  no such line'}"
            )
        [(number, now)] = found.items()
        if now != value.encode():
            new = _with_value(lines[number].text, name, value.encode())
            content = join(text_lines.replace(file, lines, number, new, value.encode()))
    return content


def revert_options(content: bytes, names: tuple[str, ...] = ("ssl", "port")) -> bytes:
    """agent.ini with our changes of these options taken back."""

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
