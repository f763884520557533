"""Libcloud's own deploy_node, with addresses as they become known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from libcloud.compute.base import Node
from libcloud.compute.deployment import Deployment
from libcloud.compute.types import DeploymentError

from libcloud_ovm3.errors import InvalidArgument, WaitTimeout
from libcloud_ovm3.simulator import Simulator, network
from tests.operations.templates import make_disk, make_template
from tests.support import calls_of, driver_for, simulate

BRIDGE = "10e69b4de3"


class Noted(Deployment):
    """A deployment that runs nothing."""

    def __init__(self) -> None:
        self.ran: list[Node] = []

    def run(self, node: Node, client: Any) -> Node:
        self.ran.append(node)
        return node


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(2, vms=0, host_module=True) as one:
        yield one


def deploy(sim: Simulator, driver: Any, name: str, **more: Any) -> tuple[Any, Noted, Any]:
    """Deploy a node of a template with one network card; SSH itself is replaced."""
    disk = f"file:{make_disk(sim, f'{name}.img')},xvda,w"
    image = driver.get_image(make_template(sim, disk=[disk]))
    task = Noted()
    with mock.patch("libcloud.compute.base.SSHClient") as client:
        node = driver.deploy_node(
            task, ssh_key="key", timeout=60, name=name, size="tiny", image=image, **more
        )
    return node, task, client


def see_the_guest(sim: Simulator, address: str) -> None:
    """Let a host see the guest that is started next, some seconds later."""

    def seen(moment: str) -> None:
        if moment != "before":
            return
        newest = max(
            sim.repository_path.glob("VirtualMachines/*/vm.cfg"), key=lambda f: f.stat().st_mtime_ns
        )
        mac = re.search("mac=([0-9a-f:]{17})", newest.read_text())
        assert mac is not None
        sim.add_neighbour(1, address, mac[1], BRIDGE)

    def started(moment: str) -> None:
        if moment == "after":
            sim.misbehave("hook", "libcloud_repository", nth=3, hook=seen)

    sim.misbehave("hook", "start_vm", hook=started)


@pytest.mark.parametrize("interface", ["private_ips", "public_ips"])
def test_it_is_deployed_once_its_address_is_known(sim: Simulator, interface: str) -> None:
    public = {"ex_public_networks": [BRIDGE]} if interface == "public_ips" else {}
    driver = driver_for(sim, **public)
    address = f"192.0.2.{len(interface)}"
    see_the_guest(sim, address)
    node, task, client = deploy(sim, driver, interface, ssh_interface=interface)
    assert client.call_args.kwargs["hostname"] == address
    assert [one.id for one in task.ran] == [node.id]
    assert getattr(node, interface) == [address]
    assert node.driver is driver


def test_without_an_address_the_node_stays_and_the_error_names_it(sim: Simulator) -> None:
    driver = driver_for(sim)
    with pytest.raises(DeploymentError) as caught:
        deploy(sim, driver, "unknown", ssh_interface="private_ips")
    assert isinstance(caught.value.value, WaitTimeout)
    assert "is running, and no address of it that can be used is known" in str(caught.value.value)
    assert driver.ex_get_node(caught.value.node.id).state == "running"


def test_no_network_is_public(sim: Simulator) -> None:
    """So public_ips, libcloud's default, could never have an address."""
    before = len(calls_of(sim, "create_vm"))
    with pytest.raises(InvalidArgument, match="ssh_key: expected the path"):
        driver_for(sim).deploy_node(Noted(), name="never", ssh_interface="private_ips")
    with pytest.raises(InvalidArgument, match="expected 'private_ips'"):
        driver_for(sim).deploy_node(Noted(), "root", None, 22, 10, "key", name="never")
    with pytest.raises(InvalidArgument, match=r"ex_public_networks.*expected 'private_ips'"):
        deploy(sim, driver_for(sim), "never")
    assert len(calls_of(sim, "create_vm")) == before


def test_ipv6_is_an_address_only_if_the_caller_says_so(sim: Simulator) -> None:
    driver = driver_for(sim)
    see_the_guest(sim, "192.0.2.99")
    node, _, _ = deploy(sim, driver, "six", ssh_interface="private_ips")
    table = network.state(sim.hosts[1])["neighbours"]
    [entry] = [one for one in table if one[0] == "192.0.2.99"]
    entry[0] = "2001:db8::9"
    waited = driver.wait_until_running([node], ssh_interface="private_ips")
    assert waited[0][1] == []
    found = driver.wait_until_running([node], ssh_interface="private_ips", force_ipv4=False)
    assert found[0][1] == ["2001:db8::9"]
    with pytest.raises(WaitTimeout):
        driver.wait_until_running(
            [node], timeout=10, ssh_interface="private_ips", ex_addresses="true"
        )
