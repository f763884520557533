"""Network cards: attached, detached and changed, in vm.cfg and in the live domain."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import (
    HostUnreachable,
    InvalidArgument,
    NetworkNotFound,
    NodeNotFound,
    OperationIncomplete,
    PreconditionFailed,
)
from libcloud_ovm3.estate.domains import read_domains
from libcloud_ovm3.operations import nic_changes, update_nic
from libcloud_ovm3.operations.nic_changes import has_card, lacks_mac
from tests.operations.attaching import Lab
from tests.operations.cards import (
    SECOND,
    A,
    B,
    C,
    D,
    add_second_bridge,
    bridge_of,
    defined,
    live,
    macs,
    refuse,
    vifs,
)
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, quietly, simulate

HVM = {"OVM_domain_type": "xen_hvm", "builder": "hvm"}
RUNNING = ("run", "run-hvm")
STOPPED = ("off", "off-hvm")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts; running and stopped nodes with one card each."""
    with simulate(hosts=2, vms=0, templates=0) as sim:
        for number, name in enumerate((*RUNNING, *STOPPED)):
            card = vifs(sim, f"00:21:f6:00:01:0{number}")
            hvm = HVM if "hvm" in name else {}
            sim.add_vm(name, running_on=0 if name in RUNNING else None, config={**card, **hvm})
        add_second_bridge(sim)
        yield Lab(sim, driver_for(sim))


