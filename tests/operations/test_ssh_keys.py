"""SSH keys: what is made and read, and the fingerprints, compared with those of other programs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations.ssh_keys import (
    make_key,
    parse_public_key,
    read_key_file,
    require_private_key,
)

RSA = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCbUt8L5YFy+C5Ui1mpzwirYtbZTeAh2SbiM3Ubv8t9XFV1ikC1lpc3"
    "/DJoyB0Y46sDNGvYKaunitWkySBnPXLjhEX6PxzRlEjUkQw+pHU/RyWzXR3ikn9GJMfWniPPQu7x6KVLlm+uWzCcQl1R"
    "/ZXbTmRtHAaX7t/lzQMhXIvsnw=="
)
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINcx9mj+BoUD+D/Yldcfeoy7cdoz9vZHQ2F+fox1WTnI"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAPL3dlJLZSJvGwyFFUz"
    "VPBFwJa2mJjOYYZxMU8Dx+fNDCdkZ59SAo4ZFdqQLzVibU09DOBTAzlm+h/569bkPl0="
)
# As `ssh-keygen -e -m PKCS8 -f F | openssl pkey -pubin -outform DER | openssl md5 -c` prints it,
# and `ssh-keygen -l`, which leaves out the "=" at the end.
FINGERPRINTS = {
    RSA: "46:bf:95:b0:c9:d2:48:67:d5:77:cc:ab:cd:38:18:b0",
    ED25519: "GWpKJua0Q+5epI71ldSE/HAGvFMeOPAY7xP91XnUprQ=",
    ECDSA: "71HAQEpGH3jp80WhBicBTIFvhhvEZy9tL6eWy+K0pAM=",
}


@pytest.mark.parametrize(("kind", "reader"), [
    ("rsa", paramiko.RSAKey), ("ed25519", paramiko.Ed25519Key),
])  # fmt: skip
def test_a_key_that_is_made(kind: str, reader: Any) -> None:
    public, private = make_key(kind, "two words")
    read = reader.from_private_key(io.StringIO(private))
    assert public.line == f"{read.get_name()} {read.get_base64()} two words"
    if kind == "rsa":
        assert read.get_bits() == 3072
        key = serialization.load_pem_private_key(private.encode(), None)
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        assert public.fingerprint.replace(":", "") == hashlib.sha1(der).hexdigest()
    else:
        assert public.fingerprint == parse_public_key(public.line, "x").fingerprint
    with pytest.raises(InvalidArgument, match="type 'dsa': expected 'rsa' or 'ed25519'"):
        make_key("dsa", "x")


@pytest.mark.parametrize("line", FINGERPRINTS)
@pytest.mark.parametrize("comment", ["", " ops@example.com", " two words"])
def test_a_key_that_is_given(line: str, comment: str) -> None:
    found = parse_public_key(f"\n{line}{comment} \n", "key_material")
    assert found == (line + comment, FINGERPRINTS[line])


@pytest.mark.parametrize(
    ("material", "message"),
    [
        (None, "not a public key: expected one line"),
        ("", "not a public key"),
        (f"{RSA}\n{RSA}", "not a public key"),
        (f"command=x {RSA}", "not a public key"),
        (ED25519.replace("ssh-", "ssh-dss-"), "not a public key"),
        (f"{RSA} {'x' * 16384}", "not a public key"),
        (RSA[:-30], "is damaged"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "is damaged"),
        ("ssh-rsa", "is damaged"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret", "this is a private key"),
    ],
)
def test_what_is_none(material: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"key_material: .*{message}|{message}") as caught:
        parse_public_key(material, "key_material")
    assert "secret" not in str(caught.value)
    assert "AAAA" not in str(caught.value)


@given(st.sampled_from(("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256")), st.binary(max_size=80))
def test_no_other_error_for_any_key(kind: str, data: bytes) -> None:
    prefix = len(kind).to_bytes(4, "big") + kind.encode()
    for blob in (data, prefix + data):
        with contextlib.suppress(InvalidArgument):
            parse_public_key(f"{kind} {base64.b64encode(blob).decode()}", "key_material")


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.pub").write_text(f"{RSA} ops\n")
    assert read_key_file("~/key.pub") == read_key_file(tmp_path / "key.pub") == f"{RSA} ops\n"
    (tmp_path / "other").write_bytes(b"\xff\xfe")
    for path, message in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "other", "not a text"),
        ("a\0b", "not a text"),
        (7, "expected the path of a file"),
    ):
        with pytest.raises(InvalidArgument, match=f"key_file_path .*{message}"):
            read_key_file(path)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    for act in (lambda: make_key("rsa", "x"), lambda: parse_public_key(RSA, "x")):
        with pytest.raises(PreconditionFailed, match=r"the extra \[keys\]: pip install"):
            act()


def test_a_file_to_log_in_with(tmp_path: Path) -> None:
    """Only what certainly lets nobody in is refused; a form that is not known may do."""
    private = ec.generate_private_key(ec.SECP256R1())
    file, locked = tmp_path / "key", serialization.BestAvailableEncryption(b"secret")
    for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        for needs, encryption in ((False, serialization.NoEncryption()), (True, locked)):
            file.write_bytes(private.private_bytes(Encoding.PEM, form, encryption))
            require_private_key(str(file), True, "ssh_key")
            with (
                pytest.raises(InvalidArgument, match="_password")
                if needs
                else contextlib.nullcontext()
            ):
                require_private_key(str(file), False, "ssh_key")
    file.write_text("-----BEGIN SOME PRIVATE KEY-----\n")
    require_private_key(str(file), False, "ssh_key")
    for text, why in ((ED25519, "this is a public key"), ("", "this is no private key")):
        file.write_text(text)
        with pytest.raises(InvalidArgument, match=f"ssh_key '{file}': {why}"):
            require_private_key(str(file), True, "ssh_key")
