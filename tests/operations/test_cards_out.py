"""A client that is killed while it changes a network card of a running node: what everybody sees
then, and how the card comes back.
"""

from __future__ import annotations

import datetime
import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.hostmodule_types import Document
from libcloud_ovm3.errors import NetworkNotFound, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.estate import cards_out
from libcloud_ovm3.estate.addresses import DOCUMENT
from libcloud_ovm3.estate.cards_out import KEY, CardOut, parse_cards_out
from libcloud_ovm3.estate.recorded import parse_recorded, to_document
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations import update_nic
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, on, pins, run
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
    redefine,
    refuse,
    vifs,
)
from tests.operations.failures import WRITES
from tests.support import calls_of, driver_for, quietly, simulate


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as one:
        add_second_bridge(one)
        yield one


@pytest.fixture
def lab(sim: Simulator) -> Iterator[Lab]:
    """A running node with the cards A and B."""
    sim.add_vm("web", running_on=0, disk=False, config=vifs(sim, A, B))
    lab = Lab(sim, driver_for(sim))
    yield lab
    quietly(lab.driver.destroy_node, quietly(lab.node, "web"))
    assert not recorded(lab), "nothing is recorded of a node that is destroyed"


def document_of(lab: Lab) -> tuple[HostModule, str, Document]:
    """A host module, the mount point of the repository, and what is recorded in that."""
    [host] = read_estate(lab.driver._estate).hosts
    assert host.module is not None
    mount = f"/OVS/Repositories/{lab.sim.repository_id}"
    return host.module, mount, host.module.read_document(mount, DOCUMENT)


def recorded(lab: Lab) -> dict[str, Any]:
    """What is recorded, by VM."""
    return dict(parse_recorded(document_of(lab)[2], DOCUMENT, "").entries)


def record(lab: Lab, node: Any, cards: object) -> None:
    """Record something about changes of the cards of a node, as another client does."""
    module, mount, now = document_of(lab)
    content = to_document(DOCUMENT, {node.id: {KEY: cards}})
    module.write_document("other", "0" * 32, mount, DOCUMENT, now.next_version, content)


