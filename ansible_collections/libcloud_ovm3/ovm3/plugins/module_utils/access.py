"""From options of Ansible to the driver's arguments, and its messages back to options.

The inventory plugin and the module share this. Nothing in here imports Ansible.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from libcloud_ovm3.errors import Ovm3Warning
from libcloud_ovm3.estates_file.named import DEFAULT_USER
from libcloud_ovm3.estates_file.reading import find_estate

PASSWORD_VARIABLE = "OVM3_PASSWORD"  # noqa: S105 (its name)
# Option -> argument of the driver.
ARGUMENTS = {
    "user": "key",
    "password": "secret",
    "host": "host",
    "port": "port",
    "ca_cert": "ca_cert",
    "cert_file": "cert_file",
    "key_file": "key_file",
    "verify_ssl": "verify_ssl",
    "proxy_url": "proxy_url",
    "hosts": "ex_hosts",
    "fingerprint": "ex_fingerprint",
    "tls_server_name": "ex_tls_server_name",
    "tls_minimum": "ex_tls_minimum",
    "tls_weak_keys": "ex_tls_weak_keys",
    "tls_legacy_renegotiation": "ex_tls_legacy_renegotiation",
    "passwords": "ex_passwords",
    "timeouts": "ex_timeouts",
    "second_look": "ex_second_look",
    "host_module": "ex_host_module",
    "ssh_port": "ex_ssh_port",
    "traffic_labels": "ex_traffic_labels",
    "default_network": "ex_default_network",
    "public_networks": "ex_public_networks",
    "keys_repository": "ex_keys_repository",
    "watch_dhcp": "ex_watch_dhcp",
}
SECRETS = ("password", "passwords", "proxy_url")
# What has no option here, and the options that have another name than the argument.
_TERMS = (
    (r"""ex_put_back\(('[^']*'|"[^"]*"), ('[^']*')\)""", r"`ovm3 disk put-back \1 \2`"),
    (r"ex_put_back", "`ovm3 disk put-back`"),
    (r"ex_list_orphans(?:\(\))?", "`ovm3 disk orphans`"),
    (r"ex_resume_node\(('[^']*'|\"[^\"]*\")\)", r"`ovm3 vm resume \1`"),
    (r"ex_resume_node", "`ovm3 vm resume`"),
    (r"ex_unpause_node\(('[^']*'|\"[^\"]*\")\)", r"`ovm3 vm unpause \1`"),
    (r"ex_(pause|unpause)_node", r"`ovm3 vm \1`"),
    (r"ex_discard_saved=True of start_node", "state: started with discard_saved: true"),
    (r"ex_clear_ha", "`ovm3 vm clear-ha`"),
    (r"ex_settle_node with ex_gone_from", "`ovm3 claim settle --gone-from`"),
    (r"ex_settle_node", "`ovm3 claim settle`"),
    (r"ex_gone_from='([^']*)'", r"`ovm3 claim settle --gone-from \1`"),
    (r"ex_(?:gone_from|accept)\b", "`ovm3 claim settle`"),
    (r"ex_unguarded=True, with ex_location", "unguarded: true, with location"),
    (r"ex_release_networks", "`ovm3 network release`"),
    (r"ex_remove_seed\(('[^']*')\)", r"`ovm3 vm remove-seed \1`"),
    (r"ex_remove_seed", "`ovm3 vm remove-seed`"),
    (r"ex_set_metadata", "`ovm3 vm set-metadata`"),
    (r"ex_pin_node", "`ovm3 vm pin`"),
    (r"the size's CPUs \(or ex_cpus\)", "vcpus"),
    (r"size\.ram \(or ex_memory_mb\)", "memory_mb"),
    (r"ex_(?:at|de)tach_nic\([^()]*\) \((ovm3 vm [^()]*)\)", r"`\1`"),
    (r"ex_(attach|detach|update)_nic", r"`ovm3 vm \1-nic`"),
    (r"ex_(attach|create|delete|detach|rename)_repository", r"`ovm3 repository \1`"),
    (r"ex_copy_to_secondary", "`ovm3 secondary copy-to`"),
    (r"ex_copy_(image|volume)_from_secondary", r"`ovm3 secondary copy-\1`"),
    (r"ex_create_network", "`ovm3 network create`"),
    (r"ex_update_network", "`ovm3 network update`"),
    (r"ex_delete_network", "`ovm3 network delete`"),
    (r"ex_list_networks", "`ovm3 network list`"),
    (r"ex_list_network_devices", "`ovm3 network list --devices`"),
    (r"ex_repair_control0", "`ovm3 network repair-control0`"),
    (r"destroy_volume_snapshot", "`ovm3 snapshot destroy`"),
    (r"destroy_volume", "`ovm3 volume destroy`"),
    (r"destroy_node", "state: absent"),
    (r"ex_read_only(?:=True)?", "read_only of the estate"),
    (r"ex_timeout", "stop_timeout"),
    (r"ex_keyname", "key_name"),
    (r"ex_userdata", "user_data"),
    (r"auth(?=: (?:not a public|this is a private|the public)|(?:,| and) (?:ex_)?key)", "ssh_key"),
    (r"ex_disks", "delete_disks"),
    (r"expected secret", "expected password"),
    (r"secret(?=: expected|\))", "password"),
    (r"key(?= '[^']*': expected the agent's user)", "user"),
    (r"ex_(\w+)=True", r"\1: true"),
    (r"ex_(\w+)=False", r"\1: false"),
    (r"ex_(\w+)=", r"\1: "),
    (r"ex_(\w+)", r"\1"),
    (r"(verify_ssl)=False", r"\1: false"),
)
# The module is to find the VM of a name again, so it never creates a second one.
_NO_OPTION = re.compile("; ex_allow_same_name=True creates (?:it anyway|another one)")
# Not inside a quoted name, a path or another word: those belong to the user.
_PATTERNS = [(re.compile(rf"(?<![\w/.'\"=-]){old}(?![\w/]|\.\w)"), new) for old, new in _TERMS]


def driver_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for the options that are given.

    :raises InvalidArgument: There is no estate of this name.
    """
    given = {key: value for key, value in options.items() if value not in (None, "", [], {})}
    found = find_estate(given["estate"]) if "estate" in given else None
    password = os.environ.get(PASSWORD_VARIABLE)
    if password and not (found and found.has_password):
        given.setdefault("password", password)
    if found is None:
        given.setdefault("user", DEFAULT_USER)
    arguments = {name: given[option] for option, name in ARGUMENTS.items() if option in given}
    return {**arguments, "ex_estate": found}


def with_options(message: object) -> str:
    """Return a message of the library with options of Ansible for arguments of Python."""
    text = _NO_OPTION.sub("", str(message))
    for pattern, new in _PATTERNS:
        text = pattern.sub(new, text)
    return text


@contextmanager
def warning_by(tell: Callable[[str], object]) -> Iterator[None]:
    """Pass each warning of the library to ``tell`` as one line, while the block runs."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        tell(with_options(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other libraries are not for Ansible's users
        warnings.simplefilter("always", Ovm3Warning)
        warnings.showwarning = show
        yield
