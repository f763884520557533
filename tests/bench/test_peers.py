"""``make bench-peers`` compares like with like; libvirt itself is not needed here."""

from __future__ import annotations

import pytest
from lxml import etree

from bench import peers


def test_every_domain_of_the_test_hypervisor_is_another_one() -> None:
    root = etree.fromstring(peers.hypervisor_xml(300))
    for path in ("domain/name", "domain/uuid", "domain/devices/interface/mac/@address"):
        found = [getattr(one, "text", None) or str(one) for one in root.xpath(path)]
        assert len(set(found)) == len(found) == 300


def test_time_per_node_is_judged() -> None:
    runs = {"ours": lambda: 2, "libvirt": lambda: 2, "bare": lambda: 2}
    stock, bare = peers.listing_per_node(2, 1, runs)
    assert (stock.target, stock.at_least) == (0.4, False)
    assert bare.target is None
    assert "per node" in stock.as_row()


def test_a_driver_that_misses_a_vm_is_not_measured() -> None:
    with pytest.raises(AssertionError, match="found 1 VMs of 2"):
        peers.listing_per_node(2, 1, {"ours": lambda: 1})
