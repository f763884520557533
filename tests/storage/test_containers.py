"""Containers: repositories and plain containers, by which names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from libcloud.storage import types
from libcloud.storage.base import Container

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import attempts_at, quietly, simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two repositories: MyRepo and another one."""
    with simulate(2, vms=0, host_module=True) as simulator:
        simulator.add_repository("second")
        yield simulator


@pytest.fixture(scope="module")
def lab() -> Iterator[Simulator]:
    """One for several tests, each of which leaves it as it was."""
    with simulate(1, vms=0, host_module=True) as simulator:
        yield simulator


def test_names_of_containers(sim: Simulator) -> None:
    """An alias if nothing else has it, else the id; a plain container in two repositories is named
    with the repository that it is in. Each name that is listed is found."""
    first = storage_for(sim, ex_containers_repository="MyRepo")
    second = storage_for(sim, ex_containers_repository="second")
    assert [one.name for one in first.list_containers()] == ["MyRepo", "second"]
    other = first.list_containers()[1].extra["repository_id"]
    assert first.create_container("photos").extra["repository"] == "MyRepo"
    with pytest.raises(types.ContainerAlreadyExistsError) as taken:
        second.create_container("photos")
    assert taken.value.container_name == "photos"
    made = second.create_container("music")
    assert (made.extra["repository"], made.extra["plain_name"]) == ("second", "music")
    names = [one.name for one in first.list_containers()]
    assert names == ["MyRepo", "music", "photos", "second"]
    for name in [*names, sim.repository_id, f"{other}/music", sim.repository_id.upper()]:
        assert first.get_container(name).name == name
    put(first, first.get_container(f"{other}/music"), "song", b"la")
    assert get(first, "music", "song") == b"la"
    with pytest.raises(types.ContainerDoesNotExistError, match="'MyRepo', 'music'") as missing:
        first.get_container("nothing")
    assert missing.value.container_name == "nothing"
    with pytest.raises(types.ContainerDoesNotExistError):
        first.get_container(f"{sim.repository_id}/music")


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "a\0b", "x" * 1025, "\udcff", "0" * 32, 7])
def test_names_that_no_container_can_have(lab: Simulator, name: str) -> None:
    driver = storage_for(lab)
    lab.calls.clear()
    with pytest.raises(types.InvalidContainerNameError):
        driver.create_container(name)
    assert not lab.calls


@pytest.mark.parametrize("name", [".", "..", "%", "a b&c", "é", "x" * 1024, "-"])
def test_odd_names_of_containers(lab: Simulator, name: str) -> None:
    driver = storage_for(lab)
    made = driver.create_container(name)
    assert name in [one.name for one in driver.list_containers()]
    put(driver, made, "object", b"content")
    assert get(driver, name, "object") == b"content"
    with pytest.raises(types.ContainerIsNotEmptyError):
        driver.delete_container(made)
    driver.delete_object(driver.get_object(name, "object"))
    assert driver.delete_container(made) is True
    with pytest.raises(types.ContainerDoesNotExistError):
        driver.delete_container(made)


def test_which_repository(sim: Simulator) -> None:
    """With several and none named it is refused; a repository itself is never deleted."""
    driver = storage_for(sim)
    with pytest.raises(PreconditionFailed, match="ex_containers_repository"):
        driver.create_container("photos")
    with pytest.raises(PreconditionFailed, match="is a repository"):
        driver.delete_container(driver.get_container("MyRepo"))
    with pytest.raises(PreconditionFailed, match="no repository 'third'"):
        storage_for(sim, ex_containers_repository="third").create_container("photos")
    with pytest.raises(InvalidArgument, match="container 7: expected a libcloud Container"):
        driver.list_container_objects(7)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="container_name 7"):
        driver.get_container(7)  # type: ignore[arg-type]


def test_a_host_that_is_off_is_not_waited_for_each_time(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = storage_for(sim)
    sim.hosts[1].shut_down()
    sim.wait(60)
    attempts = attempts_at(sim.hosts[1], monkeypatch)
    for _ in range(3):
        quietly(driver.list_containers)
    assert attempts == ["call"]
    sim.wait(20)
    quietly(driver.list_containers)
    assert attempts == ["call", "call"]


def test_what_cannot_be_read_is_said(sim: Simulator) -> None:
    """A container that is not found while a host is off may be there."""
    driver = storage_for(sim)
    sim.hosts[1].kill()
    with pytest.warns(Ovm3Warning, match=sim.hosts[1].address):
        assert [one.name for one in driver.list_containers()] == ["MyRepo", "second"]
    with pytest.warns(Ovm3Warning):
        driver.get_container("MyRepo")
    with pytest.raises(PreconditionFailed, match="not everything was"):
        driver.get_container("nothing")
    strict = storage_for(sim, ex_strict=True)
    with pytest.raises(Exception, match=sim.hosts[1].address):
        list(strict.iterate_containers())


def test_a_container_that_a_program_has_made_up(sim: Simulator) -> None:
    """Its name is enough; one that is remembered is found while its repository is there."""
    driver = storage_for(sim, ex_containers_repository="MyRepo")
    driver.create_container("photos")
    made_up = Container("photos", {}, driver)
    put(driver, made_up, "a", b"1")
    assert [one.name for one in made_up.list_objects()] == ["a"]
    box = driver.get_container("photos")
    driver.delete_object(driver.get_object("photos", "a"))
    driver.delete_container(box)
    for act in (
        lambda: driver.list_container_objects(box),
        lambda: put(driver, box, "a", b"1"),
        lambda: driver.ex_list_uploads(box),
    ):
        with pytest.raises(types.ContainerDoesNotExistError):
            act()
    gone = Container("x", {"repository_id": "f" * 32}, driver)
    with pytest.raises(types.ContainerDoesNotExistError):
        gone.list_objects()


def test_one_name_in_two_repositories(sim: Simulator) -> None:
    """Two clients may make it at the same moment: each is named with its repository."""
    driver = storage_for(sim, ex_containers_repository="MyRepo")
    driver.create_container("twins")
    second = driver.get_container("second").extra["repository_id"]
    module = HostModule(driver._estate.agent(driver._estate.given[0]).connection)
    module.create_container("test", "1" * 32, f"/OVS/Repositories/{second}", "twins")
    names = {f"{sim.repository_id}/twins", f"{second}/twins"}
    assert names < {one.name for one in driver.list_containers()}
    with pytest.raises(types.ContainerDoesNotExistError, match=second):
        driver.get_container("twins")
    put(driver, driver.get_container(f"{second}/twins"), "a", b"1")
    assert not driver.list_container_objects(driver.get_container(f"{sim.repository_id}/twins"))
    # One that is called like a repository: both can be told apart, too.
    module.create_container("test", "2" * 32, f"/OVS/Repositories/{second}", "MyRepo")
    assert {sim.repository_id, "MyRepo"} < {one.name for one in driver.list_containers()}
    assert driver.get_container("MyRepo").extra["plain_name"] == "MyRepo"
