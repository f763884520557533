"""Tables on terminals of any width: no value is cut, and no id is broken."""

from __future__ import annotations

import contextlib
import io
import os
import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from libcloud_ovm3.agent.identifiers import dashed
from libcloud_ovm3.cli.columns import fits, lay_out
from libcloud_ovm3.cli.output import show_field, show_level, show_table, tell
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on, on_terminal, options
from tests.support import simulate

HEADINGS = "node state host CPUs memory id".split()
ID = "0004fb00-0006-0000-cccc-000000000001"
ROW = ["web-frontend-1", "running", "ovm-1", "2", "4096 MB", ID]
ANSI = re.compile(r"\x1b\[[0-9;]*m")
CELLS = st.text(st.sampled_from("abc 1-/é界"), min_size=1, max_size=50).map(
    lambda text: text.strip() or "-"
)


def lines(width: int) -> list[str]:
    return [line.plain for line in lay_out(HEADINGS, [ROW, ROW], width)]


def test_one_line_where_there_is_room() -> None:
    assert lines(200)[1:] == [f"web-frontend-1  running  ovm-1  2     4096 MB  {ID}"] * 2
    width = len(lines(200)[1])
    assert len(lines(width)) == 3
    assert fits(HEADINGS, [ROW], width)
    assert not fits(HEADINGS, [ROW], width - 1)


def test_the_widest_value_below_at_80_columns() -> None:
    assert lines(80) == [
        "node            state    host   CPUs  memory",
        "  id",
        *["web-frontend-1  running  ovm-1  2     4096 MB", f"  {ID}"] * 2,
    ]
    assert fits(HEADINGS, [ROW], len(lines(80)[2]), with_line_below=True)
    assert not fits(HEADINGS, [ROW], len(lines(80)[2]) - 1, with_line_below=True)


def test_one_value_per_line_at_40_columns() -> None:
    record = [
        "node    web-frontend-1",
        "state   running",
        "host    ovm-1",
        "CPUs    2",
        "memory  4096 MB",
        f"id      {ID}",
    ]
    assert lines(40) == [*record, "", *record]


def test_a_text_is_wrapped_between_words() -> None:
    rows = [["start_vm", "Starts a VM; its vm.cfg is read from the repository " + ID]]
    assert [line.plain for line in lay_out(["function", "purpose"], rows, 45)] == [
        "function",
        "  purpose",
        "start_vm",
        "  Starts a VM; its vm.cfg is read from the",
        "  repository",
        f"  {ID}",
    ]


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4), st.integers(1, 160))
def test_any_table(rows: list[tuple[str, ...]], width: int) -> None:
    headings = ("name", "state", "id")
    shown = [line.plain for line in lay_out(headings, rows, width)]
    words = [word for row in rows for cell in row for word in cell.split()]
    assert not [word for word in words if not any(word in line for line in shown)], "broken"
    longest = max(map(cell_len, [*words, *headings]))
    assert max(map(cell_len, shown)) <= max(width, longest + len("state  "))


def test_only_states_are_coloured() -> None:
    """A VM may have any name, and the words say the same without colours."""
    headings, row = ["name", "state"], ["error", "running"]
    [_, line] = lay_out(headings, [row], 80)
    assert [(line.plain[s.start : s.end], s.style) for s in line.spans if s.style] == [
        ("running", "green")
    ]


@pytest.mark.parametrize(
    ("environment", "has_colours"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
     ({"TERM": "dumb"}, False)],
    ids=["xterm", "NO_COLOR", "dumb"],
)  # fmt: skip
def test_colours(
    environment: dict[str, str],
    has_colours: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    show_table(["state"], [["running"], ["error"]], "none")
    show_field("state ", "paused")
    show_field("VM    ", "error")
    show_level("warning", "  ", "ovm-1 has a problem")
    tell("warning: something")
    tell("Error: something: else")
    out, err = capsys.readouterr()
    plain = ANSI.sub("", out), ANSI.sub("", err)
    assert plain[0] == (
        "state\nrunning\nerror\nstate   paused\nVM      error\nwarning  ovm-1 has a problem\n"
    )
    assert ("\x1b[33mpaused" in out, "\x1b[31merror" in out.partition("VM")[2]) == (
        has_colours,
        False,
    )
    assert plain[1] == "warning: something\nError: something: else\n"
    assert ("\x1b[32mrunning" in out, "\x1b[31merror" in out) == (has_colours, has_colours)
    assert ("\x1b[33mwarning" in out, "\x1b[31mError: " in err) == (has_colours, has_colours)
    assert ("\x1b[3" in out + err) is has_colours


def test_a_list_on_a_terminal_of_its_own() -> None:
    with Simulator(hosts=1, speed=100) as sim:
        status, shown = on_terminal("vm", "list", *options(sim), password=sim.password, columns=50)
    assert status == 0
    shown = ANSI.sub("", shown).rpartition("\x1b[K")[2]
    found = re.findall(r"^  ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\r$", shown, re.MULTILINE)
    assert len(found) == 2, shown


def test_the_doctor_and_a_vm_at_80_columns() -> None:
    """Wrapped under themselves, and only between words; elsewhere a line is a line."""
    with simulate(hosts=2) as sim:
        vm_id = dashed(sim.add_vm("web-1", config={"OVM_description": "one of many words " * 9}))
        for words in (["doctor", *options(sim)[1:]], ["vm", "show", vm_id, *options(sim)]):
            plain = on(sim, *words, access=[]).stdout
            assert max(map(cell_len, plain.splitlines())) > 80
            _, shown = on_terminal(*words, password=sim.password, columns=99, COLUMNS="80")
            shown = ANSI.sub("", shown).rpartition("\x1b[K")[2].replace("\r", "")
            wide = [line for line in shown.splitlines() if cell_len(line) > 80]
            assert [line for line in wide if len(line.split()) > 1 or line[0] == " "] == []
            for word in set(plain.split()):  # each id and path, but for the time of the day
                assert word in shown.split() or re.fullmatch(r"[0-9:-]+", word), word
    assert vm_id in shown
    assert re.search(r"^description +one of .*\n {14}(one|of|many|words) ", shown, re.MULTILINE)


@given(st.text(st.sampled_from("ab /-é界"), max_size=200), st.integers(1, 100))
def test_any_text_is_wrapped_between_words(text: str, width: int) -> None:
    stream, head = io.StringIO(), "head "
    with (
        mock.patch("rich.console.Console.is_terminal", True),
        mock.patch.dict(os.environ, {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(stream),
    ):
        show_level("", head, text)
    lines = stream.getvalue().splitlines()
    assert " ".join(lines).split() == [*head.split(), *text.split()]
    longest = max(map(cell_len, ["", *text.split()]))
    assert max(map(cell_len, lines)) <= max(width, longest, len(head))
