"""docs/simulator.md says what is so: its tables equal the code's, its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from libcloud_ovm3.simulator import KINDS, __main__
from libcloud_ovm3.simulator.agent.functions import FUNCTIONS
from libcloud_ovm3.simulator.agent.names import AGENT_FUNCTIONS
from libcloud_ovm3.simulator.personalities import table

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example: str) -> None:
    exec(compile(example, "docs/simulator.md", "exec"), {})


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


def test_the_table_of_personalities_is_the_codes() -> None:
    assert table() in TEXT


def test_every_kind_of_misbehaviour_is_documented() -> None:
    for kind, words in KINDS.items():
        assert f"| {kind} | {words} |" in TEXT


def test_the_modelled_functions_are_named_and_are_the_agents() -> None:
    part = TEXT.split("## What is modelled")[1].split("Every other function")[0]
    modelled = set(FUNCTIONS)
    assert set(re.findall(r"`(\w+)`", part)) == modelled
    assert modelled <= AGENT_FUNCTIONS


def test_every_option_is_documented() -> None:
    for action in __main__.arguments()._actions:
        for option in action.option_strings:
            if option not in ("-h", "--help"):
                assert f"`{option}" in TEXT or f" {option} " in TEXT


def test_the_table_of_xends_facts_is_there() -> None:
    rows = re.findall(r"^\| (.+?) \| (yes|no|later)\b", TEXT, re.MULTILINE)
    assert len(rows) > 20


def test_the_simulator_imports_nothing_of_the_drivers() -> None:
    folder = Path(__main__.__file__).parent
    for file in folder.rglob("*.py"):
        text = file.read_text()
        assert "from .." not in text
        assert not re.search(r"(from|import) libcloud(?!_ovm3\.simulator)", text), file
