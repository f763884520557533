"""What two readings of a vm.cfg differ in, and whether the agent can carry its values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.agent import codec, vmcfg
from libcloud_ovm3.agent.config import whole_number

_BITS_32 = range(-(2**31), 2**31)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The options in which two vm.cfg files differ, sorted."""
    return sorted(
        key
        for key in one.keys() | other.keys()
        if key not in one or key not in other or not _is_equal(key, one[key], other[key])
    )


def _is_equal(key: str, one: Any, other: Any) -> bool:
    # The agent replaces "not set" by the number of CPUs (agent-behaviour 6.1).
    return _is_alike(one, other) or (key == "maxvcpus" and 0 in (one, other))


def _is_alike(one: Any, other: Any) -> bool:
    """Whether two values are equal, but for numbers in texts, of which the agent makes numbers
    (agent-behaviour 6.1). True is not 1: xend drops booleans (xend.md 7).
    """
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_alike(one[key], other[key]) for key in one)
    if {type(one), type(other)} == {str, int}:
        return whole_number(one) is not None and whole_number(one) == whole_number(other)
    return type(one) is type(other) and bool(one == other)


def keeps_change(before: Any, wanted: Any, found: Any) -> bool:
    """Whether a changed list has the change still, whatever else was changed in it since."""
    if not all(isinstance(one, list) for one in (before, wanted, found)):
        return False
    added = [one for one in wanted if one not in before]
    removed = [one for one in before if one not in wanted]
    return all(one in found for one in added) and not any(one in found for one in removed)


def why_lost(values: Mapping[str, Any]) -> str:
    """Which options would not stay as they are if the agent wrote the file anew; "" if all would.

    The agent gets all options by XML-RPC and writes them as Python values.
    """
    reasons = [f"{key!r} {why}" for key, value in values.items() if (why := _why_lost(key, value))]
    return "; ".join(reasons)


def _why_lost(key: str, value: Any) -> str:
    try:
        vmcfg.text_of({key: value})
        codec.encode_call("any", (value,))
    except (TypeError, ValueError) as error:
        return f"cannot be sent and written ({error})"
    return _altered(value)


def _altered(value: Any) -> str:  # noqa: PLR0911 (one line a type)
    """What would become of a value on its way."""
    if value is None:
        return "is None, for which standard XML-RPC has no value"
    if isinstance(value, tuple):
        return "has a tuple, of which XML-RPC makes a list"
    if isinstance(value, float):
        return "has a fraction, of which Python 2.4 writes other digits"
    if isinstance(value, int) and value not in _BITS_32:
        return "has an integer of more than 32 bits"
    if isinstance(value, str) and "\r" in value:
        return "has a carriage return, which XML replaces"
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return next((why for item in value if (why := _altered(item))), "")
    return ""
