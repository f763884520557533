"""Behaviours of what changes repositories, against the simulator."""

from __future__ import annotations

import shutil

from libcloud_ovm3.simulator.host import Mount
from tests.mutants.disks import PATIENCE, refused
from tests.operations.sharing import NEW, OLD, SECOND, act, contents, export, make_sim, shown
from tests.support import driver_for

__all__ = ["PATIENCE"]


def what_is_on_an_export_stays() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        before = (contents(sim), shown(sim))
        refused(driver_for(sim).ex_create_repository, OLD, "Old again")
        assert (contents(sim), shown(sim)) == before


def exports_do_not_overlap() -> None:
    with make_sim("plain", "3.3.3", False) as sim:
        act(driver_for(sim), "create")
        (export(sim, NEW) / "inner").mkdir()
        refused(driver_for(sim).ex_create_repository, f"{NEW}/inner", "Inner")
        refused(driver_for(sim).ex_create_repository, "filer:/export", "Outer")


def a_pool_keeps_the_repository_of_its_file_system() -> None:
    """Nothing but the pool's own document says that it is there."""
    pool = (
        "<Discover_Pool_Filesystem_Result><Pool_Filesystem><Pool_Filesystem_Target>"
        f"nfs-store-1:/export/{SECOND}/VirtualMachines</Pool_Filesystem_Target>"
        "</Pool_Filesystem></Discover_Pool_Filesystem_Result>"
    )
    with make_sim("plain", "3.3.3", False) as sim:
        sim.misbehave("answer", "discover_pool_filesystem", value=pool, times=None)
        refused(driver_for(sim).ex_detach_repository, SECOND)


def what_starts_meanwhile_keeps_its_repository() -> None:
    """The simulator's agent would unmount it too late; ours must not even ask."""
    with make_sim("plain", "3.3.3", False) as sim:

        def start(moment: str) -> None:
            if moment == "after":
                sim.add_vm("web", running_on=0)

        sim.misbehave("hook", "discover_pool_filesystem", host=0, hook=start)
        refused(driver_for(sim).ex_detach_repository, "MyRepo", "ovm-1")
        assert not [one for one in sim.calls if one.function == "unmount_repository_fs"]


def a_volume_keeps_its_repository() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        (sim.path_of(SECOND) / "VirtualDisks" / "a.img").write_bytes(b"data")
        refused(act, driver_for(sim), "delete")
        refused(act, driver_for(sim), "erase")
        assert (sim.path_of(SECOND) / "VirtualDisks" / "a.img").exists()


def nothing_is_erased_that_is_said_once() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        before = contents(sim)
        driver = driver_for(sim)
        refused(driver.ex_delete_repository, SECOND, ex_erase=True)
        refused(driver.ex_delete_repository, SECOND, ex_erase=True, ex_confirm="Second")
        assert contents(sim) == before


def strangers_on_the_share_stay() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        (sim.path_of(SECOND) / "holidays").mkdir()
        refused(act, driver_for(sim), "erase")
        assert (sim.path_of(SECOND) / "holidays").exists()


def another_share_is_not_erased() -> None:
    """Mounted by hand; it looks like the right one, as it is a copy of it."""
    with make_sim("plain", "3.3.3", True) as sim:
        copy = export(sim, "filer:/export/copy")
        shutil.copytree(sim.path_of(SECOND), copy)
        for host in sim.hosts:
            host.mounts[f"/OVS/Repositories/{SECOND}"] = Mount("filer:/export/copy")
        refused(act, driver_for(sim), "erase")
        assert (copy / "Templates" / "a.raw").exists()


def another_repository_is_not_erased() -> None:
    """Its export is now another repository's."""
    with make_sim("plain", "3.3.3", True) as sim:
        record = sim.path_of(SECOND) / ".ovsrepo"
        record.write_text(record.read_text().replace("a" * 16, "d" * 16))
        refused(act, driver_for(sim), "erase")
        assert record.exists()


def what_comes_at_the_last_moment_is_not_erased() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        iso = sim.path_of(SECOND) / "ISOs" / "new.iso"

        def come(moment: str) -> None:
            if moment == "after":
                iso.write_bytes(b"new")

        sim.misbehave("hook", "delete_repository", host=1, hook=come)
        refused(act, driver_for(sim), "erase")
        assert iso.exists()
