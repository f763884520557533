"""Two clients that change the disks of one small estate, at the same time, and what they do."""

from __future__ import annotations

import inspect
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.operations import definition_door, doors, network_doors, power_door
from libcloud_ovm3.simulator import Rule, Simulator
from tests.operations.dying import Killed
from tests.support import at_once, driver_for, eventually, quietly, simulate

MIB = 1 << 20
NODES = ("one", "two", "three")  # their hosts: 0, 1, none
KEPT = {"x_note": "it's kept", "extra": "a=1", "cpus": "0-3", "usbdevice": "tablet"}


@dataclass(frozen=True)
class Action:
    """What a client does.

    :ivar node: which of the nodes.
    :ivar disk: which of the volumes, or snapshots, that there are; counted round.
    :ivar is_shared: attach it as shared; detach it from this node only; pause for a snapshot.
    """

    verb: str
    node: int = 0
    disk: int = 0
    is_shared: bool = False


@dataclass(frozen=True)
class Meeting:
    """When the second client begins: at some call of the first, which waits until it has ended.

    :ivar function: an agent function, "*" for every one.
    :ivar moment: ``before`` or ``after`` the call has its effect.
    """

    function: str
    nth: int
    moment: str


@dataclass(frozen=True)
class Trouble:
    """What happens to one call of the step, or to one client.

    :ivar kind: a kind of the simulator's rules, or ``kill``.
    :ivar function: the agent function; of ``kill`` none.
    :ivar nth: which of its calls; of ``kill`` after how many changes.
    """

    kind: str
    function: str = ""
    nth: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class Target:
    """An action with the ids that it is about.

    :ivar path: of the volume, relative to the repository; "" if it is about none.
    :ivar snapshot: of the snapshot, likewise.
    """

    verb: str
    node: str = ""
    node_id: str = ""
    path: str = ""
    snapshot: str = ""
    is_shared: bool = False
    size: int = 0


@dataclass
class Done:
    """An action and what came of it: a value, an Ovm3Error, or that its client was killed.

    :ivar said: the marks that notices named during the step, of whichever client.
    """

    target: Target
    result: Any
    said: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        return not isinstance(self.result, (Ovm3Error, Killed))

    @property
    def is_open(self) -> bool:
        """It may have happened, or happen later."""
        return isinstance(self.result, (OperationIncomplete, Killed))

    @property
    def left(self) -> tuple[str, ...]:
        """What an error or a notice says is left."""
        left = self.result.left if isinstance(self.result, OperationIncomplete) else ()
        return (*self.said, *left)

    def __str__(self) -> str:
        result = re.sub(r"\.[0-9a-f]{25,}|[0-9a-f]{32}/VirtualDisks/", "", repr(self.result))
        words = [self.target.verb, self.target.node, self.target.path, self.target.snapshot]
        text = " ".join(word for word in words if word)
        return f"{text}{' (shared)' * self.target.is_shared} -> {result[:300]}"


@contextmanager
def estate(host_module: bool, personality: str) -> Iterator[Simulator]:
    """Three hosts, two running nodes and a stopped one."""
    options: dict[str, Any] = {"host_module": host_module, "personality": personality}
    options["secure"] = False  # TLS would take most of the time
    with simulate(vms=0, templates=0, memory_mb=16384, **options) as sim:
        for number, name in enumerate(NODES):
            sim.add_vm(name, running_on=number if number < 2 else None, config=KEPT)
        yield sim


def plain_driver(sim: Simulator, **options: Any) -> OVM3NodeDriver:
    """A driver without TLS, for which no call takes too long because the machine is busy."""
    options["ex_timeouts"] = dict.fromkeys(("connect", "read", "write", "long"), 1200)
    driver: OVM3NodeDriver = quietly(driver_for, sim, secure=False, ex_fingerprint=None, **options)
    return driver


# ------------------------------------------------------------------ clients

_mine = threading.local()  # .lives: how many changes the client of this thread makes until its end


@contextmanager
def mortal_doors() -> Iterator[None]:
    """Let clients that :func:`run` gives a number of lives send nothing after these."""

    def mortal(door: Callable[..., Any]) -> Callable[..., Any]:
        def send(*args: Any, **more: Any) -> Any:
            if getattr(_mine, "lives", None) is None:
                return door(*args, **more)
            if _mine.lives <= 0:
                raise Killed
            _mine.lives -= 1
            result = door(*args, **more)
            if _mine.lives == -0.5:  # killed after the effect
                raise Killed
            return result

        return send

    own = (doors.__name__, definition_door.__name__, power_door.__name__)
    with pytest.MonkeyPatch.context() as patch:
        for name, door in inspect.getmembers(doors, inspect.isfunction):
            if door.__module__ in own:
                patch.setattr(doors, name, mortal(door))
        for name in ("send", "take_bridge", "release_bridge", "remove_bridge", "keep_bridge"):
            patch.setattr(network_doors, name, mortal(getattr(network_doors, name)))
        yield


