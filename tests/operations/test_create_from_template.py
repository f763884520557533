"""create_node from a template with a vm.cfg, as a Manager makes them (agent-behaviour 4, 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import NEW_NAME, WRITES
from tests.operations.templates import (
    HVM,
    MAC,
    disks_of,
    fill,
    make_disk,
    make_template,
    vm_cfg_of,
)
from tests.support import PERSONALITIES, calls_of, driver_for, fingerprints_of, quietly, simulate

CASES = Path(__file__).parents[1] / "agent" / "cases"


@pytest.fixture(scope="module", params=PERSONALITIES)
def pool(request: Any) -> Iterator[Simulator]:
    """Two hosts; no test leaves a VM."""
    with simulate(hosts=2, templates=0, vms=1, personality=request.param) as sim:
        yield sim


def create(sim: Simulator, image: str, **options: Any) -> Any:
    driver = driver_for(sim)
    return driver.create_node(NEW_NAME, "tiny", image, **options)


@pytest.mark.parametrize("personality", PERSONALITIES)
@pytest.mark.parametrize("host_module", [False, True], ids=["alone", "with the module"])
def test_the_first_image_of_a_managers_pool(personality: str, host_module: bool) -> None:
    with simulate(
        hosts=2,
        templates=0,
        vms=0,
        layout="manager",
        personality=personality,
        host_module=host_module,
    ) as sim:
        driver = driver_for(sim)
        before = fingerprints_of(sim.repository_path)
        image = driver.list_images()[0]
        assert image.extra["kind"] == "vm_template"
        node = driver.create_node(NEW_NAME, driver.list_sizes()[0], image)
        assert node.state == NodeState.RUNNING
        assert [nic["bridge"] for nic in node.extra["nics"]] == ["10e69b4de3"]
        driver.destroy_node(node)
        assert fingerprints_of(sim.repository_path) == before


def test_all_disks_and_settings(pool: Simulator) -> None:
    """Everything goes along but what identifies the template."""
    system = make_disk(pool, "t system.img")
    data = make_disk(pool, "t-data.raw", pool.add_repository("second"))
    vifs = [f"type=ioemu,mac={MAC},bridge=10e69b4de3,model=e1000", "bridge=10e69b4de3"]
    iso = f"/OVS/Repositories/{pool.repository_id}/ISOs/oracle-linux-6-boot.iso"
    drives = [f"file:{iso},hdc:cdrom,r", f"file:{iso}.gone,hdd:cdrom,r"]
    disks = [f"file:{system},hda,w", drives[0], drives[1], f"file:{data},hdb,r"]
    extra = {"exalogic_ipoib": [{"pkey": ["0xffff"], "port": "1"}], "OVM_os_type": "Oracle 6"}
    image = make_template(pool, disk=disks, vif=vifs, **HVM, **extra)
    before = fingerprints_of(pool.repository_path)
    with pytest.warns(Ovm3Warning, match="CD drive hdd is empty.*oracle-linux-6-boot.iso.gone"):
        node = create(pool, image)
    assert node.state == NodeState.RUNNING
    text, directory = vm_cfg_of(pool, node), node.extra["directory"]
    names = [f"{directory}.img", f"{directory}-2.raw"]
    assert [Path(path).name for path in node.extra["disks"]] == names
    assert disks_of(pool, node) == [
        b"t system.img" + bytes(100_000) + b"t system.img",
        b"t-data.raw" + bytes(100_000) + b"t-data.raw",
    ]
    for line in (",hda,w'", ",hdb,r'", drives[0], "',hdd:cdrom,r'"):
        assert line in text
    for line in ("keymap = 'pt-br'", "OVM_os_type = 'Oracle 6'", "'port': '1'", "maxmem = 512"):
        assert line in text
    assert (node.extra["memory_mb"], node.extra["vcpus"], node.extra["is_hvm"]) == (512, 1, True)
    assert MAC not in text
    assert image.rpartition("/")[2] not in text.replace("-", "")
    assert re.findall(r"'(type=ioemu,)?bridge=10e69b4de3(,model=e1000)?,mac=00:21:f6:", text)
    macs = [nic["mac"] for nic in node.extra["nics"]]
    driver_for(pool).destroy_node(node)
    assert fingerprints_of(pool.repository_path) == before
    again = quietly(create, pool, image)
    assert not {nic["mac"] for nic in again.extra["nics"]} & set(macs)
    driver_for(pool).destroy_node(again)


def test_a_template_that_was_moved(pool: Simulator) -> None:
    """Case V06: its vm.cfg names a folder of OVM 2; the disks lie beside it."""
    folder = pool.repository_path / "Templates" / "el_template_db"
    folder.mkdir()
    (folder / "vm.cfg").write_bytes((CASES / "V06.vm.cfg").read_bytes())
    for name in ("System.img", "System1.img"):
        fill(folder / name)
    driver = driver_for(pool)
    image = driver.get_image(f"{pool.repository_id}/Templates/el_template_db")
    assert image.name == "el_template_db"
    node = create(pool, image.id)
    assert [data[:11] for data in disks_of(pool, node)] == [b"System.img\0", b"System1.img"]
    assert "0xbbb34d724b05dd74" in vm_cfg_of(pool, node)
    assert node.extra["nics"] == []
    driver.destroy_node(node)
    (folder / "System1.img").unlink()
    with pytest.raises(PreconditionFailed, match=r"System1\.img is in no repository"):
        create(pool, image.id)


REFUSED = {
    "physical": ({"disk": ["phy:/dev/mapper/asm1,xvdb,w"]}, "a disk that is physical"),
    "shared": ({"disk": ["file:/OVS/Repositories/x/y.img,xvdb,w!"]}, "a disk that is shared"),
    "not understood": ({"disk": ["file:/x y"]}, "'file:/x y' is not a valid disk entry"),
    "no list": ({"disk": "file:/x,xvda,w"}, "disk is not a list"),
    "MAC": ({"vif_other_config": [[MAC, {}]]}, "vif_other_config has its uuid or a MAC"),
    "cannot be sent": ({"kernel": None}, "'kernel' is None"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(pool: Simulator, case: str) -> None:
    config, message = REFUSED[case]
    image = make_template(pool, **config)
    pool.calls.clear()
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        create(pool, image)
    assert calls_of(pool, *WRITES) == []


def test_an_option_that_decides_what_the_guest_is(pool: Simulator) -> None:
    """The agent keeps another builder than it was sent: the VM is removed again."""
    image = make_template(pool, disk=[f"file:{make_disk(pool, 't-builder.img')},hda,w"], **HVM)
    before = fingerprints_of(pool.repository_path)

    def spoil(moment: str) -> None:
        if moment == "after":
            for file in (pool.repository_path / "VirtualMachines").glob("*/vm.cfg"):
                if NEW_NAME in (text := file.read_text()):
                    file.write_text(text.replace("builder = 'hvm'", "builder = 'linux'"))

    pool.misbehave("hook", "create_vm", hook=spoil)
    with pytest.raises(PreconditionFailed, match="the option builder 'linux' instead of 'hvm'"):
        create(pool, image)
    assert fingerprints_of(pool.repository_path) == before


@pytest.mark.parametrize("failure", ["fault", "fault_after", "drop_after"])
def test_the_second_disk_fails(pool: Simulator, failure: str) -> None:
    """Whatever is left of several disks goes with the node."""
    disks = [f"file:{make_disk(pool, f't{n}{failure}.img')},xvd{n},w" for n in "abc"]
    image = make_template(pool, disk=disks)
    before = fingerprints_of(pool.repository_path)
    pool.misbehave("hook", "copy_file", hook=lambda when: when == "after" and fail())

    def fail() -> None:
        pool.misbehave(failure, "copy_file", text="<type 'exceptions.Exception'>:refused")

    with pytest.raises(Ovm3Error) as caught:
        quietly(create, pool, image)
    pool.clear_misbehaviour()
    driver = driver_for(pool)
    nodes = [node for node in driver.list_nodes() if node.name == NEW_NAME]
    assert len(nodes) == (failure != "fault")
    for node in nodes:
        assert node.state == NodeState.PENDING
        assert node.id in str(caught.value)
        assert str(caught.value).count(node.extra["directory"]) == 3
        driver.destroy_node(node)
    assert fingerprints_of(pool.repository_path) == before


@pytest.fixture(scope="module", params=[False, True], ids=["agent", "module"])
def growing(request: Any) -> Iterator[tuple[Simulator, bool]]:
    """Two hosts, with the host module, which can make files larger, or without; as ``pool``."""
    with simulate(hosts=2, templates=0, vms=0, host_module=request.param) as sim:
        yield sim, request.param


@pytest.mark.parametrize("kind", ["PV", "HVM"])
def test_a_larger_disk(growing: tuple[Simulator, bool], kind: str) -> None:
    """The first disk that is no CD drive; all others are as large as the template's."""
    sim, has_module = growing
    letters, options = ("xvd", {"bootloader": "/usr/bin/pygrub"}) if kind == "PV" else ("hd", HVM)
    system, data = (make_disk(sim, f"{kind} {name}.img") for name in ("system", "data"))
    iso = f"/OVS/Repositories/{sim.repository_id}/ISOs/oracle-linux-6-boot.iso"
    entries = [f"file:{iso},{letters}c:cdrom,r", f"file:{system},{letters}a,w"]
    image = make_template(sim, disk=[*entries, f"file:{data},{letters}b,w"], **options)
    before = fingerprints_of(sim.repository_path)
    driver = driver_for(sim)
    size = driver.list_sizes()[0]
    size.disk = 2
    node = quietly(driver.create_node, NEW_NAME, size, image, ex_start=False)
    sources = [fill_of(sim, system), fill_of(sim, data)]
    files = [sim.repository_path / path.split("/", 4)[4] for path in node.extra["disks"]]
    assert [file.stat().st_size for file in files] == [
        2 << 30 if has_module else len(sources[0]),
        len(sources[1]),
    ]
    for file, source in zip(files, sources, strict=True):
        with file.open("rb") as opened:
            assert opened.read(len(source)) == source
    assert files[0].stat().st_blocks * 512 < 1 << 20, "sparse as the template's"
    assert driver.start_node(node) is True
    driver.destroy_node(node)
    size.disk = 50 / 2**20  # 50 KiB
    with pytest.raises(InvalidArgument, match="smaller than the template, which has 100"):
        driver.create_node(NEW_NAME, size, image)
    assert fingerprints_of(sim.repository_path) == before


