"""No change of a vm.cfg is lost, and none is left half; simpler rules lose one."""

from __future__ import annotations

import pytest

from tests.models.definitions import SIMPLER, Model, run

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "model",
    [
        Model(),  # 290,000 states in 6 s
        Model(has_direct=False),  # 240,000 in 6 s
        Model(has_direct=False, accepts=(0, 1), has_trouble=False),  # 160,000 in 3 s
    ],
    ids=["with O_DIRECT", "without", "what is edited is accepted"],
)
def test_no_change_is_lost(model: Model) -> None:
    found = run(model)
    assert found.is_whole
    assert not found.wrong, str(found)


@pytest.mark.parametrize("name", SIMPLER)
def test_a_simpler_rule_falls(name: str) -> None:
    wrong, model = SIMPLER[name]
    found = run(model)
    assert found.wrong == wrong, str(found)
