"""Metadata and tags of nodes: a document of the repository, which the host module brings along."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from libcloud_ovm3.errors import (
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
)
from libcloud_ovm3.operations.same_key import vm_id_of
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import FAILURES, NEW_NAME, create_new
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

GIVEN = {"ex_metadata": {"owner": "ops", "cost centre": "4711", "ü": ""}, "ex_tags": ["web", "a b"]}
DOCUMENT = ".libcloud-ovm3/documents/metadata"


def make_sim(personality: str = "plain", host_module: bool = True) -> Simulator:
    return simulate(
        2, vms=1, personality=personality, template_bytes=1 << 20, host_module=host_module
    )


def noted(node: Any) -> tuple[Any, Any]:
    return node.extra["metadata"], node.extra["tags"]


def create(driver: Any, **options: Any) -> Any:
    return create_new(driver, driver.list_images()[0].id, **options)


def test_they_are_recorded_listed_and_removed_with_the_node() -> None:
    with make_sim() as sim:
        driver = driver_for(sim)
        node = create(driver, **GIVEN, ex_start=False)
        assert noted(node) == (GIVEN["ex_metadata"], GIVEN["ex_tags"])
        sim.calls.clear()
        by_name = {one.name: one for one in driver.list_nodes()}
        assert noted(by_name.pop(NEW_NAME)) == noted(node)
        assert [noted(one) for one in by_name.values()] == [({}, [])]
        assert not calls_of(sim, "libcloud_read_document"), "it comes with the listing"
        plain = create(driver, ex_start=False, ex_allow_same_name=True, ex_tags="x, y,x")
        assert noted(driver.ex_get_node(plain.id)) == ({}, ["x", "y"])
        driver.destroy_node(node)
        assert noted(driver.ex_get_node(plain.id)) == ({}, ["x", "y"])
        driver.destroy_node(plain)
        newest = max((sim.repository_path / DOCUMENT).iterdir(), key=lambda path: path.name)
        assert b'"metadata": {}' in newest.read_bytes()


def test_they_are_changed_later() -> None:
    """Only what is named; what another client has added to the entry stays."""
    with make_sim() as sim:
        driver = driver_for(sim)
        node = create(driver, **GIVEN, ex_start=False)
        assert driver.ex_set_metadata(node, {"a": "b"}) is True
        assert noted(driver.ex_get_node(node.id)) == ({"a": "b"}, GIVEN["ex_tags"])
        sim.misbehave("fault_after", "libcloud_write_document")
        with pytest.warns(match="recorded of the metadata of VM .* is changed, although"):
            driver.ex_set_metadata(node.id, ex_tags="x,y")
        sim.clear_misbehaviour()
        assert noted(driver.ex_get_node(node.id)) == ({"a": "b"}, ["x", "y"])
        sim.misbehave("drop_before", "libcloud_write_document")
        with pytest.raises(OperationIncomplete, match="may still be changed"):
            driver.ex_set_metadata(node, {})
        sim.clear_misbehaviour()
        assert driver.ex_set_metadata(node, {}, ex_tags=[]) is True
        assert noted(driver.ex_get_node(node.id)) == ({}, [])
        sim.calls.clear()
        assert driver.ex_set_metadata(node) is True
        assert not calls_of(sim, "libcloud_write_document")


def test_those_of_nodes_that_are_gone_go_with_the_next_change() -> None:
    """A client without the host module leaves them. What may be another's, or that of a node which
    an idempotency key makes again meanwhile, stays; and so does what is of no VM."""
    with make_sim() as sim:
        driver = driver_for(sim)
        write(sim, b'{"schema": 1, "metadata": {"pool": {"tags": ["odd"]}}}')
        stays = create(driver, ex_start=False, ex_tags=["stays"])
        given: dict[str, Any] = {"ex_start": False, "ex_allow_same_name": True, "ex_tags": ["old"]}
        keyed = {**given, "ex_idempotency_key": "K"}
        gone, again = (create(driver, **one) for one in (given, keyed))
        for node in (gone, again):
            with pytest.warns(match=f"{node.id}.*metadata, tags, addresses.* stays"):
                driver_for(sim, ex_host_module=False).destroy_node(node)
        assert recorded(sim) == {"pool", stays.id, gone.id, again.id}
        strange = sim.repository_path / "VirtualMachines" / "strange"
        strange.mkdir()
        (strange / "vm.cfg").write_text("disk = [")
        quietly(driver.ex_set_metadata, stays, {"a": "b"})
        assert recorded(sim) == {"pool", stays.id, gone.id, again.id}, "it may be one of them"
        (strange / "vm.cfg").unlink()
        strange.rmdir()

        def meanwhile(moment: str) -> None:
            if moment == "before":
                sim.clear_misbehaviour()
                create(driver_for(sim), **keyed)

        sim.misbehave("hook", "libcloud_read_document", hook=meanwhile)
        assert driver.ex_set_metadata(stays, {"c": "d"})
        assert recorded(sim) == {"pool", stays.id, again.id}
        assert noted(driver.ex_get_node(stays.id)) == ({"c": "d"}, ["stays"])


def test_addresses_of_nodes_that_are_gone_go_with_those_of_the_next_one() -> None:
    with make_sim() as sim:
        driver = driver_for(sim)
        card = {"network": driver.ex_list_networks()[0].id}
        left, last = (
            create(driver, ex_networks=[card | {"address": f"192.0.2.{n}"}], ex_start=False, **more)
            for n, more in ((10, {}), (11, {"ex_allow_same_name": True}))
        )
        quietly(driver_for(sim, ex_host_module=False).destroy_node, left)
        assert recorded(sim, "addresses") == {left.id, last.id}
        driver.destroy_node(last)
        assert recorded(sim, "addresses") == set()


def recorded(sim: Simulator, name: str = "metadata") -> set[str]:
    """The nodes that the document says something of."""
    folder = (sim.repository_path / DOCUMENT).with_name(name)
    newest = max(folder.iterdir(), key=lambda path: int(path.name))
    return set(json.loads(newest.read_text().partition("\n")[2])[name])


def test_without_the_module_they_are_refused_and_unknown() -> None:
    with make_sim(host_module=False) as sim:
        driver = driver_for(sim)
        assert {noted(node) for node in driver.list_nodes()} == {(None, None)}
        before = fingerprints_of(sim.repository_path)
        with pytest.raises(PreconditionFailed, match="the metadata cannot be recorded in repos"):
            create(driver, **GIVEN)
        assert fingerprints_of(sim.repository_path) == before
        assert noted(create(driver)) == (None, None)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ex_metadata": ["a"]}, "expected a dict"),
        ({"ex_metadata": {"a": 1}}, "expected a text of 0 to 256"),
        ({"ex_metadata": {"": "b"}}, "expected a text of 1 to 128"),
        ({"ex_metadata": {"a": "x" * 257}}, "expected a text of 0 to 256"),
        ({"ex_metadata": {"a": "two\nlines"}}, "control characters"),
        ({"ex_metadata": {str(n): "" for n in range(51)}}, "51 are too many"),
        ({"ex_tags": ["x" * 129]}, "expected a text of 1 to 128"),
        ({"ex_tags": [" x"]}, "blanks"),
        ({"ex_tags": [7]}, "expected a text"),
        ({"ex_tags": {"role": "web"}}, "ex_tags: expected a list of words.*are ex_metadata"),
    ],
)
def test_limits(given: dict[str, Any], why: str) -> None:
    with make_sim() as sim:
        driver = driver_for(sim)
        image = driver.list_images()[0]
        sim.calls.clear()
        with pytest.raises(InvalidArgument, match=why):
            driver.create_node(NEW_NAME, "tiny", image, **given)
        assert not sim.calls


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("failure", FAILURES)
def test_recording_fails(failure: str, personality: str) -> None:
    """The node is complete with them, or it is not there and neither are they; or it says so."""
    with make_sim(personality) as sim:
        driver = driver_for(sim)
        sim.misbehave(failure, "libcloud_write_document")
        node, error = None, None
        try:
            node = quietly(create, driver, **GIVEN, ex_start=False)
        except Ovm3Error as caught:
            error = caught
        sim.clear_misbehaviour()
        sim.flush_delayed()
        there = {one.name: one for one in driver.list_nodes()}.get(NEW_NAME)
        if node is not None:
            assert there is not None
            assert noted(there) == (GIVEN["ex_metadata"], GIVEN["ex_tags"])
        elif there is not None:
            assert isinstance(error, OperationIncomplete)
            assert error.left[0] == there.id
            quietly(driver.destroy_node, there)
        documents = sim.repository_path / DOCUMENT
        if there is None and documents.exists():
            newest = max(documents.iterdir(), key=lambda path: path.name)
            assert b'"metadata": {}' in newest.read_bytes()


def test_what_was_recorded_of_a_node_that_is_not_made_is_removed() -> None:
    """Also its addresses, which are recorded before."""
    with make_sim() as sim:
        driver = driver_for(sim)
        sim.misbehave("fault", "libcloud_write_document", nth=2)
        card = {"network": "10e69b4de3", "address": "192.0.2.9"}
        with pytest.raises(Ovm3Error, match="recorded of the metadata of VM"):
            quietly(create, driver, **GIVEN, ex_networks=[card])
        assert NEW_NAME not in [one.name for one in driver.list_nodes()]
        folder = sim.repository_path / ".libcloud-ovm3/documents/addresses"
        newest = max(folder.iterdir(), key=lambda path: path.name)
        assert b'"addresses": {}' in newest.read_bytes()


def test_only_what_is_recorded_is_left() -> None:
    """The node and its disk are gone: nobody is told to look for them."""
    with make_sim() as sim:
        driver = driver_for(sim)
        sim.misbehave("fault", "libcloud_write_document", nth=2, times=2)
        card = {"network": "10e69b4de3", "address": "192.0.2.9"}
        with pytest.raises(OperationIncomplete, match="undone, but for what is recorded") as caught:
            quietly(create, driver, **GIVEN, ex_networks=[card])
        assert not caught.value.left
        assert NEW_NAME not in [one.name for one in driver.list_nodes()]


def test_a_later_node_of_a_key_does_not_have_them() -> None:
    """What could not be removed with the first one is not shown as the second one's."""
    with make_sim() as sim:
        driver = driver_for(sim)
        node = create(driver, **GIVEN, ex_start=False, ex_idempotency_key="k")
        sim.misbehave("fault", "libcloud_write_document")
        quietly(driver.destroy_node, node)
        sim.clear_misbehaviour()
        again = create(driver, ex_start=False, ex_idempotency_key="k")
        assert again.id == node.id
        assert noted(driver.ex_get_node(node.id)) == noted(again) == ({}, [])


