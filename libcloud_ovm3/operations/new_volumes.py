"""Volumes that a new VM has from the beginning: the same checks as for attaching them.

They stand in its definition from the first moment on, while it says that it is being created: so
every other client sees that they are taken, and a creation that gives up releases them with the
definition. Their files are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.disk import parse_disk
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.holders import require_unheld
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.estate.volumes import Volume, VolumeList, volumes_of
from libcloud_ovm3.operations.attachable import (
    entry_for,
    require_attachable,
    require_this_disk,
    unknown_use,
    volume_to_attach,
)
from libcloud_ovm3.operations.device_names import next_device
from libcloud_ovm3.operations.rivals import rival_of

MODE = "w"


@dataclass(frozen=True)
class NewVolumes:
    """The volumes of a new VM.

    :ivar found: the reading that has them; None: there are none.
    """

    found: VolumeList | None = None
    volumes: tuple[Volume, ...] = ()

    @property
    def repository_ids(self) -> list[str]:
        """The repositories that the host has to have mounted."""
        return [one.file.repository.id for one in self.volumes if one.file is not None]

    @property
    def notices(self) -> list[str]:
        """For the user: what may use them, as far as hosts tell."""
        return [f"{one.label}: {why}" for one in self.volumes for why in unknown_use(one)]


def volumes_for(snapshot: EstateSnapshot, ids: Sequence[str]) -> NewVolumes:
    """The volumes with these ids, which nobody has.

    :raises InvalidArgument: one is a snapshot, or named twice.
    :raises VolumeNotFound: there is no such volume.
    :raises PreconditionFailed: somebody has one, or may have it.
    """
    if not ids:
        return NewVolumes()
    found = volumes_of(snapshot, with_sizes=False)
    volumes = [volume_to_attach(found, one) for one in ids]
    if len({one.id for one in volumes}) < len(volumes):
        raise InvalidArgument(f"ex_volumes {', '.join(ids)}: one volume is named twice")
    for one in volumes:
        require_attachable(found, one, "", MODE)
    return NewVolumes(found, tuple(volumes))


def with_volumes(config: VMConfig, host: HostView | None, new: NewVolumes) -> list[str]:
    """The entries of the volumes in the disk list of a new VM.

    :param config: has its other disks.
    :param host: where it is started; None: nowhere yet.
    :raises PreconditionFailed: it has no device left, or a path is not this disk on the host.
    """
    entries: list[str] = []
    for one in new.volumes:
        assert new.found is not None
        require_this_disk(new.found, one, host)
        entry = entry_for(one, next_device(config), MODE)
        config = config.changed(disk=[*config.values["disk"], entry])
        entries.append(entry)
    return entries


def require_unheld_volumes(
    estate: Estate, hosts: Sequence[HostView], entries: Sequence[str]
) -> None:
    """Before they are in a definition, see that nothing holds them open.

    :raises PreconditionFailed: something does.
    """
    for entry in entries:
        require_unheld(estate, hosts, parse_disk(entry))


def require_no_rivals(estate: Estate, vm_id: str, new: NewVolumes) -> None:
    """See that nobody has got one at the same moment, now that everybody can see this VM's.

    :raises PreconditionFailed: somebody has, or that cannot be read.
    """
    for one in new.volumes:
        try:
            rival = rival_of(estate, vm_id, one, MODE)
        except Ovm3Error as error:
            raise PreconditionFailed(
                f"whether another client has got {one.label} at the same moment is unknown: {error}"
            ) from error
        if rival:
            raise PreconditionFailed(f"{one.label} cannot be had: meanwhile {rival}")
