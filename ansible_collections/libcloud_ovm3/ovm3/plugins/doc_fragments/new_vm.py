"""The options of the module ``vm`` for what a VM is created with, and what is recorded of it."""


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` reads."""

    DOCUMENTATION = r"""
options:
  image:
    description: Name or id of the template or ISO of a VM that is created. Nothing records of which
      image a VM was made, so that of a VM that exists is not compared; RV(not_compared) says so.
      Of an ISO, from which it boots first, it gets an empty disk of O(disk_gb).
    type: str
  size:
    description: Id of a built-in size for a VM that is created (C(ovm3 size list)). This or
      O(memory_mb) is required then.
    type: str
  memory_mb:
    description: Memory in MB of a VM that is created, instead of that of O(size).
    type: int
  vcpus:
    description: Number of virtual CPUs of a VM that is created, instead of that of O(size).
    type: int
  disk_gb:
    description: Size in GB of the first disk of a VM that is created. More than the template's
      needs the host module. Without this option it has that of the template.
    type: float
  domain_type:
    description: Whether a VM that is created is paravirtualized or HVM. Without this option as the
      template is; of a disk image V(pv).
    type: str
    choices: [pv, hvm]
  iso:
    description: Name or id of an ISO for a CD drive of a VM that is created, besides its image.
    type: str
  volumes:
    description: Names or ids of volumes that a VM that is created has from the beginning, behind
      its own disks and in this order. O(state=absent) keeps them.
    type: list
    elements: str
  description:
    description: Description of a VM that is created. Neither this one nor the other options of a
      VM that is created are compared with one that exists, but for O(size), O(memory_mb), O(vcpus),
      O(metadata) and O(tags).
    type: str
  networks:
    description:
      - The networks of the network cards of a VM that is created, in the guest's order. Each is a
        bridge, a traffic label or C(label:vlan), or a dict with the key C(network) and C(mac),
        C(address), C(gateway), C(dns), C(model), C(type) (C(docs/networks.md) of libcloud-ovm3). An
        empty list is none.
      - An C(address) with a prefix length, such as C(192.0.2.10/24), is set in a guest with
        cloud-init, and so are C(gateway) and C(dns); that needs the host module. One without is
        only recorded.
      - Without this option it has those of the image, else one on O(default_network), else none.
      - The cards of a VM that exists are neither changed nor compared.
    type: list
    elements: raw
  network_format:
    description: Format in which the guest of a VM that is created is told of static addresses.
      V(1), which all versions of cloud-init since 0.7.9 read, unless this says V(2).
    type: int
    choices: [1, 2]
  ssh_key:
    description: Public key, one line in OpenSSH's form, with which root can log in to a VM that is
      created. Its guest must have cloud-init, and a host the host module
      (C(docs/guest-configuration.md) of libcloud-ovm3).
    type: str
  key_name:
    description: Name of a key pair (C(ovm3 key list)) whose public key root and the guest's own
      first user get besides O(ssh_key).
    type: str
  user_data:
    description: User data for cloud-init, for the guest of a VM that is created - a cloud-config, a
      script, or MIME. It needs the host module. Ansible does not log it.
    type: str
  metadata:
    description:
      - Texts by keys, recorded of the VM, and shown in RV(vm). Needs the host module.
      - With O(state=present) and O(state=started) those of a VM that exists are replaced if they
        differ. V({}) removes all; without this option they stay.
    type: dict
  tags:
    description: Words that are recorded in the same way; their order does not matter. The inventory
      plugin makes groups of them. V([]) removes all.
    type: list
    elements: str
"""
