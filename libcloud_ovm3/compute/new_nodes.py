"""Nodes: creating them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from libcloud.compute.base import (
    KeyPair,
    Node,
    NodeAuthPassword,
    NodeAuthSSHKey,
    NodeImage,
    NodeLocation,
    NodeSize,
    StorageVolume,
)

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import list_of, parse_flag
from libcloud_ovm3.compute.convert import as_size, object_id, to_node
from libcloud_ovm3.compute.guests import Guests
from libcloud_ovm3.habitual import parse_number, refuse_unsupported, requested_networks

if TYPE_CHECKING:
    from libcloud_ovm3.operations.plan_vm import VMPlan


class NewNodes(Guests):
    """The method of the driver that creates nodes."""

    _require: Callable[[VMPlan], None] | None = None  # what deploy_node requires of a plan

    def create_node(
        self,
        name: str,
        size: NodeSize,
        image: NodeImage,
        location: NodeLocation | None = None,
        auth: NodeAuthSSHKey | NodeAuthPassword | None = None,
        ex_allow_same_name: bool | str = False,
        *,
        ex_networks: Sequence[Any] | str | None = None,
        networks: object = None,
        ex_config_drive: object = None,
        ex_cpus: int | str | None = None,
        ex_description: str | None = None,
        ex_disk_gb: float | int | str | None = None,
        ex_disks: object = None,
        ex_domain_type: str | None = None,
        ex_hostname: object = None,
        ex_hosts_off: Sequence[NodeLocation | str] | str | None = None,
        ex_idempotency_key: str | None = None,
        ex_iso: NodeImage | str | None = None,
        ex_keyname: KeyPair | str | None = None,
        ex_keypair: object = None,
        ex_memory_mb: int | str | None = None,
        ex_metadata: Mapping[str, str] | None = None,
        ex_network: object = None,
        ex_network_format: int | str = 1,
        ex_progress: Callable[[int, int], object] | None = None,
        ex_security_groups: object = None,
        ex_ssh_key_ids: object = None,
        ex_start: bool | str = True,
        ex_tags: Sequence[str] | str | None = None,
        ex_unguarded: bool | str = False,
        ex_userdata: str | None = None,
        ex_volumes: Sequence[StorageVolume | str] | str | None = None,
    ) -> Node:
        """Create a VM from a template or an ISO and start it. Blocks while its disks are copied.

        Of a template with a ``vm.cfg``, such as Oracle VM Manager makes, all disks are copied and
        the settings taken over. Of a disk image a VM with one disk is made, paravirtualized unless
        ``ex_domain_type`` says otherwise. Of an ISO an HVM VM is made, with an empty disk and the
        ISO in a CD drive, from which it boots first: for installing a system.

        :param name: Its display name. (required)
        :type name: ``str``

        :param size: The size, or the id of a built-in one. Used are its ``ram`` in MB, its
            ``extra["cpus"]`` (1 if absent), and its ``disk`` in GB, of the first disk: 0 is the
            size of the template (of an ISO: an error). Less is an error. More needs the host
            module: without it the disk gets the size of the template, with a warning. (required)
        :type size: :class:`NodeSize` or ``str``

        :param image: A template or an ISO, or its id. (required)
        :type image: :class:`NodeImage` or ``str``

        :param location: The host, or its id. (default: the one with the most free memory)
        :type location: :class:`NodeLocation` or ``str``

        :param auth: A public key, or a password, with which root can log in. A guest with
            cloud-init reads it, from a seed (docs/guest-configuration.md); the password is in it as
            a hash. (default: none, and no password is made, other than with libcloud's drivers of
            clouds)
        :type auth: :class:`NodeAuthSSHKey` or :class:`NodeAuthPassword`

        :param ex_allow_same_name: Allow a name that another VM of the estate has.
        :type ex_allow_same_name: ``bool``

        :param ex_cpus: The number of virtual CPUs, instead of that of the size.
        :type ex_cpus: ``int``

        :param ex_description: Its description, kept in its ``vm.cfg`` and shown in
            ``extra["description"]``. It cannot be one that marks a node as being created.
        :type ex_description: ``str``

        :param ex_disk_gb: The size of the first disk, instead of ``disk`` of the size; 0 is the
            size of the template.
        :type ex_disk_gb: ``float``, GB

        :param ex_domain_type: ``pv`` (paravirtualized) or ``hvm`` (with emulated devices), also as
            ``xen_pvm`` and ``xen_hvm``. A template with a ``vm.cfg`` is of one type, and any other
            is an error. (default: that of the template; of a disk image ``pv``)
        :type ex_domain_type: ``str``

        :param ex_hosts_off: Addresses of hosts that you have seen to be powered off: in this call
            they run nothing. Refused if one answers anything. See docs/a-host-is-dead.md first.
        :type ex_hosts_off: ``list`` of ``str`` or :class:`NodeLocation`

        :param ex_idempotency_key: A text of your own that stands for this node, at most 255
            characters: a second call with it returns the node as it is, whatever else it asks for,
            also after a crash. See docs/driver.md, "Creating a node at most once".
        :type ex_idempotency_key: ``str``

        :param ex_iso: An ISO, or its id, for a CD drive of it besides what the image says: for
            drivers, or a seed. It goes into the first empty drive, else into a new one.
        :type ex_iso: :class:`NodeImage` or ``str``

        :param ex_keyname: A key pair, or its name, whose public key root and the guest's own first
            user get, besides that of ``auth``.
        :type ex_keyname: ``str`` or :class:`KeyPair`

        :param ex_memory_mb: Its memory, instead of that of the size.
        :type ex_memory_mb: ``int``, MB

        :param ex_metadata: Texts of your own, by keys of your own: recorded in its repository,
            shown in ``extra["metadata"]``, removed with the node. At most 50 keys of up to 128
            characters with values of up to 256. Needs the host module.
        :type ex_metadata: ``dict`` of ``str``

        :param ex_networks: The networks of its cards, in the guest's order: bridges, traffic
            labels, ``"label:vlan"``, pairs of label and VLAN, or mappings with the key ``network``
            and ``mac``, ``address``, ``model``, ``type`` as for :meth:`ex_attach_nic`. The guest is
            told of addresses that have a prefix length (``192.0.2.10/24``), of ``gateway`` and of
            ``dns``. Hosts that lack one are not chosen. An empty list: no card. (default: the
            template's cards, with new MAC addresses; if it has none, one on
            ``ex_default_network``)
        :type ex_networks: ``list`` of :class:`.OVM3Network`, ``str``, ``tuple`` or ``dict``

        :param ex_network_format: Of what the guest is told of static addresses: 1, which all
            versions of cloud-init since 0.7.9 read, or 2.
        :type ex_network_format: ``int``

        :param networks: The same, by the name that some of libcloud's other drivers use.
        :type networks: ``list``

        :param ex_progress: A function that is called while disks are copied, every few seconds and
            after each, with the bytes that are there and the bytes of all. In a thread of its own:
            what it raises becomes a warning.
        :type ex_progress: ``callable``

        :param ex_start: Start it. False leaves it ``STOPPED``; :meth:`start_node` starts it.
        :type ex_start: ``bool``

        :param ex_tags: Words of your own, likewise, in ``extra["tags"]``: at most 50 of up to 128
            characters.
        :type ex_tags: ``list`` of ``str``

        :param ex_unguarded: Start it on ``location`` although that host has no claims, while the
            repository has: nothing keeps it from being started twice then. See docs/claims.md.
        :type ex_unguarded: ``bool``

        :param ex_userdata: User data for cloud-init: a cloud-config, a script (``#!``), or another
            kind that it knows, also MIME; 512 KiB at most. What ``auth`` and ``ex_keyname`` need is
            added to it.
        :type ex_userdata: ``str``

        :param ex_volumes: Existing volumes, or their ids, that it has from the beginning, behind
            its own disks and in this order; checked as by :meth:`attach_volume`. If the node is
            not created they are released; :meth:`destroy_node` keeps them.
        :type ex_volumes: ``list`` of :class:`StorageVolume` or ``str``

        The other arguments are known from libcloud's other drivers and not supported yet: None and
        empty values are accepted, everything else raises InvalidArgument before anything is sent.

        :raises InvalidArgument: An argument is wrong, or the node of the key has another name.
            Nothing was created.
        :raises ImageNotFound: There is no such image.
        :raises HostNotFound: There is no such host.
        :raises VolumeNotFound: There is no such volume.
        :raises NameTaken: A VM of this name exists. Nothing of the new one is left.
        :raises KeyPairNotFound: There is no such key pair.
        :raises PreconditionFailed: No host can take it, or whether the name is taken is unknown, or
            the guest cannot be told what is asked for: that needs the host module, and the extra
            ``[cloudinit]``. Nothing of it is left.
        :raises AgentFault: The agent refused a step. Nothing of it is left.
        :raises OperationIncomplete: It was not completed, or not started; names what may be left.
        :return: The node, in the state in which it was seen last.
        :rtype: :class:`Node`
        """
        refuse_unsupported(
            ex_config_drive=ex_config_drive,
            ex_disks=ex_disks,
            ex_hostname=ex_hostname,
            ex_keypair=ex_keypair,
            ex_network=ex_network,
            ex_security_groups=ex_security_groups,
            ex_ssh_key_ids=ex_ssh_key_ids,
        )
        guest, password = self._guest_config(auth, ex_keyname, ex_userdata, ex_network_format)
        chosen = as_size(size, self)
        own_cpus = (chosen.extra or {}).get("cpus") or 1
        spec = operations.vm_spec.VMSpec(
            name=name,
            require=self._require,
            image_id=object_id(image),
            memory_mb=parse_number(ex_memory_mb, "ex_memory_mb", chosen.ram),
            vcpus=parse_number(ex_cpus, "ex_cpus", own_cpus),
            disk_gb=parse_number(ex_disk_gb, "ex_disk_gb", chosen.disk or 0),
            description=ex_description or "",
            domain_type=ex_domain_type or None,
            iso_id=object_id(ex_iso) if ex_iso else None,
            volume_ids=_ids(ex_volumes),
            host_id=None if location is None else object_id(location),
            allow_same_name=parse_flag(ex_allow_same_name, "ex_allow_same_name"),
            start=parse_flag(ex_start, "ex_start"),
            metadata=operations.record_metadata.parse_metadata(ex_metadata, ex_tags),
            progress=ex_progress,
            key=operations.vm_spec.checked_key(ex_idempotency_key),
            cards=self._cards(requested_networks(ex_networks, networks)),
            guest=guest,
        )
        warn = partial(self._warn, stacklevel=4)  # before anything is created: it may raise
        on = self._estate_of(ex_hosts_off, ex_unguarded=ex_unguarded)
        created = operations.create_by_key.create(on, spec, warn)
        self._warn_of_done(created.notices)
        node = to_node(created.vm, self, created.hosts_off)
        # Those of a call which made nothing are not the node's.
        node.image = image if created.is_new and isinstance(image, NodeImage) else None
        # As libcloud's other drivers do.
        if created.is_new and password is not None and password.generated:
            node.extra["password"] = password.password
        return node

    def _cards(self, networks: object) -> tuple[Any, ...] | None:
        """The network cards that a node is to have; None: nothing is said of them."""
        if networks is None:
            return None
        labels = self._estate.traffic_labels
        return tuple(operations.new_cards.card_specs(networks, labels))


def _ids(volumes: Sequence[StorageVolume | str] | str | None) -> tuple[str, ...]:
    """The ids of volumes; a text may have several, with commas, as programs such as Salt pass."""
    if isinstance(volumes, str):
        volumes = [one.strip() for one in volumes.split(",") if one.strip()]
    return tuple(object_id(one) for one in list_of(volumes or (), "ex_volumes"))