def said(action: Any, *args: Any, **options: Any) -> tuple[Any, str]:
    """What it returned, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action(*args, **options)
    return result, "; ".join(str(one.message) for one in caught)


@pytest.mark.parametrize("name", ["run", "off"])
def test_attached_and_detached(lab: Lab, name: str) -> None:
    sim, driver, node = lab.sim, lab.driver, lab.node(name)
    file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    before = vmcfg.parse(file.read_bytes())
    [first] = quietly(driver.ex_list_nics, node)
    nic = quietly(driver.ex_attach_nic, node, bridge_of(sim))
    assert nic.mac.startswith("00:21:f6:")
    assert nic.id == f"{node.id}/{nic.mac}"
    assert nic.network == bridge_of(sim)
    is_live = name in RUNNING
    assert (nic.extra["position"], nic.extra["is_defined"], nic.extra["is_live"]) == (
        1, True, is_live,
    )  # fmt: skip
    entry = f"mac={nic.mac},bridge={bridge_of(sim)}"
    assert vmcfg.parse(file.read_bytes()) == {**before, "vif": [*before["vif"], entry]}
    assert macs(live(sim, node)) == ([first.mac, nic.mac] if is_live else [])
    assert [one.id for one in driver.ex_list_nics(node)] == [first.id, nic.id]
    assert driver.ex_detach_nic(node, nic) is True
    assert vmcfg.parse(file.read_bytes()) == before
    assert macs(live(sim, node)) == ([first.mac] if is_live else [])
    refuse(lab, NetworkNotFound, "has no network card", driver.ex_detach_nic, node, nic)


def test_what_is_asked_for(lab: Lab) -> None:
    sim, driver = lab.sim, lab.driver
    for name in ("run-hvm", "off-hvm"):
        node = lab.node(name)
        nic = driver.ex_attach_nic(node, SECOND, ex_mac=A.upper(), ex_model="e1000")
        assert (nic.mac, nic.network) == (A, SECOND)
        assert (nic.extra["type"], nic.extra["model"]) == ("ioemu", "e1000")
        entry = f"type=ioemu,mac={A},bridge={SECOND},model=e1000"
        assert defined(sim, node)[1:] == [entry]
        assert live(sim, node)[1:] == ([entry] if name in RUNNING else [])
        driver.ex_detach_nic(node, A)
        nic = driver.ex_attach_nic(node, SECOND, ex_mac=B, ex_type="netfront")
        assert defined(sim, node)[1:] == [f"type=netfront,mac={B},bridge={SECOND}"]
        driver.ex_detach_nic(node, nic.id)
        assert len(defined(sim, node)) == 1


def test_what_cannot_be(lab: Lab) -> None:
    driver, node, hvm = lab.driver, lab.node("run"), lab.node("off-hvm")
    attach, bridge = driver.ex_attach_nic, bridge_of(lab.sim)
    own = driver.ex_list_nics(node)[0].mac
    for why, error, *args in (
        ("expected six pairs", InvalidArgument, node, bridge, {"ex_mac": "00:21:f6"}),
        ("not a multicast", InvalidArgument, node, bridge, {"ex_mac": "01:21:f6:00:00:01"}),
        ("expected a name such as", InvalidArgument, hvm, bridge, {"ex_model": "e1000,x"}),
        ("type 'x'", InvalidArgument, hvm, bridge, {"ex_type": "x"}),
        ("has no model", InvalidArgument, hvm, bridge,
         {"ex_type": "netfront", "ex_model": "e1000"}),
        ("paravirtualized", InvalidArgument, node, bridge, {"ex_model": "e1000"}),
        ("paravirtualized", InvalidArgument, node, bridge, {"ex_type": "ioemu"}),
        ("expected an IPv4 or IPv6", InvalidArgument, node, bridge, {"ex_address": "10.0.0.300"}),
        ("has a network card with the MAC", InvalidArgument, node, bridge, {"ex_mac": own}),
        ("is that of bond0|is that of", PreconditionFailed, node, bridge,
         {"ex_mac": "52:54:00:24:47:10"}),
        ("no VM", NodeNotFound, "0" * 32, bridge, {}),
        ("network 'a,b'", InvalidArgument, node, "a,b", {}),
        ("unknown label 'x'", InvalidArgument, node, "x:5", {}),
        ("no interface carries the label 'guest'", InvalidArgument, node, ("guest", 5), {}),
        ("it has no bridge nowhere", PreconditionFailed, node, "nowhere", {}),
        ("no host can have bridge nowhere", PreconditionFailed, hvm, "nowhere", {}),
    ):  # fmt: skip
        *where, options = args
        refuse(lab, error, why, attach, *where, **options)
    update = driver.ex_update_nic
    refuse(lab, InvalidArgument, "nothing to change", update, node, own)
    refuse(lab, InvalidArgument, "paravirtualized", update, node, own, ex_model="e1000")
    refuse(lab, NetworkNotFound, "has no network card", update, node, A, ex_mac=B)
    refuse(lab, InvalidArgument, "not one of VM", update, node, f"{hvm.id}/{own}", ex_mac=B)
    refuse(lab, PreconditionFailed, "no bridge nowhere", update, node, own, ex_network="nowhere")


def test_an_hvm_guest_has_eight_at_most(lab: Lab) -> None:
    lab.sim.add_vm("eight", config={**vifs(lab.sim, *(f"00:21:f6:00:08:0{n}" for n in range(8))),
                                    **HVM})  # fmt: skip
    why = "it has 8, and an HVM guest has 8 at most"
    attach = lab.driver.ex_attach_nic
    refuse(lab, PreconditionFailed, why, attach, lab.node("eight"), bridge_of(lab.sim))


@pytest.mark.parametrize("times", [1, 2])
def test_the_host_is_gone_after_the_detach(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The card is attached again, or the error says that the VM has lost it."""
    node = lab.node("run")
    [first, *_] = before = lab.driver.ex_list_nics(node)
    failures = iter([HostUnreachable("gone")] * times)

    def put_in(*args: Any) -> Any:
        for error in failures:
            raise error
        return nic_changes.put_in(*args)

    monkeypatch.setattr(update_nic, "put_in", put_in)
    expected = PreconditionFailed if times == 1 else OperationIncomplete
    with pytest.raises(expected, match=r"gone.*attach"):
        quietly(lab.driver.ex_update_nic, node, first, ex_mac="00:21:f6:00:77:01")
    left = {one.mac for one in lab.driver.ex_list_nics(node)}
    assert left == {one.mac for one in before} - ({first.mac} if times == 2 else set())
    if times == 2:
        quietly(lab.driver.ex_attach_nic, node, first.network, ex_mac=first.mac)


def test_a_mac_of_another_vm(lab: Lab) -> None:
    """Of one that is live on the same network it is refused, if this one is live too; else said."""
    driver, sim = lab.driver, lab.sim
    [theirs] = driver.ex_list_nics(lab.node("run-hvm"))
    run, off = lab.node("run"), lab.node("off")
    why = f"'run-hvm' .* is live, have the same MAC address {theirs.mac} on {bridge_of(sim)}"
    refuse(lab, PreconditionFailed, why, driver.ex_attach_nic, run, theirs.network,
           ex_mac=theirs.mac)  # fmt: skip
    nic, text = said(driver.ex_attach_nic, off, theirs.network, ex_mac=theirs.mac)
    assert "only one of them can be reached" in text
    refuse(lab, PreconditionFailed, "have the same MAC", driver.start_node, off)
    _, text = said(driver.ex_update_nic, off, nic, ex_network=SECOND)
    assert "on different networks" in text
    refuse(
        lab, PreconditionFailed, "have the same MAC", driver.ex_update_nic, run,
        driver.ex_list_nics(run)[0], ex_mac=theirs.mac,
    )  # fmt: skip
    nic, text = said(driver.ex_attach_nic, lab.node("off-hvm"), SECOND, ex_mac=theirs.mac)
    assert f"{off.id}), which is not live, has the same MAC address {theirs.mac}" in text
    for node, one in ((off, theirs.mac), (lab.node("off-hvm"), nic)):
        quietly(driver.ex_detach_nic, node, one)


