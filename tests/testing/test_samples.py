"""The samples of the page: those that run here (tests/testing/samples) are those that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = sorted((Path(__file__).parent / "samples").glob("test_*.py"))
PAGE = Path(__file__).parents[2] / "docs" / "testing-with-ovm3.md"


def test_there_is_one_of_each() -> None:
    assert [sample.stem.removeprefix("test_with_") for sample in SAMPLES] == [
        "fixture",
        "mockhttp",
        "requests_mock",
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_the_page_shows_the_sample(sample: Path) -> None:
    assert f"```python\n{sample.read_text()}```" in PAGE.read_text()
