"""What an operation needs before it changes anything, and whether the agent must be restarted."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from libcloud_ovm3.agent.hostmodule import is_absent
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.installer import patches, payload, table
from libcloud_ovm3.installer.host import Host
from libcloud_ovm3.installer.host_files import (
    TABLE,
    HostFiles,
    InstalledAgent,
    ModuleState,
    find_set_aside,
)
from libcloud_ovm3.installer.patches import AGENT_INI
from libcloud_ovm3.installer.plan import Plan
from libcloud_ovm3.pages import page


def ini_options(ssl: bool | None, port: int | None) -> dict[str, str]:
    """Return the options of agent.ini to set; None leaves one unchanged.

    :raises InvalidArgument: the port is not valid.
    """
    if port is not None and not 0 < port < 65536:
        raise InvalidArgument(f"port {port}: expected 1 to 65535")
    options = {} if ssl is None else {"ssl": "enable" if ssl else "disable"}
    return options if port is None else {**options, "port": str(port)}


def require_response(host: Host, on_disk: HostFiles, module: ModuleState) -> None:
    """:raises PreconditionFailed: the agent is unreachable, and not because of the module."""
    if (
        module.kind == "unreachable"
        and on_disk.files_state == "none"
        and table.state(on_disk.table) == "unregistered"
    ):
        raise PreconditionFailed(
            f"{host.name}: nothing was changed: the agent is unreachable: {module.text}"
        )


def require_regular_files(host: Host, plan: Plan) -> None:
    """:raises PreconditionFailed: a file to change is not a regular file."""
    for edit in plan.edits:
        if host.kind(edit.name) != "file":
            path = host.path(edit.name)
            raise PreconditionFailed(
                f"{host.name}: nothing was changed: {path} is not a regular file"
            )


def require_nothing_set_aside(
    host: Host, agent: InstalledAgent, progress: Callable[[str], None]
) -> None:
    """:raises PreconditionFailed: a file is set aside, which only the module shows."""
    try:
        files = find_set_aside(agent)
    except Ovm3Error as error:  # the module may be uninstalled because it is broken
        progress(f"cannot read which files deletions have set aside: {error}")
        return
    if files:
        raise PreconditionFailed(
            f"{host.name}: nothing was changed: an interrupted deletion has set aside "
            f"{', '.join(files)}, which only the module shows; see `ovm3 disk orphans`, then "
            f"`ovm3 disk put-back`"
        )


HAS_CLAIMS = "/var/lib/libcloud-ovm3/claims/host"  # hostside/claim_store.py makes it


def leave_claims(
    host: Host,
    agent: InstalledAgent,
    on_disk: HostFiles,
    module: ModuleState,
    is_forced: bool,
    progress: Callable[[str], None],
) -> None:
    """Have the module take the host off the claims of VMs (docs/claims.md).

    :raises PreconditionFailed: a claim names the host, or may, or that cannot be told, and it is
        not forced.
    """
    if module.kind == "installed":
        _leave_claims(host, agent, is_forced, progress)
    elif (
        module.kind != "absent"
        and table.state(on_disk.table) == "registered"  # else it has been asked before
        and host.kind(HAS_CLAIMS)
    ):
        why = f"the agent does not answer as it should ({module.text}), so its module was not asked"
        if not is_forced:
            raise PreconditionFailed(
                f"{host.name}: nothing was changed: {why} which claims of VMs name this host. Mend "
                f"the agent, and repeat; with `--force` the module is removed, and this host stays "
                f"in its claims ({page('host-install.md')})"
            )
        progress(f"{why}: this host stays in the claims of VMs that name it")


def _leave_claims(
    host: Host, agent: InstalledAgent, is_forced: bool, progress: Callable[[str], None]
) -> None:
    function = "libcloud_leave_claims"
    try:
        answer = agent.call(function, "ovm3-host", secrets.token_hex(16), is_forced, kind="write")
    except Ovm3Error as error:
        if isinstance(error, AgentFault) and is_absent(error):
            progress("this module is from before claims: there is nothing to leave")
        elif is_forced:  # it may be uninstalled because it is broken
            progress(f"the host was not taken off the claims of VMs, and stays in them: {error}")
        else:
            raise _stays_installed(host, error) from error
    else:
        for text in answer.get("named", []) if isinstance(answer, dict) else []:
            progress(f"this host stays in the claim {text}")


def _stays_installed(host: Host, error: Ovm3Error) -> PreconditionFailed:
    if isinstance(error, AgentFault) and error.kind.endswith(".Conflict"):
        return PreconditionFailed(
            f"{host.name}: {error.text.strip()}. Stop these VMs, or have the host look "
            f"(`ovm3 claim settle`), and repeat; with `--force` they stay on this host in their "
            f"claims until a person takes it out"
        )
    return PreconditionFailed(
        f"{host.name}: the module was not removed, as it cannot tell whether claims of VMs name "
        f"this host: {error}. With `--force` it is removed, and this host stays in its claims"
    )


def was_reconfigured(on_disk: HostFiles) -> bool:
    """Return whether the installer has changed agent.ini before, maybe in an interrupted run."""
    ini = on_disk.files[AGENT_INI]
    return ini is not None and patches.revert_options(ini) != ini


def must_restart(on_disk: HostFiles, plan: Plan, module: ModuleState) -> bool:
    """Return whether the agent must be restarted to load the module."""
    is_loaded = module.kind == "installed" and module.api == payload.api()
    edits = plan.edit_of(TABLE) or plan.edit_of(AGENT_INI)
    return bool(plan.put or edits or not is_loaded or not on_disk.is_current)


def must_unload(plan: Plan, module: ModuleState) -> bool:
    """Return whether the agent must be restarted to unload the module."""
    return bool(plan.edit_of(TABLE) or plan.edit_of(AGENT_INI) or module.kind != "absent")
