"""What list_vms shows of each kind of guest and of Domain-0 (agent-behaviour.md 19, xend.md 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.simulator.plainclient import Machine, client, fault_of
from tests.support import simulate

HVM_IMAGE = set(
    "acpi apic boot guest_os_type isa keymap localtime nographic oos pci_msitranslate "
    "pci_power_mgmt rtc_timeoffset serial stdvga timer_mode usb viridian vnc vnclisten vncunused "
    "vpt_align xauthority xen_platform_pci hap hpet loader pae".split()
)


@pytest.fixture(params=["3.2.1", "3.3.3"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with simulate(hosts=1, version=request.param, layout="manager") as simulator:
        yield simulator


def _kinds(sim: Simulator) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Domain-0, a PV guest with a screen, and an HVM one."""
    listed = client(sim).list_vms()
    (zero,) = [vm for vm in listed if vm["domid"] == "0"]
    pv = next(vm for vm in listed if vm["builder"] == "linux" and vm["device"].get("vfb"))
    (hvm,) = [vm for vm in listed if vm["builder"] == "hvm"]
    return zero, pv, hvm


def test_an_hvm_guest(sim: Simulator) -> None:
    _, _, hvm = _kinds(sim)
    old = sim.describe()["version"] == "3.2.1"
    assert hvm["bootloader_args"] == ""
    assert "console_mfn" not in hvm
    image = hvm["image"]
    assert image.keys() >= HVM_IMAGE
    assert (image["kernel"], image["boot"]) == ("", "dc")
    assert image["loader"].endswith("/hvmloader")
    assert ("nestedhvm" in image) is not old
    assert image["notes"] == [["SUSPEND_CANCEL", "1"]]
    assert all(
        isinstance(value, str) for key, value in image.items() if key not in ("notes", "pci")
    )
    assert "usbdevice" not in image
    device = hvm["device"]
    assert "vkbd" not in device
    assert [console["location"] for console in device["console"]] == ["4"]
    assert "xauthority" not in device["vfb"][0]
    assert not [disk for disk in device["vbd"] if "protocol" in disk]


def test_a_pv_guest(sim: Simulator) -> None:
    _, pv, _ = _kinds(sim)
    assert pv["bootloader_args"] == "-q"
    assert pv["console_mfn"].isdigit()
    assert not (HVM_IMAGE | {"args"}) & pv["image"].keys()
    assert {key for key, _ in pv["image"]["notes"]} == {"PADDR_OFFSET", "SUSPEND_CANCEL"}
    assert pv["device"]["vkbd"] == [{"backend": "0"}]
    assert pv["device"]["console"][0]["location"] == "2"
    assert pv["device"]["vfb"][0]["xauthority"] == "/root/.Xauthority"


def test_domain_0(sim: Simulator) -> None:
    zero, _, _ = _kinds(sim)
    assert zero["bootloader_args"] == ""
    assert zero["image"]["expose_host_uuid"] == "0"
    assert "pci" not in zero["image"]
    assert "description" not in zero
    assert "start_time" not in zero
    assert zero["device"] == {}


def test_discard_enable_is_for_files_and_new_agents(sim: Simulator) -> None:
    disks = [disk for vm in client(sim).list_vms() for disk in vm["device"].get("vbd", ())]
    files = [disk for disk in disks if disk.get("uname", "").startswith("file:")]
    assert len(files) < len(disks)  # the manager's guests have physical disks as well
    wanted = None if sim.describe()["version"] == "3.2.1" else "0"
    for disk in disks:
        assert disk.get("discard-enable") == (wanted if disk in files else None)


def test_what_vm_cfg_says_of_the_image(pool: Simulator) -> None:
    extra = "console=hvc0 -- x=1"
    pv = Machine(pool, extra=extra, bootloader="", kernel="/boot/vmlinuz", vfb=[])
    pv.start()
    image = pv.agent.list_vm(pv.repo, pv.vm)["image"]
    assert (image["args"], image["kernel"]) == (extra, "/boot/vmlinuz")
    assert "device_model" not in image
    hvm = Machine(
        pool, vfb=[], builder="hvm", vnc=1, vif=[], usb="1", usbdevice="tablet", serial="", acpi=0
    )
    hvm.start()
    image = hvm.agent.list_vm(hvm.repo, hvm.vm)["image"]
    assert (image["usb"], image["usbdevice"], image["acpi"]) == ("1", "tablet", "0")
    assert "serial" not in image
    assert image["device_model"].endswith("qemu-dm")


@pytest.mark.parametrize("scheme", ["tap:aio:", "tap2:aio:", "tap:"])
def test_tap_disks_stand_under_tap2(pool: Simulator, scheme: str) -> None:
    machine = Machine(pool)
    machine.agent.configure_vm(
        machine.repo, machine.vm, {**machine.config, "disk": [f"{scheme}{machine.disk},xvda,w"]}
    )
    machine.start()
    device = machine.agent.list_vm(machine.repo, machine.vm)["device"]
    assert "vbd" not in device
    (disk,) = device["tap2"]
    assert (disk["uname"], disk["dev"]) == (f"{scheme}{machine.disk}", "xvda:disk")
    assert "discard-enable" not in disk
    second = Machine(pool, disk=[f"{scheme}{machine.disk},xvda,w"], vif=[])
    text = fault_of(second.start)
    assert text.endswith(f"{machine.disk} already in use by other domain")
    missing = Machine(pool, disk=[f"{scheme}{machine.top}/VirtualDisks/none.img,xvda,w"], vif=[])
    assert "Disk isn't accessible" in fault_of(missing.start)