def kill(when: str, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Make a change whose client is killed before it detaches the card, or after that."""

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(update_nic, {"before": "take_out", "after": "put_in"}[when], killed)
        with pytest.raises(SystemExit):
            change()


def time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards_out, "AT_WORK", datetime.timedelta(0))


def findings(sim: Simulator) -> list[tuple[str, str]]:
    """Level and text of what the doctor says of cards."""
    done = run("doctor", address(sim), *pins(sim), password=sim.password)
    blocks = re.split(r"\n(?=\S)", done.stdout)
    rows = (re.match(r"(\w+) +card +(.*)", one, re.DOTALL) for one in blocks)
    return [(row[1], " ".join(row[2].split())) for row in rows if row]


def test_it_is_said_until_the_card_is_put_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sim, driver, node = lab.sim, lab.driver, lab.node("web")
    was = [*defined(sim, node)]
    driver.ex_update_nic(node, B, ex_address="192.0.2.6")
    kill("after", monkeypatch, lambda: driver.ex_update_nic(node, B, ex_network=SECOND, ex_mac=C))
    assert macs(defined(sim, node)) == macs(live(sim, node)) == [A]
    way = f"ex_attach_nic('{node.id}', '{bridge_of(sim)}', ex_mac='{B}')"

    with pytest.warns(
        Ovm3Warning, match=re.escape(f"has detached it. If that was interrupted: {way}")
    ):
        [seen] = driver.list_nodes()
    [missing] = seen.extra["missing_nics"]
    expected = {"mac": B, "network": bridge_of(sim), "entry": was[1], "position": 1}
    assert expected.items() <= missing.items()
    assert missing["to"] == f"mac={C},bridge={SECOND}"
    [(level, text)] = findings(sim)
    assert level == "note", "its operation may be at work"
    assert "ovm3 vm attach-nic" in text
    listed = on(sim, "vm", "list-nics", "web", "-o", "json")
    assert [one["mac"] for one in json.loads(listed.stdout)] == [A]
    assert f"is changing its network card {B}" in listed.stderr

    time_passes(monkeypatch)
    why = "interrupted: " + re.escape(way)
    with pytest.raises(NetworkNotFound, match=why):
        driver.ex_update_nic(node, B, ex_mac=C)
    with pytest.warns(Ovm3Warning, match=why):
        driver.ex_attach_nic(node, SECOND, ex_mac=D)
    [(level, text)] = findings(sim)
    assert level == "warning"
    command = re.search(r"`ovm3 (vm attach-nic [^`]*)`", text)
    assert command, text
    done = on(sim, *shlex.split(command[1]))
    assert (done.exit_code, done.stderr) == (0, "")
    assert defined(sim, node) == [was[0], f"mac={D},bridge={SECOND}", was[1]]
    assert driver.ex_get_node(node.id).private_ips == ["192.0.2.6"]
    assert "missing_nics" not in driver.ex_get_node(node.id).extra
    assert (findings(sim), KEY in recorded(lab)[node.id]) == ([], False)


def test_one_that_is_not_to_come_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, node = lab.driver, lab.node("web")
    kill("after", monkeypatch, lambda: driver.ex_update_nic(node, B, ex_mac=C))
    lab.sim.calls.clear()
    with pytest.warns(Ovm3Warning, match="was detached already"):
        driver.ex_detach_nic(node, f"{node.id}/{B}")
    assert [one for one in calls_of(lab.sim) if one in WRITES] == ["libcloud_write_document"]
    assert (driver.list_nodes()[0].extra.get("missing_nics"), recorded(lab)) == (None, {})


def test_a_record_is_void_while_the_node_has_the_card(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was, or as it was to become; the next change or detachment removes it."""
    driver, node = lab.driver, lab.node("web")
    kill("before", monkeypatch, lambda: driver.ex_update_nic(node, B, ex_mac=C))
    [record_of_b] = recorded(lab)[node.id][KEY].values()
    assert record_of_b["mac"] == B
    assert "missing_nics" not in driver.list_nodes()[0].extra
    assert findings(lab.sim) == [], "its operation may be at work"
    time_passes(monkeypatch)
    [(level, text)] = findings(lab.sim)
    assert (level, "the next change or detachment" in text) == ("note", True)
    assert driver.ex_update_nic(node, B, ex_mac=C).mac == C
    assert recorded(lab) == {}
    kill("before", monkeypatch, lambda: driver.ex_update_nic(node, C, ex_mac=B))
    driver.ex_detach_nic(node, C)
    assert (driver.list_nodes()[0].extra.get("missing_nics"), recorded(lab)) == (None, {})


def test_two_clients_that_change_one_card(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """One detaches it and is killed; the other is refused, and removes its own record only."""
    driver, node, take_out = lab.driver, lab.node("web"), update_nic.take_out

    def late(*given: Any) -> Any:
        monkeypatch.setattr(update_nic, "take_out", take_out)
        other = driver_for(lab.sim)
        kill("after", monkeypatch, lambda: other.ex_update_nic(node, B, ex_mac=C))
        return take_out(*given)

    monkeypatch.setattr(update_nic, "take_out", late)
    with pytest.raises(PreconditionFailed):
        driver.ex_update_nic(node, B, ex_network=SECOND)
    [missing] = quietly(lab.node, "web").extra["missing_nics"]
    assert missing["to"] == f"mac={C},bridge={bridge_of(lab.sim)}"


def test_what_cannot_be_understood_is_said_and_kept(lab: Lab) -> None:
    """Of the record: nothing is changed. Of the vm.cfg: whether the card is lost is not known."""
    driver, node, odd = lab.driver, lab.node("web"), {B: {"time": "later"}}
    record(lab, node, odd)
    with pytest.warns(Ovm3Warning, match="cannot be understood, so whether it lacks one is not"):
        driver.list_nodes()
    why = "cannot be recorded first: .*cannot be understood"
    refuse(lab, PreconditionFailed, why, driver.ex_update_nic, node, B, ex_mac=C)
    assert recorded(lab) == {node.id: {KEY: odd}}
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    lost = CardOut(D, f"mac={D}", f"mac={D}", f"mac={C}", 0, "1" * 32, moment)
    record(lab, node, {lost.operation: lost.recorded()})
    assert lab.node("web").extra["missing_nics"] == [lost.as_data()]
    file = lab.sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    text = file.read_text()
    file.write_text(text.replace("vif = [", "vif = ['a' for a in "))
    assert "missing_nics" not in quietly(driver.ex_get_node, node.id).extra
    file.write_text(text)


def test_which_card_is_lost(lab: Lab) -> None:
    """An entry without a MAC address is found by its text; of what is live, the way is said."""
    entry = f"bridge={bridge_of(lab.sim)}"
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    node = lab.node("web")
    card = CardOut(D, entry, f"mac={D},{entry}", f"mac={C},{entry}", 0, "1" * 32, moment)
    record(lab, node, {card.operation: card.recorded()})
    redefine(lab.sim, node, entry)
    assert "missing_nics" not in quietly(lab.driver.ex_get_node, node.id).extra
    live_one = CardOut(B, entry + "1", f"mac={B},{entry}", f"mac={C}", 0, "1" * 32, moment)
    record(lab, node, {live_one.operation: live_one.recorded()})
    with pytest.warns(Ovm3Warning, match="its live domain still has it; stop the node, then ex_at"):
        lab.driver.ex_list_nics(node)


# ------------------------------------------------------------------ pure

_TIMES = st.datetimes(
    min_value=datetime.datetime(1900, 1, 1),
    timezones=st.just(datetime.timezone.utc),
).map(lambda one: one.replace(microsecond=0))
_CARDS = st.builds(
    CardOut, st.text(), st.text(), st.text(), st.text(), st.integers(), st.text(), _TIMES
)


@given(st.lists(_CARDS, unique_by=lambda one: one.operation))
def test_what_is_recorded_is_read(cards: list[CardOut]) -> None:
    entry = json.loads(json.dumps({KEY: {one.operation: one.recorded() for one in cards}}))
    assert parse_cards_out(entry) == tuple(cards)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_CARDS, st.sampled_from(["mac", "was", "entry", "to", "time", "position"]), _JSON)
def test_what_others_write_is_read_or_not_understood(card: CardOut, key: str, odd: Any) -> None:
    found = parse_cards_out({KEY: {card.operation: {**card.recorded(), key: odd}}})
    is_whole = type(odd) is (int if key == "position" else str)
    assert found is None or (is_whole and len(found) == 1)
    assert parse_cards_out({KEY: odd}) in (None, ()) or isinstance(odd, dict)
