"""create_node from an ISO, and an ISO in a drive beside a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import NEW_NAME, WRITES
from tests.operations.templates import HVM, make_disk, make_template, vm_cfg_of
from tests.support import (
    PERSONALITIES,
    calls_of,
    driver_for,
    fingerprints_of,
    quietly,
    simulate,
)

OFF = {"ex_start": False}


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def pool(request: Any) -> Iterator[Simulator]:
    """Two hosts, with the host module or without; no test leaves a VM."""
    with simulate(hosts=2, vms=0, host_module=request.param) as sim:
        yield sim


def iso_of(sim: Simulator) -> str:
    return f"{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"


def add_drivers(sim: Simulator) -> str:
    """Make a second ISO; return its path on the hosts."""
    (sim.repository_path / "ISOs" / "drivers.iso").write_bytes(bytes(2048))
    return f"/OVS/Repositories/{sim.repository_id}/ISOs/drivers.iso"


def create(sim: Simulator, image: str, **options: Any) -> Any:
    return driver_for(sim).create_node(NEW_NAME, "tiny", image, **options)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_a_node_of_an_iso(host_module: bool, personality: str) -> None:
    """An HVM node with an empty disk of its own; it boots from the CD first, then from the disk."""
    with simulate(hosts=2, vms=0, host_module=host_module, personality=personality) as sim:
        iso, drivers = f"/OVS/Repositories/{iso_of(sim)}", add_drivers(sim)
        before = fingerprints_of(sim.repository_path)
        driver = driver_for(sim)
        node = create(sim, iso_of(sim), ex_disk_gb=2, ex_iso=drivers)
        assert (node.state, node.extra["is_hvm"]) == (NodeState.RUNNING, True)
        text, directory = vm_cfg_of(sim, node), node.extra["directory"]
        [path] = node.extra["disks"]
        assert path == f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{directory}.img"
        drives = f"'file:{iso},xvdb:cdrom,r', 'file:{drivers},xvdc:cdrom,r'"
        assert f"disk = ['file:{path},xvda,w', {drives}]" in text
        assert "boot = 'dc'\n" in text
        file = sim.repository_path / "VirtualDisks" / f"{directory}.img"
        assert (file.stat().st_size, file.stat().st_blocks) == (2 << 30, 0)
        driver.destroy_node(node)
        now = fingerprints_of(sim.repository_path)
        assert now == before, "the disk goes with the node, the ISO does not"


def test_an_iso_that_somebody_deletes_meanwhile(pool: Simulator) -> None:
    """Before the definition names it: the node is not made. From then on it cannot be deleted."""
    path, driver = add_drivers(pool), driver_for(pool)
    drivers = path.removeprefix("/OVS/Repositories/")
    before = fingerprints_of(pool.repository_path)
    refused: list[Exception] = []

    def delete(moment: str) -> None:
        if moment == "before":
            (pool.repository_path / "ISOs" / "drivers.iso").unlink()

    def try_to_delete(moment: str) -> None:
        if moment == "before":
            with pytest.raises(PreconditionFailed, match=r"VirtualMachines/\w+") as error:
                driver_for(pool).delete_image(drivers)
            refused.append(error.value)

    pool.misbehave("hook", "create_vm", hook=delete)
    with pytest.raises(PreconditionFailed, match=r"drivers.iso was deleted meanwhile, so VM 'new"):
        quietly(create, pool, iso_of(pool), ex_disk_gb=1, ex_iso=path)
    assert fingerprints_of(pool.repository_path) == {
        name: one for name, one in before.items() if "drivers.iso" not in name
    }
    pool.clear_misbehaviour()
    add_drivers(pool)
    pool.misbehave("hook", "configure_vm", hook=try_to_delete)
    node = create(pool, iso_of(pool), ex_disk_gb=1, ex_iso=path)
    pool.clear_misbehaviour()
    assert (len(refused), node.extra["cdroms"]) == (1, [f"/OVS/Repositories/{iso_of(pool)}", path])
    driver.destroy_node(node)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no disk": (
        {"ex_disk_gb": None},
        r"is an ISO.*size.disk \(or ex_disk_gb\) is required: its size",
    ),
    "PV": ({"ex_disk_gb": 1, "ex_domain_type": "pv"}, "'pv': .* which only an HVM guest can boot"),
    "no ISO": ({"ex_disk_gb": 1, "ex_iso": "TEMPLATE"}, "is not an ISO, so it does not go into a"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_an_iso_does_not_go_with(pool: Simulator, case: str) -> None:
    options, message = WRONG[case]
    template = f"{pool.repository_id}/Templates/oracle-linux-6.raw"
    options = {name: template if one == "TEMPLATE" else one for name, one in options.items()}
    pool.calls.clear()
    with pytest.raises(InvalidArgument, match=message):
        create(pool, iso_of(pool), **options)
    assert not {*calls_of(pool)} & WRITES


def test_a_disk_that_does_not_fit(pool: Simulator) -> None:
    before = fingerprints_of(pool.repository_path)
    with pytest.raises(PreconditionFailed, match=r"the disk of VM 'new-vm' does not fit into .*GB"):
        create(pool, iso_of(pool), ex_disk_gb=2**22)
    assert fingerprints_of(pool.repository_path) == before


def test_an_iso_beside_a_template(pool: Simulator) -> None:
    """In its empty drive, else in a new one, named like its other disks; a PV node's as well."""
    iso, other = add_drivers(pool), f"/OVS/Repositories/{iso_of(pool)}"
    disk = make_disk(pool, "t.img")
    full, empty = f"file:{other},hdb:cdrom,r", ",hdc:cdrom,r"
    entries = [f"file:{disk},hda,w", full]
    raw = f"{pool.repository_id}/Templates/oracle-linux-6.raw"
    has_it = f"file:{iso},hdd:cdrom,r"  # xend takes no file twice
    cases = (
        (make_template(pool, disk=[*entries, empty], **HVM), [full, f"file:{iso},hdc:cdrom,r"]),
        (make_template(pool, disk=entries, **HVM), [full, f"file:{iso},hdc:cdrom,r"]),
        (make_template(pool, disk=[*entries, has_it], **HVM), [full, has_it]),
        (raw, [f"file:{iso},xvdb:cdrom,r"]),
    )
    for image, expected in cases:
        node = quietly(create, pool, image, ex_iso=iso, ex_networks=[], **OFF)
        line = next(one for one in vm_cfg_of(pool, node).splitlines() if one.startswith("disk ="))
        assert line.endswith(f", {', '.join(map(repr, expected))}]")
        assert driver_for(pool).start_node(node) is True
        driver_for(pool).destroy_node(node)


