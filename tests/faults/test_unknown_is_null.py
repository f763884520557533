"""What a host did not report is unknown: in JSON that is null, neither "no" nor missing."""

from __future__ import annotations

from libcloud_ovm3.diagnostics.inventory import as_json, take_inventory
from tests.diagnostics.troubled import estate_of
from tests.faults.support import lab


def test_a_silent_host_is_not_said_to_be_no_master() -> None:
    with lab("plain", False) as sim:
        sim.hosts[1].kill()
        hosts = as_json(take_inventory(estate_of(sim)))["hosts"]
    silent = next(host for host in hosts if host["status"] == "unreachable")
    for key in ("id", "agent_version", "membership", "roles", "is_master", "pool"):
        assert silent[key] is None, key