@contextmanager
def noting(said: list[str]) -> Iterator[None]:
    """Collect the notices of all threads."""

    def note(text: str, *_: Any, **__: Any) -> None:
        said.append(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings, "warn", note)
        yield


@dataclass
class Clients:
    """The two, each with connections of its own."""

    sim: Simulator
    hosts: tuple[int, int]
    wrote: Callable[[Target], None]
    drivers: list[OVM3NodeDriver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.drivers = [self._connect(host) for host in self.hosts]

    def _connect(self, host: int) -> OVM3NodeDriver:
        return plain_driver(self.sim, host=self.sim.hosts[host].address)

    def run(
        self, targets: list[Target], meeting: Meeting | None, trouble: Trouble | None
    ) -> list[Done]:
        """Both actions at once, or the second in the middle of the first."""
        lives: list[float | None] = [None] * len(targets)
        if trouble is not None and trouble.kind == "kill":
            lives[0] = trouble.nth / 2
        elif trouble is not None:
            rule = Rule(trouble.kind, trouble.function, None, trouble.nth, seconds=trouble.seconds)
            self.sim.add_rule(rule)
        acts = [
            partial(self._act, self.drivers[number], target, lives[number])
            for number, target in enumerate(targets)
        ]
        said: list[str] = []
        with noting(said):
            if meeting is None or len(acts) == 1:
                results = at_once(self.sim, *zip(self.drivers, acts, strict=False))
            else:
                results = self._within(acts, meeting)
        assert None not in results, "a client has ended with an unexpected error"
        self.sim.clear_misbehaviour()
        self.sim.flush_delayed()
        for number, result in enumerate(results):
            if isinstance(result, Killed):
                self.drivers[number] = self._connect(self.hosts[number])
        files = tuple(re.findall(r"/OVS/Repositories/\S+\.creating\b", "\n".join(said)))
        return [Done(*one, files) for one in zip(targets, results, strict=True)]

    def _within(self, acts: list[Callable[[], Any]], meeting: Meeting) -> list[Any]:
        found: list[Any] = []

        def hook(moment: str) -> None:
            if moment == meeting.moment and not found:
                found.append(None)
                found[0] = acts[1]()

        self.sim.misbehave("hook", meeting.function, nth=meeting.nth, hook=hook)
        first = acts[0]()
        if not found:  # it made fewer calls
            found.append(None)
            found[0] = acts[1]()
        eventually(lambda: found[0] is not None)  # the first may have given up
        return [first, found[0]]

    def _act(self, driver: OVM3NodeDriver, target: Target, lives: float | None) -> Any:
        _mine.lives = lives
        try:
            result = self._do(driver, target)
        except Ovm3Error as error:
            return error
        except Killed as end:
            return end
        finally:
            _mine.lives = None
        if target.verb in ("attach", "start"):
            self.wrote(target)  # by the guest, which has it now
        return result

    def _do(self, driver: Any, target: Target) -> Any:
        repository = self.sim.repository_id
        disk, snapshot = f"{repository}/{target.path}", f"{repository}/{target.snapshot}"
        node = target.node_id
        actions: dict[str, Callable[[], Any]] = {
            "attach": lambda: driver.attach_volume(
                node, disk, ex_mode="w!" if target.is_shared else "w"
            ),
            "detach": lambda: driver.detach_volume(
                disk, ex_node=node if target.is_shared else None
            ),
            "snapshot": lambda: driver.create_volume_snapshot(
                disk, "taken", ex_pause=target.is_shared
            ),
            "destroy": lambda: driver.destroy_volume(disk),
            "create": lambda: driver.create_volume(None, "new", ex_size_bytes=MIB),
            "create_from": lambda: driver.create_volume(None, "copy", snapshot=snapshot),
            "copy": lambda: driver.ex_copy_volume(disk, "copy"),
            "resize": lambda: driver.ex_resize_volume(disk, None, ex_size_bytes=target.size),
            "revert": lambda: driver.ex_revert_volume(disk, snapshot),
            "destroy_snapshot": lambda: driver.destroy_volume_snapshot(snapshot),
            "start": lambda: driver.start_node(node),
            "stop": lambda: driver.stop_node(node, ex_force=True),
            "resume": lambda: driver.ex_resume_node(node),
        }
        return actions[target.verb]()
