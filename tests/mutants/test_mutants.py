"""Each weakness that older host modules and installers had, put into ours: something fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import (
    of_base,
    of_cards,
    of_changing,
    of_claims,
    of_disks,
    of_guards,
    of_guests,
    of_imports,
    of_installing,
    of_keys,
    of_looking,
    of_networks,
    of_objects,
    of_repositories,
    of_storing,
    of_transfers,
    of_working,
    weaknesses,
)
from tests.mutants.mutant import Mutant, behaves, copy_ours

pytestmark = pytest.mark.long  # each mutant in a process of its own

MUTANTS: list[Mutant] = [
    *of_base.MUTANTS,
    *of_cards.MUTANTS,
    *of_changing.MUTANTS,
    *of_claims.MUTANTS,
    *of_disks.MUTANTS,
    *of_guards.MUTANTS,
    *of_guests.MUTANTS,
    *of_imports.MUTANTS,
    *of_looking.MUTANTS,
    *of_networks.MUTANTS,
    *of_installing.MUTANTS,
    *of_keys.MUTANTS,
    *of_objects.MUTANTS,
    *of_repositories.MUTANTS,
    *of_storing.MUTANTS,
    *of_transfers.MUTANTS,
    *of_working.MUTANTS,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_misbehaves(mutant: Mutant, tmp_path: Path) -> None:
    assert not behaves(mutant.applied(tmp_path), mutant.behaviour)


@pytest.mark.parametrize("module", sorted({m.behaviour.partition(".")[0] for m in MUTANTS}))
def test_ours_behaves(module: str, tmp_path: Path) -> None:
    wanted = {m.behaviour for m in MUTANTS if m.behaviour.startswith(module + ".")}
    assert behaves(copy_ours(tmp_path), *sorted(wanted))


def test_every_weakness_is_accounted_for() -> None:
    tried = {mutant.weakness for mutant in MUTANTS}
    known = set(weaknesses.OF_OLDER_MODULES) | set(weaknesses.OF_OUR_OWN)
    assert tried | set(weaknesses.CANNOT_BE_HAD) == known
    assert tried & set(weaknesses.CANNOT_BE_HAD) == set()
