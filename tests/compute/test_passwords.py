"""Case N24: one member of the pool has another agent password."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.common.types import InvalidCredsError
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import BadCredentials, Ovm3Error, Ovm3Warning
from libcloud_ovm3.estates_file.named import NamedEstate
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, options
from tests.support import driver_for, pins_of, simulate

OTHER = "An0ther & <pass>"


@pytest.fixture(params=["plain", "awkward"])
def pool(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Three members with a VM each; the third one's password is another."""
    with simulate(hosts=3, vms=3, personality=request.param) as sim:
        third = driver_for(sim)._estate
        where = third.given[0]._replace(host=sim.hosts[2].address)
        third.agent(where).call("update_agent_password", "oracle", OTHER, sim.password)
        yield sim


def test_it_is_that_host_s_trouble_alone_and_named_as_such(
    pool: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    third = pool.hosts[2].address
    with pytest.warns(Ovm3Warning, match=rf"{third}:\d+: .*password") as seen:
        nodes = driver_for(pool).list_nodes()
    said = " ".join(str(warning.message) for warning in seen)
    assert f"ex_passwords={{{third!r}: ...}}" in said
    states = [node.state for node in nodes]
    assert len(states) == 3, "those of the third one are in the repository that all see"
    assert states.count(NodeState.RUNNING) == 2
    assert states.count(NodeState.UNKNOWN) == 1
    for text in (said, caplog.text):
        assert pool.password not in text
        assert OTHER not in text


def test_a_password_of_its_own(pool: Simulator) -> None:
    third = pool.hosts[2]
    with warnings.catch_warnings():
        warnings.simplefilter("error", Ovm3Warning)
        for key in (third.address, f"{third.address}:{third.port}"):
            driver = driver_for(pool, ex_passwords={key: OTHER})
            assert {location.extra["status"] for location in driver.list_locations()} == {"ok"}
            assert {node.state for node in driver.list_nodes()} == {NodeState.RUNNING}
    assert pool.refused == []


def test_by_that_host(pool: Simulator) -> None:
    """It is the host that was named: its own password goes to it, the other to the others."""
    third = pool.hosts[2]
    with pytest.raises(InvalidCredsError, match=third.address) as caught:
        driver_for(pool, host=third.address).list_nodes()
    assert isinstance(caught.value, BadCredentials)
    assert isinstance(caught.value, Ovm3Error)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    pool.refused.clear()
    driver = driver_for(pool, host=third.address, ex_passwords={third.address: OTHER})
    assert {location.extra["status"] for location in driver.list_locations()} == {"ok"}
    assert pool.refused == []


def test_on_the_command_line(pool: Simulator, tmp_path: Path) -> None:
    third = pool.hosts[2].address
    own = tmp_path / "a=b"
    own.write_text(f"{OTHER}\nsecond line\n")
    usual = tmp_path / "usual"
    usual.write_text(pool.password)
    host = ["host", "list", *options(pool)]
    status, shown = invoke(*host, password=pool.password)
    assert (status, shown.count("password")) != (0, 0)
    assert f"--password-file {third}=" in shown
    for files in (
        [f"{third}={own}"],
        [f"{third}={own}", str(usual)],
        [str(usual), f"{third}={own}"],
    ):
        more = [word for file in files for word in ("--password-file", file)]
        status, shown = invoke(*host, *more, password=pool.password if len(files) == 1 else "no")
        assert status == 0, shown
        assert "password" not in shown
    alone = ["host", "list", "--host", address(pool, 2), "--fingerprint", pool.hosts[2].fingerprint]
    status, shown = invoke(*alone, "--password-file", str(own), password="no")
    assert shown.count("unverified") == 2, "a path with = in it is a path"


@pytest.mark.parametrize("content", [None, b"", b"\nx\n", b"\xff\xfe"])
def test_password_files_that_hold_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    for text in (str(file), f"ovm-1={file}"):
        status, shown = invoke("host", "list", "--host", "ovm-1", "--password-file", text)
        assert status == 2, shown
        assert "--password-file" in shown
        assert str(file) in shown.replace("\n", "")


# ------------------------------------------------------------------ a key that is no member


def said_by(sim: Simulator, **given: Any) -> list[str]:
    """What list_nodes warns of options that name none of the hosts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        driver_for(sim, **given).list_nodes()
    return [str(one.message) for one in caught if "is none of the hosts" in str(one.message)]


@pytest.mark.parametrize(
    ("option", "value"), [("ex_passwords", "x"), ("ex_fingerprint", "cd" * 32)]
)
def test_a_key_that_is_no_member_is_said(sim: Simulator, option: str, value: str) -> None:
    """Once the members are known: a host that does not answer may belong to another pool."""
    given = {**(pins_of(sim) if option == "ex_fingerprint" else {}), "OVM-9": value}
    [said] = said_by(sim, **{option: given})
    assert said.startswith(f"{option}: ovm-9 is none of the hosts ({sim.hosts[0].address}:")
    assert sim.hosts[2].address in said
    sim.hosts[2].kill()
    assert said_by(sim, **{option: given}) != [], "a member that is dead is known too"


def test_where_not_all_members_are_known_nothing_is_said(sim: Simulator, tmp_path: Path) -> None:
    hosts = [f"{host.address}:{host.port}" for host in sim.hosts]
    entry = {"hosts": hosts, "pins": pins_of(sim), "password_files": {"ovm-9": "lab.password"}}
    (tmp_path / "lab.password").touch(mode=0o600)
    (tmp_path / "lab.password").write_text("x")
    estate = NamedEstate("lab", tmp_path / "estates.yaml", entry)
    options: dict[str, Any] = {"host": None, "port": None, "ex_estate": estate}
    [said] = said_by(sim, **options)
    assert said.startswith("ex_passwords or password_files of estate 'lab': ovm-9 is none")
    sim.hosts[0].kill()
    assert said_by(sim, **options) == []


def test_another_name_of_a_member_is_none_to_be_said(sim: Simulator) -> None:
    first, *_ = pins_of(sim).values()
    assert said_by(sim, ex_fingerprint={**pins_of(sim), "ovm-1": first}) == []


def test_some_of_the_hosts_with_the_pins_of_the_whole_pool(sim: Simulator) -> None:
    """Programs share one configuration; a pin that is no member's is said here too."""
    some = {"host": None, "ex_hosts": [sim.hosts[0].address]}
    assert said_by(sim, **some, ex_fingerprint=pins_of(sim)) == []
    [said] = said_by(sim, **some, ex_fingerprint={**pins_of(sim), "ovm-9": "cd" * 32})
    assert said.startswith("ex_fingerprint: ovm-9 is none of the hosts")


def test_the_doctor_says_it_too(sim: Simulator, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text(sim.password)
    words = ["doctor", *options(sim)[1:], "--password-file", f"ovm-9={own}"]
    status, shown = invoke(*words, password=sim.password)
    assert status == 1
    assert "warning  options      --password-file: ovm-9 is none of the hosts" in shown
