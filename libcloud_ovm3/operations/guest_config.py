"""What a new guest is told by cloud-init: who may log in, its name, its addresses. Pure.

The files are those of cloud-init's data source NoCloud. Public keys are in ``meta-data``, where
they add to those that a user's own cloud-config has; the password, as a hash, and the access of
root are in ``user-data``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.operations.guest_network import FORMATS, GuestCard, network_config
from libcloud_ovm3.operations.user_data import configs_in, merged

USER_DATA, META_DATA, NETWORK_CONFIG = "user-data", "meta-data", "network-config"
_LONGEST_LABEL = 63  # RFC 1123
_LONGEST_NAME = 64  # of a host, in Linux
# Where newer distributions have sshd refuse root's password, which cloud-init does not change. A
# folder that older ones do not read.
_SSHD_FILE = "/etc/ssh/sshd_config.d/10-libcloud-ovm3.conf"
# What theirs says stays, lists are added to.
_ADDING = "list(append)+dict(no_replace,recurse_list)+str()"


@dataclass(frozen=True)
class GuestConfig:
    """What the guest of a new VM is told, as far as it is asked for.

    :ivar public_keys: Lines in OpenSSH's form, for root and the guest's own first user.
    :ivar password_hash: root's; None: no password.
    :ivar user_data: The user's own, checked; None: none.
    :ivar network_format: Of ``network-config``, 1 or 2.
    """

    public_keys: tuple[str, ...] = ()
    password_hash: str | None = field(default=None, repr=False)
    user_data: str | None = field(default=None, repr=False)
    network_format: int = 1

    @property
    def is_asked_for(self) -> bool:
        """Whether it says anything by itself, whatever the network cards are told."""
        return bool(self.public_keys) or (self.password_hash, self.user_data) != (None, None)


def checked_format(value: object) -> int:
    """The format of ``network-config`` that is asked for.

    :raises InvalidArgument: There is no such format.
    """
    number = int(value) if isinstance(value, str) and value in ("1", "2") else value
    if isinstance(number, bool) or number not in FORMATS:
        raise InvalidArgument(f"ex_network_format {value!r}: expected 1 or 2")
    assert isinstance(number, int)
    return number


def seed_files(
    name: str, vm_id: str, guest: GuestConfig, cards: Sequence[GuestCard]
) -> dict[str, str]:
    """The files of the seed of a VM: name -> content.

    :param name: The VM's display name.
    :param cards: Its network cards, in the guest's order.
    :raises InvalidArgument: The user's own cloud-config contradicts what else is asked for.
    """
    meta: dict[str, Any] = {"instance-id": vm_id, "local-hostname": host_name(name, vm_id)}
    if guest.public_keys:
        meta["public-keys"] = list(guest.public_keys)
    files = {USER_DATA: _user_data(guest), META_DATA: _yaml(meta)}
    network = network_config(cards, guest.network_format)
    return files if network is None else {**files, NETWORK_CONFIG: _yaml(network)}


def host_name(name: str, vm_id: str) -> str:
    """The host name that a VM's display name becomes: letters, digits, ``-`` and dots.

    Accents are left out, then what is not ASCII; everything else becomes ``-``. What has nothing
    left, or looks like an address, is named by the VM's uuid.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    labels = [re.sub("[^a-z0-9]+", "-", one).strip("-") for one in plain.split(".")]
    labels = [one[:_LONGEST_LABEL].rstrip("-") for one in labels if one]
    found = ".".join(labels)[:_LONGEST_NAME].rstrip("-.")
    return found if re.search("[a-z]", found) else f"vm-{vm_id[:8]}"


def _user_data(guest: GuestConfig) -> str:
    own = _access(guest)
    if guest.user_data is None:
        return _cloud_config(own)
    if not own:
        return guest.user_data
    for theirs in configs_in(guest.user_data):
        for key in ("disable_root", "ssh_pwauth", "chpasswd"):
            if key in own and key in theirs and theirs[key] != own[key]:
                raise InvalidArgument(
                    f"ex_userdata: it sets {key}, which auth and ex_keyname set to another value: "
                    f"leave one of them out"
                )
    return merged(guest.user_data, _cloud_config({"merge_how": _ADDING, **own}))


def _access(guest: GuestConfig) -> dict[str, Any]:
    """root's access, as cloud-config; empty: nothing is asked for."""
    found: dict[str, Any] = {}
    if guest.public_keys or guest.password_hash is not None:
        found["disable_root"] = False
    if guest.password_hash is not None:
        found["ssh_pwauth"] = True
        # As one text, which old versions of cloud-init take as well (0.7.9).
        found["chpasswd"] = {"expire": False, "list": f"root:{guest.password_hash}\n"}
        found["write_files"] = [
            {"path": _SSHD_FILE, "content": "PermitRootLogin yes\n", "permissions": "0644"}
        ]
    return found


def _cloud_config(content: dict[str, Any]) -> str:
    return f"#cloud-config\n{_yaml(content)}"


def _yaml(content: dict[str, Any]) -> str:
    import yaml  # noqa: PLC0415 - imported when it is needed

    return str(yaml.safe_dump(content, sort_keys=False, default_flow_style=False, width=1 << 20))
