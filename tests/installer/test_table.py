"""The lines in the agent's table: added and removed byte for byte; unknown structures refused."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.installer import table
from tests.installer.texts import API, older_table

NAME = "/usr/lib64/python2.6/site-packages/agent/target/api.py"


def put_in(content: bytes) -> bytes:
    return table.register(NAME, content)


def take_out(content: bytes) -> bytes:
    return table.unregister(NAME, content)


def entries(content: bytes) -> list[str]:
    """Return the table's entries as Python reads them."""
    statement = re.findall(rb"^MODULES.*?^[ \t]*\]", content, re.DOTALL | re.MULTILINE)[0]
    [assignment] = ast.parse(statement).body
    assert isinstance(assignment, ast.Assign)
    assert isinstance(assignment.value, ast.List)
    return [ast.unparse(element) for element in assignment.value.elts]


def test_it_goes_in_as_two_lines() -> None:
    after = put_in(API)
    assert [line for line in after.split(b"\n") if line not in API.split(b"\n")] == [
        b"from agent.api import libcloud_ovm3  # libcloud-ovm3",
        b"    libcloud_ovm3.LibcloudOvm3,  # libcloud-ovm3",
    ]
    assert entries(after) == ["libcloud_ovm3.LibcloudOvm3", *entries(API)]
    compile(after, "api.py", "exec")
    assert (table.state(API), table.state(after)) == ("unregistered", "registered")
    assert put_in(after) == after
    assert take_out(after) == API


INDENTS = st.sampled_from([b"    ", b"\t", b"  ", b"\t    "])
ENTRIES = st.lists(st.sampled_from([b"common.Common", b"a.b.C", b"x.Y"]), max_size=4)
REMARKS = st.sampled_from([b"", b"  # remark", b" #", b"\t"])
HEADS = st.lists(
    st.sampled_from([b"import a", b"from agent.api import common", b"# MODULES of the agent", b"",
                     b'"""Text."""', b"X = 1", b"# caf\xc3\xa9"]),
    max_size=4,
)  # fmt: skip
TAILS = st.lists(st.sampled_from([b"print 'Python 2'", b"", b"def f():", b"    pass"]), max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    inside = [
        draw(INDENTS) + entry + b"," + draw(REMARKS)
        if draw(st.integers(0, 5))
        else b"    # no more"
        for entry in draw(ENTRIES)
    ]
    opening = draw(st.sampled_from([b"MODULES = [", b"MODULES=[", b"MODULES = [  # all"]))
    lines = [*draw(HEADS), opening, *inside, draw(st.sampled_from([b"]", b"    ]"])), *draw(TAILS)]
    return end.join(lines) + draw(st.sampled_from([b"", end, end + end, b"\r"]))


@given(tables())
def test_out_is_the_same_bytes(content: bytes) -> None:
    after = put_in(content)
    assert entries(after) == ["libcloud_ovm3.LibcloudOvm3", *entries(content)]
    assert put_in(after) == after
    assert take_out(after) == content


@given(tables())
def test_an_older_integration_later(content: bytes) -> None:
    """After its installer has run, removing our lines leaves its result without them."""
    assert take_out(older_table(put_in(content))) == older_table(content)
    assert table.state(older_table(put_in(content))) == "registered"


def test_an_older_integration_first_or_later() -> None:
    both = put_in(older_table(API))
    assert entries(both)[:2] == ["libcloud_ovm3.LibcloudOvm3", "cloudstack.CloudStack"]
    assert take_out(both) == older_table(API)
    later = older_table(put_in(API))
    assert entries(later)[:2] == ["cloudstack.CloudStack", "libcloud_ovm3.LibcloudOvm3"]
    assert put_in(later) == later


@pytest.mark.parametrize("missing", [0, 1])
def test_half_is_made_whole(missing: int) -> None:
    lines = put_in(API).split(b"\n")
    ours = [number for number, line in enumerate(lines) if line.endswith(b"# libcloud-ovm3")]
    del lines[ours[missing]]
    half = b"\n".join(lines)
    assert table.state(half) == "partial"
    assert put_in(half) == put_in(API)
    assert take_out(half) == API


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no such line"),
        (b"import a\n", "no such line"),
        (b"MODULES = [common.Common]\n", "1: MODULES = [common.Common]"),
        (b"MODULES = (\n    common.Common,\n)\n", "1: MODULES = ("),
        (b"MODULES = []\n", "1: MODULES = []"),
        (b"if x:\n    MODULES = [\n    a.B,\n    ]\n", "2:     MODULES = ["),
        (b"MODULES = [\n    a.B,\n]\nMODULES = [\n]\n", "4: MODULES = ["),
        (b"MODULES = [\n    a.B,\n]\nMODULES += [c.D]\n", "4: MODULES += [c.D]"),
        (b"MODULES = [\n    a.B,\n", "1: MODULES = ["),
        (b"MODULES = [\n    a.B, c.D,\n]\n", "2:     a.B, c.D,"),
        (b"MODULES = [\n    a.B(),\n]\n", "2:     a.B(),"),
        (b"MODULES = [\n    a.B\n    c.D,\n]\n", "2:     a.B"),
        (b"MODULES = [\n    a.B,\n] + OTHERS\n", "3: ] + OTHERS"),
        (b'"""\nMODULES = [\n    a.B,\n]\n"""\n', "1: "),
        (b"x = [\nMODULES = [\n    a.B,\n]\n", "1: x = ["),
        (b"def f(:\nMODULES = [\n    a.B,\n]\n", "1: def f(:"),
        (b"x = \\\nMODULES = [\n    a.B,\n]\n", "not a statement by itself"),
        (b"# x\rMODULES = [\nMODULES = [\n    a.B,\n]\n", "carriage return"),
        (b"MODULES = [\n    a.B,\n]\n\0", None),
        (b"MODULES = [\n    a.B,\n]\r", None),
        (b"MODULES = [\n    a.B,\n]\r\r", r"3: ]\r"),
        (b"MODULES = [\n    a.B,\x1b[2J\n]\n", r"2:     a.B,\x1b[2J"),
        (API + b"import libcloud_ovm3\n", "import libcloud_ovm3"),
        (API.replace(b"common.Common", b"libcloud_ovm3.Mine"), "libcloud_ovm3.Mine"),
    ],
)
def test_unknown_structures_are_refused(content: bytes, found: str | None) -> None:
    if found is None:  # what follows the table is not ours to judge
        assert take_out(put_in(content)) == content
        return
    with pytest.raises(PreconditionFailed) as caught:
        put_in(content)
    assert found in str(caught.value)
    assert NAME in str(caught.value)


def test_a_line_outside_the_table_is_refused() -> None:
    content = API + b"    libcloud_ovm3.LibcloudOvm3,  # libcloud-ovm3\n"
    content = b"from agent.api import libcloud_ovm3  # libcloud-ovm3\n" + content
    with pytest.raises(PreconditionFailed, match="outside the table"):
        put_in(content)


def test_not_removed_while_another_line_needs_it() -> None:
    with pytest.raises(PreconditionFailed, match="x = libcloud_ovm3"):
        take_out(put_in(API) + b"x = libcloud_ovm3.LibcloudOvm3\n")
