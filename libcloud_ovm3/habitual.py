"""Arguments that programs for libcloud's other drivers pass by habit and this driver lacks. Pure.

They are accepted while they say nothing (None, empty, False), so that such programs work unchanged.
One that says something is refused before anything is sent: left unheeded, the user would not get
what was asked for. Which ones: those of create_node that at least four of libcloud's own drivers
have in common or that Salt's modules pass (tests/compute/test_habitual.py counts), and what
libcloud's base class and Salt's libcloud_compute pass to constructors.
"""

from __future__ import annotations

import re
from typing import Any

from libcloud_ovm3.errors import InvalidArgument

_MEANT = {"ex_network": "not supported: use ex_networks=[...], a list, one for each card"}
_EMPTY_TEXTS = ("", "none", "false")  # the last two: None and False as command lines pass them


def refuse_unsupported(**arguments: Any) -> None:
    """Check that none of these arguments says anything.

    :raises InvalidArgument: One does; names it, but not its value, which may hold a password.
    """
    for name, value in arguments.items():
        if says_something(value):
            advice = _MEANT.get(name, "not supported yet; leave it out, or pass None")
            raise InvalidArgument(f"{name}: {advice}")


def requested_networks(ex_networks: object, networks: object) -> object:
    """What ``create_node`` is to connect; None: nothing is said.

    :param ex_networks: This driver's own name; an empty list means that there is to be no card.
    :param networks: The name that some of libcloud's other drivers have; empty, it says nothing.
    :raises InvalidArgument: Both say something.
    """
    if not says_something(networks):
        return ex_networks
    if ex_networks is not None:
        raise InvalidArgument("ex_networks and networks: expected one of them; they mean the same")
    return networks


def parse_number(value: Any, name: str, default: Any = None) -> Any:
    """A number that may be a text, as Salt passes it: a whole one, or a fraction.

    :param default: What None and an empty text stand for; returned as it is.
    :raises InvalidArgument: It is no number. Whether it is one that is possible is not checked.
    """
    if value is None or value == "":
        return default
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", value, re.ASCII):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise InvalidArgument(f"{name} {value!r}: expected a number")


def says_something(value: object) -> bool:
    """Whether an argument is given: not None, empty or False, nor a text that stands for these."""
    text = value.strip().lower() if isinstance(value, str) else None
    return bool(value) if text is None else text not in _EMPTY_TEXTS
