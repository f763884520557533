"""Which hosts a command takes, and which password they get: against simulated hosts."""

from __future__ import annotations

import os
from pathlib import Path

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.estates import invoke, save
from tests.cli.running import address, pins
from tests.support import pins_of


def asked(sim: Simulator, *arguments: str, **environment: str) -> set[int]:
    """The hosts that `ovm3 host list` asks."""
    before = len(sim.calls)
    status, out = invoke("host", "list", *arguments, **environment)
    assert status == 0, out
    return {call.host_index for call in sim.calls[before:]}


def test_the_order(pool: Simulator) -> None:
    """--host, --estate, $OVM3_HOST, $OVM3_ESTATE, the default."""
    for index in range(3):
        entry = {"hosts": address(pool, index), "only": True, "pins": pins_of(pool)}
        add_estate(f"only-{index}", entry, pool.password, is_default=index == 0)
    host = {"OVM3_HOST": address(pool, 2)}
    assert asked(pool) == {0}
    assert asked(pool, OVM3_ESTATE="only-1") == {1}
    assert asked(pool, OVM3_ESTATE="only-2", **host) == {2}
    assert asked(pool, "--estate", "only-1", OVM3_ESTATE="only-0", **host) == {1}
    given = ("--host", address(pool, 1), *pins(pool))
    assert asked(pool, *given, **host, OVM3_PASSWORD=pool.password) == {0, 1, 2}, "no estate"
    assert asked(pool, "--estate", "only-0", "--host", address(pool, 1)) == {0, 1}


def test_a_host_that_the_default_estate_knows_needs_no_options(pool: Simulator) -> None:
    save(pool)
    assert asked(pool, "--host", address(pool, 1)) == {0, 1, 2}
    assert asked(pool, OVM3_HOST=f"{address(pool, 1)} {address(pool, 2)}") == {1, 2}
    assert asked(pool, OVM3_HOST=f"{address(pool, 1)},{address(pool, 2)}") == {1, 2}
    status, out = invoke("doctor", address(pool, 1))
    assert out.startswith(address(pool, 1))
    assert "accepts user and password" in out
    status, out = invoke("host", "list", "--host", "127.0.0.9:1", OVM3_PASSWORD="x")
    assert status == 1
    assert "127.0.0.9:1: cannot be reached" in out, "another host is not this estate's"


def test_the_first_host_is_dead(pool: Simulator) -> None:
    save(pool)
    pool.hosts[0].kill()
    status, out = invoke("vm", "list")
    assert status == 0, out
    assert "seed-2" in out
    assert out.count(f"warning: {address(pool)}: cannot be reached") == 1
    status, out = invoke("api", "call", "get_api_version")
    assert (status, f"exactly one host of {address(pool)}, {address(pool, 1)}" in out) == (2, True)
    status, out = invoke("api", "call", "get_api_version", "--host", address(pool, 1))
    assert status == 0, out


def test_the_doctor_names_a_dead_first_host_once(pool: Simulator) -> None:
    save(pool)
    pool.hosts[0].kill()
    _, out = invoke("doctor")
    found = [line.split()[:2] for line in out.splitlines() if line.startswith(("error", "ok"))]
    assert [one for one in found if one[0] == "error"] == [["error", "member"]]
    assert ["ok", "password"] not in found, "nobody asked that host"


def test_what_is_given_wins(pool: Simulator, tmp_path: Path) -> None:
    save(pool)
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    status, out = invoke("vm", "list", "--password-file", str(wrong))
    assert (status, "rejected user and password" in out) == (1, True)
    status, out = invoke("vm", "list", "--insecure", "--estate", "lab")
    assert (status, "--insecure: certificates are not verified" in out) == (0, True), out


def test_no_host_at_all(file: Path) -> None:
    status, out = invoke("vm", "list")
    assert status == 2
    for way in (
        "--host HOST",
        "--estate NAME",
        "$OVM3_HOST",
        "$OVM3_ESTATE",
        "estate add",
        "estate use",
    ):
        assert way in out
    assert "saved estates: none" in out
    status, out = invoke("vm", "list", "--estate", "lab")
    assert (status, f"no estate 'lab' in {file}" in out) == (2, True)


def test_no_default_estate_any_more(file: Path) -> None:
    for name in ("lab", "prod"):
        add_estate(name, {"hosts": ["192.0.2.1"], "ca_cert": "ca.pem"}, "x", is_default=False)
    status, out = invoke("estate", "remove", "lab", "--yes")
    assert (status, "There is no default estate now" in out) == (0, True), out
    status, out = invoke("vm", "list")
    assert (status, "saved estates: prod)" in out) == (2, True), out
    assert "no default" not in invoke("estate", "remove", "prod", "--yes")[1], "nor any other"


def test_a_wrong_key_is_answered_with_the_keys_of_the_file(file: Path) -> None:
    add_estate("lab", {"hosts": ["192.0.2.1"]}, "x", is_default=True)
    file.write_text(file.read_text().replace("password_file", "pasword_file"))
    status, out = invoke("vm", "list")
    assert (status, "'ca_cert', 'cert_file', 'key_file'" in out) == (2, True), out


def test_a_file_that_is_not_valid_is_not_ignored(pool: Simulator, file: Path) -> None:
    save(pool)
    file.write_text("estates: {lab: {hosts: [x], colour: red}}")
    for arguments in (["vm", "list"], ["vm", "list", "--host", address(pool)]):
        status, out = invoke(*arguments, OVM3_PASSWORD="x")
        assert (status, "unknown key 'colour'" in out) == (2, True)
    status, out = invoke(
        "vm", "list", "--host", address(pool), *pins(pool), OVM3_PASSWORD=pool.password
    )
    assert status == 0, "complete without the file, so it is not read"


def test_a_password_goes_to_no_other_host_without_verification(pool: Simulator) -> None:
    """A password that is given is the user's own decision."""
    entry = {"hosts": address(pool, 1), "only": True, "pins": {address(pool, 1): "ab" * 32}}
    add_estate("lab", entry, pool.password, is_default=True)
    insecure = ("--insecure", "--estate", "lab", "--host", address(pool))
    for command in ("vm", "list"), ("api", "call", "get_api_version"):
        status, out = invoke(*command, *insecure, OVM3_PASSWORD=pool.password)
        assert status == 2
        assert f"{address(pool)} is not a host of estate 'lab'" in out
        assert "(--insecure); expected --fingerprint or --ca-cert instead" in out
        assert "or a password for this call (--password-file FILE)" in out
    assert pool.calls == pool.refused == []
    assert invoke("doctor", address(pool), *insecure[:3])[0] == 2
    assert pool.calls == pool.refused == []
    password = Path(os.environ["XDG_CONFIG_HOME"], "libcloud-ovm3", "lab.password")
    status, out = invoke("vm", "list", *insecure, "--password-file", str(password))
    assert status == 0, out


def test_whose_password_is_asked_for(pool: Simulator) -> None:
    """The host that will get it is named, unless the estate stands for it."""
    add_estate("lab", {"hosts": [address(pool, 1)], "pins": pins_of(pool)}, None, is_default=True)
    for host, whose in (
        (address(pool), "estate lab"),
        ("127.0.0.9:1", "127.0.0.9:1, the hosts of estate lab"),
    ):
        _, out = invoke("vm", "list", "--insecure", "--estate", "lab", "--host", host)
        assert f"Agent password for {whose}: " in out
