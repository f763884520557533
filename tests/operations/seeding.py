"""Creating nodes with seeds, for clients that are killed (in processes of their own)."""

from __future__ import annotations

from typing import Any

from tests.operations.failures import NEW_NAME

USER_DATA = "#!/bin/sh\necho hello\n"


def create_seeded(driver: Any) -> Any:
    """Create a node that has a seed."""
    return driver.create_node(NEW_NAME, "tiny", driver.list_images()[0], ex_userdata=USER_DATA)


def remove_seed(driver: Any, node_id: str) -> Any:
    return driver.ex_remove_seed(node_id)
