"""Memory, CPUs, weight, cap and pins: as vm.cfg files and lists of domains have them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.estate.domains import read_domains
from libcloud_ovm3.estate.settings import (
    Settings,
    cpus_text,
    defined_settings,
    live_settings,
    parse_cpus,
)

CPUS = st.frozensets(st.integers(0, 300), min_size=1)


@given(CPUS)
def test_cpus_as_a_text_and_back(cpus: frozenset[int]) -> None:
    assert parse_cpus(cpus_text(cpus)) == cpus


@given(st.text(alphabet="0123456789-,^ x", max_size=12))
def test_a_text_of_cpus_is_understood_or_not(text: str) -> None:
    found = parse_cpus(text)
    assert found is None or found


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("12-19", set(range(12, 20))), ("0-3,^1", {0, 2, 3}), (" 1, 3 ", {1, 3}), ("^1,0-3", None),
     ("", None), ("3-1", None), ("0,^0", None), ("1;2", None), ("99999", None)],
)  # fmt: skip
def test_texts_of_cpus(text: str, cpus: set[int] | None) -> None:
    assert parse_cpus(text) == (None if cpus is None else frozenset(cpus))


def test_what_a_vm_cfg_says() -> None:
    """Numbers may be texts; what is absent is xend's default; what is not understood unknown."""
    found = defined_settings(VMConfig({"memory": "65536", "vcpus": 8, "cpus": "12-19"}))
    assert found.as_data() == {
        "memory_mb": 65536, "max_memory_mb": 65536, "vcpus": 8, "max_vcpus": 8, "cpu_weight": 256,
        "cpu_cap": 0, "cpus": "12-19",
    }  # fmt: skip
    assert defined_settings(VMConfig({"cpu_cap": "x"})).cpu_cap is None
    several: list[tuple[Any, str | None]] = [
        (["0", "2-3"], "0,2-3"), ([], ""), ("", ""), ("all", None), (True, None),
        (["0", "x"], None), (7, "7"),
    ]  # fmt: skip
    for cpus, text in several:
        assert defined_settings(VMConfig({"cpus": cpus})).as_data()["cpus"] == text


def _live(**more: Any) -> Settings:
    zero = {"name": "Domain-0", "domid": "0", "uuid": "0" * 32}
    record = {"name": "a", "domid": "1", "store_mfn": "1", "memory": "512", "maxmem": "1024",
              "online_vcpus": "1", "vcpus": "2", "cpu_weight": "256", "cpu_cap": "0",
              "cpus": [["0"], ["0"]]}  # fmt: skip
    [domain] = read_domains([zero, {**record, **more}]).domains
    return live_settings(domain)


def test_what_a_list_of_domains_says() -> None:
    assert _live().as_data() == {
        "memory_mb": 512, "max_memory_mb": 1024, "vcpus": 1, "max_vcpus": 2, "cpu_weight": 256,
        "cpu_cap": 0, "cpus": "0",
    }  # fmt: skip
    assert _live(cpus=[[], []]).as_data()["cpus"] == ""
    assert _live(cpus=[["1"], []]).as_data()["cpus"] == "", "one of them may run anywhere"
    for odd in (None, "0", [], ["0"], [["x"]], [[None]], 3):
        assert _live(cpus=odd).pins is None
    assert _live(cpu_weight=None, cpu_cap="x", maxmem=[]).as_data() == {
        "memory_mb": 512, "max_memory_mb": None, "vcpus": 1, "max_vcpus": 2, "cpu_weight": None,
        "cpu_cap": None, "cpus": "0",
    }  # fmt: skip
