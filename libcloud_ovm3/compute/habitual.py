"""Arguments that programs for libcloud's other drivers pass by habit and this driver lacks. Pure.

They are accepted while they say nothing (None, empty, False), so that such programs work unchanged.
One that says something is refused before anything is sent: left unheeded, the user would not get
what was asked for. Which ones: those of create_node that at least four of libcloud's own drivers
have in common or that Salt's modules pass (tests/compute/test_habitual.py counts), and what
libcloud's base class and Salt's libcloud_compute pass to constructors.
"""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.errors import InvalidArgument

_EMPTY_TEXTS = ("", "none", "false")  # the last two: None and False as command lines pass them


def refuse_unsupported(**arguments: Any) -> None:
    """Check that none of these arguments says anything.

    :raises InvalidArgument: One does; names it, but not its value, which may hold a password.
    """
    for name, value in arguments.items():
        text = value.strip().lower() if isinstance(value, str) else None
        if bool(value) if text is None else text not in _EMPTY_TEXTS:
            raise InvalidArgument(f"{name}: not supported yet; leave it out, or pass None")
