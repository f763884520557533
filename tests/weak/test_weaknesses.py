"""Each weakness that older host modules and installers had, put into ours: something fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.weak import mutants_base, mutants_installing, mutants_looking, mutants_storing
from tests.weak.mutant import Mutant, behaves, copy_ours

pytestmark = pytest.mark.long  # each mutant in a process of its own

MUTANTS: list[Mutant] = [
    *mutants_base.MUTANTS,
    *mutants_looking.MUTANTS,
    *mutants_installing.MUTANTS,
    *mutants_storing.MUTANTS,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_misbehaves(mutant: Mutant, tmp_path: Path) -> None:
    assert not behaves(mutant.applied(tmp_path), mutant.behaviour)


@pytest.mark.parametrize("module", sorted({m.behaviour.partition(".")[0] for m in MUTANTS}))
def test_ours_behaves(module: str, tmp_path: Path) -> None:
    wanted = {m.behaviour for m in MUTANTS if m.behaviour.startswith(module + ".")}
    assert behaves(copy_ours(tmp_path), *sorted(wanted))
