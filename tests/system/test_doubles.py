"""What counts VMs that run twice does count them."""

from __future__ import annotations

from tests.system.doubles import count


def test_agents_alone_start_one_vm_twice() -> None:
    found = count("clients", "agents", 1)
    assert str(found) == "1 doubles in 1 tries (2 x started)"
