"""The seeds of guests in a repository, as the host module keeps them: docs/host-module.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from libcloud_ovm3.agent.hostmodule_calls import ModuleCalls
from libcloud_ovm3.agent.hostmodule_types import Reader

FOLDER: Final = ".libcloud-ovm3/seeds"  # in the repository
SEED_BYTES: Final = 1 << 20  # the largest
_NAME = re.compile("([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[.]([0-9a-f]{32})[.]iso")


@dataclass(frozen=True)
class SeedFile:
    """A seed in a repository.

    :ivar name: Its file name.
    :ivar vm_id: The dashed uuid of the VM that it was made for; "" if that is not known.
    :ivar error: Why it cannot be read, or is no seed.
    """

    name: str
    vm_id: str
    error: str | None = None


def seed_name(vm_id: str, operation: str) -> str:
    """The file name of the seed that an operation makes."""
    return f"{vm_id}.{operation}.iso"


def vm_of(path: str) -> str | None:
    """The uuid of the VM that a seed was made for, by its path on a host; None: it is no seed."""
    folder, _, name = path.rpartition("/")
    found = _NAME.fullmatch(name)
    return found[1] if found and folder.endswith(f"/{FOLDER}") else None


def read_seeds(reader: Reader, value: object) -> tuple[SeedFile, ...] | None:
    """The seeds in ``libcloud_repository``; None: the module knows none."""
    if value is None:
        return None
    found = []
    for struct in reader.structs(value):
        name, error = (
            reader.optional(struct, "name", str) or "",
            reader.optional(struct, "error", str),
        )
        of_vm = _NAME.fullmatch(name)
        if of_vm is None and error is None:
            raise reader.malformed("seeds: expected <uuid>.<operation>.iso")
        found.append(SeedFile(name, of_vm[1] if of_vm and error is None else "", error))
    return tuple(found)


class SeedFiles(ModuleCalls):
    """The host module's functions for seeds (API 3)."""

    def write_seed(
        self, client: str, operation: str, mount: str, vm_id: str, content: bytes
    ) -> None:
        """Make the seed of a VM, complete or not at all. It may be repeated safely.

        :param content: at most ``SEED_BYTES`` long.
        :raises AgentFault: of kind ``...Exists`` if this operation has made it with another
            content.
        """
        self._write("write_seed", client, operation, mount, vm_id, content)

    def delete_seed(self, client: str, operation: str, mount: str, name: str) -> None:
        """Delete a seed; one that is gone already is as good."""
        self._write("delete_seed", client, operation, mount, name)
