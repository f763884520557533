"""What the workers of a run find out once for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operations.once import RUN, once_a_run


def test_the_first_worker_finds_it_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    @once_a_run
    def find(number: int, fails: bool = False) -> list[int]:
        tried.append(number)
        if fails:
            raise ValueError(number)
        return [number]

    monkeypatch.delenv(RUN, raising=False)
    assert [find(1), find(1)] == [[1], [1]]
    assert tried == [1, 1], "no other worker"
    monkeypatch.setenv(RUN, str(tmp_path))
    assert [find(2), find(2), find(3)] == [[2], [2], [3]]
    for _ in range(2):
        with pytest.raises(ValueError, match="4"):
            find(4, fails=True)
    assert tried == [1, 1, 2, 3, 4, 4]
    with pytest.raises(AssertionError, match="no name of its own"):
        find(lambda: 5)
