"""Network cards: attached, detached and changed, in vm.cfg and in the live domain."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import (
    AgentFault,
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
from libcloud_ovm3.simulator import Simulator, network
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
    vifs,
)
from tests.operations.failures import WRITES
from tests.support import PERSONALITIES, calls_of, driver_for, quietly, simulate

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


def refuse(lab: Lab, error: type[Exception], why: str, action: Any, *args: Any, **kw: Any) -> None:
    """It is refused for this reason, and nothing is sent."""
    begin = len(lab.sim.calls)
    with pytest.raises(error, match=why):
        quietly(action, *args, **kw)
    assert not WRITES & set(calls_of(lab.sim)[begin:])


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
    text = f"ip=10.0.0.5,mac={A},script=vif-bridge,bridge={bridge_of(lab.sim)},rate=10Mb/s"
    lab.sim.add_vm("odd", config={"vif": [text]})
    lab.driver.ex_update_nic(lab.node("odd"), A, ex_network=SECOND, ex_mac=B)
    new = f"ip=10.0.0.5,mac={B},script=vif-bridge,bridge={SECOND},rate=10Mb/s"
    assert defined(lab.sim, lab.node("odd")) == [new]


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
    lab.sim.add_vm("odd-list", config={"vif": [f"mac={A},bridge={SECOND}", 5]})
    node = lab.node("odd-list")
    for action, *args in (
        (lab.driver.ex_attach_nic, node, SECOND),
        (lab.driver.ex_detach_nic, node, A),
    ):
        refuse(lab, PreconditionFailed, "not a list of strings", action, *args)
    refuse(lab, PreconditionFailed, "not a list of", lab.driver.ex_update_nic, node, A, ex_mac=B)


def test_bridges_over_vlans_come_and_go_with_cards() -> None:
    with simulate(1, vms=0, templates=0, host_module=True) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A))
        driver, own = driver_for(sim), bridge_of(sim)
        node = driver.ex_get_node_by_name("web")

        def vlans() -> list[int]:
            names = network.bridges(sim.hosts[0])
            return sorted(int(name.rpartition(".")[2]) for name in names if f"{own}." in name)

        driver.ex_attach_nic(node, f"{own}.5", ex_mac=B)
        driver.ex_attach_nic(node, f"{own}.5", ex_mac=C)
        assert vlans() == [5]
        sim.misbehave("fault", "libcloud_change_vm", text="<type 'exceptions.Exception'>:no")
        with pytest.raises(AgentFault):
            driver.ex_attach_nic(node, f"{own}.6")
        assert vlans() == [5], "what was made for it is gone again"
        driver.ex_update_nic(node, C, ex_network=f"{own}.7")
        assert vlans() == [5, 7], "B is on it"
        driver.ex_update_nic(node, C, ex_network=f"{own}.8")
        assert vlans() == [5, 8]
        driver.ex_detach_nic(node, C)
        driver.ex_detach_nic(node, B)
        assert vlans() == []


# ------------------------------------------------------------------ which one is detached


@contextmanager
def trap(by: str) -> Iterator[Simulator]:
    with simulate(1, vms=0, templates=0, answers={"NICs are detached": by}) as sim:
        add_second_bridge(sim)
        yield sim


@pytest.mark.parametrize("by", ["by device id", "by MAC"])
def test_after_a_detachment_no_other_card_goes(by: str) -> None:
    """xend takes the place in its list for the number of the device (xend.md 5)."""
    with trap(by) as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A, B, C))
        pool = Lab(sim, driver_for(sim))
        driver, node = pool.driver, pool.node("web")
        assert driver.ex_detach_nic(node, A)
        why = f"{C} on .* is device 2, but number 1 .* device 1, the card {B} on"
        refuse(pool, PreconditionFailed, why, driver.ex_detach_nic, node, C)
        refuse(pool, PreconditionFailed, why, driver.ex_update_nic, node, C, ex_mac=D)
        assert macs(live(sim, node)) == macs(defined(sim, node)) == [B, C]
        if by == "by MAC":  # there is no device 0 any more
            with pytest.raises(AgentFault, match=r"Device 0 not connected.*stop the VM first"):
                driver.ex_detach_nic(node, B)
        else:
            assert driver.ex_detach_nic(node, B)
        left = [C] if by == "by device id" else [B, C]
        assert macs(live(sim, node)) == macs(defined(sim, node)) == left
        driver.stop_node(node)
        driver.start_node(node)
        assert driver.ex_detach_nic(node, C)
        assert macs(live(sim, node)) == macs(defined(sim, node)) == left[:-1]


def test_from_the_last_to_the_first_there_is_no_danger() -> None:
    with trap("by MAC") as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A, B, C))
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name("web")
        for left in ([A, B], [A], []):
            driver.ex_detach_nic(node, driver.ex_list_nics(node)[-1])
            assert macs(live(sim, node)) == macs(defined(sim, node)) == left


def test_another_card_that_goes_is_said() -> None:
    """What the ports of the bridges say has changed right before the call: both are named."""
    with trap("by MAC") as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A, B, C))
        driver = driver_for(sim)
        node = driver.ex_get_node_by_name("web")

        def detach_first(moment: str) -> None:
            if moment == "before":
                [domain] = sim.hosts[0].domains
                domain.vif_ids[:] = [4, 2, 5]  # as if many had come and gone

        sim.misbehave("hook", "configure_vm", hook=detach_first)
        with pytest.raises(OperationIncomplete, match=f"another .*, {B}; {C} is still") as caught:
            driver.ex_detach_nic(node, C)
        assert caught.value.left == (node.id,)
        assert (macs(live(sim, node)), macs(defined(sim, node))) == ([A, C], [A, B])
        assert len(calls_of(sim, "configure_vm")) == 1
        driver.stop_node(node)
        driver.start_node(node)
        assert macs(live(sim, node)) == [A, B]


def test_numbers_that_do_not_show() -> None:
    """A host whose network cannot be read, and a card whose port has a name of its own."""
    with trap("by MAC") as sim:
        named = [f"mac={A},bridge={bridge_of(sim)},vifname=front", *vifs(sim, B)["vif"]]
        sim.add_vm("web", running_on=0, config={"vif": named})
        pool = Lab(sim, driver_for(sim))
        detach, node = pool.driver.ex_detach_nic, pool.node("web")
        shown = pool.driver.connection.call("discover_network")
        sim.misbehave("fault", "discover_network", text="<type 'exceptions.Exception'>:no")
        refuse(pool, PreconditionFailed, "cannot be told", detach, node, B)
        assert "front" in shown
        refuse(pool, PreconditionFailed, "the ports of its bridges do not tell", detach, node, B)
        sim.add_vm("plain", running_on=0, config=vifs(sim, C, D))
        assert detach(pool.node("plain"), D)


# ------------------------------------------------------------------ N39


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_two_cards_with_one_mac(personality: str) -> None:
    with simulate(1, vms=0, templates=0, personality=personality) as sim:
        add_second_bridge(sim)
        two = [f"mac={A},bridge={bridge_of(sim)}", f"mac={A},bridge={SECOND}"]
        sim.add_vm("twonics", config={"vif": two})
        pool = Lab(sim, driver_for(sim))
        driver, node = pool.driver, pool.node("twonics")
        [first, second] = driver.ex_list_nics(node)
        assert (first.id, second.id) == (
            f"{node.id}/{A}@{bridge_of(sim)}", f"{node.id}/{A}@{SECOND}",
        )  # fmt: skip
        why = f"2 network cards with the MAC address {A}: name one by its id"
        refuse(pool, InvalidArgument, why, driver.ex_detach_nic, node, A)
        refuse(pool, InvalidArgument, why, driver.ex_update_nic, node, A, ex_mac=B)
        refuse(pool, InvalidArgument, "has a network card", driver.ex_attach_nic, node, SECOND,
               ex_mac=A)  # fmt: skip
        changed = driver.ex_update_nic(node, second, ex_mac=B)
        assert macs(defined(sim, node)) == [A, B]
        driver.start_node(node)
        assert driver.ex_detach_nic(node, changed)
        assert macs(live(sim, node)) == macs(defined(sim, node)) == [A]


def test_two_live_cards_with_one_mac_are_not_told_apart() -> None:
    with trap("by device id") as sim:
        sim.add_vm("twonics", running_on=0, config=vifs(sim, A, B))
        pool = Lab(sim, driver_for(sim))
        node = pool.node("twonics")
        [domain] = sim.hosts[0].domains
        domain.macs[1] = A
        domain.config["vif"] = vifs(sim, A, A)["vif"]
        file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
        file.write_text(file.read_text().replace(B, A))
        nics = pool.driver.ex_list_nics(node)
        refuse(pool, PreconditionFailed, "several of its cards have the MAC address",
               pool.driver.ex_detach_nic, node, nics[1])  # fmt: skip


def test_a_card_that_only_the_domain_has() -> None:
    with trap("by device id") as sim:
        sim.add_vm("web", running_on=0, config=vifs(sim, A, B))
        pool = Lab(sim, driver_for(sim))
        driver, node = pool.driver, pool.node("web")
        file = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
        text = file.read_text()
        file.write_text(text.replace(vifs(sim, B)["vif"][0], "").replace(", ''", ""))
        [first, second] = driver.ex_list_nics(node)
        assert (second.mac, second.extra["is_defined"], second.extra["is_live"]) == (B, False, True)
        refuse(pool, PreconditionFailed, "in its live domain only", driver.ex_detach_nic, node, B)
        refuse(pool, PreconditionFailed, f"disagree about .*{B}", driver.ex_detach_nic, node, first)
        refuse(pool, PreconditionFailed, "disagree about", driver.ex_attach_nic, node, SECOND)
