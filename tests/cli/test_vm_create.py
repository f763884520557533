"""``ovm3 vm create``: what it records, and that it may be repeated."""

from __future__ import annotations

import json

from libcloud_ovm3.errors import Ovm3Error
from tests.cli.running import on
from tests.support import calls_of, driver_for, quietly, simulate

CREATE = ("vm", "create", "web-1", "--image", "oracle-linux-6", "--size", "tiny", "--no-start")


def test_metadata_tags_and_a_key() -> None:
    with simulate(hosts=1, vms=0, host_module=True, template_bytes=1 << 20) as sim:
        options = ("--metadata", "owner=ops", "--metadata", "eq=a=b", "--tag", "web", "--tag",
                   "x y", "--idempotency-key", "order 4711")  # fmt: skip
        done = on(sim, *CREATE, *options)
        assert done.exit_code == 0, done.stderr
        again = on(sim, *CREATE, *options)
        assert (again.exit_code, again.stdout) == (0, done.stdout)
        assert len(calls_of(sim, "copy_file")) == 1
        shown = on(sim, "vm", "show", "web-1").stdout
        for text in ("web, x y", "owner=ops", "eq=a=b"):
            assert text in shown
        record = json.loads(on(sim, "vm", "show", "web-1", "-o", "json").stdout)
        record = record[0] if isinstance(record, list) else record
        assert (record["metadata"], record["tags"], record["copied_percent"]) == (
            {"owner": "ops", "eq": "a=b"},
            ["web", "x y"],
            None,
        )


def test_metadata_that_are_no_pairs() -> None:
    with simulate(hosts=1, vms=0) as sim:
        for wrong in (["--metadata", "owner"], ["--metadata", "a=1", "--metadata", "a=2"]):
            done = on(sim, *CREATE, *wrong)
            assert done.exit_code == 2
            assert "expected KEY=VALUE, each key once" in done.stderr
        assert calls_of(sim, "create_vm") == []


def test_one_that_is_half_made_says_what_to_do() -> None:
    with simulate(hosts=1, vms=0, template_bytes=1 << 20) as sim:
        sim.misbehave("fault", "copy_file")
        sim.misbehave("fault", "delete_vm")
        driver = driver_for(sim)
        image = driver.list_images()[0]
        try:
            quietly(driver.create_node, "web-1", "tiny", image, ex_idempotency_key="k")
        except Ovm3Error as error:
            [vm_id] = [one for one in error.left if "/" not in one]
        sim.clear_misbehaviour()
        done = on(sim, *CREATE, "--idempotency-key", "k")
        assert done.exit_code != 0
        assert "of --idempotency-key 'k' is not complete: 'creating " in done.stderr
        assert f"`ovm3 vm destroy '{vm_id}'` removes it" in done.stderr
