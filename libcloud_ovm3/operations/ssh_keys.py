"""SSH keys: making them, reading public ones, their fingerprints. Nothing is sent from here.

Fingerprints have the form that EC2 gives them: of an RSA key that was made here the SHA-1 of the
private key (PKCS #8, DER), of one that was imported the MD5 of the public key (DER); of all other
keys the SHA-256 of the public key, in base64.
"""

from __future__ import annotations

import base64
import hashlib
import os
from types import ModuleType
from typing import Any, NamedTuple

from libcloud_ovm3.agent.option_values import quoted, why_unreadable
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed

RSA, ED25519 = "rsa", "ed25519"
_RSA_BITS = 3072  # what ssh-keygen makes
_LONGEST_LINE = 16384  # of a public key; RSA with 16384 bits has 2,800 characters
_PUBLIC = (
    *("ssh-rsa", "ssh-ed25519"),
    *("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
)
_EXPECTED = f"expected one line in OpenSSH's form, which begins with {', '.join(_PUBLIC)}"


class PublicKey(NamedTuple):
    """A public key.

    :ivar line: In OpenSSH's form: its type, the key in base64, and a comment if it has one.
    """

    line: str
    fingerprint: str


def make_key(kind: str, comment: str) -> tuple[PublicKey, str]:
    """Make a key pair.

    :param kind: ``rsa`` or ``ed25519``.
    :param comment: What stands behind the public key.
    :return: The public key, and the private key: RSA in PEM, ed25519 in OpenSSH's own form.
    :raises InvalidArgument: It is another kind.
    :raises PreconditionFailed: The library ``cryptography`` is not installed.
    """
    if kind not in (RSA, ED25519):
        raise InvalidArgument(f"type {quoted(kind)}: expected {RSA!r} or {ED25519!r}")
    formats = _serialization()
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: PLC0415 - an extra

    private: Any
    if kind == RSA:
        private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        form = formats.PrivateFormat.TraditionalOpenSSL  # which every version of OpenSSH reads
    else:
        private = ed25519.Ed25519PrivateKey.generate()
        form = formats.PrivateFormat.OpenSSH
    plain = formats.NoEncryption()
    text = private.private_bytes(formats.Encoding.PEM, form, plain).decode("ascii")
    line = _line(formats, private.public_key())
    if kind == RSA:
        pkcs8 = formats.PrivateFormat.PKCS8
        der = private.private_bytes(formats.Encoding.DER, pkcs8, plain)
        fingerprint = _pairs(hashlib.sha1(der, usedforsecurity=False).hexdigest())
    else:
        fingerprint = _sha256(line)
    return PublicKey(f"{line} {comment}", fingerprint), text


def parse_public_key(material: object, name: str) -> PublicKey:
    """Check a public key that a user has given.

    :param name: The name of the argument, for the error, which never quotes the material: somebody
        may have given a private key.
    :raises InvalidArgument: It is not one line with a public key of a supported type.
    :raises PreconditionFailed: The library ``cryptography`` is not installed.
    """
    text = material.strip() if isinstance(material, str) else ""
    if "PRIVATE KEY" in text:
        raise InvalidArgument(
            f"{name}: this is a private key; expected the public one (the file whose name ends "
            f"in .pub)"
        )
    kind, _, rest = text.partition(" ")
    if kind not in _PUBLIC or not text.isprintable() or len(text) > _LONGEST_LINE:
        raise InvalidArgument(f"{name}: not a public key: {_EXPECTED}")
    formats = _serialization()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - an extra

    try:
        public = formats.load_ssh_public_key(text.encode())
        line = _line(formats, public)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArgument(f"{name}: the public key is damaged: {_EXPECTED}") from None
    if isinstance(public, rsa.RSAPublicKey):
        spki = formats.PublicFormat.SubjectPublicKeyInfo
        der = public.public_bytes(formats.Encoding.DER, spki)
        fingerprint = _pairs(hashlib.md5(der, usedforsecurity=False).hexdigest())
    else:
        fingerprint = _sha256(line)
    comment = rest.strip().partition(" ")[2].strip()
    return PublicKey(f"{line} {comment}".rstrip(), fingerprint)


def read_key_file(path: object) -> str:
    """What a file with a public key has in it.

    :param path: ``~`` is the home directory.
    :raises InvalidArgument: It cannot be read, or is not a text.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgument(f"key_file_path {quoted(path)}: expected the path of a file")
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read(_LONGEST_LINE + 1)
    except OSError as error:
        raise InvalidArgument(
            f"key_file_path {quoted(os.fspath(path))}: {why_unreadable(path, error)}"
        ) from None
    except ValueError:  # a NUL in the path, or another encoding
        raise InvalidArgument(f"key_file_path {quoted(os.fspath(path))}: not a text") from None


def require_private_key(path: str, has_password: bool, name: str) -> None:
    """Check a file that SSH is to log in with, as far as it can be known without the other side.

    :param path: Of a file that can be read.
    :param has_password: Whether its password is given.
    :param name: The name of the argument, for the error, which never quotes the key.
    :raises InvalidArgument: It has no private key, or one that needs a password.
    """
    with open(path, "rb") as file:
        data = file.read()
    if b"PRIVATE KEY-----" not in data:
        is_public = data.startswith(tuple(kind.encode() for kind in _PUBLIC))
        raise InvalidArgument(
            f"{name} {quoted(path)}: this is {'a public key' if is_public else 'no private key'}; "
            f"expected the private one"
        )
    if not has_password and _is_encrypted(data):
        raise InvalidArgument(
            f"{name} {quoted(path)}: this private key has a password; expected ssh_key_password"
        )


def _is_encrypted(data: bytes) -> bool:
    """Whether a private key certainly has a password."""
    if b"ENCRYPTED" in data:  # PEM says so
        return True
    try:
        _serialization().load_ssh_private_key(data, None)
    except TypeError:  # what the library raises where it would need the password
        return True
    except Exception:  # another form, which may be none that this library knows
        return False
    return False


def _line(formats: Any, public: Any) -> str:
    form = formats.PublicFormat.OpenSSH
    return str(public.public_bytes(formats.Encoding.OpenSSH, form).decode("ascii"))


def _sha256(line: str) -> str:
    digest = hashlib.sha256(base64.b64decode(line.split(" ")[1])).digest()
    return base64.b64encode(digest).decode("ascii")


def _pairs(digest: str) -> str:
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _serialization() -> ModuleType:
    """cryptography's module for the forms of keys.

    :raises PreconditionFailed: It is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PreconditionFailed(
            f"key pairs need the library cryptography, the extra [keys]: pip install "
            f"cryptography ({error})"
        ) from error
    return serialization
