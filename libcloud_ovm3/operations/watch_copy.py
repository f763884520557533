"""Telling the user how far a disk is copied, while the agent's call that copies it blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.disk_files import stat_size
from libcloud_ovm3.estate.disks import file_size

if TYPE_CHECKING:
    from libcloud_ovm3.operations.plan_vm import VMPlan
    from libcloud_ovm3.operations.template import DiskCopy

LOOK = 2.0  # seconds between two looks at the file; only what is shown depends on them


@contextmanager
def watched(plan: VMPlan, copy: DiskCopy, notices: list[str]) -> Iterator[None]:
    """While the block copies a disk, call ``ex_progress``, from a thread of its own.

    Nothing that fails there changes the copy: what cannot be read is left out, and an error of the
    user's function becomes a notice.
    """
    tell = plan.spec.progress
    if tell is None:
        yield
        return
    copies = plan.contents.copies
    before = sum(one.size_bytes for one in copies[: copies.index(copy)])
    total = sum(one.size_bytes for one in copies)
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            reached = _reached(plan, copy)
            if reached is not None and not ended.is_set():
                _tell(tell, before + min(reached, copy.size_bytes), total, notices, ended)
            ended.wait(LOOK)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_told = not ended.is_set()
        ended.set()
        thread.join()
    if is_told:
        _tell(tell, before + copy.size_bytes, total, notices, ended)


def _tell(
    tell: Callable[[int, int], object],
    done: int,
    total: int,
    notices: list[str],
    ended: threading.Event,
) -> None:
    try:
        tell(done, total)
    except Exception as error:  # of any class: the copy goes on
        notices.append(f"ex_progress failed, and was not called again: {error!r}")
        ended.set()


def _reached(plan: VMPlan, copy: DiskCopy) -> int | None:
    """The size that the file has reached; None: unknown. It may not be there yet."""
    try:
        if plan.host.module is not None or plan.system is None:
            found = stat_size(plan.host, copy.target)
        else:
            found = file_size(plan.system, copy.target)
    except Ovm3Error:
        return None
    return 0 if found is None else found.size_bytes
