"""Libcloud's own deploy_node, with addresses as they become known."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from libcloud.compute.base import Node
from libcloud.compute.deployment import Deployment
from libcloud.compute.types import DeploymentError

from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, PreconditionFailed, WaitTimeout
from libcloud_ovm3.simulator import Simulator, network
from tests.guests import key_file
from tests.operations.failures import WRITES
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
            task,
            ssh_key=key_file(sim),
            timeout="60",
            ssh_port="22",
            max_tries="3",
            name=name,
            size="tiny",
            image=image,
            **more,
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
    assert client.call_args.kwargs["port"] == 22
    assert [one.id for one in task.ran] == [node.id]
    assert getattr(node, interface) == [address]
    assert node.driver is driver


def test_without_an_address_the_node_stays_and_the_error_names_it(sim: Simulator) -> None:
    driver = driver_for(sim)
    with pytest.raises(DeploymentError) as caught:
        deploy(sim, driver, "unknown", ssh_interface="private_ips")
    error = caught.value
    assert isinstance(error.value, WaitTimeout)
    assert "is running, and no address of it that can be used is known" in str(error.value)
    assert [one["id"] for one in error.value.nodes] == [error.node.id]
    assert driver.ex_get_node(error.node.id).state == "running"
    assert error.driver is error.node.driver is driver
    assert error.node.destroy()


CARD = {"network": BRIDGE, "address": "192.0.2.50"}
SIX = {**CARD, "address": "2001:db8::5"}
ELSEWHERE = {"network": "lonely"}
PRIVATE = {"ssh_interface": "private_ips"}
PUBLIC_HALF, LOCKED = "the public half", "with a password"


@pytest.mark.parametrize(
    ("more", "error", "text"),
    [
        ({"ssh_key": None, **PRIVATE}, InvalidArgument, "ssh_key: expected the path of a private"),
        (
            {"ssh_key": None, "ex_keyname": "ops", **PRIVATE},
            InvalidArgument,
            "ssh_key: expected the path of the private key of ex_keyname",
        ),
        ({"ssh_key": "/no/key", **PRIVATE}, InvalidArgument, "ssh_key '/no/key': No such file"),
        (
            {"ssh_key": __file__, **PRIVATE},
            InvalidArgument,
            "test_deploy_node.py': this is no priv",
        ),
        ({"ssh_key": PUBLIC_HALF, **PRIVATE}, InvalidArgument, "this is a public key; expected"),
        ({"ssh_key": LOCKED, **PRIVATE}, InvalidArgument, "has a password; expected ssh_key_pass"),
        ({"ssh_interface": "ips"}, InvalidArgument, "expected public_ips or private_ips"),
        ({"wait_period": "soon", **PRIVATE}, InvalidArgument, "wait_period"),
        ({"timeout": "soon", **PRIVATE}, InvalidArgument, "timeout"),
        ({"ssh_timeout": 0, **PRIVATE}, InvalidArgument, "ssh_timeout"),
        ({"ssh_port": "ssh", **PRIVATE}, InvalidArgument, "port 'ssh': expected a number"),
        ({"max_tries": 0, **PRIVATE}, InvalidArgument, "max_tries 0: expected"),
        ({"deploy": "true", **PRIVATE}, InvalidArgument, "deploy 'true': expected a Deployment"),
        ({"name": None, **PRIVATE}, InvalidArgument, "missing a required argument: 'name'"),
        ({"ex_nets": 1, **PRIVATE}, InvalidArgument, "unexpected keyword argument 'ex_nets'"),
        ({"ex_start": "no", **PRIVATE}, InvalidArgument, "expected a node that is started"),
        ({}, InvalidArgument, r"ex_public_networks.*expected 'private_ips'"),
        (
            {"ex_networks": [CARD], "driver": {"ex_public_networks": ["other"]}},
            InvalidArgument,
            f"address 192.0.2.50 is on network {BRIDGE}, .*expected ssh_interface='private_ips'",
        ),
        (
            {"ex_networks": [CARD], "driver": {"ex_public_networks": [BRIDGE]}, **PRIVATE},
            InvalidArgument,
            "expected ssh_interface='public_ips'",
        ),
        (
            {"driver": {"ex_public_networks": [BRIDGE]}, **PRIVATE},
            InvalidArgument,
            f"each address that it can get is on network {BRIDGE}, which is public",
        ),
        ({"ex_networks": [], **PRIVATE}, PreconditionFailed, "has no network card"),
        ({"ex_networks": [SIX], **PRIVATE}, PreconditionFailed, "2001:db8::5 is not IPv4, or"),
        ({"ex_networks": [ELSEWHERE], **PRIVATE}, PreconditionFailed, "no address of it can becom"),
        (
            {"ex_networks": ["control0"], **PRIVATE},
            PreconditionFailed,
            "no address of it can becom",
        ),
        ({"paramiko": False, **PRIVATE}, RuntimeError, "paramiko is not installed"),
        (
            {"auth": "secret", "ssh_key": None, **PRIVATE},
            InvalidArgument,
            "auth: expected a NodeAuthSSHKey",
        ),
        ({"ssh_key": 5, **PRIVATE}, InvalidArgument, "ssh_key 5: expected a list"),
        ({"ex_volumes": 5, **PRIVATE}, InvalidArgument, "ex_volumes 5: expected a list"),
        ({"ssh_alternate_usernames": 5, **PRIVATE}, InvalidArgument, "usernames 5: expected a lis"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, dict) else "",
)
def test_what_cannot_succeed_is_refused_before_anything_is_created(
    sim: Simulator, more: dict[str, Any], error: type[Exception], text: str
) -> None:
    """libcloud would find most of it out when the node is there, after minutes."""
    if ELSEWHERE in more.get("ex_networks", ()):
        agent = driver_for(sim)._agent(driver_for(sim)._access.hosts[0])
        agent.network.ovs_local_config("start", "lonely")
        sim.wait(60)
    driver = driver_for(sim, **more.pop("driver", {}))
    image = driver.list_images()[0]
    usual = {
        "deploy": Noted(),
        "ssh_key": key_file(sim),
        "name": "never",
        "size": "tiny",
        "image": image,
    }
    files = {PUBLIC_HALF: key_file(sim, public=True), LOCKED: key_file(sim, b"secret")}
    usual |= {"ex_networks": [BRIDGE], **more}
    usual["ssh_key"] = files.get(usual["ssh_key"], usual["ssh_key"])
    given = {name: value for name, value in usual.items() if name in more or value is not None}
    if given["name"] is None:
        del given["name"]
    has_paramiko = given.pop("paramiko", True)
    sim.calls.clear()
    with (
        mock.patch("libcloud.compute.ssh.have_paramiko", has_paramiko),
        pytest.raises(error, match=text),
    ):
        driver.deploy_node(**given)
    assert not WRITES.intersection(calls_of(sim)) - {"storage_plugin_mount"}
    assert len(calls_of(sim, "libcloud_read_agent")) <= 2, "it plans once"


def test_an_address_that_another_node_has(sim: Simulator) -> None:
    """SSH would reach that one, now or when it is started: the script would run there."""
    driver = driver_for(sim)
    image, cards = driver.list_images()[0], [{**CARD, "address": "192.0.2.60"}]
    other = driver.create_node("other", "tiny", image, ex_start=False, ex_networks=cards)
    text = f"192.0.2.60 on network {BRIDGE} is also an address of VM 'other'"
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=f"not created: {text}.*SSH may reach that one"):
        deploy(sim, driver, "two", ex_networks=cards, **PRIVATE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Ovm3Warning, match=text):
            driver.create_node("two", "tiny", image, ex_networks=cards)
    assert not WRITES.intersection(calls_of(sim)) - {"storage_plugin_mount"}
    with pytest.warns(Ovm3Warning, match=text) as said:
        two = driver.create_node("two", "tiny", image, ex_start=False, ex_networks=cards)
    assert len(said) == 1
    assert other.destroy()
    assert two.destroy()


def test_an_address_by_dhcp_on_a_network_without_one_of_the_hosts(sim: Simulator) -> None:
    """Case by case: without the watch it is refused; with it the address is known in time."""
    driver = driver_for(sim, ex_watch_dhcp=True)
    driver.ex_create_network("isolated", 200, ex_parent="bond0")
    mac = "00:21:f6:00:00:99"
    sim.set_guest_lease(mac, "192.0.2.77")
    card = {"network": "isolated", "mac": mac}
    with pytest.raises(PreconditionFailed, match=r"DHCP is not watched \(ex_watch_dhcp\)"):
        deploy(sim, driver_for(sim), "never", ex_networks=[card], **PRIVATE)
    node, _, client = deploy(sim, driver, "leased", ex_networks=[card], **PRIVATE)
    assert client.call_args.kwargs["hostname"] == "192.0.2.77"
    assert [one["source"] for one in node.extra["addresses"]] == ["dhcp"]


def test_dhcp_that_cannot_be_watched() -> None:
    """It is not asked for what was given, but for the module that it needs."""
    with simulate(1, vms=0) as sim:
        driver = driver_for(sim, ex_watch_dhcp=True)
        text = r"DHCP cannot be watched, as ovm-1 .*has no host module .*`ovm3 host install`"
        with pytest.raises(PreconditionFailed, match=text):
            deploy(sim, driver, "never", ex_networks=[BRIDGE], **PRIVATE)


def test_a_program_that_ends_meanwhile_is_told_with_its_own_driver(sim: Simulator) -> None:
    driver, at_exit = driver_for(sim), mock.Mock()
    with (
        mock.patch("libcloud.compute.base.atexit") as registry,
        pytest.raises(DeploymentError) as caught,
    ):
        deploy(sim, driver, "ended", at_exit_func=at_exit, **PRIVATE)
    [registered], given = registry.register.call_args
    registered(**given)
    at_exit.assert_called_once_with(driver=driver, node=caught.value.node)
    assert at_exit.call_args.kwargs["node"].driver is driver
    registry.unregister.assert_called_once_with(registered)


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
