"""``ovm3 vm fits``: whether a VM could be on a host."""

from __future__ import annotations

import json

from tests.cli.running import on
from tests.support import simulate


def test_what_is_shown_and_the_exit_status() -> None:
    with simulate(2, vms=1) as sim:
        fits = on(sim, "vm", "fits", "seed-1", "ovm-2")
        assert (fits.exit_code, fits.stderr) == (0, "")
        assert "fits     yes" in fits.stdout
        assert "unknown  whether its xend accepts migrations" in fits.stdout
        refused = on(sim, "vm", "fits", "seed-1", "ovm-2", "--how", "start", "-o", "json")
        found = json.loads(refused.stdout)
        assert (refused.exit_code, found["fits"], found["how"]) == (1, False, "start")
        assert (found["vm"], found["host"]) == ("seed-1", "ovm-2")
        assert found["host_id"] == sim.hosts[1].uuid.replace(":", "")
        [reason] = found["reasons"]
        assert reason.startswith("it is running: live on ovm-1")
