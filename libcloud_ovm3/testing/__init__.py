"""For the tests of programs that use the driver: simulated hosts, faults on demand.

Three ways in (docs/testing-with-ovm3.md)::

    def test_web(ovm3_estate): ...  # pytest's fixture, over HTTPS on loopback
    with mount(requests_mock) as estate: ...  # in this process, with requests-mock
    mock.patch.object(AgentConnection, "conn_class", OVM3MockHttp)  # as libcloud's own tests

:class:`OVM3MockHttp` is in :mod:`libcloud_ovm3.testing.mockhttp`, as it needs ``requests-mock``.
"""

from __future__ import annotations

from libcloud_ovm3.testing.inprocess import mount
from libcloud_ovm3.testing.simulated import SimulatedEstate

__all__ = ["SimulatedEstate", "mount"]
