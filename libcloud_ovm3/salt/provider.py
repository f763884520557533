"""From the configuration of a provider, profile or map to the driver's arguments; what it lacks."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.salt.arguments import typed

# Key of a provider -> the driver's argument. All others have the driver's own names.
USUAL_NAMES = {"user": "key", "password": "secret", "estate": "ex_estate"}
_OF_THE_DRIVER = set(inspect.signature(OVM3NodeDriver).parameters)
_OF_PROVIDERS = _OF_THE_DRIVER - {"ex_clock", *USUAL_NAMES.values()}
# What create_node takes from elsewhere, and why what is left of it must not be in a profile.
_OF_CREATE = set(inspect.signature(OVM3NodeDriver.create_node).parameters)
_FROM_SALT = {"self", "name", "size", "image", "location", "auth"}
_REFUSED = {
    "ex_hosts_off": "a file would say so long after the host has come back; expected in a single "
    "action only, or `ovm3 vm create --host-off`",
    "ex_unguarded": "a file would say so of each VM; expected in a single start only",
    "auth": "expected ex_keyname, the name of a key pair; a password is set by ex_userdata",
    "ex_progress": "it is a function, which a file cannot have",
    "ex_allow_same_name": "Salt knows VMs by their names; use `ovm3 vm create --allow-same-name`",
}
_OF_GUESTS = {"password"}  # in a profile, Salt takes it for the one of the VM
_OF_PROFILES = _OF_CREATE - _FROM_SALT - set(_REFUSED)


def is_given(value: Any) -> bool:
    """Whether a value of a configuration says anything."""
    return value is not None and value != ""


def what_is_missing(provider: Mapping[str, Any]) -> str:
    """Say what a provider lacks; an empty text: nothing."""
    if is_given(provider.get("estate")):
        return ""
    needed = (("user",), ("password", "ex_passwords"), ("host", "ex_hosts"))
    missing = [keys[0] for keys in needed if not any(is_given(provider.get(key)) for key in keys)]
    if not missing:
        return ""
    return (
        f"no {' and no '.join(missing)}: expected estate (the name of a configured estate), or "
        f"user, password and host"
    )


def driver_arguments(provider: Mapping[str, Any]) -> dict[str, Any]:
    """The driver's arguments for a provider.

    :param provider: Its configuration. Keys that are Salt's are left alone.
    :raises InvalidArgument: Something is missing, is not a text, or is not known.
    """
    missing = what_is_missing(provider)
    if missing:
        raise InvalidArgument(missing)
    _check_known(provider)
    _refuse_in_files(provider.get)
    for key in USUAL_NAMES:
        # A number has lost its leading zeros by now.
        if is_given(provider.get(key)) and not isinstance(provider[key], str):
            raise InvalidArgument(f"{key}: expected a text; in YAML, put it in quotes")
    names = {**{name: name for name in _OF_PROVIDERS}, **USUAL_NAMES}
    return {
        argument: provider[key] for key, argument in names.items() if is_given(provider.get(key))
    }


def create_arguments(
    setting: Callable[[str], Any], vm: Mapping[str, Any], provider: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of ``create_node`` besides name, size, image and location.

    :param setting: Returns the value of a key in map, profile or provider; None: not given.
    :param vm: All keys that are given; Salt has put those of the provider among them.
    :param provider: The configuration of the provider.
    :raises InvalidArgument: One is not known, is not possible in a file or there, or its value is
        wrong.
    """
    _check_known(vm)
    _refuse_in_files(setting)
    for name in sorted((_OF_PROVIDERS | set(USUAL_NAMES)) - _OF_GUESTS):
        if is_given(vm.get(name)) and vm[name] != provider.get(name):
            raise InvalidArgument(
                f"{name}: expected in the provider; a profile or map does not change where and "
                f"how the VM is created"
            )
    given = {name: setting(name) for name in sorted(_OF_PROFILES) if is_given(setting(name))}
    return typed(OVM3NodeDriver.create_node, given, _FROM_SALT)


def check_login(vm: Mapping[str, Any], salts: Mapping[str, Any]) -> None:
    """Check that Salt has what it needs to log in to a new VM (``cloud.bootstrap``).

    :param vm: All settings of the VM, without the agents' password.
    :param salts: Those of Salt itself.
    :raises InvalidArgument: It has not, so it could not be installed there.
    """
    key = vm.get("key_filename") or vm.get("ssh_keyfile")
    if key and not os.path.isfile(key):
        raise InvalidArgument(f"ssh_keyfile {key!r}: nothing was created: there is no such file")
    others = ("password", "win_password", "ssh_agent")
    if not key and not any(vm.get(one) or salts.get(one) for one in others):
        raise InvalidArgument(
            "nothing was created: with deploy on, Salt logs in to the VM by SSH; expected "
            "ssh_keyfile, the path of a private key that the VM lets in, or its password, or "
            "deploy: False"
        )


def _refuse_in_files(setting: Callable[[str], Any]) -> None:
    for name, why in _REFUSED.items():
        if is_given(setting(name)):
            raise InvalidArgument(f"{name}: not possible in a provider, profile or map: {why}")


def _check_known(settings: Mapping[str, Any]) -> None:
    """Other keys may be Salt's, but those with this prefix are the driver's, or misspelled."""
    for name in settings:
        known = name in _OF_PROVIDERS | _OF_PROFILES or name in _REFUSED
        if str(name).startswith("ex_") and not known:
            expected = sorted(one for one in _OF_PROVIDERS | _OF_PROFILES if one.startswith("ex_"))
            raise InvalidArgument(f"{name}: not known; expected one of {', '.join(expected)}")
