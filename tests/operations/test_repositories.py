"""Repositories: made, attached, taken over, detached, renamed, refreshed and deleted; and what is
refused before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.diagnostics.inventory import take_inventory
from libcloud_ovm3.diagnostics.repository_checks import check_repositories
from libcloud_ovm3.errors import (
    AgentFault,
    AmbiguousName,
    InvalidArgument,
    NameTaken,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.agent import repositories
from tests.operations.failures import WRITES, misbehave, steps_of
from tests.operations.sharing import (
    NEW,
    OLD,
    OLD_ID,
    SECOND,
    act,
    contents,
    export,
    make_old,
    make_sim,
    put_back,
    saved,
    shown,
)
from tests.support import PERSONALITIES, at_once, calls_of, driver_for, quietly

LOCK_LOG = Path(__file__).with_name("cases") / "O06.ovs-agent.log"
POINT = "/OVS/Repositories/"


@pytest.fixture(params=PERSONALITIES)
def personality(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def sim(personality: str, request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with make_sim(personality, "3.3.3", request.param) as simulator:
        yield simulator


def changes_of(repository: Any) -> dict[str, str]:
    return {one["host"]: one["change"] for one in repository.extra["changed"]}


def mounted(driver: Any) -> dict[str, list[str]]:
    return {one.name: one.extra["mounted_on"] for one in driver.ex_list_repositories()}


def refused(
    sim: Simulator, error: type[Exception], reason: str, method: str, *given: Any, **options: Any
) -> str:
    """It is, and no host and no export has changed."""
    before = (shown(sim), contents(sim))
    sim.calls.clear()
    with pytest.raises(error, match=reason) as caught:
        quietly(getattr(driver_for(sim), method), *given, **options)
    assert (shown(sim), contents(sim)) == before
    return str(caught.value)


def unsent(sim: Simulator, *given: Any, **options: Any) -> str:
    """The same, and nothing that changes anything was sent."""
    text = refused(sim, *given, **options)
    assert not calls_of(sim, *WRITES)
    return text


# ------------------------------------------------------------------ what it does


def test_a_repository_from_its_making_to_its_end(sim: Simulator) -> None:
    driver = driver_for(sim)
    made = driver.ex_create_repository(f"{NEW}/", "New")
    assert changes_of(made) == {"ovm-1": "mounted, created", "ovm-2": "mounted, registered"}
    assert re.fullmatch("0004fb0000030000[0-9a-f]{16}", made.id)
    sim.calls.clear()
    assert changes_of(driver.ex_create_repository(NEW, "New")) == {}
    assert changes_of(driver.ex_attach_repository(made)) == {}
    assert not calls_of(sim, *WRITES)
    renamed = driver.ex_rename_repository("New", "N\u00e9w 2")
    assert (renamed.id, renamed.name) == (made.id, "N\u00e9w 2")
    assert driver.ex_detach_repository(renamed, "ovm-2") is True
    assert mounted(driver)["N\u00e9w 2"] == ["ovm-1"]
    attached = driver.ex_attach_repository(NEW, "ovm-2")
    assert "named 'N\u00e9w 2' (was 'New')" in changes_of(attached)["ovm-2"]
    with sim.hosts[1].lock:
        sim.hosts[1].mounts.pop(POINT + made.id)
    assert driver.ex_list_repositories()[1].extra["not_mounted_on"] == ["ovm-2"]
    fresh = driver.ex_refresh_repository(renamed)
    assert changes_of(fresh)["ovm-2"].startswith("mounted")
    assert (fresh.extra["mounted_on"], fresh.extra["location"]) == (["ovm-1", "ovm-2"], NEW)
    size, free, used = (fresh.extra[f"{key}_bytes"] for key in ("size", "free", "used"))
    assert size == free + used
    assert fresh.extra["used_percent"] == round(100 * used / size, 1)
    assert driver.ex_delete_repository(made) is True
    assert (export(sim, NEW) / ".ovsrepo").exists()
    assert "N\u00e9w 2" not in mounted(driver)
    assert not [one for host in sim.hosts for one in host.mounts if NEW in host.mounts[one].device]
    with pytest.raises(PreconditionFailed, match=f"there is no repository '{made.id}'"):
        driver.ex_delete_repository(made)


def test_the_repository_of_a_manager_that_is_gone(sim: Simulator) -> None:
    before = contents(sim)
    owner = sim.hosts[0].records["server"]["owner"] if "server" in sim.hosts[0].records else None
    text = refused(
        sim, PreconditionFailed, "no repository was made", "ex_create_repository", OLD, "New"
    )
    assert f"repository {OLD_ID}, named 'Old', of owner {owner}" in text
    assert f"ex_attach_repository('{OLD}')" in text
    taken = driver_for(sim).ex_attach_repository(OLD)
    assert (taken.id, taken.name) == (OLD_ID, "Old")
    assert set(changes_of(taken).values()) == {"mounted, registered"}
    assert [image.name for image in driver_for(sim).list_images() if image.name == "cd.iso"]
    assert contents(sim) == before
    unsent(sim, PreconditionFailed, OLD_ID, "ex_create_repository", OLD, "New")


def test_the_repository_of_another_owner(sim: Simulator) -> None:
    other = "0004fb00000100009999999999999999"
    make_old(sim, other)
    text = refused(
        sim, PreconditionFailed, "no repository was made", "ex_create_repository", OLD, "New"
    )
    if sim.hosts[0].code:  # the host module reads what the agent does not tell
        assert f"repository {OLD_ID}, named 'Old', of owner {other}" in text
    assert "takes it over with all that is in it, on hosts of its owner only" in text
    own = sim.hosts[0].records["server"]["owner"]
    text = refused(sim, PreconditionFailed, "owner", "ex_attach_repository", OLD)
    assert own in text or "none, or one of another owner" in text


def test_an_empty_share_has_nothing_to_attach(sim: Simulator) -> None:
    refused(sim, PreconditionFailed, "ex_create_repository makes one", "ex_attach_repository", NEW)
    refused(sim, AgentFault, "No such file", "ex_attach_repository", "filer:/export/none")
    refused(sim, AgentFault, "No such file", "ex_create_repository", "filer:/export/none", "New")


def test_overlapping_exports(sim: Simulator) -> None:
    """N46: no repository in the export of another one; names that only begin alike are apart."""
    for name in ("repo1", "repo10", "repo1/inner"):
        export(sim, f"filer:/export/{name}").mkdir()
    driver = driver_for(sim)
    driver.ex_create_repository("filer:/export/repo1", "One")
    ten = driver.ex_create_repository("filer:/export/repo10", "Ten")
    assert ten.extra["overlaps"] == []
    for inside in ("filer:/export", "FILER:/export/repo1/inner"):
        unsent(sim, PreconditionFailed, "contains|lies in", "ex_create_repository", inside, "In")
    assert {one.name for one in driver.ex_list_repositories() if one.extra["overlaps"]} == set()
    make_old(sim, location="filer:/export")  # by another client
    repositories.mount_repository_fs(sim.hosts[0], "filer:/export", POINT + OLD_ID)
    repositories.add_repository(sim.hosts[0], "filer:/export", POINT + OLD_ID)
    with pytest.warns(Ovm3Warning, match="contains filer:/export/repo1") as warned:
        found = {one.name: one.extra["overlaps"] for one in driver.ex_list_repositories()}
    assert len(warned) == 2
    with pytest.raises(Ovm3Error, match=r"filer:/export, of .* contains filer:/export/repo10, of"):
        driver.ex_list_repositories(ex_strict=True)
    assert [len(found[name]) for name in ("Old", "One", "Ten", "MyRepo")] == [2, 1, 1, 0]
    entries = take_inventory(driver._estate).repositories
    assert {one.alias: list(one.overlaps) for one in entries} == found
    snapshot = read_estate(driver._estate)
    findings = list(check_repositories(snapshot, snapshot.hosts[0]))
    assert [one.found for one in findings if "overlap" in one.found] == [
        f"exports of repositories overlap: {text}" for text in found["Old"]
    ]


# ------------------------------------------------------------------ hosts


@pytest.mark.parametrize("function", ["add_repository", "create_repository"])
def test_an_nfs_server_without_locks(sim: Simulator, function: str) -> None:
    """O06: the agent waits for 360 s, and fails. One call, and all is as it was."""
    if function == "add_repository" and sim.hosts[0].code:
        function = "create_repository"
    [*_, last] = LOCK_LOG.read_text().strip().splitlines()
    kind, _, text = last.partition(": ")
    fault = f"<class 'agent.lib.filelock.{kind}'>:{text}"
    sim.misbehave("fault", function, text=fault)
    before = shown(sim)
    with pytest.raises(AgentFault, match="the NFS server has no lock daemon") as caught:
        driver_for(sim).ex_create_repository(NEW, "New")
    assert all(word in str(caught.value) for word in (NEW, ".ovsrepo", "ovm-1", "is not mounted"))
    assert calls_of(sim, function) == [function]
    assert shown(sim) == before
    limits = driver_for(sim)._agent(driver_for(sim)._access.hosts[0]).connection.limits
    assert limits.long > 360
    sim.clear_misbehaviour()
    assert driver_for(sim).ex_create_repository(NEW, "New").extra["mounted_on"]


def test_one_of_two_hosts_refuses(sim: Simulator) -> None:
    sim.misbehave("fault", "add_repository", host=1, text="<type 'exceptions.Exception'>:no")
    with pytest.raises(OperationIncomplete, match="The same call again completes it") as caught:
        driver_for(sim).ex_create_repository(NEW, "New")
    assert any("created on ovm-1" in one for one in caught.value.left)
    assert not [one for one in sim.hosts[1].mounts.values() if one.device == NEW]
    made = driver_for(sim).ex_create_repository(NEW, "New")
    assert changes_of(made) == {"ovm-2": "mounted, registered"}


def test_two_clients_make_one_repository(sim: Simulator) -> None:
    drivers = [driver_for(sim), driver_for(sim)]
    done = at_once(
        sim, *((one, lambda one=one: one.ex_create_repository(NEW, "New")) for one in drivers)
    )
    assert {one.id for one in done if not isinstance(one, Exception)}
    assert [one.name for one in driver_for(sim).ex_list_repositories()].count("New") == 1
    final = driver_for(sim).ex_create_repository(NEW, "New")
    assert final.extra["mounted_on"] == ["ovm-1", "ovm-2"]
    assert {host.repository_db[final.id]["Mount_point"] for host in sim.hosts} == {POINT + final.id}


def test_a_share_under_two_names(sim: Simulator) -> None:
    """The filer's address leads to a repository that the hosts know by the filer's name."""
    driver = driver_for(sim)
    old = driver.ex_attach_repository(OLD)
    (sim.root / "exports" / "192.0.2.1").symlink_to(sim.root / "exports" / "filer")
    alias = OLD.replace("filer", "192.0.2.1")
    assert old.id in refused(
        sim, PreconditionFailed, "mount one share under one name", "ex_attach_repository", alias
    )
    refused(sim, PreconditionFailed, OLD_ID, "ex_create_repository", alias, "New")


def test_another_repository_is_where_it_should_be(sim: Simulator) -> None:
    """The export of a known repository was made anew: its host would get another one."""
    record = export(sim, sim.hosts[0].repository_db["0004fb0000030000" + "c" * 16]["Fs_location"])
    text = (record / ".ovsrepo").read_text()
    (record / ".ovsrepo").write_text(text.replace("c" * 16, "d" * 16))
    refused(sim, PreconditionFailed, "d" * 16, "ex_attach_repository", "Third")


def test_owners(personality: str) -> None:
    """agent-behaviour 10: nothing without an owner, and nothing for hosts of several."""
    with make_sim(personality, "3.3.3", False, owner="") as sim:
        unsent(sim, PreconditionFailed, "has no owner", "ex_create_repository", NEW, "New")
        unsent(sim, PreconditionFailed, "has no owner", "ex_attach_repository", OLD)
    with make_sim(personality, "3.3.3", False) as sim:
        sim.hosts[1].records["server"]["owner"] = "0004fb00000100009999999999999999"
        unsent(sim, PreconditionFailed, "several owners", "ex_create_repository", NEW, "New")
        unsent(sim, PreconditionFailed, "the owner of the hosts is", "ex_attach_repository",
               "Third")  # fmt: skip
        assert driver_for(sim).ex_create_repository(NEW, "New", "ovm-1").extra["changed"]


def test_a_host_that_does_not_respond(personality: str) -> None:
    with make_sim(personality, "3.3.3", False) as sim:
        sim.hosts[1].kill()
        for method, *given in (
            ("ex_create_repository", NEW, "New"),
            ("ex_attach_repository", SECOND),
            ("ex_detach_repository", SECOND),
            ("ex_rename_repository", SECOND, "Other"),
            ("ex_delete_repository", SECOND),
        ):
            unsent(sim, PreconditionFailed, "not all hosts can be", method, *given)
        unsent(sim, SearchIncomplete, "was not found", "ex_attach_repository", "Nobody", "ovm-1")
        unsent(sim, SearchIncomplete, "ovm-2", "ex_detach_repository", SECOND, "ovm-2")
        assert quietly(driver_for(sim).ex_detach_repository, SECOND, "ovm-1")
        assert not mounted_second(sim.hosts[0])
        assert mounted_second(sim.hosts[1])


def mounted_second(host: Any) -> bool:
    return POINT + SECOND in host.mounts


# ------------------------------------------------------------------ what uses it


def test_detaching_while_something_uses_it(sim: Simulator) -> None:
    driver = driver_for(sim)
    sim.add_vm("web", running_on=1)
    node = driver.ex_get_node_by_name("web")
    why = f"VM 'web' \\({node.id}\\), whose vm.cfg is in it, is live on ovm-2"
    text = unsent(sim, PreconditionFailed, why, "ex_detach_repository", "MyRepo", "ovm-2")
    assert ";" not in text, "it is named once, with all that it has open"
    if not sim.hosts[0].code:  # the host module asks xend itself
        sim.misbehave("fault", "list_vms", host=0, times=None)
        unsent(sim, PreconditionFailed, "what runs on ovm-1", "ex_detach_repository", SECOND)
        sim.clear_misbehaviour()
    assert driver.ex_detach_repository("MyRepo", "ovm-1")
    assert driver.ex_get_node_by_name("web").extra["live"]


def test_a_node_that_starts_at_the_last_moment(sim: Simulator) -> None:
    """It is seen right before the request; the agent would see it too."""

    def start(moment: str) -> None:
        if moment == "after":
            sim.add_vm("web", running_on=0)

    sim.misbehave("hook", "discover_pool_filesystem", host=0, hook=start)
    with pytest.raises(PreconditionFailed, match="right before, live domain"):
        driver_for(sim).ex_detach_repository("MyRepo", "ovm-1")
    assert not calls_of(sim, *WRITES)


def test_the_file_system_of_the_pool(sim: Simulator) -> None:
    location = f"nfs-store-1:/export/{SECOND}/VirtualMachines"
    pool = (
        "<Discover_Pool_Filesystem_Result><Pool_Filesystem><Pool_Filesystem_Type>nfs"
        f"</Pool_Filesystem_Type><Pool_Filesystem_Target>{location}</Pool_Filesystem_Target>"
        "</Pool_Filesystem></Discover_Pool_Filesystem_Result>"
    )
    sim.misbehave("answer", "discover_pool_filesystem", value=pool, times=None)
    for method in ("ex_detach_repository", "ex_delete_repository"):
        unsent(sim, PreconditionFailed, "has its file system at", method, SECOND)
    sim.clear_misbehaviour()
    assert quietly(driver_for(sim).ex_detach_repository, SECOND)


@pytest.mark.parametrize("what", ["VirtualMachines/x/vm.cfg", "VirtualDisks/a.img", "VirtualDisks/"
                                  "b.0123456789abcdef0123456789abcdef.snapshot.x.img"])  # fmt: skip
def test_deleting_while_anything_of_a_node_is_in_it(sim: Simulator, what: str) -> None:
    file = sim.path_of(SECOND) / what
    file.parent.mkdir(exist_ok=True)
    file.write_text("name = 'x'\n")
    for more in ({}, {"ex_erase": True, "ex_confirm": SECOND}):
        unsent(sim, PreconditionFailed, "in it", "ex_delete_repository", SECOND, **more)


def test_deleting_while_a_node_elsewhere_names_a_file_of_it(sim: Simulator) -> None:
    disk = f"file:{POINT}{SECOND}/Templates/a.raw,xvdb,r"
    sim.add_vm("web", config={"disk": [disk]})
    unsent(sim, PreconditionFailed, "names .*a.raw", "ex_delete_repository", SECOND)


def test_erasing_is_said_twice() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        for more in ({}, {"ex_confirm": "Second"}, {"ex_confirm": OLD_ID}):
            unsent(sim, InvalidArgument, "only if ex_confirm is its id", "ex_delete_repository",
                   SECOND, ex_erase=True, **more)  # fmt: skip
        unsent(sim, InvalidArgument, "only ex_erase", "ex_delete_repository", SECOND,
               ex_confirm=SECOND)  # fmt: skip
        (sim.path_of(SECOND) / "holidays").mkdir()
        both = {"ex_erase": "true", "ex_confirm": SECOND.upper()}
        unsent(sim, PreconditionFailed, "holidays is on its share", "ex_delete_repository",
               SECOND, **both)  # fmt: skip
        (sim.path_of(SECOND) / "holidays").rmdir()
        folder = sim.path_of(SECOND)
        for stored in ("c-photos", "repository/data/x", "repository/uploads/y"):
            path = folder / ".libcloud-ovm3" / "containers" / stored
            path.mkdir(parents=True)
            unsent(
                sim, PreconditionFailed, "programs have stored", "ex_delete_repository", SECOND,
                **both,
            )  # fmt: skip
            path.rmdir()  # what is empty is no obstacle
        assert driver_for(sim).ex_delete_repository("Second", **both) is True
        assert list(folder.iterdir()) == []
        assert SECOND not in sim.hosts[0].repository_db
        assert not mounted_second(sim.hosts[0])
    with make_sim("plain", "3.3.3", False) as sim:
        unsent(sim, PreconditionFailed, "only the host module can tell", "ex_delete_repository",
               SECOND, **both)  # fmt: skip


def test_names() -> None:
    with make_sim("plain", "3.3.3", False) as sim:
        for name in ("", " ", "a\nb", "a/b", " a", "x" * 201, SECOND, 7):
            unsent(sim, InvalidArgument, "name", "ex_create_repository", NEW, name)
            unsent(sim, InvalidArgument, "name", "ex_rename_repository", SECOND, name)
        unsent(sim, NameTaken, SECOND, "ex_create_repository", NEW, "Second")
        unsent(sim, NameTaken, "MyRepo", "ex_rename_repository", SECOND, "MyRepo")
        for host in sim.hosts:
            host.repository_db[SECOND]["Alias"] = "MyRepo"
        unsent(sim, AmbiguousName, "use the id", "ex_detach_repository", "MyRepo")


def test_the_steps_of_an_erasure_that_was_interrupted() -> None:
    """What it left mounted, no host knows any more: the same call unmounts it."""
    with make_sim("plain", "3.3.3", True) as sim:
        before = saved(sim)
        act(driver_for(sim), "erase")
        [step] = [one for one in steps_of(calls_of(sim)) if one.function == "unmount_repository_fs"
                  and one.after == "delete_repository"][-1:]  # fmt: skip
        put_back(sim, before)
        misbehave(sim, "fault", step._replace(after="delete_repository"))
        sim.misbehave("fault", "unmount_repository_fs", host=0, times=9)
        with pytest.raises(OperationIncomplete):
            act(driver_for(sim), "erase")
        sim.clear_misbehaviour()
        assert mounted_second(sim.hosts[0])
        act(driver_for(sim), "erase")
        assert not mounted_second(sim.hosts[0])
