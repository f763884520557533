"""The file of estates, in a place of its own, and a pool to be saved in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.simulator import Simulator


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "libcloud-ovm3" / "estates.yaml"


@pytest.fixture
def pool(file: Path) -> Iterator[Simulator]:
    with Simulator(hosts=3, speed=100) as sim:
        yield sim
