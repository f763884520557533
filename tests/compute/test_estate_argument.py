"""``ex_estate``: the driver's arguments from a named estate, against simulated hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.providers import get_driver

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import (
    CertificateRejected,
    HostUnreachable,
    InvalidArgument,
    Ovm3Warning,
    ReadOnly,
)
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.estates_file.reading import estates_path
from libcloud_ovm3.simulator import Simulator
from tests.support import clock_of, pins_of, simulate


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def addresses(sim: Simulator, *which: int) -> list[str]:
    return [f"{sim.hosts[i].address}:{sim.hosts[i].port}" for i in which or range(len(sim.hosts))]


def save(sim: Simulator, *which: int, **more: Any) -> None:
    entry = {"hosts": addresses(sim, *which), "pins": pins_of(sim), "user": sim.user, **more}
    add_estate("lab", entry, sim.password, is_default=True)


def make(sim: Simulator, *args: Any, **options: Any) -> OVM3NodeDriver:
    driver = get_driver("ovm3")(*args, **{"ex_estate": "lab", "ex_clock": clock_of(sim), **options})
    assert isinstance(driver, OVM3NodeDriver)
    return driver


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((), {}),
        (("oracle",), {}),
        (("", ""), {}),
        ((None, None, True, None, None), {}),
        ((), {"key": "", "secret": "", "host": None, "port": None, "secure": "true"}),
        ((), {"key": None, "secret": None, "host": "", "port": "", "ex_hosts": None}),
    ],
)
def test_what_is_empty_comes_from_the_estate(args: Any, options: dict[str, Any]) -> None:
    with simulate(hosts=2) as sim:
        save(sim, 0)
        driver = make(sim, *args, **options)
        assert (driver.key, driver.secret) == (sim.user, sim.password)
        assert {one.extra["status"] for one in driver.list_locations()} == {"ok"}
        assert len(driver.list_locations()) == 2, "the whole pool"


def test_the_default_estate_is_not_taken_silently() -> None:
    with simulate(hosts=1) as sim:
        save(sim)
        with pytest.raises(InvalidArgument, match=r"expected host \(.*ex_hosts \(.*ex_estate \("):
            OVM3NodeDriver(sim.user, sim.password)
        with pytest.raises(InvalidArgument, match=r"no estate 'prod' in .*: it has lab"):
            make(sim, ex_estate="prod")
        with pytest.raises(InvalidArgument, match="no estate 7"):
            make(sim, ex_estate=7)


def test_a_dead_first_host_costs_a_warning(sim: Simulator) -> None:
    """Any host of the estate tells the pool; single connections are to the host that is named."""
    save(sim)
    sim.hosts[0].kill()
    driver = make(sim)
    with pytest.warns(Ovm3Warning, match=addresses(sim)[0]):
        nodes = driver.list_nodes()
    assert len(nodes) == 2
    status = {one.extra["address"]: one.extra["status"] for one in driver.list_locations()}
    assert status == dict(zip(addresses(sim), ["unreachable", "ok", "ok"], strict=True)), (
        "once each, though the pool lists it too"
    )
    with pytest.raises(HostUnreachable):
        driver.connection.call("get_api_version")
    other = make(sim, host=addresses(sim)[1])
    assert other.connection.call("get_api_version")
    assert len(other.list_locations()) == 3


def test_only_these_hosts() -> None:
    with simulate(hosts=3) as sim:
        save(sim, 1, 2, only="yes")
        with pytest.warns(Ovm3Warning, match=addresses(sim)[0]):
            make(sim).list_nodes()
        assert sim.calls
        assert not [call for call in sim.calls if call.host_index == 0]


def test_a_strict_estate_and_a_call_that_is_not() -> None:
    with simulate(hosts=2) as sim:
        save(sim, strict=True)
        sim.hosts[1].kill()
        with pytest.raises(HostUnreachable):
            make(sim).list_nodes()
        with pytest.warns(Ovm3Warning):
            make(sim, ex_strict="false").list_nodes()


def test_a_host_with_another_certificate_gets_no_password() -> None:
    with simulate(hosts=1) as sim:
        save(sim, pins={sim.hosts[0].address: "ab" * 32})
        with pytest.raises(CertificateRejected):
            make(sim).list_nodes()
        assert sim.calls == []
        assert sim.refused == []


def test_files_that_others_can_read_are_warned_of_in_the_user_s_line() -> None:
    with simulate(hosts=1) as sim:
        save(sim)
        for file in (estates_path(), estates_path().with_name("lab.password")):
            file.chmod(0o644)
        with pytest.warns(Ovm3Warning, match="others can read") as seen:
            OVM3NodeDriver(ex_estate="lab")
        assert [one.filename for one in seen] == [__file__] * 2


def test_a_read_only_estate_changes_nothing() -> None:
    with simulate(hosts=1, vms=1) as sim:
        save(sim, read_only=True)
        driver = make(sim, ex_read_only=False)
        [node] = driver.list_nodes()
        with pytest.raises(ReadOnly, match="read_only of the estate"):
            driver.stop_node(node)
