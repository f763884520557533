"""Libcloud's own suite for compute drivers, unchanged, against the simulator."""

from __future__ import annotations

import inspect
from typing import ClassVar

import pytest
from libcloud.compute.base import NodeDriver
from libcloud.test import LibcloudTestCase
from libcloud.test import compute as suite  # the module: pytest would collect the mixin itself

from libcloud_ovm3 import OVM3NodeDriver
from tests.support import driver_for, simulate


@pytest.mark.filterwarnings("ignore::libcloud_ovm3.errors.Ovm3Warning")  # kept disks of seeded VMs
class PlainTest(LibcloudTestCase, suite.TestCaseMixin):
    personality: ClassVar[str] = "plain"
    should_list_volumes = True

    def setUp(self) -> None:
        self.sim = simulate(hosts=3, personality=self.personality)
        self.sim.start()
        self.addCleanup(self.sim.stop)
        self.driver = driver_for(self.sim)


class AwkwardTest(PlainTest):
    personality = "awkward"


def test_the_suite_is_run_whole() -> None:
    names = [name for name in dir(suite.TestCaseMixin) if name.startswith("test_")]
    assert len(names) >= 9
    assert all(getattr(PlainTest, name) is getattr(suite.TestCaseMixin, name) for name in names)
    flags = ("should_list_locations", "should_have_pricing")
    assert all(getattr(PlainTest, f) is getattr(suite.TestCaseMixin, f) for f in flags)
    assert PlainTest.should_list_volumes


OVERRIDES = [
    name
    for name, _ in inspect.getmembers(NodeDriver, inspect.isfunction)
    if not name.startswith("_") and getattr(OVM3NodeDriver, name) is not getattr(NodeDriver, name)
]


@pytest.mark.parametrize("name", OVERRIDES)
def test_signatures_are_the_base_class_own(name: str) -> None:
    """Same parameters in the same order with the same defaults; what is more begins with ex_, or
    can only be given by name, as libcloud's other drivers have it (``networks``)."""
    base = list(inspect.signature(getattr(NodeDriver, name)).parameters.values())
    ours = list(inspect.signature(getattr(OVM3NodeDriver, name)).parameters.values())
    base_open = any(p.kind is p.VAR_KEYWORD for p in base)
    ours_open = any(p.kind is p.VAR_KEYWORD for p in ours)
    named = [p for p in base if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not ours_open:
        assert [p.name for p in ours[: len(named)]] == [p.name for p in named]
        assert [p.default for p in ours[: len(named)]] == [p.default for p in named]
        more = ours[len(named) :]
        assert {p.name for p in more if not p.name.startswith("ex_")} <= {"networks"}
        assert all(p.kind is p.KEYWORD_ONLY for p in more if p.name == "networks")
    assert ours_open <= base_open or name == "deploy_node"


def test_extra_methods_begin_with_ex() -> None:
    public = {n for n, _ in inspect.getmembers(OVM3NodeDriver, inspect.isfunction) if n[0] != "_"}
    base = {n for n, _ in inspect.getmembers(NodeDriver, inspect.isfunction)}
    assert all(name.startswith("ex_") for name in public - base)
