"""What a guest is told: the files of its seed, the image of them, and what is refused."""

from __future__ import annotations

import builtins
import email
import ipaddress
import re
import subprocess
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations.guest_config import (
    GuestConfig,
    checked_format,
    host_name,
    seed_files,
)
from libcloud_ovm3.operations.guest_network import (
    GuestAddresses,
    GuestCard,
    network_config,
    split_addresses,
)
from libcloud_ovm3.operations.seed_image import hash_password, require_libraries, seed_image
from libcloud_ovm3.operations.user_data import LONGEST, checked_user_data
from tests.guests import files_of

VM = "0004fb00-0006-0000-aaaa-0123456789ab"
KEY = "ssh-ed25519 AAAA somebody"
MACS = ("00:21:f6:00:00:01", "00:21:f6:00:00:02")
STATIC = {"address": "192.0.2.10/24", "gateway": "192.0.2.1", "dns": "192.0.2.53 192.0.2.54"}
SCRIPT = "#!/bin/sh\necho hello\n"
DEEP = "".join(f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n" for n in range(2000))


def parts_of(text: str) -> list[tuple[str, str]]:
    """The parts of a MIME message, as cloud-init walks through them."""
    parts = (one for one in email.message_from_string(text).walk() if not one.is_multipart())
    return [(one.get_content_type(), str(one.get_payload(decode=True), "utf-8")) for one in parts]


# ------------------------------------------------------------------ the files


def test_keys_and_a_password_are_for_root() -> None:
    guest = GuestConfig((KEY,), "$6$salt$hash")
    files = seed_files("Web 1", VM, guest, [])
    assert set(files) == {"user-data", "meta-data"}
    meta = {"instance-id": VM, "local-hostname": "web-1", "public-keys": [KEY]}
    assert yaml.safe_load(files["meta-data"]) == meta
    assert files["user-data"].startswith("#cloud-config\n")
    config = yaml.safe_load(files["user-data"])
    assert (config["disable_root"], config["ssh_pwauth"]) == (False, True)
    assert config["chpasswd"] == {"expire": False, "list": "root:$6$salt$hash\n"}
    assert config["write_files"][0]["content"] == "PermitRootLogin yes\n"
    assert "hash" not in repr(guest)


def test_only_what_is_asked_for_is_said() -> None:
    assert not GuestConfig(network_format=2).is_asked_for
    asked = (GuestConfig((KEY,)), GuestConfig((), "$6$"), GuestConfig(user_data=SCRIPT))
    assert all(one.is_asked_for for one in asked)
    config = yaml.safe_load(seed_files("x", VM, GuestConfig((KEY,)), [])["user-data"])
    assert config == {"disable_root": False}
    alone = seed_files("x", VM, GuestConfig(user_data=SCRIPT), [])
    assert alone["user-data"] == SCRIPT
    cards = [GuestCard(MACS[0], split_addresses(STATIC)[0])]
    files = seed_files("x", VM, GuestConfig(), cards)
    assert files["user-data"] == "#cloud-config\n{}\n"
    assert yaml.safe_load(files["network-config"])["version"] == 1


@pytest.mark.parametrize(
    ("theirs", "kinds"),
    [
        (SCRIPT, ["text/x-shellscript"]),
        ("#cloud-config\npackages: [vim]\n", ["text/cloud-config"]),
        ("## template: jinja\n#cloud-config\n{{ x }}\n", ["text/jinja2"]),
        (
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
            "--x\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n\n"
            "--x\nContent-Type: text/cloud-config\n\n#cloud-config\npackages: [vim]\n--x--\n",
            ["text/x-shellscript", "text/cloud-config"],
        ),
    ],
    ids=["script", "cloud-config", "jinja", "MIME"],
)
def test_user_data_is_merged_with_ours(theirs: str, kinds: list[str]) -> None:
    guest = GuestConfig((KEY,), "$6$salt$hash", checked_user_data(theirs))
    found = seed_files("x", VM, guest, [])["user-data"]
    assert "mime-version:" in found[:4096].lower()
    *others, own = parts_of(found)
    assert [kind for kind, _ in others] == kinds
    if len(kinds) == 1:
        assert others[0][1] == theirs
    assert own[0] == "text/cloud-config"
    assert own[1].startswith("#cloud-config\n")
    config = yaml.safe_load(own[1])
    assert "list(append)" in config["merge_how"]
    assert config["chpasswd"]["list"] == "root:$6$salt$hash\n"


@pytest.mark.parametrize("mime", [False, True])
@pytest.mark.parametrize("line", ["disable_root: true", "ssh_pwauth: false", "chpasswd: {list: a}"])
def test_user_data_that_contradicts_auth_is_refused(line: str, mime: bool) -> None:
    theirs = f"#cloud-config\n{line}\n"
    if mime:
        theirs = f"MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n{theirs}"
    guest = GuestConfig((KEY,), "$6$salt$hash", checked_user_data(theirs))
    with pytest.raises(InvalidArgument, match=f"it sets {line.partition(':')[0]}"):
        seed_files("x", VM, guest, [])
    assert seed_files("x", VM, GuestConfig(user_data=theirs), [])["user-data"] == theirs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"#!", "expected a text"),
        (None, "expected a text"),
        ("secret", "not of a kind that cloud-init knows"),
        ("#cloud-config\nsecret: [\n", "not valid YAML in line 2$"),
        ("#cloud-config\na: !!bool secret\n", "not valid YAML"),
        ("#cloud-config\na: !!int secret\n", "not valid YAML"),
        ("#cloud-config\na: !!int ''\nb: secret\n", "not valid YAML"),
        ("#cloud-config\na: !!timestamp secret\n", "not valid YAML"),
        ("#cloud-config\na: " + "[" * 9999, "not valid YAML"),
        ("#cloud-config\n- secret\n", "a mapping"),
        ("#cloud-config\n\0secret", "NUL"),
        ("#!secret\ud800", "Unicode"),
        ("#!" + "secret" * LONGEST, "bytes: expected"),
        ("MIME-Version: 1.0\n\nsecret", "MIME message that is damaged"),
        ("MIME-Version: 1.0\n" + DEEP, "too many levels"),
        (
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\nsecret",
            "MIME message that is damaged",
        ),
    ],
)
def test_bad_user_data_is_refused_and_never_quoted(value: Any, expected: str) -> None:
    with pytest.raises(InvalidArgument, match=expected) as caught:
        checked_user_data(value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-1", "web-1"),
        ("Größe_7!", "groe-7"),
        ("Größe Müller!", "groe-muller"),  # as docs/guest-configuration.md says
        ("db.example.org", "db.example.org"),
        ("..x--", "x"),
        ("数据库", "vm-0004fb00"),
        ("10.0.0.5", "vm-0004fb00"),
        ("a" * 70, "a" * 63),
    ],
)
def test_host_names(name: str, expected: str) -> None:
    assert host_name(name, VM) == expected


