"""Keys of providers and profiles become the driver's arguments, and of create_node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.salt.provider import (
    check_login,
    create_arguments,
    driver_arguments,
    what_is_missing,
)

PIN = {"ovm-1": "3f" * 32}
FULL = {"user": "oracle", "password": "secret", "host": "ovm-1", "ex_fingerprint": PIN}
SALTS_OWN = {"driver": "ovm3", "profiles": {}, "minion": {"master": "x"}, "image": "ol6"}


def test_an_estate_is_enough() -> None:
    assert driver_arguments({"estate": "lab", **SALTS_OWN}) == {"ex_estate": "lab"}


def test_the_drivers_names_and_two_usual_ones() -> None:
    arguments = driver_arguments({**FULL, **SALTS_OWN, "port": 8899, "ex_read_only": "true"})
    driver = OVM3NodeDriver(**arguments)
    assert (driver.key, driver.secret, driver.ex_read_only) == ("oracle", "secret", True)
    assert driver.connection.port == 8899


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_empty_is_not_given(nothing: object) -> None:
    assert driver_arguments({**FULL, "port": nothing, "estate": nothing}) == driver_arguments(FULL)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ("user", "no user: expected estate"),
        ("password", "no password: expected"),
        ("host", "no host: expected"),
        ("user password host", "no user and no password and no host: expected estate (the name"),
    ],
)
def test_what_is_missing(without: str, missing: str) -> None:
    provider = {key: value for key, value in FULL.items() if key not in without.split()}
    assert what_is_missing(provider).startswith(missing)
    with pytest.raises(InvalidArgument):
        driver_arguments(provider)
    assert what_is_missing({**provider, "estate": "lab"}) == ""


def test_other_ways_to_say_the_same() -> None:
    assert what_is_missing({**FULL, "host": None, "ex_hosts": ["ovm-1"]}) == ""
    assert what_is_missing({**FULL, "password": "", "ex_passwords": {"ovm-1": "x"}}) == ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ex_fingerprnt": "x"}, "ex_fingerprnt: not known; expected one of .*ex_fingerprint"),
        ({"ex_clock": "x"}, "ex_clock: not known"),
        ({"password": 123}, "password: expected a text; in YAML, put it in quotes$"),
        ({"ex_hosts_off": ["x"]}, "ex_hosts_off: not possible in a provider"),
        ({"ex_allow_same_name": True}, "ex_allow_same_name: not possible in a provider"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        driver_arguments({**FULL, **wrong})


def test_what_salt_can_log_in_with(tmp_path: Path) -> None:
    key = tmp_path / "key"
    for given in ({}, {"password": None}, {"ssh_keyfile": ""}):
        with pytest.raises(InvalidArgument, match=r"expected ssh_keyfile, .*, or deploy: False"):
            check_login(given, {})
    for name in ("ssh_keyfile", "key_filename"):
        with pytest.raises(InvalidArgument, match="nothing was created: there is no such file"):
            check_login({name: str(key), "password": "p"}, {})
    key.touch()
    for given in ({"ssh_keyfile": str(key)}, {"password": "p"}, {"win_password": "p"}):
        check_login(given, {})
    check_login({}, {"ssh_agent": True})


def test_the_arguments_of_create_node() -> None:
    settings = {**FULL, **SALTS_OWN, "name": "x", "size": "small", "networks": "", "ex_tags": None}
    assert create_arguments(settings.get, settings, FULL) == {}
    networks = ["guest:160", {"network": "xenbr0", "mac": "00:21:f6:00:00:01"}]
    for name in ("networks", "ex_networks"):
        given = {**settings, name: networks}
        assert create_arguments(given.get, given, FULL) == {name: networks}
    more = {"ex_cpus": "2", "ex_disk_gb": "1.5", "ex_domain_type": "hvm", "ex_iso": "x"}
    more["ex_volumes"] = "a/b,c/d"
    more |= {"ex_metadata": {"owner": "ops"}, "ex_idempotency_key": "k"}
    more |= {"ex_keyname": "ops", "ex_userdata": "#!/bin/sh\necho a,b", "ex_network_format": "2"}
    typed = {**more, "ex_cpus": 2, "ex_disk_gb": 1.5, "ex_volumes": ["a/b", "c/d"]}
    typed |= {"ex_network_format": 2}
    assert create_arguments({**settings, **more}.get, {**settings, **more}, FULL) == typed
    guest = {**settings, "password": "the guest's"}
    assert create_arguments(guest.get, guest, FULL) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ex_keypair": "ops"}, "ex_keypair: not supported yet"),
        ({"auth": "secret"}, "auth: not possible in .*: expected ex_keyname, .* by ex_userdata$"),
        ({"ex_nets": ["a"]}, "ex_nets: not known; expected one of"),
        ({"ex_hosts_off": ["a"]}, "ex_hosts_off: not possible in a provider, profile or map: a fi"),
        ({"ex_allow_same_name": True}, "ex_allow_same_name: not possible in .* by their names"),
        ({"host": "ovm-2"}, "host: expected in the provider; a profile or map does not change"),
        ({"user": "root"}, "user: expected in the provider"),
        ({"estate": "lab"}, "estate: expected in the provider"),
        ({"ex_read_only": True}, "ex_read_only: expected in the provider"),
        ({"ex_fingerprint": {"x": "y"}}, "ex_fingerprint: expected in the provider"),
    ],
)
def test_what_a_profile_cannot_have(wrong: dict[str, Any], message: str) -> None:
    settings = {**FULL, **wrong}
    with pytest.raises(InvalidArgument, match=message):
        create_arguments(settings.get, settings, FULL)
