"""Keys of SSH: a host's own, and ours for logging in."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import HostKeyRejected, InvalidArgument

if TYPE_CHECKING:
    import paramiko


def fingerprint(key: paramiko.PKey) -> str:
    """A host key's fingerprint, as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def shown(key: paramiko.PKey) -> str:
    """Also as the ssh-keygen of old hosts prints it."""
    return f"{fingerprint(key)}, MD5:{key.get_fingerprint().hex(':')} ({key.get_name()})"


def private_key(file: str | Path, password: str | None) -> tuple[paramiko.PKey, bool]:
    """The key, and whether it took the password to read it."""
    import paramiko  # noqa: PLC0415
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415

    for passphrase in (None, (password or "").encode()):
        try:
            return paramiko.PKey.from_path(file, passphrase), passphrase is not None
        except TypeError:  # cryptography's word for an encrypted key without a password
            continue
        except (paramiko.SSHException, UnknownKeyType, ValueError, OSError) as error:
            why = str(error) or type(error).__name__
            raise InvalidArgument(f"{file}: no private key that can be used: {why}") from None
    raise InvalidArgument(f"{file}: an encrypted key, and no password for it")


def load(client: paramiko.SSHClient, file: Path, given: str | Path | None) -> None:
    """Known hosts from a file, which need not be there if it is the usual one.

    :raises InvalidArgument: it cannot be read, or a given one is not there.
    """
    try:
        client.load_system_host_keys(str(file))
    except FileNotFoundError:
        if given is not None:
            raise InvalidArgument(f"{file}: no such file (known hosts)") from None
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"{file}: cannot be read (known hosts): {error}") from None


def only(where: str, wanted: str | None) -> paramiko.MissingHostKeyPolicy:
    """Accept the key of that fingerprint, and no other."""
    import paramiko  # noqa: PLC0415

    class Only(paramiko.MissingHostKeyPolicy):
        def missing_host_key(
            self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
        ) -> None:
            found = fingerprint(key)
            if wanted is None:
                raise HostKeyRejected(
                    f"{where}: its key is not known. It says {shown(key)}: compare it with "
                    f"`ssh-keygen -lf` on the host itself, which shows the MD5 where it is old, "
                    f"then use --ssh-fingerprint {found}",
                    host=where,
                )
            if found != wanted.rstrip("="):
                raise HostKeyRejected(f"{where}: its key is {shown(key)}, not {wanted}", host=where)

    return Only()
