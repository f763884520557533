"""What is done with snapshots of a node, for failure tables: also in a process that is killed."""

from __future__ import annotations

from typing import Any

from tests.support import quietly

SOURCE = "source"  # the node


def make(driver: Any) -> Any:
    """Of a node that runs, and is paused meanwhile."""
    node = driver.ex_get_node_by_name(SOURCE)
    return quietly(driver.ex_create_node_snapshot, node, "taken", ex_pause=True)


def revert(driver: Any, take_over: bool = False) -> Any:
    """To the only one."""
    node = driver.ex_get_node_by_name(SOURCE)
    [snapshot] = quietly(driver.ex_list_node_snapshots)
    return quietly(driver.ex_revert_node_snapshot, node, snapshot, ex_take_over=take_over)


def delete(driver: Any) -> Any:
    """The only one."""
    [snapshot] = quietly(driver.ex_list_node_snapshots)
    return quietly(driver.ex_delete_node_snapshot, snapshot)
