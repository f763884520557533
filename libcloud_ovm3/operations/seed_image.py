"""The seed as a file: an ISO that cloud-init's NoCloud finds by its volume id; password hashes.

The libraries for both are an extra, [cloudinit].
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import ModuleType

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed

VOLUME_ID = "cidata"
_LONGEST_PASSWORD = 512  # characters
_ROUNDS = 5000  # those of SHA-512 crypt where nothing else is said, as passwd makes it


def require_libraries() -> None:
    """Check that the libraries are there, before anything is made.

    :raises PreconditionFailed: One is not; names the extra.
    """
    _pycdlib()


def seed_image(files: Mapping[str, str]) -> bytes:
    """An ISO with these files, with long names by Rock Ridge and by Joliet.

    :raises PreconditionFailed: The library pycdlib is not installed.
    """
    iso = _pycdlib().PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=VOLUME_ID)
    for number, (name, content) in enumerate(files.items()):
        data = content.encode("utf-8")
        plain = f"/FILE{number}.;1"  # by which no guest reads it
        iso.add_fp(io.BytesIO(data), len(data), plain, rr_name=name, joliet_path=f"/{name}")
    written = io.BytesIO()
    iso.write_fp(written)
    iso.close()
    return written.getvalue()


def hash_password(password: object) -> str:
    """A password as SHA-512 crypt, which every Linux guest knows. The errors never quote it.

    :raises InvalidArgument: It is no text, empty, too long, or has control characters.
    :raises PreconditionFailed: The library libpass is not installed.
    """
    if not isinstance(password, str) or not password:
        raise InvalidArgument("password: expected a text that is not empty")
    if len(password) > _LONGEST_PASSWORD or not password.isprintable():
        raise InvalidArgument(
            f"password: expected {_LONGEST_PASSWORD} characters at most, without control characters"
        )
    try:
        from passlib.hash import sha512_crypt  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _missing("libpass", error) from error
    return str(sha512_crypt.using(rounds=_ROUNDS).hash(password))


def _pycdlib() -> ModuleType:
    try:
        import pycdlib  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _missing("pycdlib", error) from error
    return pycdlib


def _missing(library: str, error: ImportError) -> PreconditionFailed:
    return PreconditionFailed(
        f"configuring a guest needs the library {library}, of the extra [cloudinit]: pip install "
        f"'libcloud-ovm3[cloudinit]' ({error})"
    )