@given(st.text(min_size=1))
def test_every_name_becomes_a_valid_host_name(name: str) -> None:
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    found = host_name(name, VM)
    assert re.fullmatch(rf"{label}(\.{label})*", found)
    assert len(found) <= 64


# ------------------------------------------------------------------ networks


def test_static_addresses_in_both_formats() -> None:
    six = {"address": ["2001:db8::10/64"], "gateway": "fe80::1"}
    told = [split_addresses(one)[0] for one in (STATIC, six)]
    cards = [*map(GuestCard, MACS, told), GuestCard("00:21:f6:00:00:03", GuestAddresses())]
    assert network_config(cards, 1) == {
        "version": 1,
        "config": [
            {
                "type": "physical",
                "name": "eth0",
                "mac_address": MACS[0],
                "subnets": [
                    {
                        "type": "static",
                        "address": "192.0.2.10/24",
                        "gateway": "192.0.2.1",
                        "dns_nameservers": ["192.0.2.53", "192.0.2.54"],
                    }
                ],
            },
            {
                "type": "physical",
                "name": "eth1",
                "mac_address": MACS[1],
                "subnets": [
                    {"type": "static6", "address": "2001:db8::10/64", "gateway": "fe80::1"}
                ],
            },
            {
                "type": "physical",
                "name": "eth2",
                "mac_address": "00:21:f6:00:00:03",
                "subnets": [{"type": "dhcp"}],
            },
        ],
    }
    assert network_config(cards, 2) == {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"macaddress": MACS[0]},
                "set-name": "eth0",
                "addresses": ["192.0.2.10/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.1"}],
                "nameservers": {"addresses": ["192.0.2.53", "192.0.2.54"]},
            },
            "eth1": {
                "match": {"macaddress": MACS[1]},
                "set-name": "eth1",
                "addresses": ["2001:db8::10/64"],
                "routes": [{"to": "::/0", "via": "fe80::1"}],
            },
            "eth2": {
                "match": {"macaddress": "00:21:f6:00:00:03"},
                "set-name": "eth2",
                "dhcp4": True,
            },
        },
    }
    assert network_config(cards[2:], 1) is None


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"address": "192.0.2.10", "gateway": "192.0.2.1"}, "with an address that has a prefix"),
        ({"dns": "192.0.2.1"}, "with an address that has a prefix"),
        ({"address": "192.0.2.10/24,192.0.2.11"}, "with each, or with none"),
        ({"address": "192.0.2.10/255.255.255.0"}, "with a prefix length"),
        ({"address": "192.0.2.10/33"}, "with a prefix length"),
        ({"address": "192.0.2.255/24"}, "broadcast"),
        ({"address": "192.0.2.0/24"}, "the network 192.0.2.0/24 itself"),
        ({"address": "192.0.2.10/24", "gateway": "198.51.100.1"}, "in the network of one of"),
        ({"address": "192.0.2.10/24", "gateway": "192.0.2.10"}, "not that itself"),
        ({"address": "192.0.2.10/24", "gateway": "fe80::1"}, "in the network of one of"),
        ({"address": "192.0.2.10/24", "gateway": "192.0.2.1 192.0.2.2"}, "one of IPv4 and one"),
        ({"address": "192.0.2.10/24", "dns": "resolver"}, "expected an IPv4 or IPv6 address"),
    ],
)
def test_addresses_that_no_guest_can_have_are_refused(wrong: Any, expected: str) -> None:
    with pytest.raises(InvalidArgument, match=expected):
        split_addresses(wrong)