def fill_of(sim: Simulator, path: str) -> bytes:
    return (sim.repository_path / path.split("/", 4)[4]).read_bytes()


def test_a_disk_that_a_running_vm_writes_to_is_not_copied(pool: Simulator) -> None:
    """The copy would be torn. Who reads it does no harm, nor who has a file of the same name."""
    image = make_template(pool, disk=[f"file:{make_disk(pool, 'used.img')},xvda,w"])
    path = f"/OVS/Repositories/{pool.repository_id.upper()}//VirtualDisks/used.img"
    other = make_disk(pool, "used.img", pool.add_repository("third"))
    entries = [f"file:{path},xvda,r", f"file:{other},xvdb,w"]
    pool.add_vm("reads", running_on=0, config={"disk": entries})
    quietly(driver_for(pool).destroy_node, create(pool, image))
    pool.add_vm("writes", running_on=1, config={"disk": [f"file:{path},xvda,w"]})
    before = fingerprints_of(pool.repository_path)
    pool.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"cannot be copied: .* runs with its disk"):
        create(pool, image)
    assert not {*calls_of(pool)} & (WRITES - {"storage_plugin_mount"})
    assert fingerprints_of(pool.repository_path) == before
    for name in ("reads", "writes"):
        node = driver_for(pool).ex_get_node_by_name(name)
        quietly(driver_for(pool).destroy_node, node)
