#!/usr/bin/python
"""Module: creates, starts, stops, suspends, reboots and deletes VMs of Oracle VM Server 3."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.access import (
        driver_arguments,
        warning_by,
        with_options,
    )
    from ansible_collections.libcloud_ovm3.ovm3.plugins.module_utils.vm_states import (
        NOT_COMPARED,
        bring_about,
        check_options,
    )
    from libcloud_ovm3 import OVM3NodeDriver
    from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
    from libcloud_ovm3.progress import LOGGER

    MISSING = None
except ImportError as error:  # also of a name: the package may have another version
    MISSING = f"{missing_required_lib('libcloud-ovm3')} ({error})"
    TRACEBACK = traceback.format_exc()

DOCUMENTATION = r"""
module: vm
short_description: Create, start, stop, suspend, reboot and delete VMs of Oracle VM Server 3
author: The libcloud-ovm3 developers
description:
  - Works straight on the agents of the hosts. No Oracle VM Manager is needed. The module runs where
    the Python package C(libcloud-ovm3) is installed, usually on C(localhost).
  - A request that changes something is sent at most once. What cannot be read is never taken for
    absent. If the outcome of a request is not known, the task fails and says what may be left.
options:
  name:
    description:
      - Display name of the VM. A name that several VMs have is refused; use O(id).
      - One of O(name) and O(id) is required.
    type: str
  id:
    description: Id (uuid) of the VM. A VM that does not exist cannot be created with an id.
    type: str
  state:
    description:
      - V(present) creates the VM if it does not exist. It never starts one that exists, changes
        nothing of it but O(metadata), O(tags), O(pin) and, with O(resize), its memory and CPUs. It
        warns if it has other memory or CPUs than the task says, or runs on another host.
      - V(started) starts a VM that is off, and lets one go on that V(paused) or V(suspended) has
        left. One that does not exist is created if O(image) is given.
      - V(stopped) asks the guest to shut down, and waits until it has.
      - V(paused) pauses a VM that runs. V(suspended) saves its memory and frees its host, which
        needs claims.
      - V(rebooted) asks the guest to reboot. It does not wait, and reports a change each time.
      - V(reset) powers a VM off and starts it again, likewise each time.
      - V(absent) powers a VM off if it runs, and deletes it with its own disks, those that are
        named after it and that nothing else may use. Other disks are kept, with a warning.
    type: str
    choices: [present, absent, started, stopped, paused, suspended, rebooted, reset]
    default: present
  location:
    description: Name, address or id of the host on which to start the VM. Otherwise the driver
      chooses one. A VM that runs on another host is an error with O(state=started), unless
      O(migrate=true).
    type: str
  resize:
    description: Whether O(state=present) and O(state=started) give a VM that exists the memory and
      CPUs of the task. One that runs gets no more than the maxima that it was started with.
    type: bool
    default: false
  pin:
    description: The CPUs of its host that a VM that exists runs on with O(state=present) and
      O(state=started), such as V(0-3); V(all) for no pin.
    type: str
  migrate:
    description: Whether O(state=started) moves a VM that runs on another host than O(location) to
      that, live.
    type: bool
    default: false
  start:
    description: Whether O(state=present) starts a VM that it creates. If the start fails, the task
      fails, and the VM exists; O(state=started) starts it.
    type: bool
    default: true
  discard_saved:
    description: Whether O(state=started) and O(state=absent) discard the memory of a VM that is
      suspended, as a power cut does. Otherwise the former lets it go on, and the latter is refused.
    type: bool
    default: false
  force:
    description: Whether O(state=stopped) powers the VM off at once, without a guest shutdown.
    type: bool
    default: false
  stop_timeout:
    description: Seconds to wait for the guest to shut down. After that the task fails; the VM is
      never powered off by itself.
    type: float
    default: 300
  minimum_age:
    description: Seconds that a VM must have run before it is rebooted. xend destroys one that
      reboots earlier.
    type: float
    default: 60
  delete_disks:
    description: Paths of the disks that O(state=absent) may delete, of those that it would delete
      otherwise. V([]) keeps all.
    type: list
    elements: str
  hosts_off:
    description:
      - Addresses of hosts that you have seen to be powered off. This task believes that they run
        nothing, unless they answer. If that is wrong, VMs are started twice.
      - Read C(docs/a-host-is-dead.md) of libcloud-ovm3 first.
    type: list
    elements: str
  unguarded:
    description:
      - Start the VM on O(host) although that host has no claims, and the repository of the VM has
        them. Nothing keeps the VM from being started twice then.
      - Read C(docs/claims.md) of libcloud-ovm3 first.
    type: bool
    default: false
  ssh_port:
    description: SSH port of the hosts, which a host in O(hosts_off) must not answer at. C(22)
      unless the estate says otherwise.
    type: int
