"""What the module does on hosts with the host module: what guests are told, metadata and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.ansible.test_vm_states import IMAGE, state_of, task
from tests.guests import meta_of, seed_of
from tests.operations.failures import WRITES
from tests.operations.test_ssh_keys import ED25519, RSA
from tests.support import calls_of, driver_for, simulate


@pytest.fixture(scope="module")
def with_module() -> Iterator[Simulator]:
    """Two hosts; ``off`` is stopped."""
    with simulate(hosts=2, vms=0, host_module=True, template_bytes=1 << 20) as simulator:
        simulator.add_vm("off")
        yield simulator


def shown_on_the_page() -> dict[str, Any]:
    """What docs/ansible.md gives a VM that one can log in to."""
    page = (Path(__file__).parents[2] / "docs" / "ansible.md").read_text(encoding="utf-8")
    [*_, play] = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    [task_of_page] = yaml.safe_load(play)[0]["tasks"]
    options: dict[str, Any] = task_of_page["libcloud_ovm3.ovm3.vm"]
    own = ("estate", "name", "state")
    return {key: value for key, value in options.items() if key not in own}


def test_what_the_guest_is_told(with_module: Simulator) -> None:
    sim, driver = with_module, driver_for(with_module, ex_keys_repository="MyRepo")
    driver.import_key_pair_from_string("ops", ED25519)
    user_data = "#cloud-config\npackages: [nginx]\n"
    more = shown_on_the_page()
    assert more["networks"][0].pop("network") == "guest"
    card = {"network": driver.ex_list_networks()[0].name, **more["networks"][0]}
    for option, text in (("ssh_key", RSA), ("user_data", user_data)):
        assert "lookup('file'" in more[option]
        more[option] = text
    more |= {"size": "tiny", "key_name": "ops", "networks": [card], "network_format": 2}
    after = task(sim, "told", "present", check=True, **more).after
    assert after is not None
    assert (after["ssh_key"], after["networks"], after["tags"]) == (RSA, [card], ["web"])
    assert "user_data" not in after, "it may have secrets"
    vm = task(sim, "told", "present", **more, start=False).vm
    assert vm is not None
    assert (vm["metadata"], vm["tags"]) == ({"owner": "ops"}, ["web"])
    assert vm["private_ips"] == ["192.0.2.10"]
    node = driver.ex_get_node(vm["id"])
    keys = meta_of(sim, node)["public-keys"]
    assert [key.split()[:2] for key in keys] == [RSA.split()[:2], ED25519.split()[:2]]
    files = seed_of(sim, node)
    parts = message_from_string(files["user-data"]).walk()
    assert user_data.encode() in [part.get_payload(decode=True) for part in parts]
    for text in ("version: 2", "192.0.2.10/24", "192.0.2.1", "192.0.2.53"):
        assert text in files["network-config"]
    sim.calls.clear()
    again = task(sim, "told", "present", **{**more, "user_data": "#!/bin/sh\n"})
    assert again.vm == vm
    assert calls_of(sim, *WRITES) == []
    with pytest.raises(InvalidArgument, match="auth: not a public key"):
        task(sim, "other", "present", check=True, **IMAGE, ssh_key="x")


def test_metadata_and_tags_of_a_vm_that_exists(with_module: Simulator) -> None:
    """Only those that the task says, and only if they differ."""
    sim = with_module
    ops: dict[str, Any] = {"owner": "ops"}
    steps: tuple[tuple[dict[str, Any], tuple[Any, Any]], ...] = (
        ({"metadata": ops, "tags": ["web", "a b"]}, (ops, ["web", "a b"])),
        ({"tags": ["db"]}, (ops, ["db"])),
        ({"metadata": {}}, ({}, ["db"])),
        ({"tags": []}, ({}, [])),
    )
    for given, expected in steps:
        sim.calls.clear()
        checked = task(sim, "off", "present", check=True, **given)
        assert checked.would_change
        assert calls_of(sim, "libcloud_write_document") == []
        done = task(sim, "off", "present", **given)
        assert done.vm is not None
        assert (done.vm["metadata"], done.vm["tags"]) == expected
        assert checked.after == done.after == done.vm != done.before
        assert calls_of(sim, *WRITES, "libcloud_write_document") == ["libcloud_write_document"]
        for check in (True, False):
            again = task(sim, "off", "present", check=check, **given)
            assert (again.would_change, again.vm) == (False, done.vm)
    task(sim, "off", "present", tags=["x", "y"])
    sim.calls.clear()
    task(sim, "off", "present", tags=["y", "x", "y"])
    assert calls_of(sim, "libcloud_write_document") == [], "their order does not matter"
    with pytest.raises(InvalidArgument, match="expected a text of 0 to 256"):
        task(sim, "off", "present", metadata={"a": 1})


def test_metadata_and_tags_of_a_vm_that_is_started(with_module: Simulator) -> None:
    """Recorded before the start; check mode makes the checks of both."""
    sim = with_module
    with pytest.raises(PreconditionFailed, match="no host"):
        task(sim, "off", "started", check=True, location="ovm-9", tags=["new"])
    sim.misbehave("fault", "libcloud_write_document", times=None, text="no room")
    with pytest.raises(Ovm3Error, match="no room"):
        task(sim, "off", "started", tags=["new"])
    sim.clear_misbehaviour()
    assert state_of(sim, "off") == "stopped"
    checked = task(sim, "off", "started", check=True, tags=["new"]).after
    assert checked is not None
    assert (checked["state"], checked["tags"]) == ("running", ["new"])
    for tags in (["new"], ["newer"]):  # it is off; it runs
        vm = task(sim, "off", "started", tags=tags).vm
        assert vm is not None
        assert (vm["state"], vm["tags"]) == ("running", tags)
