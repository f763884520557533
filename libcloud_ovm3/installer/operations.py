"""Installing, checking and uninstalling: plain steps from top to bottom.

Files first, the agent's table last; and the other way round when uninstalling: so the agent never
meets a line without its files. Every step is whole or not there, so whatever a dropped line leaves
is finished by installing again, or rolled back by uninstalling.

Which agent is asked: before the restart the caller's own; after it, where agent.ini has options of
ours, the one that ``moved`` makes of them, for that is where it comes back.
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
    PreconditionFailed,
)
from libcloud_ovm3.installer import patches, payload, table, xend
from libcloud_ovm3.installer.host import Host
from libcloud_ovm3.installer.host_files import (
    TABLE,
    Agent,
    HostFiles,
    ModuleState,
    State,
    ask,
    judge,
    read_host_files,
    set_aside,
)
from libcloud_ovm3.installer.patches import AGENT_INI, CONSTANTS
from libcloud_ovm3.installer.plan import Plan, for_install, for_uninstall
from libcloud_ovm3.installer.ssh import Ssh

# How to reach the agent once agent.ini has been changed: (port, TLS), None = as before.
Moved = Callable[[int | None, bool | None], Agent]


@dataclass(frozen=True)
class Waiting:
    """How long to wait for the agent (or xend) to come back, and by which clock.

    :ivar limit: seconds.
    """

    limit: float = 120.0
    clock: Clock = field(default_factory=Clock)


ONCE = Waiting()


@dataclass(frozen=True)
class Done:
    """What was done, or would be.

    :ivar changed: whether anything was (always False of a dry run).
    :ivar plan: files and differences, for a person; "" if there was nothing to do.
    :ivar state: how things are now (of a dry run: were, when it looked).
    """

    changed: bool
    plan: str
    state: State


@dataclass(frozen=True)
class _Work:
    """One operation on one host; ``tell`` gets a line about each step."""

    host: Host
    agent: Agent
    moved: Moved | None
    waiting: Waiting
    tell: Callable[[str], None]


def _quiet(_: str) -> None:
    """Tell nobody."""


def check(ssh: Ssh, agent: Agent, *, root: str = "") -> State:
    """How an installation is, on the host's disk and in its agent. Changes nothing.

    :raises Refused: no agent, or several, on that host.
    """
    return judge(read_host_files(Host(ssh, root)), ask(agent))


def install(
    ssh: Ssh,
    agent: Agent,
    *,
    root: str = "",
    without: Sequence[str] = (),
    ssl: bool | None = None,
    port: int | None = None,
    moved: Moved | None = None,
    restart_xend: bool = False,
    dry_run: bool = False,
    waiting: Waiting = ONCE,
    tell: Callable[[str], None] = _quiet,
) -> Done:
    """Put the host module into a host's agent; what is there already stays.

    :param ssh: to that host's dom0, as root.
    :param agent: the same host's agent.
    :param root: before every path on the host, for a simulated one.
    :param without: names of patches to leave out, or take back (patches.PATCHES).
    :param ssl: set agent.ini's ``ssl``; ``port`` likewise. None leaves them alone.
    :param moved: how the agent is reached with another ssl or port.
    :param restart_xend: restart xend where the restart-time patch is there, if no guest is between
        two states.
    :param dry_run: only look, and say what would be done.
    :param tell: gets a line about each step.
    :raises Refused: the host is not as it is known to be, somebody else is at work, or xend may
        not be restarted now; the text says what was found.
    :raises OperationIncomplete: the agent did not come back with the module, which was taken out
        of its table again; or a step failed.
    :raises OutcomeUnknown: the line dropped. Install again to finish, or uninstall to roll back.
    """
    options = _options(ssl, port)
    if options and moved is None:
        raise InvalidArgument("ssl, port: moved must say how the agent is reached then")
    work = _Work(Host(ssh, root), agent, moved, waiting, tell)
    seen, answer = read_host_files(work.host), ask(agent)
    plan = for_install(seen, without, options, work.host.site)
    _require_answer(work.host, seen, answer)
    _require_plain_files(work.host, plan)
    if dry_run:
        return Done(False, plan.described(work.host.path), judge(seen, answer))
    # Also where there seems nothing to do: what a dropped line has begun may just be ending.
    with work.host.locked():
        seen, answer = read_host_files(work.host), ask(agent)
        plan = for_install(seen, without, options, work.host.site)
        if not (plan or restart_xend or _needs_restart(seen, plan, answer)):
            return Done(False, "", judge(seen, answer))
        if _needs_restart(seen, plan, answer):
            # It comes back when all is done: without it, the next run does all of this again.
            work.host.remove([payload.MANIFEST])
            _put_files(work, plan)
            _edit(work, plan)
            agent = _restart_for_install(work, plan, seen, bool(options) or _was_moved(seen))
            work.host.put({payload.MANIFEST: payload.manifest(payload.files())})
        else:
            _put_files(work, plan)
            _edit(work, plan)
    now = read_host_files(work.host)
    if restart_xend and _has_restart_time(now):
        _restart_xend(work, agent)
    elif restart_xend:
        tell("xend needs no restart: its restart time was not patched")
    return Done(True, plan.described(work.host.path), judge(now, ask(agent)))


def uninstall(
    ssh: Ssh,
    agent: Agent,
    *,
    root: str = "",
    moved: Moved | None = None,
    restart_xend: bool = False,
    dry_run: bool = False,
    waiting: Waiting = ONCE,
    tell: Callable[[str], None] = _quiet,
) -> Done:
    """Take the host module, its patches and its changes of agent.ini out again.

    Whatever others have changed meanwhile stays as they left it. Arguments and errors as of
    :func:`install`.

    :raises Refused: also while a file is set aside in one of the host's repositories.
    """
    work = _Work(Host(ssh, root), agent, moved, waiting, tell)
    seen, answer = read_host_files(work.host), ask(agent)
    plan = for_uninstall(seen, work.host.site)
    if plan.edit_of(AGENT_INI) and moved is None:
        raise InvalidArgument("agent.ini changes: moved must say how the agent is reached then")
    _require_plain_files(work.host, plan)
    if dry_run or not (plan or seen.has_folder or answer.kind in ("ours", "odd")):
        return Done(False, plan.described(work.host.path), judge(seen, answer))
    if answer.kind == "ours":
        _require_nothing_aside(work)
    with work.host.locked():
        answer = ask(agent)
        plan = for_uninstall(read_host_files(work.host), work.host.site)
        work.host.clean(plan.clean)
        _edit(work, plan, keep=False)
        after = answer
        if _needs_restart_without(plan, answer):
            agent, after = _restart_for_uninstall(work, plan)
        tell("removing the module's files")
        work.host.remove(plan.remove)
        work.host.forget_compiled([payload.DOOR])
        work.host.remove_elsewhere()
    work.host.remove_folder()
    if after.kind == "unreachable":
        raise OperationIncomplete(
            f"{work.host.name}: taken out, but the agent does not answer: {after.text}"
        )
    if restart_xend and plan.edit_of(CONSTANTS):
        _restart_xend(work, agent)
    return Done(True, plan.described(work.host.path), judge(read_host_files(work.host), ask(agent)))


def _require_nothing_aside(work: _Work) -> None:
    """:raises Refused: a deletion has left a file aside, which is seen through the module only."""
    try:
        aside = set_aside(work.agent)
    except Ovm3Error as error:  # the module may be taken out because it is out of order
        work.tell(f"whether deletions have left files set aside cannot be seen: {error}")
        return
    if aside:
        raise PreconditionFailed(
            f"{work.host.name}: nothing was done: a deletion that broke off has left "
            f"{', '.join(aside)} set aside, which only the module shows; see `ovm3 orphans`, then "
            f"`ovm3 put-back`"
        )


def _options(ssl: bool | None, port: int | None) -> dict[str, str]:
    if port is not None and not 0 < port < 65536:
        raise InvalidArgument(f"port {port}: expected 1 to 65535")
    options = {} if ssl is None else {"ssl": "enable" if ssl else "disable"}
    return options if port is None else {**options, "port": str(port)}


def _require_answer(host: Host, seen: HostFiles, answer: ModuleState) -> None:
    """:raises PreconditionFailed: the agent does not answer, and no file of ours explains it."""
    if (
        answer.kind == "unreachable"
        and seen.is_there == "none"
        and table.state(seen.table) == "out"
    ):
        raise PreconditionFailed(
            f"{host.name}: nothing was done, as the agent does not answer: {answer.text}"
        )


def _require_plain_files(host: Host, plan: Plan) -> None:
    """:raises Refused: one that is to be changed is none."""
    for edit in plan.edits:
        if host.kind(edit.name) != "file":
            path = host.path(edit.name)
            raise PreconditionFailed(f"{host.name}: nothing was done, as {path} is no plain file")


def _was_moved(seen: HostFiles) -> bool:
    """Whether agent.ini has options of ours already, of a run that may have been cut."""
    ini = seen.files[AGENT_INI]
    return ini is not None and patches.revert_options(ini) != ini


def _needs_restart(seen: HostFiles, plan: Plan, answer: ModuleState) -> bool:
    is_ours = answer.kind == "ours" and answer.api == payload.api()
    edits = plan.edit_of(TABLE) or plan.edit_of(AGENT_INI)
    return bool(plan.put or edits or not is_ours or not seen.is_current)


def _needs_restart_without(plan: Plan, answer: ModuleState) -> bool:
    return bool(plan.edit_of(TABLE) or plan.edit_of(AGENT_INI) or answer.kind != "unknown")


def _put_files(work: _Work, plan: Plan) -> None:
    work.tell(f"{len(plan.put)} files to write")
    work.host.clean(plan.clean)
    work.host.put(plan.put)
    if plan.put:
        work.host.forget_compiled(list(payload.files()))
    work.host.remove(plan.remove)
    work.host.remove_elsewhere()


def _edit(work: _Work, plan: Plan, *, keep: bool = True) -> None:
    for edit in plan.edits:
        work.tell(f"changing {work.host.path(edit.name)}")
        work.host.change(edit.name, edit.before, edit.after, keep=keep)


def _restart_for_install(work: _Work, plan: Plan, seen: HostFiles, is_moved: bool) -> Agent:
    """The agent as it is reached from now on. Rolls back if it does not come back with ours."""
    try:
        agent = _agent_after(work, plan) if is_moved else work.agent
        work.tell("restarting the agent")
        work.host.service("ovs-agent", work.waiting.limit)
        wanted = ModuleState("ours", payload.api())
        answer = _wait(work, agent, lambda answer: answer == wanted)
        if answer == wanted:
            return agent
        problem = f"{answer.kind} {answer.text}".strip()
    except OperationIncomplete as error:
        problem = str(error)
    raise OperationIncomplete(
        f"{work.host.name}: the agent has not come back with the module within "
        f"{work.waiting.limit:g} s ({problem}). {_roll_back(work, plan, seen)}"
    )


def _roll_back(work: _Work, plan: Plan, seen: HostFiles) -> str:
    """The agent's table and agent.ini as they would be without us; says how that went."""
    work.tell("rolling back")
    try:
        content = work.host.read(TABLE) or b""
        without = table.take_out(work.host.path(TABLE), content)
        if without != content:
            work.host.change(TABLE, content, without)
        agent, edit = work.agent, plan.edit_of(AGENT_INI)
        ini, settled = edit.after if edit else seen.files[AGENT_INI], _settled_ini(seen)
        if ini is not None and settled is not None and ini != settled:
            work.host.change(AGENT_INI, ini, settled)
            agent = _agent_with(work, settled)
        work.host.service("ovs-agent", work.waiting.limit)
        answer = _wait(work, agent, lambda answer: answer.kind != "unreachable")
    except Ovm3Error as error:
        return f"Rolling back failed as well: {error}"
    if answer.kind == "unreachable":
        return (
            f"It was taken out of the agent's table, and still the agent is silent: {answer.text}"
        )
    return "It was taken out of the agent's table again, and the agent answers without it."


