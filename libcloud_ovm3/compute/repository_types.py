"""Repositories as the driver returns them: libcloud's compute API has no class for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libcloud.compute.base import NodeDriver


@dataclass(eq=False)
class OVM3Repository:
    """A repository: an NFS export or a LUN that holds nodes, volumes and images.

    :ivar id: 32 hexadecimal digits, as its hosts write them.
    :ivar name: Its alias; None: it has none.
    :ivar driver: The driver that returned it.
    :ivar extra: What is known of it: docs/repositories.md.
    """

    id: str
    name: str | None
    driver: NodeDriver = field(repr=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)
