"""What an estate stands for, and where its passwords come from."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from libcloud import security

from libcloud_ovm3.access import read_options
from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, Ovm3Warning, PreconditionFailed
from libcloud_ovm3.estates_file import named
from libcloud_ovm3.estates_file.named import NamedEstate

PIN, OTHER = "ab" * 32, "cd" * 32
PINS = {"ovm-1": PIN, "ovm-2": PIN}


def make(folder: Path, **entry: Any) -> NamedEstate:
    entry = {"hosts": ["ovm-1", "ovm-2"], "pins": PINS, **entry}
    return NamedEstate("lab", folder / "estates.yaml", entry)


def secret_file(folder: Path, name: str, password: str) -> Path:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(f"{password}\nmore\n")
    return path


def test_its_repository_of_key_pairs(tmp_path: Path) -> None:
    estate = make(tmp_path, keys_repository="MyRepo")
    assert read_options(ex_estate=estate, secret="pw").estate().keys_repository == "MyRepo"
    other = read_options(ex_estate=estate, secret="pw", ex_keys_repository="second")
    assert other.estate().keys_repository == "second"


def test_its_networks(tmp_path: Path) -> None:
    labels = {"guest": "bond0", "public": "bond1"}
    estate = make(
        tmp_path, traffic_labels=labels, default_network="guest:100", public_networks=["public"]
    )
    own = read_options(ex_estate=estate, secret="pw").estate()
    assert (own.traffic_labels, own.default_network) == (labels, "guest:100")
    assert own.public_networks == ("public",)
    given = {"ex_traffic_labels": {"guest": "bond9"}, "ex_public_networks": "xenbr1"}
    other = read_options(ex_estate=estate, secret="pw", **given).estate()
    assert other.traffic_labels == {"guest": "bond9"}, "the argument wins, as a whole"
    assert (other.default_network, other.public_networks) == ("guest:100", ("xenbr1",))
    with pytest.raises(InvalidArgument, match="does not say which interface carries 'guest'"):
        read_options(ex_estate=estate, secret="pw", ex_traffic_labels={"public": "bond1"})


def test_what_it_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name in ("ca.pem", "c.pem", "home/k.pem"):
        (tmp_path / name).touch()
    secret_file(tmp_path, "own", "pw")
    secret_file(tmp_path, "two", "pw 2")
    estate = make(
        tmp_path, password_file="own", password_files={"ovm-2": "two"}, ca_cert="ca.pem",
        tls_minimum="TLSv1", tls_weak_keys=True, tls_legacy_renegotiation=True, timeout=7,
        timeouts={"write": 8}, second_look=0, strict=True, read_only=True, host_module=False,
        tls_server_names={"ovm-1": "cn"}, cert_file=str(tmp_path / "c.pem"), key_file="~/k.pem",
    )  # fmt: skip
    access = read_options(ex_estate=estate)
    assert access.user == "oracle"
    assert [str(host) for host in access.hosts] == ["ovm-1:8899", "ovm-2:8899"]
    assert [access.passwords.of(host) for host in access.hosts] == ["pw", "pw 2"]
    assert access.whole_pool
    assert (access.limits.read, access.limits.write, access.second_look) == (7, 8, 0)
    assert (access.strict, access.read_only, access.use_module) == (True, True, False)
    trust = access.trust_of(access.hosts[0])
    assert trust is not None
    assert (trust.pins, trust.server_name, trust.minimum) == ((PIN,), "cn", "TLSv1")
    assert (trust.weak_keys, trust.legacy_renegotiation) == (True, True)
    assert (trust.ca_cert, trust.cert_file) == (str(tmp_path / "ca.pem"), str(tmp_path / "c.pem"))
    assert trust.key_file == str(tmp_path / "home" / "k.pem")
    assert "pw" not in repr(estate) + repr(access)


@pytest.mark.parametrize(
    ("explicit", "expected"),
    [
        ({"key": "root"}, {"user": "root"}),
        ({"ex_read_only": False}, {"read_only": True}),  # but for this, which protects
        ({"ex_read_only": "false"}, {"read_only": True}),
        ({"ex_second_look": 0}, {"second_look": 0.0}),
        ({"ex_host_module": True}, {"use_module": True}),
        ({"ex_strict": "no"}, {"strict": False}),
    ],
)
def test_what_is_given_wins(
    tmp_path: Path, explicit: dict[str, Any], expected: dict[str, Any]
) -> None:
    estate = make(tmp_path, user="oracle", read_only=True, second_look=9, host_module=False,
                  strict=True)  # fmt: skip
    access = read_options(secret="pw", ex_estate=estate, **explicit)
    assert {name: getattr(access, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "pins"),
    [
        ({"ovm-1": OTHER}, [OTHER, PIN]),
        (f"ovm-2:8899={OTHER}", [PIN, OTHER]),
        ({"ovm-1": OTHER, "ovm-2": OTHER, "ovm-9": PIN}, [OTHER, OTHER]),
    ],
)
@pytest.mark.parametrize("port", ["", ":8899"])
def test_pins_that_are_given_win_for_their_hosts(
    tmp_path: Path, given: Any, pins: list[str], port: str
) -> None:
    estate = make(tmp_path, pins={f"{host}{port}": pin for host, pin in PINS.items()})
    access = read_options(secret="pw", ex_estate=estate, ex_fingerprint=given)
    trust = [access.trust_of(host) for host in access.hosts]
    assert [one and one.pins for one in trust] == [(pin,) for pin in pins]


def test_a_pin_without_a_host_is_not_for_several(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="for more than one host"):
        read_options(secret="pw", ex_estate=make(tmp_path), ex_fingerprint=OTHER)
    one = make(tmp_path, hosts="ovm-1")
    trust = read_options(secret="pw", ex_estate=one, ex_fingerprint=OTHER).trust
    assert trust.pins == {"": (OTHER,)}


def test_passwords_that_are_given_win_for_their_hosts(tmp_path: Path) -> None:
    secret_file(tmp_path, "one", "pw 1")
    estate = make(tmp_path, password_files={"ovm-1": "one", "ovm-2:8899": "missing"})
    access = read_options(secret="pw", ex_estate=estate, ex_passwords={"ovm-2": "given"})
    assert [access.passwords.of(host) for host in access.hosts] == ["pw 1", "given"]
    with pytest.raises(InvalidArgument, match="ex_passwords: expected a mapping"):
        read_options(secret="pw", ex_estate=estate, ex_passwords="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [{"secure": False}, {"verify_ssl": "false"}])
def test_without_verification_there_are_no_pins(tmp_path: Path, nothing: dict[str, Any]) -> None:
    """Loudly, and only if it was asked for."""
    estate = make(tmp_path, ca_cert="ca.pem", tls_server_names="cn")
    with pytest.warns(Ovm3Warning):
        access = read_options(secret="pw", ex_estate=estate, **nothing)
    assert access.trust.pins == {}
    assert access.trust.ca_cert is None


@pytest.mark.parametrize(
    "unknown", [{"host": "ovm-9"}, {"host": "ovm-1", "port": 9}, {"ex_hosts": ["ovm-1", "ovm-9"]}]
)
@pytest.mark.parametrize("nothing", ["secure", "verify_ssl"])
def test_without_verification_another_host_gets_no_password(
    tmp_path: Path, unknown: dict[str, Any], nothing: str
) -> None:
    """Neither do members of a pool that it reports, so a password for it alone is not enough."""
    ran = tmp_path / "ran"
    estate = make(tmp_path, password_command=["touch", str(ran)], pins={"ovm-1:8899": PIN})
    options = {"ex_estate": estate, nothing: False, **unknown}
    for more in ({}, {"ex_passwords": {"ovm-9": "pw"}}, {"secret": ""}):
        with pytest.raises(
            InvalidArgument,
            match=rf"is not a host of estate 'lab', so .*\({nothing}=False\); expected .*secret",
        ):
            read_options(**options, **more)
    assert not ran.exists()
    with pytest.warns(Ovm3Warning):
        assert read_options(secret="given", **options).passwords.all() == ("given",)


def test_libcloud_s_switch_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "VERIFY_SSL_CERT", False)
    estate = make(tmp_path, pins={}, password_command="echo pw")
    with pytest.raises(InvalidArgument, match=r"VERIFY_SSL_CERT=False"):
        read_options(host="ovm-9", ex_estate=estate)
    with pytest.warns(Ovm3Warning, match="not verified"):
        assert read_options(host="OVM-1", ex_estate=estate).passwords.all() == ("pw",)


@pytest.mark.parametrize(
    ("only", "explicit", "hosts", "whole_pool"),
    [
        (False, {}, "ovm-1 ovm-2", True),
        (True, {}, "ovm-1 ovm-2", False),
        (False, {"host": "ovm-2"}, "ovm-2 ovm-1", True),
        (True, {"host": "ovm-2"}, "ovm-2 ovm-1", False),
        (False, {"ex_hosts": ["ovm-2"]}, "ovm-2", False),
        (False, {"ex_hosts": "ovm-2,ovm-1"}, "ovm-2 ovm-1", False),
        (False, {"host": "", "ex_hosts": None}, "ovm-1 ovm-2", True),
    ],
)
def test_which_hosts(
    tmp_path: Path, only: bool, explicit: dict[str, Any], hosts: str, whole_pool: bool
) -> None:
    access = read_options(secret="pw", ex_estate=make(tmp_path, only=only), **explicit)
    assert [host.host for host in access.hosts] == hosts.split()
    assert access.whole_pool is whole_pool


def test_a_host_that_the_estate_does_not_know_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument,
        match=r"no fingerprint for ovm-9:8899.*nor in estate 'lab' in .*estates.yaml",
    ):
        read_options(secret="pw", host="ovm-9", ex_estate=make(tmp_path))


@pytest.mark.parametrize(
    ("host", "is_known"),
    [("ovm-1", True), ("ovm-1:8900", True), ("ovm-3", True), ("ovm-4", False), ("::1", True)],
)
def test_which_hosts_it_knows(tmp_path: Path, host: str, is_known: bool) -> None:
    estate = make(tmp_path, pins={**PINS, "ovm-3": PIN}, hosts=["ovm-1", "[::1]:8899"])
    assert estate.has_host(parse_address(host)) is is_known


# ------------------------------------------------------------------ passwords


@pytest.mark.parametrize(
    "command",
    [
        "printf '%s\\n' 'pw $HOME'",
        ["printf", "%s\n%s\n", "pw $HOME", "second line"],
        ["/bin/sh", "-c", "echo to stderr >&2; echo 'pw $HOME'"],
    ],
)
def test_a_password_command_runs_without_a_shell(tmp_path: Path, command: Any) -> None:
    access = read_options(ex_estate=make(tmp_path, password_command=command))
    assert access.passwords.all() == ("pw $HOME",)


def test_a_password_that_is_given_runs_no_command(tmp_path: Path) -> None:
    estate = make(tmp_path, password_command=["touch", str(tmp_path / "ran")])
    assert read_options(secret="given", ex_estate=estate).passwords.all() == ("given",)
    assert not (tmp_path / "ran").exists()


def test_a_password_command_that_leaves_a_program_running(tmp_path: Path) -> None:
    """An agent that keeps the password for a while, and with it the pipe."""
    pid = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 300 & echo $! > {pid}; echo pw"]
    try:
        estate = make(tmp_path, password_command=command)
        assert read_options(ex_estate=estate).passwords.all() == ("pw",)
        os.kill(int(pid.read_text()), 0)
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sh", "-c", "echo hidden; exit 3"], "failed with exit status 3"),
        ("true", "printed no password"),
        (["printf", "\\nhidden"], "printed no password in its first line"),
        ("hidden", "cannot be run: No such file"),
        (["yes", "hidden"], "prints more than a password"),
        (["sh", "-c", "echo hidden; exec >&-; exec sleep 300"], "did not end within 0 s"),
        (["sh", "-c", "echo hidden; sleep 300 & wait"], "did not end within 0 s"),
    ],
)
def test_a_password_command_that_fails(
    tmp_path: Path, command: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "did not end" in message:
        monkeypatch.setattr(named, "COMMAND_SECONDS", 0.2)
    with pytest.raises(PreconditionFailed, match=message) as caught:
        read_options(ex_estate=make(tmp_path, password_command=command))
    assert str(caught.value).startswith("estate 'lab': its password_command")
    assert "hidden" not in str(caught.value)


def test_password_files_of_other_editors(tmp_path: Path) -> None:
    own = secret_file(tmp_path, "own", "")
    own.write_bytes(b"\xef\xbb\xbfp\x0cw\r\nsecond\r\n")
    assert secret_of(make(tmp_path, password_file="own")) == "p\x0cw"
    command = ["printf", "p\\fw\\r\\nsecond"]
    assert secret_of(make(tmp_path, password_command=command)) == "p\x0cw"


def secret_of(estate: NamedEstate) -> Any:
    return estate.complete({})["secret"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "estate 'lab' has no password in .*estates.yaml: expected secret, or the key"),
        ({"password_file": "missing"}, "password_file '[^']*/missing': No such file[^']*$"),
        ({"password_file": "empty"}, "first line is empty"),
        ({"password_file": "own", "password_files": {"ovm-2": "missing"}}, "password_files: ovm-2"),
    ],
)
def test_no_password(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    secret_file(tmp_path, "own", "pw")
    secret_file(tmp_path, "empty", "")
    with pytest.raises(Ovm3Error, match=message):
        read_options(ex_estate=make(tmp_path, **entry))


def test_a_password_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    secret_file(tmp_path, "own", "pw").chmod(0o640)
    with pytest.warns(Ovm3Warning, match=r"a password that others can read: `chmod 600 .*/own`"):
        read_options(ex_estate=make(tmp_path, password_file="own"))
