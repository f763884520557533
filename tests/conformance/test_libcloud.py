"""Libcloud's own suite for compute drivers, unchanged, against the simulator."""

from __future__ import annotations

from typing import ClassVar

import pytest
from libcloud.test import LibcloudTestCase
from libcloud.test import compute as suite  # the module: pytest would collect the mixin itself

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
