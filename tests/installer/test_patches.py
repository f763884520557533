"""The patches and agent.ini: recognized, applied, reverted byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.installer import patches
from libcloud_ovm3.installer.patches import (
    AGENT_INI,
    CONSTANTS,
    LIBRARY,
    NETWORK,
    RELEASE,
    VLAN_BRIDGE,
    Patch,
)
from tests.installer import texts

ZEROCONF, BRIDGE, RESTART = patches.PATCHES
FILES: dict[str, bytes | None] = {
    RELEASE: texts.RELEASE,
    NETWORK: texts.NETWORK,
    LIBRARY: texts.LIBRARY,
    VLAN_BRIDGE: texts.VLAN_BRIDGE,
    CONSTANTS: texts.CONSTANTS,
}


def with_(**changes: bytes | None) -> Mapping[str, bytes | None]:
    names = {"release": RELEASE, "network": NETWORK, "library": LIBRARY, "script": VLAN_BRIDGE,
             "constants": CONSTANTS}  # fmt: skip
    return {**FILES, **{names[key]: value for key, value in changes.items()}}


@pytest.mark.parametrize("patch", patches.PATCHES, ids=lambda patch: patch.name)
def test_needed_applied_reverted(patch: Patch) -> None:
    before = FILES[patch.file]
    assert before is not None
    assert patch.state(FILES) == "needed"
    after = patch.apply(patch.file, before)
    assert after != before
    assert b"libcloud-ovm3" in after
    assert patch.state({**FILES, patch.file: after}) == "applied"
    assert patch.revert(after) == before
    assert patch.revert(before) == before
    assert patch.state({**FILES, patch.file: None}) == "file missing"


TEXTS = st.lists(
    st.sampled_from(
        [b"NETWORKING=yes", b"NOZEROCONF=", b"NOZEROCONF=''", b"", b"# x", b"A=1", b"\tB=2 ",
         b"    setup_bridge_port $1", b"setup_bridge_port", b"x; setup_bridge_port $y && z",
         b"# setup_bridge_port", b"_setup_bridge_port a b", b"$setup_bridge_port",
         b"_setup_bridge_port $(setup_bridge_port x)", b"caf\xe9", b"a\rb",
         b"MINIMUM_RESTART_TIME = 60", b"MINIMUM_RESTART_TIME=60  # s"]
    ),
    max_size=5,
)  # fmt: skip


LAST_ENDS = st.sampled_from([b"", b"\n", b"\r\n", b"\r", b"\r\r", b"\r\r\n", b"\n\r", b"\n\n"])


@given(
    TEXTS,
    st.sampled_from([b"\n", b"\r\n", b"\r", b"\r\r\n"]),
    LAST_ENDS,
    st.sampled_from(patches.PATCHES),
)
def test_back_to_the_same_bytes(
    lines: list[bytes], end: bytes, last_end: bytes, patch: Patch
) -> None:
    content = end.join(lines) + last_end
    files = {**FILES, patch.file: content}
    if patch.state(files) != "needed":
        return
    try:
        after = patch.apply(patch.file, content)
    except PreconditionFailed:
        assert content.count(b"MINIMUM_RESTART_TIME") > 1
        return
    assert patch.state({**FILES, patch.file: after}) == "applied"
    assert patch.revert(after) == content


# -- zeroconf


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"NOZEROCONF=yes\n", "not needed"),
        (b'NOZEROCONF="no"\n', "not needed"),  # any value that is not empty
        (b"export NOZEROCONF=1", "not needed"),
        (b"NOZEROCONF=\n", "needed"),
        (b"NOZEROCONF=''\n", "needed"),
        (b"NOZEROCONF=  # yes\n", "needed"),
        (b"NOZEROCONF=yes\nNOZEROCONF=\n", "needed"),
        (b"XNOZEROCONF=yes\n", "needed"),
        (b"# NOZEROCONF=yes\n", "needed"),
        (b"", "needed"),
    ],
)
def test_zeroconf(content: bytes, state: str) -> None:
    assert ZEROCONF.state(with_(network=content)) == state


def test_zeroconf_without_a_last_newline() -> None:
    after = ZEROCONF.apply(NETWORK, b"A=1")
    assert after == b"A=1\nNOZEROCONF=yes  # libcloud-ovm3, no newline before\n"
    assert ZEROCONF.revert(after) == b"A=1"
    assert ZEROCONF.revert(after + b"B=2\n") == b"A=1\nB=2\n"


@pytest.mark.parametrize("content", [b"A=1\r", b"A=1\nB=2\r", b"A=1\r\nB=2\r", b"\r", b"A\rB\r"])
def test_a_file_that_ends_in_a_cr(content: bytes) -> None:
    after = ZEROCONF.apply(NETWORK, content)
    assert ZEROCONF.state(with_(network=after)) == "applied"
    assert after.startswith(content + b"\nNOZEROCONF=yes  # ")
    assert ZEROCONF.revert(after) == content
    assert ZEROCONF.revert(after + b"C=3\n") == content + b"\nC=3\n"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\r\r", b"\r\r\n"])
@pytest.mark.parametrize("before", [b"", b"[main]\n", b"[main]\r\n", b"[main]\r"])
def test_agent_ini_that_ends_in_a_cr(before: bytes, end: bytes) -> None:
    content = before + b"ssl=enable" + end
    try:
        after = patches.set_options(AGENT_INI, content, {"ssl": "disable"})
    except PreconditionFailed:
        assert before.endswith(b"\r")  # then it is no line of its own
        return
    assert patches.option(after, "ssl") == "disable"
    assert patches.revert_options(after) == content


def test_zeroconf_set_by_somebody_later() -> None:
    after = ZEROCONF.apply(NETWORK, texts.NETWORK)
    theirs = after.replace(b"NOZEROCONF=yes  # libcloud-ovm3", b"NOZEROCONF=no")
    assert ZEROCONF.revert(theirs) == texts.NETWORK + b"NOZEROCONF=no\n"


def test_zeroconf_after_a_backslash() -> None:
    with pytest.raises(PreconditionFailed, match="backslash"):
        ZEROCONF.apply(NETWORK, b"A=1 \\\n")


# -- vlan-bridge


def test_vlan_bridge() -> None:
    after = BRIDGE.apply(VLAN_BRIDGE, texts.VLAN_BRIDGE)
    assert (
        b'# libcloud-ovm3, was:     setup_bridge_port "$2"\n    setup_physical_bridge_port "$2"\n'
        in after
    )


@pytest.mark.parametrize(
    "files",
    [
        with_(library=texts.LIBRARY + b"setup_bridge_port() {\n:\n}\n"),
        with_(library=texts.LIBRARY + b"function setup_bridge_port {\n:\n}\n"),
        with_(library=texts.LIBRARY.replace(b"setup_physical", b"setup_other")),
        with_(library=None),
        with_(script=texts.VLAN_BRIDGE.replace(b"setup_", b"_setup_")),
        with_(script=b"# setup_bridge_port\n"),
    ],
)
def test_vlan_bridge_that_is_right(files: Mapping[str, bytes | None]) -> None:
    assert BRIDGE.state(files) == "not needed"


def test_vlan_bridge_and_an_older_integration() -> None:
    """Its patch, applied after ours and before ours is reverted: as if ours had never existed."""
    ours = BRIDGE.apply(VLAN_BRIDGE, texts.VLAN_BRIDGE)
    both = texts.older_vlan_bridge(texts.LIBRARY, ours)
    alone = texts.older_vlan_bridge(texts.LIBRARY, texts.VLAN_BRIDGE)
    assert alone != texts.VLAN_BRIDGE
    assert BRIDGE.revert(both) == alone
    assert BRIDGE.state(with_(script=both)) == "applied"
    assert BRIDGE.state(with_(script=alone)) == "not needed"


def test_vlan_bridge_changed_by_somebody_later() -> None:
    ours = BRIDGE.apply(VLAN_BRIDGE, texts.VLAN_BRIDGE)
    theirs = ours.replace(b"    setup_physical_bridge_port", b"    my_function")
    reverted = BRIDGE.revert(theirs)
    assert b"my_function" in reverted
    assert b"libcloud" not in reverted


def test_vlan_bridge_inside_a_continued_line() -> None:
    script = texts.VLAN_BRIDGE.replace(b"    setup_bridge", b"    true && \\\n    setup_bridge")
    assert BRIDGE.state(with_(script=script)) == "needed"
    with pytest.raises(PreconditionFailed, match="continues another"):
        BRIDGE.apply(VLAN_BRIDGE, script)


# -- restart-time


@pytest.mark.parametrize(
    "files",
    [
        with_(release=b"Oracle VM server release 3.2.2\n"),
        with_(release=b"Oracle VM server release 3.2.10\n"),
        with_(release=b"Oracle VM server release 3.2.1.5\n"),
        with_(release=b"Oracle VM server release 3.3.1\n"),
        with_(release=None),
        with_(constants=b"MINIMUM_RESTART_TIME = 10\n"),
        with_(constants=b"X_MINIMUM_RESTART_TIME = 60\n"),
        with_(constants=b"MINIMUM_RESTART_TIME = 600\n"),
    ],
)
def test_restart_time_that_is_right(files: Mapping[str, bytes | None]) -> None:
    assert RESTART.state(files) == "not needed"


def test_restart_time_and_an_older_integration() -> None:
    both = texts.older_restart_time(RESTART.apply(CONSTANTS, texts.CONSTANTS))
    assert RESTART.revert(both) == texts.older_restart_time(texts.CONSTANTS)


# -- agent.ini


def test_options_by_their_exact_names() -> None:
    after = patches.set_options(AGENT_INI, texts.INI, {"port": "8898", "ssl": "disable"})
    assert after == (
        b"# the agent\n[server]\n# libcloud-ovm3, set to 8898, was: port=8899\nport=8898\nxport=1\n"
        b"# libcloud-ovm3, set to disable, was: ssl=enable ; as delivered\n"
        b"ssl=disable ; as delivered\n"
    )
    assert (patches.option(after, "port"), patches.option(after, "ssl")) == ("8898", "disable")
    assert patches.revert_options(after) == texts.INI
    assert patches.set_options(AGENT_INI, after, {"port": "8898"}) == after
    back = patches.set_options(AGENT_INI, after, {"port": "8899"})
    assert back == patches.set_options(AGENT_INI, texts.INI, {"ssl": "disable"})


def test_an_option_that_somebody_changed_later() -> None:
    after = patches.set_options(AGENT_INI, texts.INI, {"port": "8898"})
    theirs = after.replace(b"port=8898\n", b"port=9000\n")
    assert patches.revert_options(theirs) == texts.INI.replace(b"port=8899", b"port=9000")


@pytest.mark.parametrize("content", [b"[server]\nxport=1\n", b"port=1\nport=2\n", b"#port=1\n"])
def test_an_option_that_is_not_there_once(content: bytes) -> None:
    assert patches.option(content, "port") is None
    with pytest.raises(PreconditionFailed, match="option port is not set exactly once"):
        patches.set_options(AGENT_INI, content, {"port": "8898"})


INI_LINES = st.lists(
    st.sampled_from([b"[a]", b"ssl=enable", b"ssl = disable ; x", b"port: 1", b"xport=2", b"",
                     b"; port=3", b" port=4"]),
    max_size=5,
)  # fmt: skip


@given(INI_LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_options_back_to_the_same_bytes(lines: list[bytes], end: bytes, is_ended: bool) -> None:
    content = end.join(lines) + (end if is_ended else b"")
    wanted = {
        name: value
        for name, value in (("ssl", "disable"), ("port", "8898"))
        if patches.option(content, name) is not None
    }
    after = patches.set_options(AGENT_INI, content, wanted)
    for name, value in wanted.items():
        assert patches.option(after, name) == value
    assert patches.set_options(AGENT_INI, after, wanted) == after
    assert patches.revert_options(after) == content
