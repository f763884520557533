"""SSH keys: host keys, and private keys for login."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import HostKeyRejected, InvalidArgument

if TYPE_CHECKING:
    import paramiko


def fingerprint(key: paramiko.PKey) -> str:
    """Return a host key's fingerprint, as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def describe_key(key: paramiko.PKey) -> str:
    """Return both fingerprints of a host key; ssh-keygen of old hosts prints MD5."""
    return f"{fingerprint(key)}, MD5:{key.get_fingerprint().hex(':')} ({key.get_name()})"


def private_key(file: str | Path, password: str | None) -> tuple[paramiko.PKey, bool]:
    """Read a private key.

    :return: the key, and whether it was encrypted with the password.
    :raises InvalidArgument: it cannot be read, or it is encrypted and there is no password.
    """
    import paramiko  # noqa: PLC0415
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415

    for passphrase in (None, (password or "").encode()):
        try:
            return paramiko.PKey.from_path(file, passphrase), passphrase is not None
        except TypeError:  # raised by cryptography for an encrypted key without a password
            continue
        except (paramiko.SSHException, UnknownKeyType, ValueError, OSError) as error:
            why = str(error) or type(error).__name__
            raise InvalidArgument(f"{file}: not a usable private key: {why}") from None
    raise InvalidArgument(f"{file}: the key is encrypted, and no password was given")


def load_known_hosts(client: paramiko.SSHClient, file: Path, given: str | Path | None) -> None:
    """Load known hosts from a file, which need not exist if it is the default one.

    :param given: the file that the user named, None for the default.
    :raises InvalidArgument: it cannot be read, or the named file does not exist.
    """
    try:
        client.load_system_host_keys(str(file))
    except FileNotFoundError:
        if given is not None:
            raise InvalidArgument(f"{file}: no such file (known hosts)") from None
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"{file}: cannot be read (known hosts): {error}") from None


def accept_only(where: str, wanted: str | None) -> paramiko.MissingHostKeyPolicy:
    """Return a policy that accepts only the key with that fingerprint; None: no key."""
    import paramiko  # noqa: PLC0415

    class Only(paramiko.MissingHostKeyPolicy):
        def missing_host_key(
            self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
        ) -> None:
            found = fingerprint(key)
            if wanted is None:
                raise HostKeyRejected(
                    f"{where}: unknown SSH host key {describe_key(key)}: compare it with "
                    f"`ssh-keygen -lf` on the host itself (old hosts print the MD5), then use "
                    f"--ssh-fingerprint {found}",
                    host=where,
                )
            if found != wanted.rstrip("="):
                raise HostKeyRejected(
                    f"{where}: its SSH host key is {describe_key(key)}, not {wanted}", host=where
                )

    return Only()
