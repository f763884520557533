"""What counts VMs that run twice does count them; through claims there are none."""

from __future__ import annotations

import pytest

from tests.system.doubles import count


def test_agents_alone_start_one_vm_twice() -> None:
    assert str(count("clients", "agents", 1)) == "1 doubles in 1 tries (2 x started)"


@pytest.mark.soak
@pytest.mark.parametrize("faults", [False, True])
@pytest.mark.parametrize(("what", "tries"), [("clients", 2000), ("reboot", 1000)])
def test_never_twice_through_claims(what: str, tries: int, faults: bool) -> None:
    found = count(what, "claims", tries, faults)
    assert (found.doubles, found.tries) == (0, tries), str(found)