extends_documentation_fragment:
  - libcloud_ovm3.ovm3.access
  - libcloud_ovm3.ovm3.new_vm
attributes:
  check_mode:
    description: Makes all the checks of the task and sends nothing that changes anything.
    support: full
  diff_mode:
    description: Returns the VM before and after.
    support: full
"""

EXAMPLES = r"""
- name: A VM that runs
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-1
    state: started
    image: oracle-linux-6
    size: small

- name: A VM that exists, and is left off when it is created
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-2
    image: oracle-linux-6
    memory_mb: 768
    vcpus: 2
    start: false

- name: A VM with two network cards, on VLANs that its start makes where they are missing
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-3
    state: started
    image: oracle-linux-6
    size: small
    traffic_labels:  # unless the estate has them
      guest: bond0
    networks:
      - guest:160
      - network: guest:161
        mac: "00:21:f6:00:00:61"

- name: A VM that one can log in to, with a static address (needs the host module)
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-4
    state: started
    image: oracle-linux-6
    size: small
    ssh_key: "{{ lookup('file', '~/.ssh/id_ed25519.pub') }}"
    user_data: |
      #cloud-config
      packages: [nginx]
    networks:
      - network: guest
        address: 192.0.2.10/24
        gateway: 192.0.2.1
        dns: [192.0.2.53]
    metadata:
      owner: ops
    tags: [web]

- name: Other tags, of a VM that exists
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-4
    tags: [web, production]

- name: A VM on which a system is installed from an ISO, with another disk
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: win-1
    image: oracle-linux-6-boot.iso
    size: small
    disk_gb: 20
    volumes: [data]
    description: installed by hand

- name: Power off
  libcloud_ovm3.ovm3.vm:
    estate: lab
    name: web-1
    state: stopped
    force: true

- name: Delete, but keep the disks
  libcloud_ovm3.ovm3.vm:
    estate: lab
    id: 0004fb00-0006-0000-a1b2-c3d4e5f60718
    state: absent
    delete_disks: []
"""

RETURN = r"""
vm:
  description:
    - The VM after the task, with the keys of C(ovm3 vm show -o json). In check mode as it is.
    - Null if there is none, or if it could not be read after the change, which is a warning.
  returned: success
  type: dict
  sample:
    id: 0004fb00-0006-0000-a1b2-c3d4e5f60718
    name: web-1
    state: running
    host: ovm-1
    memory_mb: 1024
    vcpus: 1
disks:
  description: Disks of a VM that is deleted. A disk to delete that was kept after all is named in a
    warning.
  returned: state is absent, and the VM exists
  type: dict
  contains:
    delete:
      description: Paths of those that are deleted with it.
      type: list
      elements: str
    keep:
      description: Paths of those that are kept.
      type: list
      elements: str
not_compared:
  description: Options that may differ from the VM that exists, as they are not compared.
  returned: one of them is given, state is present or started, and the VM existed before
  type: list
  elements: str
  sample: [image]
error:
  description: Class of the error (C(docs/errors.md) of libcloud-ovm3).
  returned: failure on the side of the hosts
  type: str
  sample: OperationIncomplete
nodes:
  description: The VMs that the error concerns, such as all those of a name that several have.
  returned: failure on the side of the hosts
  type: list
  elements: dict
  contains:
    id:
      description: Id of the VM.
      type: str
    name:
      description: Its display name.
      type: str
    state:
      description: Its state as it was read last. Null if it was not read.
      type: str
left:
  description: Ids of VMs and paths of disks that may be left, or may still appear.
  returned: the error is an OperationIncomplete
  type: list
  elements: str
