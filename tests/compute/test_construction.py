"""The driver's arguments: libcloud's conventions, and a clear error for everything else."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pickle
import socket
import subprocess
import warnings
from pathlib import Path
from typing import Any

import libcloud
import pytest
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

import libcloud_ovm3
from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.passwords import Passwords
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from libcloud_ovm3.estates_file.changing import add_estate

PIN = "ab" * 32


def make(**options: Any) -> OVM3NodeDriver:
    return OVM3NodeDriver(
        "oracle", "secret-pw", **{"host": "ovm-1", "ex_fingerprint": PIN, **options}
    )


def test_registration_is_idempotent() -> None:
    libcloud_ovm3.register()
    importlib.reload(libcloud_ovm3)
    libcloud_ovm3.register()
    assert get_driver("ovm3") is OVM3NodeDriver
    assert get_driver("OVM3") is OVM3NodeDriver
    assert get_driver(Provider.OVM3) is OVM3NodeDriver
    assert libcloud.get_driver(libcloud.DriverType.COMPUTE, "ovm3") is OVM3NodeDriver


def _forbid(monkeypatch: pytest.MonkeyPatch, *targets: tuple[Any, str]) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"the constructor did this: {args}")

    for owner, name in targets:
        monkeypatch.setattr(owner, name, refuse)


SOCKETS = (
    (socket, "create_connection"),
    (socket, "getaddrinfo"),
    (socket.socket, "connect"),
    (subprocess, "Popen"),
)


def test_no_io_in_the_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    make()  # modules are loaded when they are first used
    _forbid(monkeypatch, *SOCKETS, (builtins, "open"), (io, "open"), (os, "open"), (os, "stat"))
    make()


def test_an_estate_costs_its_files_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No host is contacted, and the file is read in the constructor: a mistake shows there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    add_estate("lab", {"hosts": ["ovm-1"], "pins": {"ovm-1": PIN}}, "secret-pw", is_default=True)
    OVM3NodeDriver(ex_estate="lab")
    _forbid(monkeypatch, *SOCKETS)
    OVM3NodeDriver(ex_estate="lab")


def test_positional_as_libcloud_has_it() -> None:
    driver = OVM3NodeDriver("oracle", "pw", True, "ovm-1", 8443, None, True, None, None, 7.0,
                            ex_fingerprint=PIN)  # fmt: skip
    assert driver.key == "oracle"
    assert driver.connection.host == "ovm-1"
    assert driver.connection.port == 8443
    assert driver.connection.limits.read == 7.0


@pytest.mark.parametrize("port", [443, 80, "8899", "443", 1, 65535])
def test_the_port_is_the_one_given(port: Any) -> None:
    driver = make(port=port, secure="true")
    assert driver.connection.connection.host == f"https://ovm-1:{port}"


@pytest.mark.parametrize("secure", [False, "false", "no", 0, "0", "off"])
def test_secure_false_is_loud(secure: Any) -> None:
    with pytest.warns(Ovm3Warning, match="unencrypted"):
        driver = make(secure=secure, ex_fingerprint=None, port=443)
    assert driver.connection.connection.host == "http://ovm-1:443"


def test_verify_ssl_false_is_loud() -> None:
    with pytest.warns(Ovm3Warning, match="not verified"):
        make(verify_ssl="false", ex_fingerprint=None)


def test_libcloud_s_own_switch_is_honoured_and_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libcloud.security.VERIFY_SSL_CERT", False)
    with pytest.warns(Ovm3Warning, match="not verified"):
        make(ex_fingerprint=None)


def test_defaults_are_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make()
        make(ex_fingerprint=None)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::1", "https://[::1]:8899"),
        ("[::1]:77", "https://[::1]:77"),
        ("10.0.0.1:77", "https://10.0.0.1:77"),
        ("ovm_1.example.com", "https://ovm_1.example.com:8899"),
    ],
)
def test_hosts(host: str, url: str) -> None:
    driver = make(host=host)
    assert driver.connection.connection.host == url


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"host": "https://ovm-1/x"}, "URLs and credentials are not"),
        ({"host": "user:pw@ovm-1"}, "credentials are not accepted"),
        ({"host": ""}, "host"),
        ({"host": "ovm 1"}, "host"),
        ({"host": None}, "host"),
        ({"host": "a:b:c"}, "host"),
        ({"port": "x"}, "port"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": True}, "port"),
        ({"secure": "maybe"}, "secure"),
        ({"verify_ssl": "perhaps"}, "verify_ssl"),
        ({"timeout": -1}, "read"),
        ({"timeout": "soon"}, "read"),
        ({"ex_timeouts": {"reed": 1}}, "reed"),
        ({"ex_fingerprint": "ab"}, "SHA-256"),
        ({"ex_fingerprint": []}, "empty"),
        ({"ex_fingerprint": PIN, "ex_hosts": ["a", "b"]}, "mapping"),
        ({"ex_fingerprint": {"other": PIN}}, "no fingerprint for ovm-1"),
        ({"ex_fingerprint": PIN, "verify_ssl": False}, "contradict"),
        ({"ex_fingerprint": PIN, "secure": False}, "contradict"),
        ({"ex_tls_minimum": "SSLv3"}, "TLSv1.2"),
        ({"ex_second_look": -1}, "ex_second_look"),
        ({"ex_second_look": "nan"}, "ex_second_look"),
        ({"ex_strict": "x"}, "ex_strict"),
        ({"ex_tls_weak_keys": "x"}, "ex_tls_weak_keys"),
        ({"ex_tls_legacy_renegotiation": "x"}, "ex_tls_legacy_renegotiation"),
        ({"ex_passwords": {"ovm-2": ""}}, "a password for ovm-2"),
        ({"ex_passwords": {"ovm-2": None}}, "a password for ovm-2"),
        ({"ex_passwords": {"https://ovm-2": "x"}}, "URLs and credentials are not"),
        ({"ex_passwords": {"ovm-2:0": "x"}}, "port"),
        ({"ex_passwords": "x"}, "mapping"),
    ],
)
def test_bad_arguments(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text) as caught:
        make(**options)
    assert isinstance(caught.value, ValueError)
    assert "secret-pw" not in str(caught.value)
    assert "user:pw" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_missing_credentials() -> None:
    for key, secret in ((None, "pw"), ("", "pw"), ("oracle", None), ("oracle", "")):
        with pytest.raises(InvalidArgument, match="expected"):
            OVM3NodeDriver(key, secret, host="ovm-1")  # type: ignore[arg-type]


def test_typos_are_no_silent_options() -> None:
    with pytest.raises(TypeError, match="ca_certs"):
        make(ca_certs="x")


def test_salt_s_way_of_calling() -> None:
    """Every key of a profile comes as a keyword, host and port even if None."""
    driver = get_driver("ovm3")(
        key="oracle", secret="pw", secure=True, host=None, port=None, ex_hosts=["ovm-1", "ovm-2"],
        ex_fingerprint={"ovm-1": PIN, "ovm-2": [PIN, "cd" * 32]},
    )  # fmt: skip
    assert driver.connection.port == 8899


def test_secrets_are_in_no_repr() -> None:
    driver = make(ex_passwords={"ovm-2": "secret-pw-2"})
    access, estate = driver._access, driver._estate
    for thing in (driver, driver.connection, access, vars(access), estate, vars(estate)):
        assert "secret-pw" not in repr(thing)


@pytest.mark.parametrize(
    ("by_host", "address", "password"),
    [
        ({}, "ovm-1:8899", "usual"),
        (None, "ovm-1:8899", "usual"),
        ({"ovm-1": "own"}, "ovm-1:8899", "own"),
        ({"ovm-1": "own"}, "ovm-1:8900", "own"),
        ({"ovm-1": "own"}, "ovm-2:8899", "usual"),
        ({"ovm-1:8899": "own"}, "ovm-1:8899", "own"),
        ({"ovm-1:8899": "own"}, "ovm-1:8900", "usual"),
        ({"ovm-1:8899": "own", "ovm-1": "other"}, "ovm-1:8899", "own"),
        ({"ovm-1": "other", "ovm-1:1": "one", "ovm-1:2": "two"}, "ovm-1:1", "one"),
        ({"ovm-1": "other", "ovm-1:1": "one", "ovm-1:2": "two"}, "ovm-1:2", "two"),
        ({"fd00:0::1": "own"}, "[fd00::1]:8899", "own"),
        ({"[FD00::1]": "own"}, "[fd00::1]:8899", "own"),
        ({"[fd00::1]:8899": "own"}, "[fd00::1]:8899", "own"),
        ({"": "x"}, "ovm-1:8899", None),
    ],
)
def test_whose_password(by_host: dict[str, str] | None, address: str, password: str | None) -> None:
    if password is None:
        with pytest.raises(InvalidArgument):
            Passwords("usual", by_host)
    else:
        assert Passwords("usual", by_host).of(parse_address(address)) == password


def test_the_first_host_has_its_own_password_and_no_other_gets_it() -> None:
    driver = make(
        host=None, ex_hosts=["ovm-1", "ovm-2", "ovm-3"],
        ex_passwords={"ovm-1": "one", "ovm-3": "3"},
        ex_fingerprint={"ovm-1": PIN, "ovm-2": PIN, "ovm-3": PIN},
    )  # fmt: skip
    keys = [driver._estate.agent(address).connection.key for address in driver._estate.given]
    assert keys == ["one", "secret-pw", "3"]
    assert set(driver._access.passwords.all()) == {"secret-pw", "one", "3"}


def test_options_of_old_tls_reach_every_host() -> None:
    driver = make(
        host=None, ex_hosts=["ovm-1", "ovm-2"], ex_fingerprint={"ovm-1": PIN, "ovm-2": PIN},
        ex_tls_weak_keys="yes", ex_tls_legacy_renegotiation=True,
    )  # fmt: skip
    for address in driver._estate.given:
        trust = driver._estate.agent(address).connection.trust
        assert (trust.weak_keys, trust.legacy_renegotiation) == (True, True)
    plain = make().connection.trust
    assert (plain.weak_keys, plain.legacy_renegotiation) == (False, False)
