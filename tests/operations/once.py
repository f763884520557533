"""What every worker of pytest-xdist would find out while it collects: one does so for all."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_R = TypeVar("_R")

RUN = "OVM3_TESTS_RUN"  # the directory that the workers of one run share; made by tests/conftest.py


def once_a_run(find: Callable[..., _R]) -> Callable[..., _R]:
    """The first worker that needs it finds it; the others wait for it, and read what it has found.

    What is found must depend on the arguments only, each of which has a name or a repr of its own.
    """

    @functools.wraps(find)
    def found(*args: Any, **options: Any) -> _R:
        folder = os.environ.get(RUN)
        if folder is None:
            return find(*args, **options)
        given = [getattr(one, "__qualname__", repr(one)) for one in (*args, *options.values())]
        named = "-".join(given)
        assert not set("</") & set(named), f"{named}: no name of its own"
        with Path(folder, f"{find.__module__}.{find.__name__}-{named}").open("a+b") as shared:
            fcntl.flock(shared, fcntl.LOCK_EX)
            shared.seek(0)
            known = shared.read()
            if known:
                result: _R = pickle.loads(known)
                return result
            result = find(*args, **options)
            shared.write(pickle.dumps(result))
            return result

    return found