def test_an_address_without_a_prefix_length_is_recorded_only() -> None:
    assert split_addresses({"address": "192.0.2.10"}) == (GuestAddresses(), "192.0.2.10")
    assert split_addresses({}) == (GuestAddresses(), None)
    assert split_addresses(STATIC)[1] == ["192.0.2.10"]


@given(st.ip_addresses(), st.integers(1, 30), st.sampled_from([1, 2]))
def test_what_is_written_can_be_read_as_yaml(address: Any, length: int, version: int) -> None:
    try:
        told, plain = split_addresses({"address": f"{address}/{length}"})
    except InvalidArgument:
        return
    assert plain == [str(address)]
    cards = [GuestCard("10:21:16:00:00:01", told)]
    guest = GuestConfig(network_format=version)
    found = yaml.safe_load(seed_files("x", VM, guest, cards)["network-config"])
    assert found == network_config(cards, version)
    assert ipaddress.ip_interface(told.interfaces[0]).ip == address


def test_formats() -> None:
    assert [checked_format(one) for one in (1, "2")] == [1, 2]
    for wrong in (True, 3, "v1", None):
        with pytest.raises(InvalidArgument, match="expected 1 or 2"):
            checked_format(wrong)


# ------------------------------------------------------------------ the image


def test_the_image_has_the_files_with_their_names() -> None:
    files = {**seed_files("x", VM, GuestConfig((KEY,)), []), "network-config": "version: 1\n" * 999}
    assert files_of(seed_image(files)) == files


def test_a_password_is_a_sha_512_crypt_of_the_usual_form() -> None:
    from passlib.hash import sha512_crypt

    first, second = hash_password("pässword $1"), hash_password("pässword $1")
    assert re.fullmatch(r"\$6\$[./A-Za-z0-9]{16}\$[./A-Za-z0-9]{86}", first)
    assert first != second
    assert sha512_crypt.verify("pässword $1", first)
    command = ["openssl", "passwd", "-6", "-salt", first.split("$")[2], "-stdin"]
    done = subprocess.run(command, input="pässword $1\n".encode(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == first, "as another implementation has it"
    for wrong in (None, "", "secret\n", "secret" * 100, 7):
        with pytest.raises(InvalidArgument) as caught:
            hash_password(wrong)
        assert "secret" not in str(caught.value)


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] in ("pycdlib", "passlib"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for needs, library in ((require_libraries, "pycdlib"), (lambda: hash_password("x"), "libpass")):
        with pytest.raises(PreconditionFailed, match=rf"{library}.*\[cloudinit\]"):
            needs()
