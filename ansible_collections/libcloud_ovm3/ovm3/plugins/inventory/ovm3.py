"""Inventory plugin: the VMs of Oracle VM Server 3 hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError, AnsibleTemplateError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

try:
    from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.access import (
        ARGUMENTS,
        SECRETS,
        driver_arguments,
        warning_by,
        with_options,
    )
    from ansible_collections.libcloud_ovm3.ovm3.plugins.plugin_utils.members import (
        describe,
        host_names,
    )
    from libcloud_ovm3.access import read_options
    from libcloud_ovm3.agent.address import parse_flag
    from libcloud_ovm3.diagnostics.inventory_data import read_inventory_data
    from libcloud_ovm3.errors import Ovm3Error
except ImportError as error:
    raise AnsibleError(
        f"libcloud_ovm3.ovm3 needs the Python package libcloud-ovm3 where Ansible runs: {error}"
    ) from error

DOCUMENTATION = r"""
name: ovm3
short_description: VMs of Oracle VM Server 3 hosts
author: The libcloud-ovm3 developers
description:
  - Returns all VMs of a pool, running and stopped, straight from the agents of the hosts. No Oracle
    VM Manager is needed. Nothing on the hosts is changed.
  - The configuration is a file that is named C(ovm3.yml), C(ovm3.yaml), or ends in C(.ovm3.yml) or
    C(.ovm3.yaml).
  - A VM is called by its display name. Those that share a name, or have that of a group, of
    C(localhost) or of a VM of another inventory file, are called C(NAME_ID).
  - Names go into commands and paths. One that begins with C(-), C(.) or a blank, ends in a blank,
    or contains control characters or one of C(/ \ ' " ` $ ; & < > |), is not used; the VM is called
    by its id. C(ovm3_name) is always its display name; do not put it into commands unquoted.
  - All are in the group C(ovm3), and in the groups C(ovm3_host_NAME) of the host that runs it,
    C(ovm3_network_NAME), C(ovm3_pool_NAME), C(ovm3_repository_NAME) and C(ovm3_state_STATE).
    Characters that groups cannot have become C(_). Where two hosts, pools, repositories or networks
    have one name, their ids are added.
  - Each VM has the variables that C(ovm3 vm list -o json) prints, with C(ovm3_) in front of their
    names; C(ovm3_repository) and C(ovm3_pool), null if there is none or more than one; and
    C(ovm3_networks), a list of the names of its networks.
  - C(ansible_host) is the first private address of a VM, else the first public one, if any is
    known. Addresses are known where hosts have the host module. O(compose) can set another one.
  - C(hosts_off) of the module is not an option here. The file would go on saying that a host is off
    after it has come back.
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - libcloud_ovm3.ovm3.access
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [libcloud_ovm3.ovm3.ovm3]
  complete:
    description:
      - Fail if a host is unreachable or something cannot be read. Otherwise it is a warning, and
        what runs on such a host has the state V(unknown), or is missing if its repository cannot be
        read either. It is always an error if no host can be read.
      - C(strict) of the estate does the same.
    type: bool
    default: false
"""

EXAMPLES = r"""
# ovm3.yml: everything else is in the estate (`ovm3 estate add lab ovm-1.example.com`)
plugin: libcloud_ovm3.ovm3.ovm3
estate: lab

---
# Without an estate; the password is in the environment variable OVM3_PASSWORD
plugin: libcloud_ovm3.ovm3.ovm3
host: ovm-1.example.com
fingerprint:
  ovm-1.example.com: "3F:3F:..."
  ovm-2.example.com: "A1:A1:..."
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ovm3
cache_timeout: 300
compose:
  ansible_host: inventory_hostname ~ '.example.com'
groups:
  large: (ovm3_memory_mb or 0) >= 8192
keyed_groups:
  - key: ovm3_domain_type
    prefix: type
"""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """What Ansible loads."""

    NAME = "libcloud_ovm3.ovm3.ovm3"

    def verify_file(self, path: str) -> bool:
        """Whether a file is a configuration of this plugin, by its name."""
        name = os.path.basename(path)
        is_named = name in ("ovm3.yml", "ovm3.yaml") or name.endswith((".ovm3.yml", ".ovm3.yaml"))
        return is_named and bool(super().verify_file(path))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the VMs to the inventory.

        :raises AnsibleParserError: An option is wrong, or the hosts could not be read.
        """
        super().parse(inventory, loader, path, cache)
        self._check_names(self._read_config_data(path))
        found = self._cached(path, cache)
        for error in found["errors"]:
            self.display.warning(f"{path}: {error}")
        strict, vms = self.get_option("strict"), found["vms"]
        for host, vm in zip(host_names(vms, self._taken(vms)), vms, strict=True):
            self._add(host, vm, strict)

    def _check_names(self, config: Mapping[str, Any]) -> None:
        """Refuse options that do not exist: Ansible itself ignores them."""
        unknown = sorted(str(name) for name in set(config) - set(self.get_options()))
        if unknown:
            raise AnsibleParserError(
                f"no option of {self.NAME}: {', '.join(unknown)}; expected some of "
                f"{', '.join(sorted(self.get_options()))}"
            )

    def _cached(self, path: str, cache: bool) -> dict[str, Any]:
        """What was read: before, if that may be used, else now."""
        names = {"estate", *ARGUMENTS} & set(self.get_options())
        try:
            arguments = driver_arguments({name: self._option(name) for name in names})
        except Ovm3Error as error:
            raise AnsibleParserError(with_options(error)) from None
        is_on, key = self.get_option("cache"), self.get_cache_key(path)
        if is_on and cache and key in self._cache:
            found = dict(self._cache[key])
            # What was incomplete when it was read is read again, not an error until it expires.
            if not (found["errors"] and self._must_be_complete(arguments)):
                return found
        found = self._read(arguments)
        if found["errors"] and self._must_be_complete(arguments):
            raise AnsibleParserError("; ".join(found["errors"]))
        if is_on:
            self._cache[key] = found
        return found

    def _must_be_complete(self, arguments: Mapping[str, Any]) -> bool:
        estate = arguments["ex_estate"]
        is_strict = estate and parse_flag(estate.entry.get("strict", False), "strict")
        return bool(self.get_option("complete") or is_strict)

    def _read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with warning_by(self.display.warning):
                access = read_options(**arguments, ex_read_only=True)
                found = describe(read_inventory_data(access.estate()))
        except Ovm3Error as error:  # Ansible would show the cause too, with the driver's arguments
            raise AnsibleParserError(with_options(error)) from None
        return {**found, "errors": [with_options(error) for error in found["errors"]]}

    def _option(self, name: str) -> Any:
        """An option; the texts in it may be templates, such as the lookup of a password."""
        try:
            return self.templar.template(self.get_option(name))
        except AnsibleTemplateError as error:
            if name not in SECRETS:
                raise
            kind = type(error).__name__  # the text of the error quotes the option
            raise AnsibleParserError(
                f"{name}: cannot be evaluated as a template ({kind})"
            ) from None

    def _taken(self, vms: Sequence[Mapping[str, Any]]) -> set[str]:
        """Names that VMs cannot have: those of groups, and of VMs of other inventory files."""
        groups = {self._sanitize_group_name(name) for name in self.get_option("groups") or {}}
        ids = {vm["name"]: vm["id"] for vm in vms}
        others = {
            name
            for name, host in self.inventory.hosts.items()
            if host.vars.get("ovm3_id", ids.get(name)) != ids.get(name)
        }
        return groups | others | set(self.inventory.groups)

    def _add(self, host: str, vm: dict[str, Any], strict: bool) -> None:
        variables = {**vm["variables"], "inventory_hostname": host}
        self.inventory.add_host(host)
        for group in vm["groups"]:
            self.inventory.add_host(host, self.inventory.add_group(group))
        for name, value in vm["variables"].items():
            self.inventory.set_variable(host, name, value)
        self._set_composite_vars(self.get_option("compose"), variables, host, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict)
