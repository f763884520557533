"""Claims keep their promises whatever happens, and each simpler rule breaks one of them.

What must hold: never two live domains, except by another tool; wherever the VM is, may yet come to
life or holds disks, its claim names the host; nothing goes on under a claim that is settled; and
from everywhere there is a way to a settled claim, without luck, except where only a person can
tell. A person's word changes none of that if it is true; if not, the claim says so. What is
explored, and what is left out: configurations.py.
"""

from __future__ import annotations

import pytest

from tests.models.configurations import BOUNDS, model_of, run
from tests.models.simpler import SIMPLER

# 16,000 states in a second of one core; all configurations: 1.5 million in two minutes
QUICK = "starts and stops, one xm"
LONG = sorted(set(BOUNDS) - {QUICK})


def look_at_all_of(name: str) -> None:
    found = run(model_of(name))
    assert found.is_whole
    assert not found.wrong, str(found)


def test_claims_hold_for_starts_and_stops() -> None:
    look_at_all_of(QUICK)


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_claims_hold(name: str) -> None:
    look_at_all_of(name)


@pytest.mark.long
@pytest.mark.parametrize("name", SIMPLER)
def test_a_simpler_rule_falls(name: str) -> None:
    wrong, make = SIMPLER[name]
    found = run(make())
    assert found.wrong == wrong, f"expected: {wrong}\n{found}"
    assert len(found.trace) > 1
