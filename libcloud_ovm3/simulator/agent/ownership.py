"""The owner, roles and pool of a host (agent-behaviour.md 10).

Each host keeps this for itself, as agents do: a pool member knows the others only from
``set_pool_member_ip_list``. The state is kept in ``host.records["server"]``.
"""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.simulator.agent import virtualip
from libcloud_ovm3.simulator.errors import AgentFault, count_fault, plain_fault
from libcloud_ovm3.simulator.host import SimulatedHost

ROLES = ("xen", "utility")
STRUCT = (
    "manager_uuid",
    "manager_event_url",
    "manager_statistic_url",
    "manager_certificate",
    "signed_server_certificate",
)


def state(host: SimulatedHost) -> dict[str, Any]:
    """Owner, roles and pool of the host, created at the first call. Called with the lock held.

    The pool of a new simulator has all hosts as members; the first is its master. ``members`` is
    None, which means all hosts, until a client sets the list.
    """
    if "server" not in host.records:
        settings, pool = host.settings, None
        if settings.pool_id is not None:
            pool = {
                "uuid": settings.pool_id,
                "alias": "Pool 0",
                "virtual_ip": "127.0.0.254",
                "node_number": host.index,
                "master": host.index == 0,
                "members": None,
            }
        host.records["server"] = {"owner": settings.owner, "roles": "xen,utility", "pool": pool}
    found: dict[str, Any] = host.records["server"]
    return found


def owner(host: SimulatedHost) -> str | None:
    """The uuid of the manager that owns the host, None without owner."""
    with host.lock:
        found: str | None = state(host)["owner"]
        return found


def pool_id(host: SimulatedHost) -> str | None:
    """The uuid of the host's pool, None without pool."""
    with host.lock:
        pool = state(host)["pool"]
        return None if pool is None else pool["uuid"]


def members(host: SimulatedHost) -> list[str]:
    """The addresses of the pool's members that this host knows."""
    with host.lock:
        pool = state(host)["pool"]
        if pool is None:
            return []
        if pool["members"] is None:
            return [peer.address for peer in host.peers]
        return list(pool["members"])


def need_owner(host: SimulatedHost, name: str) -> None:
    """Check that the host has an owner, which every change needs (10).

    :raises AgentFault: It has none.
    """
    if owner(host) is None:
        raise plain_fault(f"{name}: the server is not owned")


def take_ownership(host: SimulatedHost, *arguments: Any) -> None:
    """3.2: (manager_uuid, url); later: one struct, and the agent restarts afterwards.

    Repeating it for the same manager has no effect; another manager is refused until the first has
    released the host.
    """
    if host.settings.old:
        if len(arguments) != 2:
            raise count_fault("take_ownership", len(arguments), 2, 2)
        manager, record = arguments[0], {"manager_core_api_url": arguments[1]}
    else:
        if len(arguments) != 1:
            raise count_fault("take_ownership", len(arguments), 1, 1)
        record = arguments[0]
        if not isinstance(record, dict):
            raise AgentFault("exceptions.TypeError", "take_ownership() takes a struct")
        for key in STRUCT:
            if key not in record:
                raise AgentFault("exceptions.KeyError", f"'{key}'")
        manager = record["manager_uuid"]
    with host.lock:
        found = state(host)
        if found["owner"] not in (None, manager):
            raise plain_fault(f"Server is already owned by manager {found['owner']}")
        if not isinstance(manager, str) or not manager:
            raise plain_fault(f"Invalid manager uuid: {manager!r}")
        found["owner"] = manager
        found["manager"] = {key: value for key, value in record.items() if key != "manager_uuid"}
        host.save()
    if not host.settings.old:
        restart_agent(host)


def release_ownership(host: SimulatedHost, manager_uuid: str) -> None:
    """Release the host; only its own manager can."""
    with host.lock:
        found = state(host)
        if found["owner"] != manager_uuid:
            raise plain_fault(f"Server is not owned by manager {manager_uuid}")
        found["owner"] = None
        found.pop("manager", None)
        host.save()


def restart_agent(host: SimulatedHost) -> None:
    """Restart the agent after the response; this takes ``agent_restart_seconds``."""
    host.after_the_response(host.restart_agent)


