"""What Salt itself would do with names, errors and caches that would cost a VM or a file."""

from __future__ import annotations

import multiprocessing
import signal
import uuid
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import PROFILE, Salt, provider_for
from tests.salt.test_client import changes_of, error_of

pytestmark = pytest.mark.salt


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(hosts=1, vms=0, speed=100) as simulator:
        yield simulator


def test_the_id_of_one_that_is_the_name_of_another(sim: Simulator, salt: Salt) -> None:
    """As after a vm.cfg was copied and only its uuid changed."""
    first, second = (str(uuid.uuid4()) for _ in range(2))
    sim.add_vm("web", uuid=first)
    sim.add_vm(first, uuid=second)
    client = salt.client()
    listed = client.min_query()["lab"]["ovm3"]
    assert listed[first]["state"] == "AMBIGUOUS"
    assert listed["web"] == {"id": first, "state": "STOPPED"}
    assert listed[second] == {"id": second, "state": "STOPPED"}
    for refused in (
        lambda: client.destroy([first]),
        lambda: client.action(fun="start", names=[first]),
        lambda: client.action(fun="show_instance", names=[first]),
    ):
        assert f"lab: '{first}' is the id of the VM 'web', and the name" in error_of(refused)
    assert changes_of(sim) == []
    assert client.destroy([second]) == {"lab": {"ovm3": {second: True}}}
    assert client.destroy(["web"]) == {"lab": {"ovm3": {"web": True}}}


def test_a_hard_map_destroys_nothing(sim: Simulator, tmp_path: Path) -> None:
    """Salt would destroy all VMs with the name of the provider, and both of those with one name."""
    for name in ("web", "lab", "other", "twin", "twin"):
        sim.add_vm(name)
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, enable_hard_maps=True)
    cloud_map = salt.write("map", {"small": ["web", "lab", "twin"]})
    message = salt.fails("-m", str(cloud_map), "--hard")
    assert "nothing was destroyed: with --hard, Salt destroys VMs by names" in message
    assert changes_of(sim) == []


def test_the_cache_of_salt_never_empties_a_list(
    sim: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a/b", "../../../outside", "x" * 300, "é ü", "yes", "123"):
        sim.add_vm(name)
    caching = {"update_cachedir": True, "diff_cache_events": True}
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, **caching)
    client = salt.client()
    for _ in range(2):  # at the second time, Salt reads its files
        assert len(client.full_query()["lab"]["ovm3"]) == 6
        assert len(client.select_query()["lab"]["ovm3"]) == 6
    for name in ("a/b", "x" * 300, "123"):
        shown = client.action(fun="show_instance", names=[name])["lab"]["ovm3"][name]
        assert shown["name"] == name
    cached = salt.folder / "root" / "cache" / "active" / "ovm3" / "lab"
    assert {file.name for file in salt.folder.rglob("*.p")} == {"é ü.p", "yes.p", "123.p"}
    (cached / "123.p").unlink()
    (cached / "123.p").mkdir()
    caplog.clear()
    assert client.action(fun="show_instance", names=["123"])["lab"]["ovm3"]["123"]
    assert "lab: Salt's cache was not updated: " in caplog.text


def test_a_name_that_is_a_path(sim: Simulator, tmp_path: Path) -> None:
    """Salt removes the key of a minion by the name of its VM, without a look at it."""
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, update_cachedir=True)
    folder = salt.folder / "root" / "pki" / "minions"
    folder.mkdir(parents=True)
    outside = salt.write("root/outside", "")
    (salt.folder / "root" / "cache" / "active" / "ovm3" / "lab").mkdir(parents=True)
    cached = salt.write("root/outside.p", "")
    names = ("../../outside", "../../../../outside")
    for name in names:
        sim.add_vm(name)
    client = salt.client()
    for name in names:
        message = error_of(client.destroy, [name])
        assert f"lab: '{name}': nothing was destroyed: Salt would delete a file" in message
    assert changes_of(sim) == []
    for name in names:
        assert client.action(fun="destroy", names=[name])["lab"]["ovm3"] == {name: True}
    assert outside.exists()
    assert cached.exists()
    assert client.query() == {}


def test_an_unexpected_error_is_not_an_empty_list(
    salt: Salt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: OVM3NodeDriver) -> Any:
        raise RuntimeError("never expected")

    monkeypatch.setattr(OVM3NodeDriver, "list_nodes", broken)
    client = salt.client()
    for command in (client.query, client.full_query, client.min_query, client.select_query):
        assert "lab: RuntimeError('never expected')" in error_of(command)


def test_what_an_incomplete_provider_has_is_not_absent(sim: Simulator, tmp_path: Path) -> None:
    """Its password may just have been taken out of the file."""
    providers = {"lab": provider_for(sim), "bad": provider_for(sim, password=None)}
    salt = Salt(tmp_path / "salt", providers)
    salt.write("states/gone.sls", {"web": {"cloud.absent": []}})
    [state] = salt.call("state.apply", "gone").values()
    assert state["result"] is False
    assert "bad: no password: expected estate" in state["comment"]


def _list_in_a_worker(client: Any, sender: Connection) -> None:
    from salt.cloud import Cloud
    from salt.utils.context import func_globals_inject

    list_nodes = Cloud(client.opts).clouds["ovm3.list_nodes"]
    with func_globals_inject(list_nodes, __active_provider_name__="lab:ovm3"):
        sender.send((list_nodes(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL))


def test_an_error_does_not_wait_for_workers(salt: Salt) -> None:
    """Which may miss the signal that ends them if they have a handler, as all of Salt's have."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    handler = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        worker = multiprocessing.get_context("fork").Process(
            target=_list_in_a_worker, args=(salt.client(), sender), daemon=True
        )
        worker.start()
    finally:
        signal.signal(signal.SIGTERM, handler)
    worker.join()
    assert receiver.recv() == ({}, True)


@pytest.mark.parametrize(
    "more", [{"host": "192.0.2.1"}, {"estate": "x"}, {"user": "x"}, {"ex_read_only": True}]
)
def test_a_profile_does_not_choose_the_estate(
    more: dict[str, Any], sim: Simulator, tmp_path: Path
) -> None:
    profiles = {"small": {**PROFILE, **more}}
    client = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, profiles).client()
    message = error_of(client.profile, "small", names=["new"])
    assert f"lab: {next(iter(more))}: expected in the provider; a profile or map does" in message
    assert changes_of(sim) == []


def test_hosts_that_are_off_in_a_provider(sim: Simulator, tmp_path: Path) -> None:
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, ex_hosts_off=["x"])})
    assert "lab: ex_hosts_off: not possible in a provider" in error_of(salt.client().query)
