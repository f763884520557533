"""Installs, checks and uninstalls the host module: plain steps from top to bottom.

The files are written first, the agent's table last; when uninstalling, the other way round: so the
agent never finds a line without its files. Each step is atomic, so whatever a lost connection
leaves is completed by installing again, or rolled back by uninstalling.

Before the restart the caller's agent is called; after it, if the installer changed agent.ini, the
agent that ``reconnect`` returns, for that is where it comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from libcloud_ovm3.agent.hostmodule import api_label
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.errors import (
    BadCredentials,
    CertificateRejected,
    HostNotVerified,
    InvalidArgument,
    OperationIncomplete,
    Ovm3Error,
)
from libcloud_ovm3.installer import patches, payload, table, xend
from libcloud_ovm3.installer.host import Host
from libcloud_ovm3.installer.host_files import (
    TABLE,
    HostFiles,
    InstalledAgent,
    ModuleState,
    State,
    assess,
    read_host_files,
    read_module_state,
)
from libcloud_ovm3.installer.patches import AGENT_INI, CONSTANTS
from libcloud_ovm3.installer.plan import Plan, plan_install, plan_uninstall
from libcloud_ovm3.installer.preconditions import (
    ini_options,
    leave_claims,
    must_restart,
    must_unload,
    require_nothing_set_aside,
    require_regular_files,
    require_response,
    was_reconfigured,
)
from libcloud_ovm3.installer.ssh import SSHConnection
from libcloud_ovm3.progress import waiting

# How to reach the agent once agent.ini has been changed: (port, TLS), None = as before.
Reconnect = Callable[[int | None, bool | None], InstalledAgent]


@dataclass(frozen=True)
class Waiting:
    """How long to wait for the agent (or xend) after a restart, and by which clock.

    :ivar limit: seconds.
    """

    limit: float = 120.0
    clock: Clock = field(default_factory=Clock)


ONCE = Waiting()


@dataclass(frozen=True)
class Result:
    """What was changed, or in a dry run would be.

    :ivar changed: whether anything was changed (always False in a dry run).
    :ivar plan: files and differences, for people; "" if there was nothing to change.
    :ivar state: the state afterwards.
    """

    changed: bool
    plan: str
    state: State


@dataclass(frozen=True)
class _Task:
    """One operation on one host; ``progress`` gets a line about each step."""

    host: Host
    agent: InstalledAgent
    reconnect: Reconnect | None
    waiting: Waiting
    progress: Callable[[str], None]


def _quiet(_: str) -> None:
    """Discard a progress message."""


def check(ssh: SSHConnection, agent: InstalledAgent, *, root: str = "") -> State:
    """Read the state of an installation from the host's disk and its agent. Changes nothing.

    :param ssh: a connection to that host's dom0, as root.
    :param agent: the same host's agent.
    :raises PreconditionFailed: there is no agent on that host, or several.
    """
    return assess(read_host_files(Host(ssh, root)), read_module_state(agent))


def install(
    ssh: SSHConnection,
    agent: InstalledAgent,
    *,
    root: str = "",
    without: Sequence[str] = (),
    ssl: bool | None = None,
    port: int | None = None,
    reconnect: Reconnect | None = None,
    restart_xend: bool = False,
    dry_run: bool = False,
    waiting: Waiting = ONCE,
    progress: Callable[[str], None] = _quiet,
) -> Result:
    """Install the host module. Does nothing where it is installed already.

    :param ssh: a connection to that host's dom0, as root.
    :param agent: the same host's agent.
    :param root: prefix of every path on the host, for a simulated one.
    :param without: names of patches to skip, or to revert (patches.PATCHES).
    :param ssl: the new value of ``ssl`` in agent.ini; ``port`` likewise. None: unchanged.
    :param reconnect: returns the agent for another port or ssl; required with these.
    :param restart_xend: restart xend if the restart-time patch is applied and no guest is changing
        state.
    :param dry_run: change nothing, and return what would be changed.
    :param waiting: how long to wait for the agent after its restart.
    :param progress: called with a line about each step.
    :raises PreconditionFailed: the host has an unknown structure, another installation is in
        progress, or xend must not be restarted now; the text says what was found.
    :raises OperationIncomplete: the agent did not come back with the module, which was removed
        from its table again; or a step failed.
    :raises OutcomeUnknown: the connection was lost. Install again to complete, or uninstall to roll
        back.
    """
    options = ini_options(ssl, port)
    if options and reconnect is None:
        raise InvalidArgument("ssl, port: reconnect is required, to reach the agent afterwards")
    task = _Task(Host(ssh, root), agent, reconnect, waiting, progress)
    on_disk, module = read_host_files(task.host), read_module_state(agent)
    plan = plan_install(on_disk, without, options, task.host.site)
    require_response(task.host, on_disk, module)
    require_regular_files(task.host, plan)
    if dry_run:
        return Result(False, plan.describe(task.host.path), assess(on_disk, module))
    # Also if nothing seems to do: what a lost connection has begun may still be running.
    with task.host.locked():
        on_disk, module = read_host_files(task.host), read_module_state(agent)
        plan = plan_install(on_disk, without, options, task.host.site)
        if not (plan or restart_xend or must_restart(on_disk, plan, module)):
            return Result(False, "", assess(on_disk, module))
        if must_restart(on_disk, plan, module):
            # Written last: without the manifest, the next run does all of this again.
            task.host.remove([payload.MANIFEST])
            _put_files(task, plan)
            _edit(task, plan)
            agent = _restart_for_install(
                task, plan, on_disk, bool(options) or was_reconfigured(on_disk)
            )
            task.host.put({payload.MANIFEST: payload.manifest(payload.files())})
        else:
            _put_files(task, plan)
            _edit(task, plan)
    now = read_host_files(task.host)
    if restart_xend and _has_restart_time(now):
        _restart_xend(task, agent)
    elif restart_xend:
        progress("xend was not restarted: the restart-time patch is not applied")
    return Result(True, plan.describe(task.host.path), assess(now, read_module_state(agent)))


def uninstall(
    ssh: SSHConnection,
    agent: InstalledAgent,
    *,
    root: str = "",
    reconnect: Reconnect | None = None,
    restart_xend: bool = False,
    force: bool = False,
    dry_run: bool = False,
    waiting: Waiting = ONCE,
    progress: Callable[[str], None] = _quiet,
) -> Result:
    """Remove the host module, its patches and its changes of agent.ini.

    What others have changed in the meantime is preserved. Parameters and errors are those of
    :func:`install`.

    :param force: also if claims of VMs name the host, or the agent cannot be asked: it stays in
        them until a person takes it out.
    :raises PreconditionFailed: also while a file is set aside in one of the host's repositories,
        or a claim names the host.
    """
    task = _Task(Host(ssh, root), agent, reconnect, waiting, progress)
    on_disk, module = read_host_files(task.host), read_module_state(agent)
    plan = plan_uninstall(on_disk, task.host.site)
    if plan.edit_of(AGENT_INI) and reconnect is None:
        raise InvalidArgument(
            "agent.ini will change: reconnect is required, to reach the agent afterwards"
        )
    require_regular_files(task.host, plan)
    if dry_run or not (plan or on_disk.has_folder or module.kind in ("installed", "unexpected")):
        return Result(False, plan.describe(task.host.path), assess(on_disk, module))
    if module.kind == "installed":
        require_nothing_set_aside(task.host, agent, progress)
    with task.host.locked():
        on_disk, module = read_host_files(task.host), read_module_state(agent)
        leave_claims(task.host, agent, on_disk, module, force, progress)
        plan = plan_uninstall(on_disk, task.host.site)
        task.host.clean(plan.clean)
        _edit(task, plan, keep=False)
        after = module
        if must_unload(plan, module):
            agent, after = _restart_for_uninstall(task, plan)
        progress("removing the module's files")
        task.host.remove(plan.remove)
        task.host.remove_compiled([payload.ENTRY_POINT])
        task.host.remove_stray_files()
    task.host.remove_folder()
    if after.kind == "unreachable":
        raise OperationIncomplete(
            f"{task.host.name}: uninstalled, but the agent is unreachable: {after.text}"
        )
    if restart_xend and plan.edit_of(CONSTANTS):
        _restart_xend(task, agent)
    return Result(
        True,
        plan.describe(task.host.path),
        assess(read_host_files(task.host), read_module_state(agent)),
    )


def _put_files(task: _Task, plan: Plan) -> None:
    task.host.clean(plan.clean)
    if plan.put:
        task.progress(f"writing {len(plan.put)} files")
        task.host.put(plan.put)
        task.host.remove_compiled(list(payload.files()))
    task.host.remove(plan.remove)
    task.host.remove_stray_files()


def _edit(task: _Task, plan: Plan, *, keep: bool = True) -> None:
    for edit in plan.edits:
        task.progress(f"changing {task.host.path(edit.name)}")
        task.host.change(edit.name, edit.before, edit.after, keep=keep)


def _restart_for_install(
    task: _Task, plan: Plan, on_disk: HostFiles, is_reconfigured: bool
) -> InstalledAgent:
    """Restart the agent and return it as it is reached now. Rolls back if it has no module."""
    try:
        agent = _agent_after(task, plan) if is_reconfigured else task.agent
        task.progress("restarting the agent")
        task.host.service("ovs-agent", task.waiting.limit)
        expected = ModuleState("installed", payload.api())
        module = _wait(task, agent, lambda state: state == expected)
        if module == expected:
            return agent
        problem = f"{module.kind} {module.text}".strip()
    except OperationIncomplete as error:
        problem = str(error)
    raise OperationIncomplete(
        f"{task.host.name}: the agent did not come back with the module within "
        f"{task.waiting.limit:g} s ({problem}). {_roll_back(task, plan, on_disk)}"
    )


def _roll_back(task: _Task, plan: Plan, on_disk: HostFiles) -> str:
    """Restore the agent's table and agent.ini, restart it, and describe the result."""
    task.progress("rolling back")
    try:
        content = task.host.read(TABLE) or b""
        without = table.unregister(task.host.path(TABLE), content)
        if without != content:
            task.host.change(TABLE, content, without)
        agent, edit = task.agent, plan.edit_of(AGENT_INI)
        ini, settled = edit.after if edit else on_disk.files[AGENT_INI], _settled_ini(on_disk)
        if ini is not None and settled is not None and ini != settled:
            task.host.change(AGENT_INI, ini, settled)
            agent = _agent_with(task, settled)
        task.host.service("ovs-agent", task.waiting.limit)
        module = _wait(task, agent, lambda state: state.kind != "unreachable")
    except Ovm3Error as error:
        return f"Rolling back failed as well: {error}"
    if module.kind == "unreachable":
        return (
            f"The module was removed from the agent's table, but the agent is still unreachable: "
            f"{module.text}"
        )
    return "The module was removed from the agent's table again, and the agent works without it."


