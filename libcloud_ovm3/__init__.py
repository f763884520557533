"""Apache Libcloud drivers for Oracle VM Server 3 hosts, straight to the agent of each host.

Importing this package registers the compute driver as ``ovm3``::

    import libcloud_ovm3
    from libcloud.compute.providers import get_driver

    driver = get_driver("ovm3")("oracle", "password", host="ovm-1.example.com", ex_fingerprint="…")
"""

from __future__ import annotations

from libcloud.compute import providers
from libcloud.compute.types import Provider

from libcloud_ovm3._version import __version__
from libcloud_ovm3.compute.driver import OVM3NodeDriver

PROVIDER = "ovm3"


def register() -> None:
    """Make the driver known to libcloud as ``ovm3`` and ``Provider.OVM3``. Again does no harm."""
    if PROVIDER not in providers.DRIVERS:
        providers.set_driver(PROVIDER, "libcloud_ovm3.compute.driver", "OVM3NodeDriver")  # type: ignore[arg-type]
    if not hasattr(Provider, "OVM3"):
        Provider.OVM3 = PROVIDER  # type: ignore[attr-defined]


register()

__all__ = ["OVM3NodeDriver", "register", "__version__"]
