"""Images: the templates and ISOs in the repositories."""

from __future__ import annotations

from libcloud.compute.base import NodeImage, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_image


class Images(OVM3Base):
    """The image methods of the driver."""

    def list_images(self, location: NodeLocation | None = None) -> list[NodeImage]:
        """Templates, then ISOs, by name. Unreachable hosts and repositories produce a warning.

        A template has the name in its vm.cfg; of other images those names are known that Oracle VM
        Manager recorded, where a host has the host module, else those of the files. Images that
        are not complete are left out.

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
        self._warn([str(host.reason) for host in unreachable] + errors + more_errors)
        return [to_image(image, self) for image in images]

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