def _settled_ini(seen: HostFiles) -> bytes | None:
    """agent.ini with which the agent is known to work: a cut run's changes were never tried."""
    ini = seen.files[AGENT_INI]
    return ini if ini is None or seen.manifest is not None else patches.revert_options(ini)


def _restart_for_uninstall(work: _Work, plan: Plan) -> tuple[Agent, ModuleState]:
    agent = _agent_after(work, plan) if plan.edit_of(AGENT_INI) else work.agent
    work.tell("restarting the agent")
    work.host.service("ovs-agent", work.waiting.limit)
    try:
        answer = _wait(work, agent, lambda answer: answer.kind == "unknown")
    except OperationIncomplete as error:
        raise OperationIncomplete(
            f"{work.host.name}: out of the agent's table, the module's files are left: {error}. "
            f"Uninstall again with what that asks for"
        ) from None
    if answer.kind in ("ours", "odd"):
        raise OperationIncomplete(
            f"{work.host.name}: out of the agent's table, but the agent, restarted, still answers "
            f"libcloud_version ({answer.text or api_label(answer.api)}); the module's files were "
            f"left there"
        )
    return agent, answer


def _agent_after(work: _Work, plan: Plan) -> Agent:
    edit = plan.edit_of(AGENT_INI)
    return _agent_with(work, edit.after if edit else work.host.read(AGENT_INI) or b"")