"""

TEXT, FLAG, NUMBER = {"type": "str"}, {"type": "bool"}, {"type": "int"}
PATH, TEXTS = {"type": "path"}, {"type": "list", "elements": "str"}
ACCESS: dict[str, dict[str, Any]] = {
    "estate": TEXT,
    "host": TEXT,
    "hosts": TEXTS,
    "port": NUMBER,
    "user": TEXT,
    "password": {"type": "str", "no_log": True},
    "passwords": {"type": "dict", "no_log": True},
    "fingerprint": {"type": "raw"},
    "ca_cert": PATH,
    "cert_file": PATH,
    "key_file": {**PATH, "no_log": False},
    "verify_ssl": {"type": "bool", "default": True},
    "tls_server_name": {"type": "raw"},
    "tls_minimum": TEXT,
    "tls_weak_keys": {**FLAG, "no_log": False},
    "tls_legacy_renegotiation": FLAG,
    "proxy_url": {"type": "str", "no_log": True},
    "timeouts": {"type": "dict"},
    "second_look": {"type": "float"},
    "host_module": FLAG,
    "traffic_labels": {"type": "dict"},
    "default_network": TEXT,
    "public_networks": TEXTS,
    "keys_repository": TEXT,
    "watch_dhcp": FLAG,
}
STATES = ("present", "absent", "started", "stopped", "paused", "suspended", "rebooted", "reset")


def arguments() -> dict[str, dict[str, Any]]:
    """What AnsibleModule takes."""
    return {
        **ACCESS,
        "name": TEXT,
        "id": TEXT,
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
        "image": TEXT,
        "size": TEXT,
        "memory_mb": NUMBER,
        "vcpus": NUMBER,
        "disk_gb": {"type": "float"},
        "domain_type": {"type": "str", "choices": ["pv", "hvm"]},
        "iso": TEXT,
        "volumes": TEXTS,
        "description": TEXT,
        "networks": {"type": "list", "elements": "raw"},
        "network_format": {"type": "int", "choices": [1, 2]},
        "ssh_key": {"type": "str", "no_log": False},
        "key_name": {"type": "str", "no_log": False},
        "user_data": {"type": "str", "no_log": True},
        "metadata": {"type": "dict"},
        "tags": TEXTS,
        "location": TEXT,
        "resize": {"type": "bool", "default": False},
        "pin": TEXT,
        "migrate": {"type": "bool", "default": False},
        "start": {"type": "bool", "default": True},
        "discard_saved": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "stop_timeout": {"type": "float", "default": 300},
        "minimum_age": {"type": "float", "default": 60},
        "delete_disks": TEXTS,
        "hosts_off": TEXTS,
        "unguarded": {"type": "bool", "default": False},
        "ssh_port": NUMBER,
    }


class Sent(logging.Handler):
    """Counts the requests that may have changed something, by the driver's log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of ``libcloud_ovm3.progress``."""
        facts = vars(record)
        if facts.get("changes"):
            self.number += facts["phase"] == "begin"
            self.number -= facts.get("outcome") == "not sent"


def main() -> None:
    """Run the task."""
    module = AnsibleModule(
        argument_spec=arguments(),
        required_one_of=[("name", "id"), ("estate", "host", "hosts")],
        mutually_exclusive=[("name", "id")],
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=MISSING, exception=TRACEBACK)
    sent = Sent()
    LOGGER.addHandler(sent)
    LOGGER.setLevel(logging.INFO)
    try:
        with warning_by(module.warn):
            result = run(module)
    except Ovm3Error as error:
        more: dict[str, Any] = {"nodes": list(error.nodes), "changed": sent.number > 0}
        if isinstance(error, OperationIncomplete):
            more["left"] = list(error.left)
        module.fail_json(msg=with_options(error), error=type(error).__name__, **more)
    module.exit_json(**{"changed": sent.number > 0, **result})


def run(module: Any) -> dict[str, Any]:
    """Bring the VM into its state; return what the task returns."""
    check_options(module.params)
    arguments = driver_arguments(module.params)
    estate = arguments["ex_estate"]
    driver = OVM3NodeDriver(**arguments, ex_read_only=module.check_mode)
    is_refused = bool(estate and estate.read_only)
    done = bring_about(driver, module.params, module.warn, module.check_mode and not is_refused)
    result: dict[str, Any] = {"vm": done.vm, **({"disks": done.disks} if done.disks else {})}
    given = [name for name in NOT_COMPARED if module.params[name] not in (None, "")]
    if done.before and given and module.params["state"] in ("present", "started"):
        result["not_compared"] = given
    if done.would_change:
        result["changed"] = True
    if module._diff:
        kept = {"disks": done.disks["keep"]} if done.disks and done.disks["keep"] else {}
        result["diff"] = {"before": done.before or {}, "after": done.after or kept}
    return result


if __name__ == "__main__":
    main()
