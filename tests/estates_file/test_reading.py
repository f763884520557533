"""The file of estates: what is valid in it, and who may have written it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from libcloud_ovm3.estates_file.content import CHECKS
from libcloud_ovm3.estates_file.reading import estates_path, find_estate, read_estates

PIN = "AB:" * 31 + "AB"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "libcloud-ovm3" / "estates.yaml"
    path.parent.mkdir()
    path.touch(mode=0o600)
    return path


def write(file: Path, **entry: Any) -> None:
    file.write_text(yaml.safe_dump({"estates": {"lab": {"hosts": ["ovm-1"], **entry}}}))


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"XDG_CONFIG_HOME": "/etc/xdg"}, "/etc/xdg"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/home/x"}, "/home/x/.config"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/home/x"}, "/home/x/.config"),
    ],
)
def test_the_place(
    environment: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert estates_path() == Path(place) / "libcloud-ovm3" / "estates.yaml"


def test_no_file_and_an_empty_one_have_no_estates(file: Path) -> None:
    assert read_estates().estates == {}
    file.unlink()
    assert read_estates().estates == {}
    with pytest.raises(InvalidArgument, match="it has none; `ovm3 estate add NAME HOST`"):
        find_estate("lab")


def test_every_key(file: Path) -> None:
    write(
        file, hosts="ovm-1, ovm-2:8900", only=True, user="root", password_command="pass show ovm",
        password_files={"ovm-2": "two"}, pins={"ovm-1": PIN, "ovm-2": [PIN, "cd" * 32]},
        ca_cert="ca.pem", cert_file="c", key_file="/k", tls_minimum="TLSv1", tls_weak_keys=True,
        tls_legacy_renegotiation="yes", tls_server_names={"ovm-1": "cn"}, timeout=5,
        timeouts={"write": 7}, second_look=0, strict=True, read_only=False,
        ssh_port=2222, host_module=True, traffic_labels={"guest": "bond0"},
        default_network="guest:100", public_networks=["public"],
        keys_repository="MyRepo", watch_dhcp=True, containers_repository="MyRepo",
    )  # fmt: skip
    estate = find_estate("lab")
    assert estate.hosts == ("ovm-1", "ovm-2:8900")
    assert estate.only
    assert set(estate.entry) == set(CHECKS) - {"password_file"}


def test_an_unknown_name_lists_the_known_ones(file: Path) -> None:
    file.write_text("estates: {b: {hosts: [x]}, a: {hosts: x}}")
    with pytest.raises(InvalidArgument) as caught:
        find_estate("c")
    assert str(caught.value) == f"no estate 'c' in {file}: it has a, b"
    assert find_estate("a").hosts == ("x",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected the keys default and estates"),
        ("estate: {}", "expected the keys default and estates"),
        ("estates: [1]", "mapping from name to estate"),
        (
            "estates: {lab: {hosts: [x]}}\ndefault: prod",
            "default: there is no estate 'prod', only lab: correct or delete",
        ),
        ("estates: {lab: {hosts: [x]}}\ndefault: [prod]", "default: there is no estate"),
        ("estates: {lab: {}}", "estate 'lab': expected a mapping with the key hosts"),
        ("estates: {lab: 1}", "estate 'lab': expected a mapping with the key hosts"),
        ("estates: {yes: {hosts: [x]}}", "estate True: .*not a valid name.*quotes"),
        ("estates: {../x: {hosts: [x]}}", "not a valid name"),
        ("estates:\n  lab: {hosts: [x]}\n  lab: {hosts: [y]}", "line 2: .*'lab' is there twice"),
        ("estates: {lab: {hosts: [x]", "line 1: not valid YAML"),
        ("estates: !!python/object:os.system {}", "not valid YAML"),
        ("estates: {lab: {hosts: 2001-99-99}}", "not valid YAML"),
        ("estates: {lab: {hosts: !!bool x}}", "not valid YAML"),
        ("\x00", "not valid YAML"),
    ],
)
def test_what_is_not_such_a_file(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=message) as caught:
        read_estates()
    assert str(caught.value).startswith(f"{file}:")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"hosts": []}, "hosts: .*at least one host"),
        ({"hosts": 7}, "hosts: 7: expected"),
        ({"hosts": ["https://x"]}, "hosts: .*URLs"),
        ({"passwd": "x"}, "unknown key 'passwd': expected 'hosts', 'only', 'user'"),
        ({"password": "hidden"}, "a password must not stand in this file: expected password_file"),
        ({"password_file": "a", "password_command": "b"}, "expected .* not both"),
        ({"password_file": ""}, "password_file: '': expected a text"),
        ({"password_command": []}, "password_command: expected a command"),
        ({"password_command": "'open"}, "password_command: not a valid command"),
        ({"password_command": [1]}, "password_command: expected a command"),
        ({"password_files": "x"}, "password_files: .*mapping from host"),
        ({"password_files": {"x y": "f"}}, "password_files: host 'x y'"),
        ({"pins": {"ovm-1": "ab"}}, "pins: fingerprint 'ab': expected"),
        ({"pins": {"ovm-1": 12}}, "pins: 12: expected fingerprints, in quotes"),
        ({"user": 7}, "user: 7: expected a text"),
        ({"tls_minimum": "SSLv3"}, "tls_minimum: .*TLSv1.2"),
        ({"tls_minimum": ["TLSv1"]}, "tls_minimum: .*TLSv1.2"),
        ({"tls_minimum": {}}, "tls_minimum: .*TLSv1.2"),
        ({"password_file": "a\0b"}, "password_file: .*expected a text"),
        ({"password_files": {"ovm-1": "a\0b"}}, "password_files: .*expected a text"),
        ({"ca_cert": "a\0b"}, "ca_cert: .*expected a text"),
        ({"password_command": "pass \0"}, "password_command: expected a command"),
        ({"password_command": ["pass", "\0"]}, "password_command: expected a command"),
        ({"tls_weak_keys": "perhaps"}, "tls_weak_keys: .*True or False"),
        ({"tls_server_names": [1]}, "tls_server_names: .*mapping"),
        ({"timeout": 0}, "timeout: .*seconds"),
        ({"timeouts": {"reed": 1}}, "timeouts: .*'reed'"),
        ({"timeouts": 5}, "timeouts: 5: expected a mapping"),
        ({"ssh_port": "ssh"}, "ssh_port: .*number from 1 to 65535"),
        ({"traffic_labels": {"guests": "bond0"}}, "traffic_labels: unknown label 'guests'"),
        ({"keys_repository": 7}, "keys_repository: .*id or the alias of a repository"),
        ({"default_network": "guest:4095"}, "default_network: .*from 2 to 4094"),
        ({"public_networks": {"public": 1}}, "public_networks: .*expected a list"),
        ({"second_look": "x"}, "second_look: .*seconds"),
        ({"password_files": {"ovm-1": "a", "OVM-1": "b"}}, "password_files: host 'ovm-1': .*twice"),
        (
            {"only": True, "password_files": {"ovm-9": "f"}},
            "password_files: ovm-9 is none of these hosts: ovm-1:8899",
        ),
        (
            {"only": True, "tls_server_names": {"ovm-1:9": "cn"}},
            "tls_server_names: ovm-1:9 is none",
        ),
    ],
)
def test_what_is_not_valid_for_an_estate(file: Path, entry: dict[str, Any], message: str) -> None:
    write(file, **entry)
    with pytest.raises(InvalidArgument, match=f"estate 'lab': {message}") as caught:
        find_estate("lab")
    assert "hidden" not in str(caught.value)


# ------------------------------------------------------------------ whose file it is


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    """It could name a password command."""
    write(file)
    file.chmod(mode)
    with pytest.raises(InvalidArgument, match=f"mode {mode:o}.*`chmod 600 {file}`"):
        find_estate("lab")


def test_a_file_that_others_can_read_is_warned_of(file: Path) -> None:
    write(file)
    file.chmod(0o644)
    with pytest.warns(Ovm3Warning, match=f"others can read it .*`chmod 600 {file}`"):
        find_estate("lab")


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    if file.stat().st_uid == 0:  # root's files are as good as one's own
        find_estate("lab")
        os.chown(file, 4712, -1)
    with pytest.raises(InvalidArgument, match="belongs to another user"):
        find_estate("lab")


def test_a_file_that_cannot_be_read_is_not_absent(file: Path) -> None:
    file.unlink()
    file.mkdir()
    with pytest.raises(InvalidArgument, match="Is a directory"):
        read_estates()


def test_a_pipe_in_its_place_stops_nobody(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(InvalidArgument, match="expected a regular file"):
        read_estates()


def test_a_file_of_any_size_is_not_read(file: Path) -> None:
    write(file)
    with file.open("a") as more:
        more.write("#" * (1 << 20))
    with pytest.raises(InvalidArgument, match="at most 1 MiB"):
        read_estates()


@pytest.mark.parametrize("key", ["password_file", "ca_cert"])
def test_the_home_directory_of_nobody(file: Path, key: str) -> None:
    write(file, **{key: "~no-such-user/x"})
    with pytest.raises(InvalidArgument, match="estate 'lab': ~no-such-user/x: "):
        find_estate("lab").complete({})
