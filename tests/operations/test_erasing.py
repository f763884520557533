"""What an erasure must not take: all of it is looked at once more right before the request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from libcloud_ovm3.errors import NameTaken, OperationIncomplete, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import repositories
from libcloud_ovm3.simulator.host import Mount
from tests.operations.sharing import (
    NEW,
    OLD,
    OLD_ID,
    SECOND,
    act,
    contents,
    export,
    make_sim,
    shown,
)
from tests.support import PERSONALITIES, calls_of, driver_for, quietly

POINT = f"/OVS/Repositories/{SECOND}"
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me"


@pytest.fixture(params=PERSONALITIES)
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with make_sim(request.param, "3.3.3", True) as simulator:
        yield simulator


def mount_old(sim: Simulator) -> None:
    for host in sim.hosts:
        with host.lock:
            host.mounts[POINT] = Mount(OLD)


def put(sim: Simulator, path: str) -> None:
    file = export(sim, f"nfs-store-1:/export/{SECOND}") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("new")


NEWS: dict[str, tuple[Callable[[Simulator], object], str]] = {
    "another share": (mount_old, "has filer:/export/old mounted .* not nfs-store-1"),
    "a VM": (lambda sim: put(sim, "VirtualMachines/x/vm.cfg"), "1 VM in it"),
    "a disk": (lambda sim: put(sim, "VirtualDisks/a.img"), "1 virtual disk in it"),
    "an ISO": (lambda sim: put(sim, "ISOs/new.iso"), "something else in it than before"),
    "an object": (lambda sim: put(sim, ".libcloud-ovm3/containers/c-x/y"), "programs have stored"),
    "a folder": (lambda sim: put(sim, "holidays/x"), "holidays is on its share"),
    "a node elsewhere": (
        lambda sim: sim.add_vm("web", config={"disk": [f"file:{POINT}/Templates/a.raw,xvdb,r"]}),
        "names .*a.raw",
    ),
}


@pytest.mark.parametrize("what", NEWS)
def test_what_comes_while_it_is_detached_from_the_other_hosts(sim: Simulator, what: str) -> None:
    """Another client makes it, after everything was looked at; nothing is erased."""
    come, reason = NEWS[what]
    before: list[Any] = []

    def then(moment: str) -> None:
        if moment == "after":
            come(sim)
            before.append(contents(sim))

    sim.misbehave("hook", "delete_repository", host=1, hook=then)
    with pytest.raises(OperationIncomplete, match=f"right before, .*{reason}") as caught:
        act(driver_for(sim), "erase")
    assert calls_of(sim, "delete_repository") == ["delete_repository"], "that of the other host"
    assert [contents(sim)] == before
    assert any("ovm-2" in one for one in caught.value.left)


def test_a_volume_that_is_made_while_it_is_deleted(sim: Simulator) -> None:
    """Its content would stay, but no host would show it: the last host keeps it."""

    def come(moment: str) -> None:
        if moment == "after":
            put(sim, "VirtualDisks/a.img")

    sim.misbehave("hook", "unmount_repository_fs", nth=1, hook=come)
    with pytest.raises(OperationIncomplete, match=r"stays on ovm-1 .*1 virtual disk in it"):
        act(driver_for(sim), "delete")
    assert POINT in sim.hosts[0].mounts
    (sim.path_of(SECOND) / "VirtualDisks" / "a.img").unlink()
    act(driver_for(sim), "delete")
    assert not [host for host in sim.hosts if POINT in host.mounts]


def test_another_client_attaches_it_meanwhile(sim: Simulator) -> None:
    """To a host that did not have it when it was looked at, and would have an empty share now."""
    attached: list[Any] = []

    def attach(moment: str) -> None:
        if not attached:
            attached.append(None)
            attached.append(driver_for(sim).ex_attach_repository("Third"))

    sim.misbehave("hook", "discover_pool_filesystem", hook=attach)
    third = "0004fb0000030000" + "c" * 16
    with pytest.raises(PreconditionFailed, match=r"right before, ovm-2 .* has it"):
        driver_for(sim).ex_delete_repository(third, ex_erase=True, ex_confirm=third)
    assert driver_for(sim).ex_refresh_repository(third).extra["mounted_on"] == ["ovm-1", "ovm-2"]


@pytest.mark.parametrize("how", ["mounted", "made anew"])
def test_another_share_is_where_it_belongs(sim: Simulator, how: str) -> None:
    """Mounted by hand, or the export was given another repository: that one would be erased."""
    if how == "mounted":
        mount_old(sim)
    else:
        record = export(sim, f"nfs-store-1:/export/{SECOND}") / ".ovsrepo"
        record.write_text(record.read_text().replace("a" * 16, "d" * 16))
    before = (contents(sim), shown(sim))
    with pytest.raises(PreconditionFailed, match=r"left as it is: .*(filer:/export/old|d{16})"):
        act(driver_for(sim), "erase")
    assert (contents(sim), shown(sim)) == before


def test_what_is_being_made_in_it(sim: Simulator) -> None:
    """A host still fetches an ISO into it, or a job of the host module copies an image."""
    mark = f"ISOs/x.{'a' * 32}.iso.creating"
    put(sim, mark)
    for how in ("delete", "erase"):
        with pytest.raises(PreconditionFailed, match="1 image that is not complete in it"):
            act(driver_for(sim), how)
    (sim.path_of(SECOND) / mark).unlink()
    driver = driver_for(sim)
    quietly(driver.copy_image, SECOND, f"{SECOND}/Templates/a.raw", "new", ex_repository=SECOND)
    [done] = (sim.path_of(SECOND) / ".libcloud-ovm3" / "jobs").iterdir()
    request = re.sub("started=.*", f"started={time.time():.0f}", (done / "request").read_text())
    begun = done.with_name("f" * 32)
    put(sim, f".libcloud-ovm3/jobs/{begun.name}/request")
    (begun / "request").write_text(request.replace(done.name, begun.name))
    with pytest.raises(PreconditionFailed, match=f"being copied into it .job {begun.name}"):
        act(driver_for(sim), "erase")
    (begun / "request").unlink()
    begun.rmdir()
    act(driver_for(sim), "erase")
    assert SECOND not in sim.hosts[0].repository_db


def test_key_pairs_in_it_stay(sim: Simulator) -> None:
    driver = driver_for(sim, ex_keys_repository="Second")
    driver.import_key_pair_from_string("mine", PUBLIC)
    with pytest.raises(PreconditionFailed, match=r"1 key pair in it \(mine\)"):
        act(driver, "erase")
    assert [one.name for one in driver_for(sim).list_key_pairs()] == ["mine"]
    driver.delete_key_pair(driver.get_key_pair("mine"))
    act(driver, "erase")
    assert SECOND not in sim.hosts[0].repository_db


def test_what_no_host_knows_is_not_said_to_be_erased(sim: Simulator) -> None:
    for host in sim.hosts:
        del host.repository_db[SECOND]
    before = (contents(sim), shown(sim))
    with pytest.raises(PreconditionFailed, match=r"was not erased: \.ovsrepo, .*Templates"):
        act(driver_for(sim), "erase")
    assert (contents(sim), shown(sim)) == before
    act(driver_for(sim), "delete")
    assert not [host for host in sim.hosts if POINT in host.mounts]


# ------------------------------------------------------------------ what else is left half


def test_a_new_name_that_one_host_has_already(sim: Simulator) -> None:
    """Renaming was interrupted: the same call, by the old name, completes it."""
    repositories.edit_repository_db(sim.hosts[0], SECOND, {"alias": "Other"})
    driver = driver_for(sim)
    with pytest.raises(NameTaken, match="has the name 'Second'"):
        driver.ex_create_repository(NEW, "Second")
    renamed = quietly(driver.ex_rename_repository, "Second", "Other")
    assert [(one["host"], one["change"]) for one in renamed.extra["changed"]] == [
        ("ovm-2", "named 'Other' (was 'Second')")
    ]
    assert {host.repository_db[SECOND]["Alias"] for host in sim.hosts} == {"Other"}


@pytest.mark.parametrize("has_module", [False, True], ids=["agent", "module"])
def test_an_id_in_capitals_is_where_its_disks_are(has_module: bool) -> None:
    """Its `vm.cfg` files name the path that has the id as the share writes it."""
    written = "0004FB0000030000ABCDABCDABCDABCD"
    with make_sim("plain", "3.3.3", has_module) as sim:
        record = export(sim, OLD) / ".ovsrepo"
        record.write_text(record.read_text().replace(OLD_ID, written))
        driver = driver_for(sim)
        for _ in range(2):
            assert driver.ex_attach_repository(OLD).id == written
            for host in sim.hosts:
                assert host.mounts[f"/OVS/Repositories/{written}"].device == OLD
        assert f"{written}/ISOs/cd.iso" in [one.id for one in driver.list_images()]


def test_another_share_that_is_mounted_is_no_repository_that_is_attached(sim: Simulator) -> None:
    """New disks would go to it. Its host says of the repository that it is mounted."""
    mount_old(sim)
    before = (contents(sim), shown(sim))
    for method in ("ex_attach_repository", "ex_refresh_repository"):
        with pytest.raises(PreconditionFailed, match=r"old is mounted at .* where nfs-store-1"):
            quietly(getattr(driver_for(sim), method), "Second")
    assert (contents(sim), shown(sim)) == before


def test_a_record_on_a_share_that_cannot_be_understood(sim: Simulator) -> None:
    """Whatever it is of: the share is not touched, and not left mounted."""
    (export(sim, NEW) / ".ovsrepo").write_bytes(b"\0\0garbage")
    before = (contents(sim), shown(sim))
    for method, *given in (("ex_create_repository", NEW, "New"), ("ex_attach_repository", NEW)):
        with pytest.raises(PreconditionFailed, match=r"does not say of which .* left as it is"):
            quietly(getattr(driver_for(sim), method), *given)
        assert (contents(sim), shown(sim)) == before