def _settled_ini(on_disk: HostFiles) -> bytes | None:
    """Return the agent.ini that is known to work: an interrupted run's changes are not."""
    ini = on_disk.files[AGENT_INI]
    return ini if ini is None or on_disk.manifest is not None else patches.revert_options(ini)


def _restart_for_uninstall(task: _Task, plan: Plan) -> tuple[InstalledAgent, ModuleState]:
    agent = _agent_after(task, plan) if plan.edit_of(AGENT_INI) else task.agent
    task.progress("restarting the agent")
    task.host.service("ovs-agent", task.waiting.limit)
    try:
        module = _wait(task, agent, lambda state: state.kind == "absent")
    except OperationIncomplete as error:
        raise OperationIncomplete(
            f"{task.host.name}: removed from the agent's table; the module's files were kept: "
            f"{error}. Correct that, then uninstall again"
        ) from None
    if module.kind in ("installed", "unexpected"):
        raise OperationIncomplete(
            f"{task.host.name}: removed from the agent's table, but the restarted agent still "
            f"responds to libcloud_version ({module.text or api_label(module.api)}); the module's "
            f"files were kept"
        )
    return agent, module


def _agent_after(task: _Task, plan: Plan) -> InstalledAgent:
    edit = plan.edit_of(AGENT_INI)
    return _agent_with(task, edit.after if edit else task.host.read(AGENT_INI) or b"")


