"""What the inventory and the doctor read of all hosts."""

from __future__ import annotations

from dataclasses import dataclass

from libcloud_ovm3.agent import documents
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.hosts import HARDWARE, POOL, read_hardware, read_pools
from libcloud_ovm3.estate.members import Estate
from libcloud_ovm3.estate.networks import NETWORK, NetworkList, read_networks, with_all_mtus
from libcloud_ovm3.estate.vms import EstateSnapshot, read_estate


@dataclass(frozen=True)
class InventoryData:
    """Everything that was read.

    :ivar hardware: of each host of ``snapshot.hosts``, in their order, or why it is not known.
    :ivar pools: likewise the pool that each host reports; None: in no pool.
    :ivar networks: the networks of these hosts.
    """

    snapshot: EstateSnapshot
    hardware: tuple[documents.Hardware | Ovm3Error, ...]
    pools: tuple[documents.ServerPool | Ovm3Error | None, ...]
    networks: NetworkList


def read_inventory_data(estate: Estate) -> InventoryData:
    """Read a snapshot of the estate; hardware, pool and network of each host where it lacks them.

    :raises Ovm3Error: no host could be read.
    """
    snapshot = read_estate(estate, HARDWARE, POOL, NETWORK)
    return read_hosts_data(estate, snapshot)


def read_hosts_data(estate: Estate, snapshot: EstateSnapshot) -> InventoryData:
    """Read hardware, pool and network of the hosts of a snapshot."""
    hardware, pools = read_hardware(snapshot.hosts), read_pools(snapshot.hosts)
    networks = with_all_mtus(read_networks(estate, snapshot))
    return InventoryData(snapshot, tuple(hardware), tuple(pools), networks)
