"""Apache Libcloud drivers for Oracle VM Server 3 hosts, straight to the agent of each host.

Importing this package registers the compute driver as ``ovm3``::

    import libcloud_ovm3
    from libcloud.compute.providers import get_driver

    driver = get_driver("ovm3")("oracle", "password", host="ovm-1.example.com", ex_fingerprint="…")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libcloud.compute.providers import DRIVERS
from libcloud.compute.types import Provider

from libcloud_ovm3._version import __version__

if TYPE_CHECKING:
    from libcloud_ovm3.compute.driver import OVM3NodeDriver

PROVIDER = "ovm3"
_DRIVER = ("libcloud_ovm3.compute.driver", "OVM3NodeDriver")


def register() -> None:
    """Make the driver known to libcloud as ``ovm3`` and ``Provider.OVM3``. Again does no harm.

    As libcloud does it for its own drivers: by name, so that the driver is imported when it is
    asked for (``set_driver`` would do so at once).
    """
    DRIVERS.setdefault(PROVIDER, _DRIVER)  # type: ignore[arg-type]
    if not hasattr(Provider, "OVM3"):
        Provider.OVM3 = PROVIDER  # type: ignore[attr-defined]


def __getattr__(name: str) -> Any:
    if name == "OVM3NodeDriver":
        from libcloud_ovm3.compute.driver import OVM3NodeDriver  # noqa: PLC0415 (see register)

        return OVM3NodeDriver
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register()

__all__ = ["OVM3NodeDriver", "register", "__version__"]
