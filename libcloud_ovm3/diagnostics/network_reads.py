"""What the doctor reads of a host's network through the host module. Sends reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from libcloud_ovm3.agent.host_bridges import KernelBridge
from libcloud_ovm3.agent.host_networks import ControlInterface, NetworkSetup
from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.vm_bridges import CONTROL

_T = TypeVar("_T")
_API = 3  # of the module that has these functions; that for routes is older


@dataclass(frozen=True)
class NetworkReads:
    """What was read, or why not; None: the module does not have the function.

    :ivar setup: how the networks are set up.
    :ivar control: ``control0`` as it is.
    :ivar bridges: the bridges, and which of them the module has made for whom.
    :ivar routes: dom0's IPv4 routes, as :meth:`.HostModule.routes` returns them.
    """

    setup: NetworkSetup | Ovm3Error | None = None
    control: ControlInterface | Ovm3Error | None = None
    bridges: tuple[KernelBridge, ...] | Ovm3Error | None = None
    routes: tuple[dict[str, Any], ...] | Ovm3Error | None = None


def read_networks_of_module(module: HostModule, api: int) -> NetworkReads:
    """Read all of it, each by itself.

    :param api: the module's number.
    """
    if api < _API:
        return NetworkReads(routes=_value_or_error(lambda: tuple(module.routes())))
    return NetworkReads(
        setup=_value_or_error(module.network_setup),
        control=_value_or_error(lambda: module.control_interface(CONTROL)),
        bridges=_value_or_error(module.bridges),
    )


def _value_or_error(action: Callable[[], _T]) -> _T | Ovm3Error:
    try:
        return action()
    except Ovm3Error as error:
        return error
