"""Sizes, locations and images: what a node is made of and where it can run."""

from __future__ import annotations

from libcloud.compute.base import NodeImage, NodeLocation, NodeSize

from libcloud_ovm3.compute.base import OVM3Base, object_id
from libcloud_ovm3.compute.convert import to_image, to_location, to_sizes, to_unreachable_location
from libcloud_ovm3.estate.hosts import HARDWARE, read_hardware, read_hosts
from libcloud_ovm3.estate.images import images
from libcloud_ovm3.estate.repositories import read_repositories
from libcloud_ovm3.operations.placement import is_host, require_host


class Places(OVM3Base):
    """The size, location and image methods of the driver."""

    def list_sizes(self, location: NodeLocation | None = None) -> list[NodeSize]:
        """The built-in sizes; the number of virtual CPUs is in ``extra["cpus"]``.

        :param location: Makes no difference.

        :rtype: ``list`` of :class:`NodeSize`
        """
        return to_sizes(self)

    def list_locations(self) -> list[NodeLocation]:
        """One location per host, the silent ones and the unverified ones included.

        :rtype: ``list`` of :class:`NodeLocation`
        """
        hosts, silent = read_hosts(self._estate, HARDWARE)
        hardware = read_hardware(hosts)
        return [
            *(to_location(host, what, self) for host, what in zip(hosts, hardware, strict=True)),
            *(to_unreachable_location(one, self) for one in silent),
        ]

    def list_images(self, location: NodeLocation | None = None) -> list[NodeImage]:
        """Templates, then ISOs.

        :param location: Only what this host (or the host of this id) has mounted.
        :type location: :class:`NodeLocation`

        :raises HostNotFound: there is no such host.
        :raises SearchIncomplete: it is silent, or may be one that is.
        :rtype: ``list`` of :class:`NodeImage`
        """
        hosts, silent = read_hosts(self._estate)
        wanted = None if location is None else object_id(location)
        if wanted is not None:
            require_host(hosts, silent, wanted)
        repositories = read_repositories(hosts, with_vm_cfgs=False)
        problems = [problem for repository in repositories for problem in repository.errors]
        self._warn([str(one.reason) for one in silent] + problems)
        if wanted is not None:
            repositories = [
                repository
                for repository in repositories
                if any(is_host(host, wanted) for host in repository.mounted_on)
            ]
        return [to_image(image, self) for image in images(repositories)]
