"""A mount that is stale on one host is reported."""

from __future__ import annotations

import pytest

from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Certificate, collect
from tests.diagnostics.troubled import estate_of
from tests.faults.support import lab


@pytest.mark.parametrize("module", [False, True])
@pytest.mark.parametrize("stale", [0, 1])
def test_the_doctor_names_the_host_whose_mount_is_stale(module: bool, stale: int) -> None:
    with lab("plain", module) as sim:
        sim.hosts[stale].stale_repository()
        certificate = Certificate("TLSv1.3", "ab" * 32)
        found = run_checks(collect(estate_of(sim), lambda: certificate, "verified"))
    said = [one.found for one in found if one.level == "error"]
    assert any(f"ovm-{stale + 1}" in text and "Stale" in text for text in said), said


def test_what_a_host_does_not_say_is_not_said_to_be_unmounted() -> None:
    with lab("plain", False) as sim:
        sim.misbehave("fault", "discover_repository_db", host=0, times=None, text="x.Y:no")
        certificate = Certificate("TLSv1.3", "ab" * 32)
        found = run_checks(collect(estate_of(sim), lambda: certificate, "verified"))
    assert not any("not on ovm-1" in one.found or "--write" in one.advice for one in found)
    assert not any("on every reachable host" in one.found for one in found)
