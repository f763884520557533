"""No change of a vm.cfg is lost, and none is left half; simpler rules lose one."""

from __future__ import annotations

import pytest

from tests.models.definitions import SIMPLER, Model, run

pytestmark = pytest.mark.long


@pytest.mark.parametrize("has_direct", [True, False])
def test_no_change_is_lost(has_direct: bool) -> None:
    found = run(Model(has_direct=has_direct))  # 290,000 and 240,000 states, 6 s each
    assert found.is_whole
    assert not found.wrong, str(found)


@pytest.mark.parametrize("name", SIMPLER)
def test_a_simpler_rule_falls(name: str) -> None:
    wrong, model = SIMPLER[name]
    found = run(model)
    assert found.wrong == wrong, str(found)
