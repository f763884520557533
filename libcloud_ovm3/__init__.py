"""Apache Libcloud drivers for Oracle VM Server 3 hosts, straight to the agent of each host.

The compute driver and the storage driver are both called ``ovm3``. An installed package makes them
known to libcloud by itself; importing this one does so as well (docs/registration.md)::

    from libcloud.compute.providers import get_driver

    driver = get_driver("ovm3")("oracle", "password", host="ovm-1.example.com", ex_fingerprint="…")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute import providers, types
from libcloud.storage import providers as storage_providers
from libcloud.storage import types as storage_types

from libcloud_ovm3._version import __version__
from libcloud_ovm3_hook import add_constant, add_driver, add_storage_driver

if TYPE_CHECKING:
    from libcloud_ovm3.compute.driver import OVM3NodeDriver
    from libcloud_ovm3.storage.driver import OVM3StorageDriver


def register() -> None:
    """Make the drivers known to libcloud as ``ovm3`` and ``Provider.OVM3``.

    Importing this package does so, too. Calling it again has no effect, and a driver that is
    already registered as ``ovm3`` is kept.

    :raises AttributeError: This libcloud has no table of drivers where it is expected.
    """
    add_driver(providers)
    add_constant(types)
    add_storage_driver(storage_providers)
    add_constant(storage_types)


def __getattr__(name: str) -> Any:
    if name == "OVM3NodeDriver":
        from libcloud_ovm3.compute.driver import OVM3NodeDriver  # noqa: PLC0415 (see add_driver)

        return OVM3NodeDriver
    if name == "OVM3StorageDriver":
        from libcloud_ovm3.storage.driver import OVM3StorageDriver  # noqa: PLC0415

        return OVM3StorageDriver
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register()

__all__ = ["OVM3NodeDriver", "OVM3StorageDriver", "register", "__version__"]
