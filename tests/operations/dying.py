"""Clients that die at a door, in this process: before their request is sent, or after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest


class Killed(BaseException):
    """The client's process has ended."""


@contextmanager
def killed_in(
    module: ModuleType, door: str, when: str, is_it: Callable[..., bool] = lambda *_: True
) -> Iterator[None]:
    """What is done in here ends in this door.

    :param when: ``before`` or ``after``.
    :param is_it: given what the door is given: whether it ends there.
    """
    real = getattr(module, door)

    def die(*args: Any, **options: Any) -> Any:
        if not is_it(*args):
            return real(*args, **options)
        if when == "after":
            real(*args, **options)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, door, die)
        with pytest.raises(Killed):
            yield
