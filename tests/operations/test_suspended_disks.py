"""Suspended nodes: whatever others do, no old memory meets newer disks, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.operations import pausing
from libcloud_ovm3.simulator import Simulator
from tests.operations.claiming import plain_driver
from tests.support import quietly, simulate

SHARED = "shared.img"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two hosts with the module; ``web`` runs on the first, ``twin`` on the second: they share a
    disk."""
    with simulate(2, vms=0, host_module=True, secure=False) as simulator:
        path = f"VirtualDisks/{SHARED}"
        (simulator.repository_path / path).write_bytes(bytes(1 << 20))
        shared = f"file:/OVS/Repositories/{simulator.repository_id}/{path},xvdb,w!"
        for number, name in enumerate(("web", "twin")):
            own = f"VirtualDisks/{name}.img"
            (simulator.repository_path / own).write_bytes(bytes(1 << 20))
            disks = [f"file:/OVS/Repositories/{simulator.repository_id}/{own},xvda,w", shared]
            simulator.add_vm(name, running_on=number, config={"disk": disks})
        yield simulator


def refused(why: str, action: Any, *given: Any) -> None:
    with pytest.raises(PreconditionFailed, match=why):
        quietly(action, *given)


def test_what_it_shares_is_written_by_nobody_meanwhile(sim: Simulator) -> None:
    """By no client without claims that runs it now, and by nobody who starts it later."""
    driver = plain_driver(sim)
    web, twin = (quietly(driver.ex_get_node_by_name, name) for name in ("web", "twin"))
    refused(f"in use as shared disks are .*{SHARED}.* on ovm-2", driver.ex_suspend_node, web)
    quietly(driver.stop_node, twin, ex_force=True)
    quietly(driver.ex_suspend_node, web)
    refused(f"{SHARED}' is held by VM .*which is suspended", driver.start_node, twin)
    quietly(driver.ex_resume_node, web)
    assert quietly(driver.start_node, twin)


def test_another_client_suspends_it_again(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the first one would delete is the memory by then."""
    driver, other = plain_driver(sim), plain_driver(sim)
    web = quietly(driver.ex_get_node_by_name, "web")
    quietly(driver.stop_node, quietly(driver.ex_get_node_by_name, "twin"), ex_force=True)
    quietly(driver.ex_suspend_node, web)
    real = pausing.unpause
    folder = sim.repository_path / "VirtualMachines" / web.extra["directory"]

    def unpause(*given: Any) -> None:
        monkeypatch.setattr(pausing, "unpause", real)
        real(*given)
        quietly(other.ex_get_node, web.id)
        [file] = [one for one in folder.iterdir() if one.name != "vm.cfg"]
        file.unlink()  # as a third one has done that has resumed it, too
        quietly(other.ex_suspend_node, web)

    monkeypatch.setattr(pausing, "unpause", unpause)
    quietly(driver.ex_resume_node, web)
    assert quietly(driver.ex_get_node, web.id).state == NodeState.SUSPENDED
    assert len(list(folder.iterdir())) == 2
    assert quietly(driver.ex_resume_node, web)
    assert quietly(driver.ex_get_node, web.id).state == NodeState.RUNNING


def test_its_disks_are_protected_whatever_can_be_read_of_it(sim: Simulator) -> None:
    """vm.cfg was edited by hand; then its claim is damaged."""
    driver = plain_driver(sim)
    web = quietly(driver.ex_get_node_by_name, "web")
    quietly(driver.stop_node, quietly(driver.ex_get_node_by_name, "twin"), ex_force=True)
    [disk] = [one for one in quietly(driver.list_volumes) if one.id.endswith("/web.img")]
    quietly(driver.ex_suspend_node, web)
    file = sim.repository_path / "VirtualMachines" / web.extra["directory"] / "vm.cfg"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"/web.img", b"/new.img"))
    refused("is suspended", driver.ex_resize_volume, disk, 2 << 20)
    with pytest.raises(Ovm3Error, match="the saved memory of"):
        quietly(driver.destroy_volume, disk)
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/web.img"
    assert path not in str(quietly(driver.ex_list_orphans))
    refused("changed without a claim since the memory", driver.ex_resume_node, web)
    file.write_bytes(whole)
    folder = sim.repository_path / ".libcloud-ovm3" / "claims" / f"vm-{web.extra['directory']}"
    newest = max(folder.iterdir(), key=lambda one: int(one.name))
    content = newest.read_bytes()
    newest.write_bytes(content[:-9])
    refused("its claim cannot be read", driver.ex_resize_volume, disk, 2 << 20)
    newest.write_bytes(content)
    assert quietly(driver.ex_resume_node, web)
