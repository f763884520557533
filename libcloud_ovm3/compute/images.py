"""Images: the templates and ISOs in the repositories."""

from __future__ import annotations

from libcloud.compute.base import Node, NodeImage, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_image


class Images(OVM3Base):
    """The image methods of the driver."""

    def list_images(self, location: NodeLocation | None = None) -> list[NodeImage]:
        """Templates, then ISOs, by name. Unreachable hosts and repositories produce a warning.

        A template has the name in its vm.cfg; of other images those names are known that Oracle VM
        Manager recorded, where a host has the host module, else those of the files. Images that
        are not complete are left out, but for those that hosts fetch from a URL, where a host has
        the host module: they are at the end, and ``extra["state"]`` is ``pending``.

        :param location: Only images in repositories that this host, or the host with this id, has
            mounted.
        :type location: :class:`NodeLocation` or ``str``

        :raises HostNotFound: There is no such host.
        :raises SearchIncomplete: It is unreachable, or may be a host that is.
        :raises Ovm3Error: No host responded.
        :rtype: ``list`` of :class:`NodeImage`
        """
        hosts, unreachable = estate.hosts.read_hosts(self._estate)
        host_id = None if location is None else object_id(location)
        if host_id is not None:
            operations.placement.require_host(hosts, unreachable, host_id)
        repositories = estate.repositories.read_repositories(hosts)
        errors = [error for repository in repositories for error in repository.errors]
        if host_id is not None:
            repositories = [
                repository
                for repository in repositories
                if any(
                    operations.placement.is_host(host, host_id) for host in repository.mounted_on
                )
            ]
        images, more_errors = estate.images.read_images(repositories)
        pending, unread = estate.pending_imports.read_pending(repositories)
        errors += more_errors + unread
        self._warn(estate.hosts.why_incomplete(hosts, unreachable) + errors)
        return [to_image(image, self) for image in images + pending]

    def get_image(self, image_id: str) -> NodeImage:
        """One image by its id.

        :param image_id: ``<repository id>/<path>``, the repository's id in any notation.
            (required)
        :type image_id: ``str``

        :raises ImageNotFound: There is no such image, or it is not complete.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises Ovm3Error: No host responded.
        :rtype: :class:`NodeImage`
        """
        image, errors = estate.images.find_image(self._estate, object_id(image_id))
        self._warn(errors)
        return to_image(image, self)

    def create_image(  # type: ignore[override]  # libcloud's annotation is wrong: a list
        self,
        node: Node,
        name: str,
        description: str | None = None,
        *,
        ex_pause: bool | str = False,
        ex_repository: str | None = None,
    ) -> NodeImage:
        """Make a template of a node that is stopped. Blocks while its disks are copied.

        With the host module it has all disks and settings of the node, but not its uuid and MAC
        addresses. Without it a disk image is made, which is only possible for a paravirtualized
        node with one disk, and ``description`` is not recorded.

        :param node: A node, or its id. (required)
        :type node: :class:`Node` or ``str``

        :param name: The name of the template; others may have the same. (required)
        :type name: ``str``

        :param description: Its description. (default: that of the node)
        :type description: ``str``

        :param ex_pause: Pause a node that runs while its disks are copied: what guests have not
            written to their disks is then missing in the template, as after a power failure.
        :type ex_pause: ``bool``

        :param ex_repository: The id or the alias of the repository for the template. A host must
            have it mounted beside those of the disks. (default: that of the node)
        :type ex_repository: ``str``

        :raises NodeNotFound: There is no such node.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises InvalidArgument: The name is wrong, or the node has physical or shared disks.
        :raises PreconditionFailed: The node is running, or may be; or no host can make the
            template. Nothing of it is left.
        :raises AgentFault: The host refused. Nothing of it is left.
        :raises OperationIncomplete: It was not completed; names what may be left, or paused.
        :rtype: :class:`NodeImage`
        """
        pause = parse_flag(ex_pause, "ex_pause")
        image, notices = operations.create_image.create_image(
            self._estate, object_id(node), name, description, pause, ex_repository
        )
        self._warn(notices)
        return to_image(image, self)

    def delete_image(self, node_image: NodeImage) -> bool:
        """Delete a template or an ISO that nothing uses.

        Of a template with a ``vm.cfg`` all files in its folder are deleted, and the virtual disks
        that it alone names; that needs the host module. An image that was left unfinished is
        deleted by its id.

        :param node_image: An image, or its id. (required)
        :type node_image: :class:`NodeImage` or ``str``

        :raises ImageNotFound: There is no such image.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: A vm.cfg or a running domain names it, or may, as not everything
            could be read; or the host module is needed. Nothing was deleted.
        :raises AgentFault: The host refused. It is there as before.
        :raises OperationIncomplete: Whether it is deleted is unknown; names what is left.
        :return: True: it is deleted.
        :rtype: ``bool``
        """
        self._warn(operations.delete_image.delete_image(self._estate, object_id(node_image)))
        return True

    def copy_image(
        self,
        source_region: str,
        node_image: NodeImage,
        name: str,
        description: str | None = None,
        *,
        ex_repository: str | None = None,
    ) -> NodeImage:
        """Copy a template or an ISO to another repository. Blocks while it is copied.

        A template with a ``vm.cfg`` needs the host module.

        :param source_region: The id or the alias of the repository that the image is in. (required)
        :type source_region: ``str``

        :param node_image: An image, or its id. (required)
        :type node_image: :class:`NodeImage` or ``str``

        :param name: The name of the copy; others may have the same. (required)
        :type name: ``str``

        :param description: The description of the copy, which only a template with a ``vm.cfg``
            can have. (default: that of the image)
        :type description: ``str``

        :param ex_repository: The id or the alias of the repository for the copy. (default: of those
            that a host has mounted beside the source, the one with the most free space)
        :type ex_repository: ``str``

        :raises InvalidArgument: The image is not in ``source_region``, or the name is wrong.
        :raises ImageNotFound: There is no such image.
        :raises SearchIncomplete: It was not found, but not everything could be read.
        :raises PreconditionFailed: No host can copy it, it does not fit, or a running domain writes
            to it. Nothing of the copy is left.
        :raises AgentFault: The host refused. Nothing of the copy is left.
        :raises OperationIncomplete: It was not completed; names what may be left.
        :rtype: :class:`NodeImage`
        """
        image, notices = operations.copy_image.copy_image(
            self._estate,
            source_region,
            object_id(node_image),
            name,
            description,
            ex_repository,
        )
        self._warn(notices)
        return to_image(image, self)
