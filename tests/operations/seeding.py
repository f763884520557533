"""Creating nodes with seeds, for clients that are killed (in processes of their own)."""

from __future__ import annotations

from typing import Any

from tests.operations.failures import NEW_NAME, create_keyed

USER_DATA = "#!/bin/sh\necho hello\n"


def create_seeded(driver: Any) -> Any:
    """Create a node that has a seed."""
    return driver.create_node(NEW_NAME, "tiny", driver.list_images()[0], ex_userdata=USER_DATA)


def remove_seed(driver: Any, node_id: str) -> Any:
    return driver.ex_remove_seed(node_id)


def create_noted(driver: Any) -> Any:
    """One with a key and everything that is recorded beside its definition."""
    card = {"network": driver.ex_list_networks()[0].id, "address": "192.0.2.10"}
    noted: dict[str, Any] = {"ex_metadata": {"owner": "me"}, "ex_tags": ["blue"]}
    return create_keyed(driver, ex_networks=[card], **noted)
