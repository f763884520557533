"""The ``vif`` and ``vfb`` entries of a vm.cfg: ``mac=00:21:f6:00:00:00,bridge=c0a80100``. Pure.

Both are a text of options (agent-behaviour 6.5, 6.6; xend.md 7). It is kept as it is; a change
touches the option that it is about and no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from libcloud_ovm3.agent.redact import HIDDEN, redact_options
from libcloud_ovm3.errors import InvalidArgument

_KEY = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
_VALUE = re.compile(r"[^,\x00-\x1f\x7f]*")


@dataclass(frozen=True)
class Vif:
    """A network card. The order of the list is the order in the guest.

    :ivar text: as it stands in the list; "" is a card with xend's defaults.
    """

    text: str

    @property
    def options(self) -> dict[str, str]:
        """All of it, by name; of several the last."""
        return _options(self.text)

    @property
    def mac(self) -> str | None:
        """In lower case. None: xend makes up a new one at each start (xend.md 3)."""
        return self.options.get("mac", "").lower() or None

    @property
    def bridge(self) -> str | None:
        """None: the script decides."""
        return self.options.get("bridge") or None

    @property
    def type(self) -> str | None:
        """``netfront`` or ``ioemu``. None: both, on an HVM guest."""
        return self.options.get("type") or None

    @property
    def model(self) -> str | None:
        """The emulated card. None: xend's default, rtl8139."""
        return self.options.get("model") or None

    @property
    def name(self) -> str | None:
        """The interface's name on the host, if it was given one."""
        return self.options.get("vifname") or None

    @property
    def script(self) -> str | None:
        """The script that connects it, if not the default one."""
        return self.options.get("script") or None

    @property
    def rate(self) -> str | None:
        """``10Mb/s``; None: no limit. One that does not parse is none either (xend.md 3)."""
        return self.options.get("rate") or None

    @property
    def ips(self) -> tuple[str, ...]:
        """The addresses that it is held to; no more than a wish."""
        return tuple(self.options.get("ip", "").split())

    def changed(self, **options: str | None) -> Vif:
        """With these options; None takes one out. All others stay as they are.

        :raises InvalidArgument: an option cannot stand there (a comma, say).
        """
        return Vif(_changed(self.text, options))


@dataclass(frozen=True, repr=False)
class Vfb:
    """A virtual screen. Its password is in no repr.

    :ivar text: as it stands in the list, password included.
    """

    text: str

    def __repr__(self) -> str:
        return f"Vfb({redact_options(self.text)!r})"

    @property
    def options(self) -> dict[str, str]:
        """All of it, by name, password included; of several the last."""
        return _options(self.text)

    @property
    def is_vnc(self) -> bool:
        """Whether VNC shows it."""
        return self.options.get("type") == "vnc" or self.options.get("vnc") == "1"

    def changed(self, **options: str | None) -> Vfb:
        """With these options; None takes one out. All others stay as they are.

        :raises InvalidArgument: an option cannot stand there (a comma, say).
        """
        return Vfb(_changed(self.text, options))


def _options(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(","))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _changed(text: str, options: dict[str, str | None]) -> str:
    for key, value in options.items():
        if not _KEY.fullmatch(key) or not (value is None or _VALUE.fullmatch(value)):
            shown = HIDDEN if "passw" in key else repr(value)
            raise InvalidArgument(f"{key}={shown} cannot stand in an entry of vm.cfg")
    items: list[str | None] = [*text.split(",")] if text.strip() else []
    for key, value in options.items():
        places = [
            n for n, item in enumerate(items) if item and item.partition("=")[0].strip() == key
        ]
        for place in places:
            items[place] = None
        if value is not None and places:
            items[places[-1]] = f"{key}={value}"
        elif value is not None:
            items.append(f"{key}={value}")
    return ",".join(item for item in items if item is not None)
