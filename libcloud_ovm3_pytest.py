"""pytest's plugin: the fixtures ``ovm3_estate`` and ``make_ovm3_estate``.

pytest loads this module at every start, so it is a top-level one that imports nothing: neither
libcloud nor ``libcloud_ovm3`` is loaded before a test asks for a fixture
(docs/testing-with-ovm3.md).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libcloud_ovm3.testing import SimulatedEstate


@pytest.fixture
def make_ovm3_estate() -> Iterator[Callable[..., SimulatedEstate]]:
    """Make simulated OVM 3 estates: make_ovm3_estate(hosts=2, host_module=True)."""
    from libcloud_ovm3.testing import SimulatedEstate  # noqa: PLC0415 (loads libcloud)

    with contextlib.ExitStack() as stack:

        def make(hosts: int = 3, **options: Any) -> SimulatedEstate:
            return stack.enter_context(SimulatedEstate(hosts, **options))

        yield make


@pytest.fixture
def ovm3_estate(make_ovm3_estate: Callable[..., SimulatedEstate]) -> SimulatedEstate:
    """A simulated OVM 3 estate: three hosts, two templates, two running VMs."""
    return make_ovm3_estate()
