"""Case N24: one member of the pool has another agent password."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from libcloud.common.types import InvalidCredsError
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import BadCredentials, Ovm3Error, Ovm3Warning
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, options
from tests.support import driver_for, simulate

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
