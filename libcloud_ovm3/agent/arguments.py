"""Arguments and responses of the generated methods in :mod:`.functions`. Pure.

Wrong arguments raise a TypeError, as with any Python function, before anything is sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.redact import redact
from libcloud_ovm3.errors import MalformedResponse

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


class _Omitted:
    def __repr__(self) -> str:
        return "OMITTED"


# An optional argument that is not sent. It is not None, which can be sent, as nil.
OMITTED: Final[Any] = _Omitted()


def given(function: str, /, **optional: Any) -> list[Any]:
    """The optional arguments that were given, in the agent's order.

    :raises TypeError: One was given after one that was left out. Calls are positional, and what
        the agent would use instead is unknown.
    """
    values = list(optional.values())
    while values and values[-1] is OMITTED:
        values.pop()
    for name, value in zip(optional, values, strict=False):
        if value is OMITTED:
            raise TypeError(f"{function}() needs {name!r} too, as a later argument is given")
    return values


def also(**listed: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a method also accept keywords by the names in the agent's listing."""

    def decorate(method: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(method)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            for old, new in listed.items():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(f"{method.__name__}() got both {new!r} and {old!r}")
                    kwargs[new] = kwargs.pop(old)
            return method(*args, **kwargs)

        return call

    return decorate


def one_of(
    function: str, forms: list[dict[str, type]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """The arguments of a function that depend on the agent's version, in the agent's order.

    :param forms: The names and types of the arguments of each version.
    :raises TypeError: The arguments match none of them.
    """
    for form in forms:
        names = list(form)
        values = dict(zip(names, args, strict=False)) | kwargs
        in_all = len(args) + len(kwargs)
        if in_all == len(values) == len(form) and values.keys() == form.keys():
            ordered = [values[name] for name in names]
            if all(isinstance(value, form[name]) for name, value in zip(names, ordered)):  # noqa: B905
                return ordered
    expected = " or ".join(
        f"({', '.join(f'{name}: {kind.__name__}' for name, kind in form.items())})"
        for form in forms
    )
    raise TypeError(f"{function}() takes {expected}")


def as_type(connection: AgentConnection, function: str, kind: type[_T], answer: Any) -> _T:
    """The response, if it has the documented type.

    :raises MalformedResponse: It has another type.
    """
    if not isinstance(answer, kind):
        shown = redact(repr(answer))[:60]
        raise MalformedResponse(
            f"{connection.address}: {function}: expected a {kind.__name__}, the agent returned "
            f"{shown}",
            host=str(connection.address),
            function=function,
        )
    return answer


def as_type_or_none(
    connection: AgentConnection, function: str, kind: type[_T], answer: Any
) -> _T | None:
    """The same for functions that may also return nil."""
    return None if answer is None else as_type(connection, function, kind, answer)
