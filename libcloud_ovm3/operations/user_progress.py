"""A function of the user's that is told how far something is (``ex_progress``)."""

from __future__ import annotations

from collections.abc import Callable

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.progress import copied

Progress = Callable[[int, int], object]
Tell = Callable[[int, "int | None"], None]


def require_progress(progress: object) -> None:
    """Whether it is such a function, or None.

    :raises InvalidArgument: it is not.
    """
    if progress is not None and not callable(progress):
        raise InvalidArgument("ex_progress: expected a function of two numbers, or None")


def told(progress: Progress | None, notices: list[str]) -> Tell:
    """A function that reports to the log and to the user's function.

    If the latter fails, that becomes a notice, and it is not called again.
    """
    failed = False

    def tell(done: int, total: int | None) -> None:
        nonlocal failed
        copied(done, total or 0)
        if progress is None or failed:
            return
        try:
            progress(done, total or 0)
        except Exception as error:  # of any class: what is told of goes on
            failed = True
            notices.append(f"ex_progress failed, and was not called again: {error!r}")

    return tell