@pytest.mark.parametrize("name", ["run", "off"])
def test_changed(lab: Lab, name: str) -> None:
    driver, sim, node = lab.driver, lab.sim, lab.node(name)
    driver.ex_attach_nic(node, bridge_of(sim), ex_mac=C)
    [first, second] = driver.ex_list_nics(node)
    sim.calls.clear()
    same = driver.ex_update_nic(node, C, ex_network=bridge_of(sim), ex_mac=C)
    assert (same.id, same.mac) == (second.id, C)
    assert not WRITES & set(calls_of(sim)), "there is nothing to change"
    changed = driver.ex_update_nic(node, C, ex_network=SECOND, ex_mac=D)
    assert (changed.mac, changed.network, changed.extra["position"]) == (D, SECOND, 1)
    entry = f"mac={D},bridge={SECOND}"
    assert defined(sim, node) == [f"mac={first.mac},bridge={first.network}", entry]
    assert live(sim, node)[1:] == ([entry] if name == "run" else [])
    if name == "run":
        quietly(driver.stop_node, node, ex_force=True)
    driver.ex_detach_nic(node, D)
    changed = driver.ex_update_nic(node, first, ex_network=SECOND)
    assert defined(sim, node) == [f"mac={first.mac},bridge={SECOND}"]
    driver.ex_update_nic(node, changed, ex_network=first.network)
    if name == "run":
        quietly(driver.start_node, node, sim.hosts[0].address)


def test_other_options_of_an_entry_stay(lab: Lab) -> None:
    old, new = "00:21:f6:00:02:01", "00:21:f6:00:02:02"  # no other test's: this VM stays
    text = f"ip=10.0.0.5,mac={old},script=vif-bridge,bridge={bridge_of(lab.sim)},rate=10Mb/s"
    lab.sim.add_vm("odd", config={"vif": [text]})
    lab.driver.ex_update_nic(lab.node("odd"), old, ex_network=SECOND, ex_mac=new)
    entry = f"ip=10.0.0.5,mac={new},script=vif-bridge,bridge={SECOND},rate=10Mb/s"
    assert defined(lab.sim, lab.node("odd")) == [entry]


def test_a_paused_guest(lab: Lab) -> None:
    """It can get a card, and cannot let go of one."""
    node = lab.node("run")
    lab.driver.connection.call("pause_vm", lab.sim.repository_id, node.extra["directory"])
    nic = lab.driver.ex_attach_nic(node, bridge_of(lab.sim))
    assert nic.extra["is_live"]
    refuse(lab, PreconditionFailed, "is paused", lab.driver.ex_detach_nic, node, nic)
    refuse(lab, PreconditionFailed, "is paused", lab.driver.ex_update_nic, node, nic, ex_mac=A)
    lab.driver.connection.call("unpause_vm", lab.sim.repository_id, node.extra["directory"])
    lab.driver.ex_detach_nic(node, nic)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ([{"mac": A.upper(), "bridge": "x"}], True),
        ([{"mac": A, "bridge": "y"}], False),  # a VM that was started with its old vm.cfg
        ([{"mac": A}], True),
        ([{"mac": A, "bridge": "y"}, {"mac": A, "bridge": "x"}], True),
        ([{"mac": B, "bridge": "x"}], False),
        ([{"bridge": "x"}], None),
        ([], False),
    ],
)
def test_whether_a_domain_has_a_card(cards: list[dict[str, str]], expected: bool | None) -> None:
    disks = [{"uname": "file:/x.img", "dev": "xvda:disk", "mode": "w"}]
    record = {"uuid": "1" * 32, "name": "n", "domid": "1", "device": {"vif": cards, "vbd": disks}}
    [domain] = read_domains([record]).domains
    assert has_card(f"mac={A},bridge=x")(domain) is expected
    assert lacks_mac(A)(domain) is (None if cards == [{"bridge": "x"}] else A not in domain.macs)


def test_a_list_that_is_none(lab: Lab) -> None:
    mac = "00:21:f6:00:02:00"  # no other test's: this VM stays
    lab.sim.add_vm("odd-list", config={"vif": [f"mac={mac},bridge={SECOND}", 5]})
    node = lab.node("odd-list")
    for action, *args in (
        (lab.driver.ex_attach_nic, node, SECOND),
        (lab.driver.ex_detach_nic, node, mac),
    ):
        refuse(lab, PreconditionFailed, "not a list of strings", action, *args)
    refuse(lab, PreconditionFailed, "not a list of", lab.driver.ex_update_nic, node, mac, ex_mac=B)
