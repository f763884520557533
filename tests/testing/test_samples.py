"""The samples of the page: those that run here (tests/testing/samples) are those that it shows."""

from __future__ import annotations

import runpy
import unittest
from pathlib import Path

import pytest

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.testing.mockhttp import OVM3MockHttp

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


def test_the_sample_with_conn_class_leaves_nothing_behind() -> None:
    """What stays in the class hides what libcloud.enable_debug puts into libcloud's."""
    [sample] = (one for one in SAMPLES if "mockhttp" in one.stem)
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(
        runpy.run_path(str(sample))["OVM3Tests"]
    )
    result = unittest.TestResult()
    tests.run(result)
    assert result.testsRun
    assert result.wasSuccessful(), result.errors
    assert "conn_class" not in vars(AgentConnection)
    assert OVM3MockHttp.estate is None
