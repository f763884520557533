"""What a newcomer meets: help without a command, questions that nobody answers, lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.estates_file.changing import add_estate
from tests.cli.test_examples import COMMANDS

GROUPS = [path for path, command in COMMANDS.items() if isinstance(command, click.Group)]


@pytest.fixture(autouse=True)
def estates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("OVM3_PASSWORD", raising=False)
    pins = {f"192.0.2.{number}": "ab" * 32 for number in (1, 2)}
    add_estate("lab", {"hosts": list(pins), "pins": pins}, None, is_default=False)


def run(*arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(ovm3, arguments, typed, {"COLUMNS": "80"}, prog_name="ovm3")


@pytest.mark.parametrize("path", GROUPS)
def test_a_group_without_a_command_shows_its_help(path: str) -> None:
    _, *words = path.split()
    with_help, without = run(*words, "--help"), run(*words)
    assert without.output.strip() == with_help.output.strip()
    assert "\nCommands:\n" in without.output


def test_choices_are_one_line() -> None:
    done = run("completion")
    assert "Choose from: bash, zsh, fish\n" in done.stderr
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("estate remove lab", "nobody answered the question: add --yes"),
        ("vm list --estate lab", "Agent password for estate lab: not given; use --password-file"),
        ("vm list --host 192.0.2.9 --insecure", "for 192.0.2.9:8899: not given; use --password"),
    ],
)
def test_the_end_of_the_input_is_no_answer(words: str, expected: str) -> None:
    """It says what somebody does who cannot be asked: a job of cron, for example."""
    done = run(*words.split())
    assert expected in done.stderr
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("words", "whose"),
    [
        ("--estate lab", "estate lab"),
        ("--host 192.0.2.1:8900", "estate lab"),
        ("--host 192.0.2.7:8900", "192.0.2.7:8900"),
        ("--host 192.0.2.9 --host 192.0.2.8", "192.0.2.9:8899, 192.0.2.8:8899"),
    ],
)
def test_the_question_says_whose_password(words: str, whose: str) -> None:
    assert f"Agent password for {whose}: " in run("vm", "list", *words.split()).stderr


def test_no_means_no() -> None:
    done = run("estate", "remove", "lab", typed="n\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Aborted." in done.stderr


@pytest.mark.parametrize("path", GROUPS)
def test_no_line_of_a_list_of_commands_is_cut(path: str) -> None:
    words = [*path.split()[1:], "--help"]
    # as on a terminal of 80 columns
    done = CliRunner().invoke(ovm3, words, terminal_width=78)
    listed = done.output.partition("\nCommands:\n")[2]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_each_pin_has_a_line() -> None:
    lines = run("estate", "show", "lab").stdout.splitlines()
    assert [line.split() for line in lines if "=" in line] == [
        ["pins", f"192.0.2.1={'ab' * 32}"],
        [f"192.0.2.2={'ab' * 32}"],
    ]
