"""Cloning a node, for failure tables: also in a process that is killed."""

from __future__ import annotations

from typing import Any

from tests.operations.failures import NEW_NAME
from tests.support import quietly

SOURCE = "source"  # the node that is copied


def clone(driver: Any) -> Any:
    """Clone it, paused meanwhile."""
    node = driver.ex_get_node_by_name(SOURCE)
    return quietly(driver.ex_clone_node, node, NEW_NAME, ex_pause=True)