def _agent_with(task: _Task, content: bytes) -> InstalledAgent:
    """Return the agent as it is reached with that agent.ini."""
    port, ssl = patches.option(content, "port"), patches.option(content, "ssl")
    if task.reconnect is None:
        return task.agent
    return task.reconnect(
        int(port) if port and port.isdigit() else None,
        {"enable": True, "disable": False}.get(ssl or ""),
    )


def _wait(
    task: _Task, agent: InstalledAgent, is_expected: Callable[[ModuleState], bool]
) -> ModuleState:
    """Return the first expected state, or the last one within the limit.

    :raises OperationIncomplete: it is back, but its certificate or credentials were rejected.
    """
    limit = task.waiting.limit
    with waiting(f"waiting for the agent of {task.host.name}", limit=limit):
        return _wait_until(task, agent, is_expected, task.waiting.clock.now() + limit)


def _wait_until(
    task: _Task,
    agent: InstalledAgent,
    is_expected: Callable[[ModuleState], bool],
    end: float,
) -> ModuleState:
    while True:
        try:
            module = read_module_state(agent)
        except (BadCredentials, CertificateRejected, HostNotVerified) as error:
            raise OperationIncomplete(str(error)) from error
        if is_expected(module) or task.waiting.clock.now() >= end:
            return module
        task.waiting.clock.sleep(1)


def _has_restart_time(on_disk: HostFiles) -> bool:
    [patch] = [patch for patch in patches.PATCHES if patch.file == CONSTANTS]
    return patch.state(on_disk.files) == "applied"


def _restart_xend(task: _Task, agent: InstalledAgent) -> None:
    limit = task.waiting.limit
    with waiting(f"restarting xend on {task.host.name}, until it lists all guests", limit=limit):
        xend.restart(
            task.host, agent, limit=limit, progress=task.progress, clock=task.waiting.clock
        )