def test_drives_that_an_hvm_guest_cannot_have(pool: Simulator) -> None:
    disks = [f"file:{make_disk(pool, f'{letter}.img')},hd{letter},w" for letter in "abcd"]
    image = make_template(pool, disk=disks, **HVM)
    none = r"^VM '{}' has no device left for another CD drive: hda, .*hdd\. {} needs one, and"
    with pytest.raises(PreconditionFailed, match=none.format(NEW_NAME, "ex_iso")):
        quietly(create, pool, image, ex_iso=add_drivers(pool))
    assert driver_for(pool).list_nodes() == []


def test_the_host_has_to_have_the_iso(pool: Simulator) -> None:
    """Nothing is created if no host has both repositories."""
    only = pool.add_repository("only-on-one", hosts=[1])
    (pool.path_of(only) / "ISOs").mkdir(exist_ok=True)
    (pool.path_of(only) / "ISOs" / "drivers.iso").write_bytes(bytes(2048))
    image = f"{pool.repository_id}/Templates/oracle-linux-6.raw"
    hosts = driver_for(pool).list_locations()
    there = next(one for one in hosts if one.name == "ovm-2")
    node = quietly(create, pool, image, ex_iso=f"{only}/ISOs/drivers.iso")
    assert node.extra["host"] == there.name
    driver_for(pool).destroy_node(node)
    other = next(one for one in hosts if one.name == "ovm-1")
    with pytest.raises(PreconditionFailed, match=r"does not have repository .* mounted"):
        quietly(create, pool, image, ex_iso=f"{only}/ISOs/drivers.iso", location=other)
