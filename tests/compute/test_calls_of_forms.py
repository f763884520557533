"""docs/calls.md is true of the forms of a method too: with other arguments, other calls."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from libcloud.compute.base import NodeAuthSSHKey
from libcloud.compute.deployment import Deployment

from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.compute.test_calls import MODULE_SOUGHT, TABLE, make_node, template_of, with_keys
from tests.guests import key_file
from tests.operations.cards import bridge_of
from tests.operations.templates import make_disk, make_template
from tests.operations.test_ssh_keys import ED25519
from tests.support import calls_of, driver_for, quietly, simulate

# Rows of several words, which begin with the method.
ROW = re.compile(r"^\| (`\w+` [^|]+) \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
FORMULAS = {form: both for form, *both in ROW.findall(TABLE.read_text(encoding="utf-8"))}
HOSTS, VMS = 3, 2


class Pool:
    """A pool with a node, and drivers that have listed before."""

    def __init__(self, sim: Simulator) -> None:
        self.sim, self.driver = sim, driver_for(sim)
        self.node = make_node(self.driver)
        self.keys = driver_for(sim, ex_keys_repository=sim.repository_id)
        self.iso = f"{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"

    def create(self, image: str = "", **options: Any) -> Callable[[], Any]:
        """Creation on the host of the node, of a disk image unless another image is named."""
        place = {"location": self.node.extra["host_id"], **options}
        image = image or template_of(self.node)
        return lambda: quietly(self.driver.create_node, "new", "tiny", image, **place)

    def of_a_managers_template(self) -> Callable[[], Any]:
        disk = f"file:{make_disk(self.sim, 'system.img')},xvda,w"
        return self.create(make_template(self.sim, disk=[disk], vif=[]))

    def with_a_seed(self) -> Callable[[], Any]:
        """Removing the seed of a node; without the module it has none, as none can be made."""
        create = self.create(ex_userdata="#!/bin/sh\n")
        with_keys(create)
        node = next((one for one in self.driver.list_nodes() if one.name == "new"), self.node)
        return lambda: self.driver.ex_remove_seed(node)

    def watching(self) -> Callable[[], Any]:
        """Creation by a driver that has DHCP watched."""
        self.driver = driver_for(self.sim, ex_watch_dhcp=True)
        return self.create(ex_networks=[bridge_of(self.sim)])

    def deploy(self) -> Callable[[], Any]:
        """Deployment to a static address; SSH itself is replaced. Refused without the module."""
        card = {"network": bridge_of(self.sim), "address": "192.0.2.50"}
        place = {"location": self.node.extra["host_id"], "image": template_of(self.node)}
        key = key_file(self.sim)
        what = {"name": "new", "size": "tiny", "ex_networks": [card], "ssh_key": key}

        def call() -> None:
            with (
                mock.patch("libcloud.compute.base.SSHClient"),
                contextlib.suppress(PreconditionFailed),
            ):
                task = Deployment()
                task.run = lambda node, client: node  # type: ignore[method-assign]
                self.driver.deploy_node(task, ssh_interface="private_ips", **place, **what)

        return call

    def migrate(self) -> Callable[[], Any]:
        """A migration that is over when the first look comes: looks depend on time."""
        self.sim.wait(61)
        names = {host.id: host.name for host in self.driver.list_locations()}
        there = next(name for one, name in names.items() if one != self.node.extra["host_id"])
        return lambda: quietly(self.driver.ex_migrate_node, self.node, there)

    def with_keys(self, action: Callable[..., Any], *given: Any) -> Callable[[], Any]:
        with_keys(self.keys.import_key_pair_from_string, "key", ED25519)
        return lambda: with_keys(action, *given)


# Form -> what prepares it, and returns the call.
FORMS: dict[str, Callable[[Pool], Callable[[], Any]]] = {
    "`create_node` of a template with a `vm.cfg`": Pool.of_a_managers_template,
    "`create_node` of an ISO": lambda pool: pool.create(pool.iso, ex_disk_gb=1),
    "`create_node` without a location": lambda pool: pool.create(location=None),
    "`create_node` with `ex_start=False`": lambda pool: pool.create(ex_start=False),
    "`create_node` with `ex_cpus`, `ex_memory_mb`, `ex_domain_type`, `ex_description`": (
        lambda pool: pool.create(
            ex_cpus=2, ex_memory_mb=700, ex_domain_type="hvm", ex_description="x"
        )
    ),
    "`create_node` with a larger `ex_disk_gb`": lambda pool: pool.create(ex_disk_gb=1),
    "`create_node` with `ex_iso`": lambda pool: pool.create(ex_iso=pool.iso),
    "`create_node` with one card in `ex_networks`": lambda pool: pool.create(
        ex_networks=[bridge_of(pool.sim)]
    ),
    "`create_node` with one of `ex_volumes`": lambda pool: pool.create(
        ex_volumes=[pool.driver.create_volume(1, "spare")]
    ),
    "`create_node` with `auth`, `ex_userdata`": lambda pool: pool.with_keys(
        pool.create(ex_userdata="#!/bin/sh\n", auth=NodeAuthSSHKey(ED25519))
    ),
    "`create_node` with `ex_keyname`": lambda pool: pool.with_keys(pool.create(ex_keyname="key")),
    "`create_node` with one card, and `ex_watch_dhcp` of the driver": Pool.watching,
    "`deploy_node` with one card and its static address": Pool.deploy,
    "`ex_remove_seed` of a running node with one": Pool.with_a_seed,
    "`ex_migrate_node` to another host": Pool.migrate,
    "`list_key_pairs` with `ex_keys_repository`": lambda pool: pool.with_keys(
        pool.keys.list_key_pairs
    ),
    "`get_key_pair` with `ex_keys_repository`": lambda pool: pool.with_keys(
        pool.keys.get_key_pair, "key"
    ),
    "`create_key_pair` with `ex_keys_repository`": lambda pool: pool.with_keys(
        pool.keys.create_key_pair, "new"
    ),
    "`delete_key_pair` with `ex_keys_repository`": lambda pool: pool.with_keys(
        pool.keys.delete_key_pair, "key"
    ),
}


def test_the_table_is_complete() -> None:
    assert set(FORMULAS) == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_calls(form: str, personality: str) -> None:
    counted = count(form, personality=personality)
    for asked in MODULE_SOUGHT:
        del counted[asked]
    check(form, 0, counted)


@pytest.mark.parametrize("form", FORMS)
def test_calls_with_the_module(form: str) -> None:
    counted = count(form, host_module=True)
    del counted["libcloud_identify"]  # of each host where any file is in use
    check(form, 1, counted)


def count(form: str, **options: Any) -> Counter[str]:
    with simulate(hosts=HOSTS, vms=VMS, **options) as sim:
        pool = Pool(sim)
        call = FORMS[form](pool)
        for driver in (pool.driver, pool.keys):
            driver.list_images()
        sim.calls.clear()
        call()
        return Counter(calls_of(sim))


def check(form: str, column: int, counted: Counter[str]) -> None:
    numbers = {"H": HOSTS, "R": 1, "V": VMS + 1}
    formula = FORMULAS[form][column]
    expected = eval(formula, {"__builtins__": {}}, numbers)  # arithmetic of our own docs
    assert counted.total() == expected, counted
