"""The settings of a new node: what overrides its size, its description, its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, OutcomeUnknown, Ovm3Error
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import NEW_NAME, WRITES
from tests.operations.templates import HVM, make_disk, make_template, vm_cfg_of
from tests.support import (
    CHANGE,
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

MARK = f"creating {'0' * 32}"


@pytest.fixture(scope="module", params=PERSONALITIES)
def pool(request: Any) -> Iterator[Simulator]:
    """Two hosts with the host module; no test leaves a VM."""
    with simulate(hosts=2, vms=0, personality=request.param, host_module=True) as sim:
        yield sim


def image_of(sim: Simulator) -> str:
    return f"{sim.repository_id}/Templates/oracle-linux-6.raw"


def create(sim: Simulator, image: str | None = None, **options: Any) -> Any:
    return driver_for(sim).create_node(NEW_NAME, "tiny", image or image_of(sim), **options)


def test_what_overrides_the_size(pool: Simulator) -> None:
    """Texts too, as Salt passes them; what is left out, or empty, is that of the size."""
    given = {"ex_cpus": "2", "ex_memory_mb": 768, "ex_disk_gb": "1.5", "ex_start": False}
    node = create(pool, **given, ex_description='the shop\'s "web", é')
    text = vm_cfg_of(pool, node)
    assert "memory = 768\n" in text
    assert "vcpus = 2\n" in text
    assert "maxvcpus = 2\n" in text
    assert node.extra["description"] == 'the shop\'s "web", é'
    assert (node.size.ram, node.size.extra["cpus"], node.extra["is_hvm"]) == (768, 2, False)
    [path] = node.extra["disks"]
    file = pool.repository_path / path.split("/", 4)[4]
    assert file.stat().st_size == 3 << 29
    driver = driver_for(pool)
    driver.destroy_node(node)
    node = create(pool, ex_cpus="", ex_memory_mb=None, ex_disk_gb="", ex_description="", **OFF)
    assert (node.size.id, node.extra["description"]) == ("tiny", "")
    driver.destroy_node(node)


OFF = {"ex_start": False}
WRONG = {
    "cpus": ({"ex_cpus": 0}, r"\(or ex_cpus\) 0: expected a whole number, 1 or more"),
    "half a CPU": ({"ex_cpus": "1.5"}, r"\(or ex_cpus\) 1.5: expected a whole number"),
    "memory": ({"ex_memory_mb": "1G"}, "ex_memory_mb '1G': expected a number"),
    "no memory": ({"ex_memory_mb": -5}, r"\(or ex_memory_mb\) -5: expected"),
    "disk": ({"ex_disk_gb": True}, "ex_disk_gb True: expected a number"),
    "line": ({"ex_description": "a\nb"}, "ex_description 'a.nb': .* control characters"),
    "blank": ({"ex_description": " a"}, "ex_description ' a': leading or trailing blanks"),
    "no text": ({"ex_description": 5}, "ex_description 5: expected a text"),
    "mark": ({"ex_description": f"{MARK} x"}, "marked that is being created; use other words"),
    "type": ({"ex_domain_type": "pvh"}, "ex_domain_type 'pvh': expected 'pv' or 'hvm'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_are_refused(pool: Simulator, case: str) -> None:
    """Before anything is sent."""
    options, message = WRONG[case]
    pool.calls.clear()
    with pytest.raises(InvalidArgument, match=message):
        create(pool, **options)
    assert pool.calls == []


@pytest.mark.parametrize("domain_type", ["hvm", "XEN_HVM"])
def test_an_hvm_node_of_a_disk_image(pool: Simulator, domain_type: str) -> None:
    """It has what a vm.cfg of the Manager has (agent-behaviour 6.3), and boots its disk first."""
    cards = [{"network": "10e69b4de3", "model": "e1000"}]  # of HVM guests only
    node = create(pool, ex_domain_type=domain_type, ex_networks=cards)
    text = vm_cfg_of(pool, node)
    assert node.state == NodeState.RUNNING
    assert (node.extra["is_hvm"], node.extra["domain_type"]) == (True, "xen_hvm")
    for line in (
        "builder = 'hvm'",
        "boot = 'cd'",
        "vnc = 1",
        "vnclisten = '127.0.0.1'",
        "acpi = 1",
    ):
        assert f"{line}\n" in text
    assert not [one for one in ("bootloader", "vfb") if f"{one} =" in text]
    driver_for(pool).destroy_node(node)


def test_the_type_of_a_template_is_not_changed(pool: Simulator) -> None:
    hvm = make_template(pool, disk=[f"file:{make_disk(pool, 'h.img')},xvda,w"], **HVM)
    pv = make_template(pool, disk=[f"file:{make_disk(pool, 'p.img')},xvda,w"])
    for image, same, other, what in (
        (hvm, "xen_hvm", "pv", "of HVM guests"),
        (pv, "pv", "hvm", "of paravirtualized guests"),
    ):
        node = quietly(create, pool, image, ex_domain_type=same, ex_networks=[], **OFF)
        driver_for(pool).destroy_node(node)
        pool.calls.clear()
        with pytest.raises(InvalidArgument, match=f"'{other}': .* is a template {what}"):
            create(pool, image, ex_domain_type=other)
        assert not {*calls_of(pool)} & WRITES


@pytest.mark.parametrize("failure", ["fault_after", "drop_after", "drop_before"])
def test_a_description_is_read_back(pool: Simulator, failure: str) -> None:
    """A node is complete when its vm.cfg has the description that was asked for, not just none."""
    before = fingerprints_of(pool.repository_path)
    text = "<type 'exceptions.Exception'>:refused"
    if failure == "fault_after":
        pool.misbehave(failure, "configure_vm", text=text)
    else:  # the line to the host module; the first change is the definition's creation
        pool.misbehave(failure, CHANGE, nth=2)
    error: Ovm3Error | None = None
    try:
        quietly(create, pool, ex_description="for the shop", **OFF)
    except Ovm3Error as caught:
        error = caught
    pool.clear_misbehaviour()
    driver = driver_for(pool)
    [node] = driver.list_nodes()
    if failure == "drop_before":
        assert error is not None
        assert isinstance(error.__cause__, OutcomeUnknown)
        assert (node.state, node.id in str(error)) == (NodeState.PENDING, True)
    else:
        assert error is None
        assert (node.state, node.extra["description"]) == (NodeState.STOPPED, "for the shop")
    driver.destroy_node(node)
    assert fingerprints_of(pool.repository_path) == before
