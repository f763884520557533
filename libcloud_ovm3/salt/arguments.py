"""Salt's command line passes texts (``ex_force=true``): checked before anything is sent. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.habitual import parse_number, refuse_unsupported


def typed(
    method: Callable[..., Any], given: Mapping[str, Any], others: Collection[str] = ("self", "node")
) -> dict[str, Any]:
    """Arguments of a method of the driver, of the types that its signature says.

    :param given: Values by name; None means that an argument is not given. Names that begin with
        two underscores are Salt's: ``salt-call`` adds ``__pub_fun`` and others. What has no
        default and may be None (the size of a volume) may be missing.
    :param others: The method's parameters that do not come from here.
    :raises InvalidArgument: One is not known or missing, or its value is wrong.
    """
    parameters = inspect.signature(method).parameters
    expected = [name for name in parameters if name not in others]
    values = {name: value for name, value in given.items() if not name.startswith("__")}
    for name in values:
        if name not in expected:
            raise InvalidArgument(f"{name}: not known; expected {', '.join(expected) or 'nothing'}")
    values = {name: value for name, value in values.items() if value is not None}
    types = {name: str(parameters[name].annotation) for name in expected}
    required = [name for name in expected if parameters[name].default is inspect.Parameter.empty]
    for name in required:
        if name not in values and not types[name].endswith("None"):
            raise InvalidArgument(f"{name}: missing; expected {name}=VALUE")
    return {
        **dict.fromkeys(required),
        **{name: _as_type(name, value, types[name]) for name, value in values.items()},
    }


def _as_type(name: str, value: Any, annotation: str) -> Any:  # noqa: PLR0911 (one per type)
    words = set(re.findall(r"\w+", annotation))
    if "bool" in words:
        return parse_flag(value, name)
    if name == "cpus":
        return value  # numbers or a text, which the driver checks
    is_number = "int" in words or (name == "size" and "NodeSize" not in words)
    if is_number and "OVM3Network" not in words:
        return parse_number(value, name)
    if "float" in words:
        return parse_seconds(value, name, may_be_zero=True)
    if name in ("metadata", "ex_metadata"):
        return value  # a mapping, which the driver checks
    if name in ("ex_networks", "networks"):
        return value  # of a profile: a list of texts and mappings, which create_node checks
    if "Sequence" in words:
        return _list(name, value)
    if words & {"str", "NodeLocation", "NodeImage", "StorageVolume", "VolumeSnapshot", "KeyPair"}:
        return _text(name, value)
    assert words == {"object"}, annotation
    refuse_unsupported(**{name: value})
    return value


def _list(name: str, value: Any) -> list[str]:
    values = value.split(",") if isinstance(value, str) else value
    if name == "ex_address" and value in ("", [], ()):
        return []  # of a network card: no address any more
    if not isinstance(values, list | tuple) or not values:
        raise InvalidArgument(f"{name} {value!r}: expected a list, or a text with commas")
    return [_text(name, one) for one in values]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{name} {value!r}: expected a text; in YAML, put it in quotes")
    return value.strip()
