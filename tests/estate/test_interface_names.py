"""What the names of interfaces say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.estate.interface_names import found_as, is_guest_port, split_vlan

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", fullmatch=True)


@given(name=NAMES, number=st.integers(0, 9999))
def test_a_vlan_and_what_it_is_on(name: str, number: int) -> None:
    assert split_vlan(f"{name}.{number}") == (name, number)
    assert split_vlan(f"{name}.{number:04}") == (name, number)
    for other in (
        name.replace(".", "_"),
        f"{name}.{number}0000",
        f"{name}.{number}x",
        f".{number}",
    ):
        assert split_vlan(other) is None


@given(name=NAMES.filter(lambda name: not name.startswith("xenbr")), number=st.integers(0, 99))
def test_what_xend_takes_for_a_bridge(name: str, number: int) -> None:
    assert found_as(f"xenbr{number}") == (f"xenbr{number}", f"eth{number}")
    assert found_as(name) == (name,)
    assert found_as(f"xenbr{number}.5") == (f"xenbr{number}.5",)


@given(domain=st.integers(0, 32752), device=st.integers(0, 9))
def test_ports_of_guests(domain: int, device: int) -> None:
    port = f"{domain}.{device}"
    assert all(is_guest_port(f"{kind}{port}") for kind in ("vif", "tap"))
    assert is_guest_port(f"vif{port}-emu")
    for other in (f"eth{port}", f"vif{domain}", f"xvif{port}", f"vif{port}.1"):
        assert not is_guest_port(other)
