"""The failure tables are long: ``make test`` takes a part of their rows, always the same one;
``make test-tables`` takes all the others.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

TABLES = ("test_create_failures.py", "test_destroy_failures.py", "test_power_failures.py")
SHARE = 6  # one row of so many stays in `make test`
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.path.name in TABLES and hasattr(item, "callspec"):
            row = item.nodeid.partition("[")[2].encode()
            if zlib.crc32(row) % SHARE:
                item.add_marker(pytest.mark.tables)