@pytest.mark.parametrize(
    ("content", "expected", "error"),
    [
        (b"{", None, "cannot be understood"),
        (json.dumps({"schema": 2, "metadata": {}}).encode(), None, "newer than this client"),
        (b'{"schema": 1, "metadata": {"ID": {"tags": [7]}}}', None, None),
        (b'{"schema": 1, "metadata": {"ID": {"metadata": []}}}', None, None),
        (b'{"schema": 1, "metadata": {"ID": {"tags": ["t"], "new": 1}}}', ["t"], None),
    ],
)
def test_a_document_of_others(content: bytes, expected: Any, error: str | None) -> None:
    with make_sim() as sim:
        driver = driver_for(sim)
        [node] = driver.list_nodes()
        write(sim, content.replace(b"ID", node.id.encode()))
        with pytest.warns(match=error) if error else contextlib.nullcontext():
            [node] = driver.list_nodes()
        assert node.extra["tags"] == expected
        if error:
            with pytest.raises(PreconditionFailed, match=error):
                quietly(create, driver, **GIVEN)
            assert noted(quietly(create, driver, ex_start=False)) == (None, None), "as it is listed"


@pytest.mark.parametrize("name", ["metadata", "addresses"])
def test_what_cannot_be_removed_is_no_later_nodes(name: str) -> None:
    """An earlier node of the key has left it, in a document that a newer version has written:
    refused before anything is made."""
    with make_sim() as sim:
        driver = driver_for(sim)
        vm_id = vm_id_of("k")
        entry = {"metadata": {"tags": ["t"]}, "addresses": {"00:21:f6:00:00:01": ["192.0.2.1"]}}
        write(sim, json.dumps({"schema": 2, name: {vm_id: entry[name]}}).encode(), name)
        before = fingerprints_of(sim.repository_path)
        sim.calls.clear()
        with pytest.raises(PreconditionFailed, match=f"cannot be recorded.*{name}.*newer than"):
            quietly(create, driver, ex_start=False, ex_idempotency_key="k")
        assert not calls_of(sim, CHANGE, "copy_file")
        assert fingerprints_of(sim.repository_path) == before


def write(sim: Simulator, content: bytes, name: str = "metadata") -> None:
    call = driver_for(sim).connection.call
    path = f"/OVS/Repositories/{sim.repository_id}"
    call("libcloud_write_document", "test", "a" * 32, path, name, 1, content)
