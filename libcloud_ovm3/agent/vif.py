"""The ``vif`` and ``vfb`` entries of a vm.cfg: ``mac=00:21:f6:00:00:00,bridge=c0a80100``. Pure.

Both are texts of options (agent-behaviour 6.5, 6.6; xend.md 7). They are kept as they are; a change
of one option leaves the others untouched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from libcloud_ovm3.agent.redact import HIDDEN, redact_options
from libcloud_ovm3.errors import InvalidArgument

_KEY = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
_VALUE = re.compile(r"[^,\x00-\x1f\x7f]*")


@dataclass(frozen=True)
class Vif:
    """A network card. The order of the list is the order in the guest.

    :ivar text: The entry as it is in the list; "" is a card with xend's defaults.
    """

    text: str

    @cached_property
    def options(self) -> dict[str, str]:
        """All options by name; the last one of a name counts."""
        return _options(self.text)

    @property
    def mac(self) -> str | None:
        """The MAC address in lower case; None if xend generates one at each start (xend.md 3)."""
        return self.options.get("mac", "").lower() or None

    @property
    def bridge(self) -> str | None:
        """The bridge; None if the script chooses it."""
        return self.options.get("bridge") or None

    @property
    def type(self) -> str | None:
        """``netfront`` or ``ioemu``; None means both, on an HVM guest."""
        return self.options.get("type") or None

    @property
    def model(self) -> str | None:
        """The emulated card; None means xend's default, rtl8139."""
        return self.options.get("model") or None

    @property
    def name(self) -> str | None:
        """The name of the interface on the host; None if it is not set."""
        return self.options.get("vifname") or None

    @property
    def script(self) -> str | None:
        """The script that connects it; None means the default one."""
        return self.options.get("script") or None

    @property
    def rate(self) -> str | None:
        """The rate limit, such as ``10Mb/s``; None if there is none. xend ignores an invalid one
        (xend.md 3)."""
        return self.options.get("rate") or None

    @property
    def ips(self) -> tuple[str, ...]:
        """The addresses that are configured for it; nothing enforces them."""
        return tuple(self.options.get("ip", "").split())

    def changed(self, **options: str | None) -> Vif:
        """A copy with these options; None removes one. All others are unchanged.

        :raises InvalidArgument: An option is not possible in an entry (it has a comma, say).
        """
        return Vif(_changed(self.text, options))


@dataclass(frozen=True, repr=False)
class Vfb:
    """A virtual screen. Its repr does not show the password.

    :ivar text: The entry as it is in the list, including the password.
    """

    text: str

    def __repr__(self) -> str:
        return f"Vfb({redact_options(self.text)!r})"

    @cached_property
    def options(self) -> dict[str, str]:
        """All options by name, including the password; the last one of a name counts."""
        return _options(self.text)

    @property
    def is_vnc(self) -> bool:
        """Whether it is available by VNC."""
        return self.options.get("type") == "vnc" or self.options.get("vnc") == "1"

    def changed(self, **options: str | None) -> Vfb:
        """A copy with these options; None removes one. All others are unchanged.

        :raises InvalidArgument: An option is not possible in an entry (it has a comma, say).
        """
        return Vfb(_changed(self.text, options))


def _options(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(","))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _changed(text: str, options: dict[str, str | None]) -> str:
    for key, value in options.items():
        if not _KEY.fullmatch(key) or not (value is None or _VALUE.fullmatch(value)):
            shown = HIDDEN if "passw" in key else repr(value)
            raise InvalidArgument(f"{key}={shown} is not possible in an entry of vm.cfg")
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
