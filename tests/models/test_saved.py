"""What was saved is restored once at most, and never when the VM has run since; and what is simpler
fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.saved import Model, run


def test_what_is_saved() -> None:
    found = run(Model())
    assert (found.wrong, found.is_whole) == ("", True), str(found)


def _success_is_not_asked_for(model: Model) -> None:
    saved = model.module._saved

    def mutant(claim: Any) -> Any:
        return saved(dict(claim, outcome=claim["outcome"] or "done"))

    model.module._saved = mutant  # type: ignore[attr-defined]


def _whoever_has_it_keeps_it(model: Model) -> None:
    present = model.module._present

    def mutant(claim: Any, here: Any, finding: Any, fields: Any) -> Any:
        made, why = present(claim, here, finding, fields)
        return (made and dict(made, saved=claim["saved"])), why

    model.module._present = mutant  # type: ignore[attr-defined]


def _failed_is_done(model: Model) -> None:
    saved = model.module._saved

    def mutant(claim: Any) -> Any:
        return saved(dict(claim, outcome=claim["outcome"].replace("failed", "done")))

    model.module._saved = mutant  # type: ignore[attr-defined]


def _nothing_is_said_of_what_may_not_be_whole(model: Model) -> None:
    saved = model.module._saved

    def mutant(claim: Any) -> Any:
        word = saved(claim)
        return "" if word.startswith("unsure") else word

    model.module._saved = mutant  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "simpler",
    [
        _success_is_not_asked_for,
        _whoever_has_it_keeps_it,
        _failed_is_done,
        _nothing_is_said_of_what_may_not_be_whole,
    ],
)
def test_simpler_rules_fall(simpler: Any) -> None:
    model = Model()
    simpler(model)
    assert run(model).wrong


def test_what_runs_before_anybody_has_looked_falls() -> None:
    """Restored running, not paused: one that has failed may have run."""
    assert run(Model(is_paused=False)).wrong
