"""Images: the templates and ISOs in the repositories."""

from __future__ import annotations

from libcloud.compute.base import NodeImage, NodeLocation

from libcloud_ovm3 import estate, operations
from libcloud_ovm3.compute.base import OVM3Base
from libcloud_ovm3.compute.convert import object_id, to_image


class Images(OVM3Base):
    """The image methods of the driver."""

    def list_images(self, location: NodeLocation | None = None) -> list[NodeImage]:
        """Templates, then ISOs. Unreachable hosts and repositories produce a warning.

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
        repositories = estate.repositories.read_repositories(hosts, with_vm_cfgs=False)
        errors = [error for repository in repositories for error in repository.errors]
        self._warn([str(host.reason) for host in unreachable] + errors)
        if host_id is not None:
            repositories = [
                repository
                for repository in repositories
                if any(
                    operations.placement.is_host(host, host_id) for host in repository.mounted_on
                )
            ]
        return [to_image(image, self) for image in estate.images.images(repositories)]
