"""Each fault is tried with both personalities, with the host module and without.

``make test`` takes a part of the variants, so that it stays quick: each input of the faults that
were found is in it, both personalities are, with the module and without. ``make test-long`` takes
the others.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.faults.support import connect, lab

MANY = 16  # variants of a test that goes further than the faults that were found
FEW = 8  # variants of a test that are all in `make test`'s half
VARIANTS = ("plain", "awkward", "agent", "module")
HERE = Path(__file__).parent


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def module(request: pytest.FixtureRequest) -> bool:
    """Whether the hosts have the host module."""
    return bool(request.param)


@pytest.fixture
def sim(personality: str, module: bool) -> Iterator[Simulator]:
    with lab(personality, module) as simulator:
        yield simulator


@pytest.fixture
def driver(sim: Simulator) -> Any:
    return connect(sim)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    numbers = Counter(function_of(item) for item in ours)
    for item in ours:
        if is_long(item, numbers[function_of(item)]):
            item.add_marker(pytest.mark.long)


def function_of(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def is_long(item: pytest.Item, number: int) -> bool:
    """Whether a variant is one of those that `make test` leaves out.

    Kept are, of each input, plain without the module and awkward with it; where a test has many
    inputs, one of the two; of what goes further than the faults that were found a quarter.
    """
    given = getattr(item, "callspec", None)
    values = dict(given.params) if given is not None else {}
    if "personality" not in values:
        return False
    words = (function_of(item) + "-" + given.id).split("-") if given is not None else []
    inputs = "-".join(word for word in words if word not in VARIANTS)
    lot = zlib.crc32(inputs.encode("utf-8", "replace"))
    if item.path.name.startswith("test_more_") and number > MANY and lot % 4:
        return True
    side = lot % 2 == 0
    is_awkward = values["personality"] == "awkward"
    if "module" not in values:
        return number > FEW // 2 and is_awkward == side
    if is_awkward != values["module"]:
        return True
    return number > FEW and is_awkward == side
