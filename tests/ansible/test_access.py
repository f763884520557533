"""Options of Ansible -> arguments of the driver, and messages of the library back to options."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.libcloud_ovm3.ovm3.plugins.doc_fragments.access import ModuleDocFragment
from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.access import (
    ARGUMENTS,
    driver_arguments,
    warning_by,
    with_options,
)
from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.vm_states import (
    NOT_COMPARED,
    RECORDED,
)
from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, warn
from libcloud_ovm3.estates_file.changing import add_estate
from tests.cli.test_option_names import LIBRARY, _texts

PIN = "ab" * 32
OPTIONS = {*ARGUMENTS, "estate"}
# Those of the module alone (test_real.py compares them with what ansible-doc shows).
OF_THE_MODULE = {"location", "start", "force", "stop_timeout", "minimum_age", "delete_disks"}
OF_THE_MODULE |= {
    "unguarded",
    "discard_saved",
    "migrate",
    "hosts_off",
    "ssh_port",
    "memory_mb",
    *NOT_COMPARED,
    *RECORDED,
}
# What a user of Ansible has other means for, what tests need, what libcloud's other drivers have.
NOT_OFFERED = {"ex_estate", "ex_strict", "ex_read_only", "timeout", "secure", "ex_clock"}
NOT_OFFERED |= {"api_name", "api_version", "backoff", "path", "project", "region", "retry_delay"}
NOT_OFFERED |= {"ex_containers_repository"}  # of the storage driver


def test_every_argument_of_the_driver_has_an_option() -> None:
    known = set(inspect.signature(OVM3NodeDriver).parameters)
    assert set(ARGUMENTS.values()) | NOT_OFFERED == known
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) | {"ssh_port"} == OPTIONS


def test_what_is_not_given_is_not_passed() -> None:
    nothing: dict[str, Any] = dict.fromkeys(OPTIONS)
    assert driver_arguments(nothing) == {"key": "oracle", "ex_estate": None}
    given = {"host": "ovm-1", "user": "", "hosts": [], "second_look": 0.0, "verify_ssl": False}
    assert driver_arguments({**nothing, **given}) == {
        "key": "oracle",
        "host": "ovm-1",
        "ex_second_look": 0.0,
        "verify_ssl": False,
        "ex_estate": None,
    }


def test_networks_and_key_pairs() -> None:
    given: dict[str, Any] = {"traffic_labels": {"guest": "bond0"}, "default_network": "guest"}
    given["keys_repository"] = "MyRepo"
    arguments = driver_arguments({"host": "ovm-1", "public_networks": ["xenbr1"], **given})
    assert arguments["ex_keys_repository"] == "MyRepo"
    assert arguments["ex_traffic_labels"] == {"guest": "bond0"}
    assert arguments["ex_default_network"] == "guest"
    assert arguments["ex_public_networks"] == ["xenbr1"]


def test_where_the_password_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, then the estate, then the environment: as for ovm3."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("OVM3_PASSWORD", "of the environment")
    entry = {"hosts": ["ovm-1"], "pins": {"ovm-1": PIN}}
    add_estate("lab", entry, "of the estate", is_default=False)
    add_estate("bare", entry, None, is_default=False)

    def password(**options: Any) -> str:
        driver = OVM3NodeDriver(**driver_arguments(options))
        return str(driver._access.passwords.of(driver._access.hosts[0]))

    assert password(estate="lab") == "of the estate"
    assert password(estate="lab", password="given") == "given"
    assert password(estate="bare") == "of the environment"
    assert password(host="ovm-1", fingerprint=PIN) == "of the environment"
    with pytest.raises(InvalidArgument, match="no estate 'lob'"):
        driver_arguments({"estate": "lob"})


def test_no_message_names_an_argument_of_python() -> None:
    texts = [text for file in LIBRARY for text in _texts(file)]
    named = {name for text in texts for name in re.findall(r"\bex_[a-z_0-9]+", text)}
    assert len(named) > 15
    assert not [text for text in texts if re.search(r"\bex_(?!clock)", with_options(text))]
    named -= {"ex_clock", "ex_allow_same_name", "ex_power_off"}  # the collection gives no such
    named -= {"ex_erase", "ex_confirm", "ex_live", "ex_how"}
    named -= {"ex_delete_node_snapshot", "ex_revert_node_snapshot", "ex_take_over"}
    named -= {"ex_boot_order", "ex_cpu_cap", "ex_cpu_weight", "ex_max_cpus", "ex_max_memory_mb"}
    # Of the storage driver, and of imports, which the collection has none of.
    named -= {"ex_containers_repository", "ex_delete_upload", "ex_expiry", "ex_finish_import"}
    named -= {"ex_kind", "ex_list_uploads", "ex_resume"}
    named -= {"ex_address", "ex_label", "ex_mtu", "ex_parent", "ex_set_bond_mode"}
    named -= {"ex_pause", "ex_mode", "ex_node", "ex_repository", "ex_size_bytes", "ex_sizes"}
    named -= {
        "ex_addresses",
        "ex_mac",
        "ex_model",
        "ex_type",
        "ex_network",
        "ex_cpus",
        "ex_idempotency_key",
        "ex_progress",
    }
    shown = {name: with_options(name) for name in named}
    other = {name: text for name, text in shown.items() if text not in OPTIONS | OF_THE_MODULE}
    assert other == {
        "ex_put_back": "`ovm3 disk put-back`",
        "ex_list_orphans": "`ovm3 disk orphans`",
        "ex_clear_ha": "`ovm3 vm clear-ha`",
        "ex_pause_node": "`ovm3 vm pause`",
        "ex_resume_node": "`ovm3 vm resume`",
        "ex_unpause_node": "`ovm3 vm unpause`",
        "ex_settle_node": "`ovm3 claim settle`",
        "ex_gone_from": "`ovm3 claim settle`",
        "ex_accept": "`ovm3 claim settle`",
        "ex_release_networks": "`ovm3 network release`",
        "ex_attach_nic": "`ovm3 vm attach-nic`",
        "ex_detach_nic": "`ovm3 vm detach-nic`",
        "ex_pin_node": "`ovm3 vm pin`",
        "ex_remove_seed": "`ovm3 vm remove-seed`",
        "ex_set_metadata": "`ovm3 vm set-metadata`",
        "ex_update_nic": "`ovm3 vm update-nic`",
        "ex_create_network": "`ovm3 network create`",
        "ex_update_network": "`ovm3 network update`",
        "ex_delete_network": "`ovm3 network delete`",
        "ex_list_networks": "`ovm3 network list`",
        "ex_list_network_devices": "`ovm3 network list --devices`",
        "ex_repair_control0": "`ovm3 network repair-control0`",
        "ex_attach_repository": "`ovm3 repository attach`",
        "ex_create_repository": "`ovm3 repository create`",
        "ex_rename_repository": "`ovm3 repository rename`",
        "ex_copy_to_secondary": "`ovm3 secondary copy-to`",
        "ex_copy_image_from_secondary": "`ovm3 secondary copy-image`",
        "ex_read_only": "read_only of the estate",
        "ex_strict": "strict",
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("add ex_hosts_off=['ovm-2']", "add hosts_off: ['ovm-2']"),
        ("ex_force=True powers it off", "force: true powers it off"),
        ("VM 'ex_force' stays", "VM 'ex_force' stays"),
        ("is taken: x; ex_allow_same_name=True creates another one", "is taken: x"),
        ("secret: expected the agent's password", "password: expected the agent's password"),
        ("or a password for this call (secret)", "or a password for this call (password)"),
        ("key '': expected the agent's user", "user '': expected the agent's user"),
        (
            "is a volume (destroy_volume deletes it)",
            "is a volume (`ovm3 volume destroy` deletes it)",
        ),
        (
            "ex_attach_nic('a', 'b', ex_mac='m') (ovm3 vm attach-nic a b --mac m) puts it back",
            "`ovm3 vm attach-nic a b --mac m` puts it back",
        ),
        ("auth: not a public key: expected", "ssh_key: not a public key: expected"),
        ("auth: this is a private key", "ssh_key: this is a private key"),
        ("auth: the public key is damaged", "ssh_key: the public key is damaged"),
        ("which auth and ex_keyname set", "which ssh_key and key_name set"),
        ("told (auth, ex_keyname, ex_userdata, an", "told (ssh_key, key_name, user_data, an"),
        ("the agent says auth: no", "the agent says auth: no"),
        ("(pending; destroy_node removes it)", "(pending; state: absent removes it)"),
    ],
)
def test_messages(message: str, expected: str) -> None:
    assert with_options(message) == expected


def test_each_warning_is_told_in_one_line_and_none_of_others() -> None:
    told: list[str] = []
    with warning_by(told.append):
        for _ in range(2):
            warn("two\nlines; ex_hosts_off", 1)
        warnings.warn("somebody else's", UserWarning, stacklevel=1)
    assert told == ["two\\nlines; hosts_off"] * 2
    with pytest.warns(Ovm3Warning):
        warn("as before", 1)