def update_server_roles(host: SimulatedHost, roles: str) -> None:
    """Set the roles ``xen`` and ``utility``, comma-separated in any order; needs no owner."""
    with host.lock:
        state(host)["roles"] = _checked_roles(roles)
        host.save()


def _checked_roles(roles: str) -> str:
    given = [role.strip() for role in roles.split(",")]
    if not set(given) <= set(ROLES):
        # The sample shows a Python 2 set, whose order has no meaning.
        shown = ", ".join(f"'{role}'" for role in dict.fromkeys(given))
        raise plain_fault(f"Invalid roles: set([{shown}])")
    return ",".join(given)


# -- pools --------------------------------------------------------------------------------------


def create_server_pool(host: SimulatedHost, *arguments: Any) -> None:
    """(alias, pool uuid, virtual IP, node number, host name, IP, roles); this host is master."""
    _enter(host, True, *arguments)


def join_server_pool(host: SimulatedHost, *arguments: Any) -> None:
    """The same arguments, for every further host."""
    _enter(host, False, *arguments)


def _enter(
    host: SimulatedHost,
    master: bool,
    alias: str,
    pool_uuid: str,
    virtual_ip: str,
    node_number: int,
    hostname: str,
    ip: str,
    roles: str,
) -> None:
    with host.lock:
        found = state(host)
        need_owner(host, "create_server_pool" if master else "join_server_pool")
        if found["pool"] is not None:
            raise plain_fault(f"Server already a member of pool: {found['pool']['uuid']}")
        if host.answer("own name resolves to 127.0.0.1") == "yes":
            raise plain_fault(f"Invalid hostname resolution: {hostname} -> 127.0.0.1")
        checked, number = _checked_roles(roles), int(node_number)
        if master:
            virtualip.take(host, virtual_ip)
        found["roles"] = checked
        found["pool"] = {
            "uuid": pool_uuid,
            "alias": alias,
            "virtual_ip": virtual_ip,
            "node_number": number,
            "master": master,
            "members": [ip],
        }
        host.save()


def leave_server_pool(host: SimulatedHost, pool_uuid: str) -> None:
    """The host leaves its pool. The other members are not informed."""
    with host.lock:
        virtualip.give_back(host, _pool(host, pool_uuid)["virtual_ip"])
        state(host)["pool"] = None
        host.save()


def destroy_server_pool(host: SimulatedHost, pool_uuid: str) -> None:
    """The same on the master, which ends the pool."""
    with host.lock:
        if not _pool(host, pool_uuid)["master"]:
            raise plain_fault(f"Server is not the master of pool: {pool_uuid}")
        virtualip.give_back(host, _pool(host)["virtual_ip"])
        state(host)["pool"] = None
        host.save()


def set_pool_member_ip_list(host: SimulatedHost, ip_list: list[str]) -> None:
    """Set the list of the pool's members on this host."""
    if not isinstance(ip_list, list) or not all(isinstance(ip, str) for ip in ip_list):
        raise AgentFault("exceptions.TypeError", "ip_list must be a list of strings")
    with host.lock:
        _pool(host)["members"] = ip_list
        host.save()


def set_server_pool_alias(host: SimulatedHost, pool_alias: str) -> None:
    """Set the pool's name on this host."""
    with host.lock:
        _pool(host)["alias"] = pool_alias
        host.save()


def update_pool_virtual_ip(host: SimulatedHost, new_pool_vip: str) -> None:
    """Set the pool's virtual IP on this host; the master then listens on it."""
    with host.lock:
        pool = _pool(host)
        if pool["master"] and new_pool_vip != pool["virtual_ip"]:
            virtualip.take(host, new_pool_vip)
            virtualip.give_back(host, pool["virtual_ip"])
        pool["virtual_ip"] = new_pool_vip
        host.save()


def _pool(host: SimulatedHost, pool_uuid: str | None = None) -> dict[str, Any]:
    pool: dict[str, Any] | None = state(host)["pool"]
    if pool is None or pool_uuid not in (None, pool["uuid"]):
        raise plain_fault(f"Server is not a member of pool: {pool_uuid or 'none'}")
    return pool