def _agent_with(work: _Work, content: bytes) -> Agent:
    """The agent as it is reached with such an agent.ini."""
    port, ssl = patches.option(content, "port"), patches.option(content, "ssl")
    if work.moved is None:
        return work.agent
    return work.moved(
        int(port) if port and port.isdigit() else None,
        {"enable": True, "disable": False}.get(ssl or ""),
    )


def _wait(work: _Work, agent: Agent, is_wanted: Callable[[ModuleState], bool]) -> ModuleState:
    """The first answer that is wanted, or the last one within the limit.

    :raises OperationIncomplete: it is back, but is not, or does not let in, whom the caller meant.
    """
    end = work.waiting.clock.now() + work.waiting.limit
    while True:
        try:
            answer = ask(agent)
        except (BadCredentials, CertificateRejected, HostNotVerified) as error:
            raise OperationIncomplete(str(error)) from error
        if is_wanted(answer) or work.waiting.clock.now() >= end:
            return answer
        work.waiting.clock.sleep(1)


def _has_restart_time(seen: HostFiles) -> bool:
    [patch] = [patch for patch in patches.PATCHES if patch.file == CONSTANTS]
    return patch.state(seen.files) == "applied"


def _restart_xend(work: _Work, agent: Agent) -> None:
    xend.restart(
        work.host,
        agent,
        limit=work.waiting.limit,
        tell=work.tell,
        clock=work.waiting.clock,
    )
