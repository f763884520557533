"""Names of files in texts that nobody understands: one too many rather than one too few."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.agent.texts import names_in, text_of

PATH = "/OVS/Repositories/0a/VirtualDisks/one.img"


@pytest.mark.parametrize(
    "value",
    [
        PATH,
        "one.img",
        f"file:{PATH},xvda,w",
        f"tap:aio:{PATH}",
        [[("x", {f"file:{PATH}": 1})]],
        {PATH: None},
        {"kernel": {"deep": [PATH.encode()]}},
        f"root={PATH} ro",
        f'"{PATH}"',
        f"<{PATH}>",
        " ".join(["word"] * 40 + [PATH]),
        " ".join(["word"] * 40 + ["one.img"] + ["word"] * 40),
        ",".join(["word"] * 40 + ["one.img", "xvda", "w"]),
    ],
    ids=str,
)
def test_a_name_is_found(value: Any) -> None:
    assert "one.img" in names_in(value)


@pytest.mark.parametrize("name", ["one two.img", "one.img ", "a,b.img", "a (1).img", "[x].img"])
def test_marks_and_blanks_may_belong_to_a_name(name: str) -> None:
    for text in (f"/x/{name}", f"file:/x/{name},xvda,w", f"file:/x/{name}"):
        assert name in names_in(text)


def test_what_is_no_name() -> None:
    assert names_in([None, 5, True, "", "/", "/./..", b""]) == frozenset()


def test_long_texts_take_no_time() -> None:
    assert len(names_in("a b " * 50_000)) < 100_000


def test_bytes_that_are_no_text_stay_apart() -> None:
    assert text_of(b"/x/caf\xe9") == "/x/caf\\xe9"
    assert names_in(b"/x/caf\xe9") == {"x", "caf\udce9"}
