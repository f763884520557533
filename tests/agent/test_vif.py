"""agent.vif: network cards and screens of a vm.cfg (agent-behaviour 6.5, 6.6; xend.md 7)."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.vif import Vfb, Vif
from libcloud_ovm3.errors import InvalidArgument


def test_a_card_of_every_kind() -> None:
    text = (
        "type=ioemu, mac=00:16:3E:00:A7:88,bridge=xenbr0,model=e1000,vifname=np,script=vif-np,"
        "rate=10Mb/s@20ms,ip=192.0.2.10 192.0.2.11,backend=0"
    )
    vif = Vif(text)
    assert (vif.type, vif.mac, vif.bridge) == ("ioemu", "00:16:3e:00:a7:88", "xenbr0")
    assert (vif.model, vif.name, vif.script) == ("e1000", "np", "vif-np")
    assert (vif.rate, vif.ips) == ("10Mb/s@20ms", ("192.0.2.10", "192.0.2.11"))
    assert vif.options["backend"] == "0"
    assert vif.changed() == vif


@pytest.mark.parametrize("text", ["", " ", "nonsense", ",,", "=", "mac", "mac=,bridge="])
def test_a_card_that_says_nothing(text: str) -> None:
    vif = Vif(text)
    assert (vif.mac, vif.bridge, vif.type, vif.ips) == (None, None, None, ())
    assert vif.text == text


def test_of_several_the_last() -> None:
    assert Vif("bridge=a,bridge=b").bridge == "b"
    assert Vif("script=vif-x a=b=c").script == "vif-x a=b=c"


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("mac=A, bridge=b ,x", {"bridge": "c"}, "mac=A,bridge=c,x"),
        ("mac=A, bridge=b ,x", {"mac": "B"}, "mac=B, bridge=b ,x"),
        ("mac=A, bridge=b ,x", {"mac": None}, " bridge=b ,x"),
        ("mac=A", {"rate": "10Mb/s"}, "mac=A,rate=10Mb/s"),
        ("mac=A", {"mac": None}, ""),
        ("", {"mac": "A", "bridge": "b"}, "mac=A,bridge=b"),
        ("bridge=a,mac=A,bridge=b", {"bridge": "c"}, "mac=A,bridge=c"),
        ("bridge=a,bridge=a,mac=A", {"bridge": None}, "mac=A"),
        ("mac=A", {"ip": None}, "mac=A"),
        ("ip=1 2", {"ip": "1 2 3"}, "ip=1 2 3"),
    ],
)
def test_a_change_touches_nothing_else(
    text: str, changes: dict[str, str | None], expected: str
) -> None:
    assert Vif(text).changed(**changes).text == expected
    assert Vfb(text).changed(**changes).text == expected


@pytest.mark.parametrize("bad", ["a,b", "a\nb", "a\x00", ","])
def test_what_cannot_stand_there(bad: str) -> None:
    with pytest.raises(InvalidArgument, match="bridge="):
        Vif("").changed(bridge=bad)
    with pytest.raises(InvalidArgument):
        Vif("").changed(**{"a=b": "c"})
    with pytest.raises(InvalidArgument) as caught:
        Vfb("").changed(vncpasswd=f"secret{bad}")
    assert "secret" not in str(caught.value)


KEYS = st.sampled_from(["mac", "bridge", "type", "ip", "vncpasswd", "rate"])
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=10).filter(
    lambda text: "," not in text and text == text.strip() and text.isprintable()
)


@given(st.text(max_size=40), KEYS, WORDS)
def test_any_text_is_kept(text: str, key: str, value: str) -> None:
    before = Vif(text).options
    changed = Vif(text).changed(**{key: value})
    assert changed.options == {**before, key: value}
    taken_out = changed.changed(**{key: None})
    before.pop(key, None)
    assert taken_out.options == before


@given(st.dictionaries(KEYS, WORDS))
def test_round_trip_of_options(options: dict[str, str]) -> None:
    assert Vif("").changed(**options).options == options
    assert Vfb("").changed(**options).options == options


PASSWORD = "Pa55w=rd é"


@pytest.mark.parametrize(
    "text",
    [
        f"type=vnc,vnclisten=0.0.0.0,vncdisplay=2,vncpasswd={PASSWORD}",
        f"vncpasswd={PASSWORD},type=vnc",
        f"type=vnc, vncpasswd = {PASSWORD} ,keymap=en-us",
        f"type=vnc,VNCPASSWD={PASSWORD}",
        f"type=vnc,passwd={PASSWORD}",
        f"type=vnc,password={PASSWORD}",
        f"vncpasswd={PASSWORD}",
        f"vncpasswd=x,vncpasswd={PASSWORD}",
        f"type=vnc,vncpasswd={PASSWORD},vncpasswd={PASSWORD}",
        f"type=sdl,vncpasswd={PASSWORD},",
    ],
)
def test_the_password_is_in_no_repr(text: str) -> None:
    vfb = Vfb(text)
    for shown in (repr(vfb), str(vfb), f"{vfb}", f"{[vfb]!r}"):
        assert PASSWORD not in shown
        assert "rd é" not in shown
        assert "******" in shown
    assert PASSWORD in pickle.loads(pickle.dumps(vfb)).text, "but it is there"


def test_screens() -> None:
    assert Vfb("type=vnc").is_vnc
    assert Vfb("vnc=1").is_vnc
    assert not Vfb("type=sdl").is_vnc
    assert not Vfb("").is_vnc
    assert repr(Vfb("type=vnc,vncdisplay=2")) == "Vfb('type=vnc,vncdisplay=2')"
