"""One writer wins each version of a claim, having seen the one before; simpler rules have two."""

from __future__ import annotations

import pytest

from tests.models.versions import RIGHT, SIMPLER, WRONG, run


def test_one_writer_wins() -> None:
    found = run(RIGHT)  # 12,000 states
    assert found.is_whole
    assert not found.wrong, str(found)


@pytest.mark.parametrize("name", SIMPLER)
def test_a_simpler_rule_falls(name: str) -> None:
    found = run(SIMPLER[name])
    assert found.wrong == WRONG, str(found)
