"""What must hold after two clients have changed disks: read from files and domains, no driver asked
but for what it has to say about what is not in order.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libcloud_ovm3.estate.disk_names import CREATING, DiskName, origin_key, parse_file_name
from libcloud_ovm3.simulator import Simulator, vmcfg
from libcloud_ovm3.simulator.domain import UNLISTED, Domain
from libcloud_ovm3.simulator.xend import machines
from tests.operations.dying import Killed
from tests.support import quietly
from tests.system.disk_clients import MIB, NODES, Done, Target, plain_driver

DISKS = "VirtualDisks"
EMPTY = hashlib.sha256().hexdigest()
Entries = dict[str, str]  # path relative to the repository -> mode


@dataclass
class Seen:
    """The estate as it is.

    :ivar contents: path -> content of each file among the virtual disks that is a volume's.
    :ivar marks: the names of files that say that something is not complete.
    :ivar aside: path -> contents that are set aside.
    :ivar lists: node -> the entries of its vm.cfg, in order.
    :ivar others: node -> all other options.
    :ivar live: node -> its domains.
    """

    contents: dict[str, str]
    marks: set[str]
    aside: dict[str, list[str]]
    lists: dict[str, list[str]]
    others: dict[str, dict[str, Any]]
    live: dict[str, list[Domain]]


@dataclass
class Model:
    """What the clients may rely on.

    :ivar ids: node -> its id.
    :ivar is_strict: whether everything has to hold; else, of two clients without the host module,
        that no content is lost and that each vm.cfg can be read.
    :ivar contents: path -> content that must be there.
    :ivar history: path -> all contents that it has had in this step.
    :ivar named: what an OperationIncomplete has named, ever; of a client that was killed, what it
        was about to change.
    """

    sim: Simulator
    ids: dict[str, str]
    is_strict: bool
    contents: dict[str, str] = field(default_factory=dict)
    history: dict[str, set[str]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.driver = plain_driver(self.sim)
        self.writing = threading.Lock()  # guests of two clients may share a volume
        self.before = self.see()

    # -------------------------------------------------------------- what is there

    @property
    def volumes(self) -> list[str]:
        return [path for path in self.contents if not _name(path).is_snapshot]

    @property
    def snapshots(self) -> list[str]:
        return [path for path in self.contents if _name(path).is_snapshot]

    def snapshots_of(self, path: str) -> list[str]:
        key = origin_key(f"{self.sim.repository_id}/{path}")
        return [one for one in self.snapshots if _name(one).origin == key]

    def size(self, path: str) -> int:
        file = self.sim.repository_path / path
        return file.stat().st_size if file.exists() else 0

    def see(self) -> Seen:
        root = self.sim.repository_path
        names = [file.name for file in (root / DISKS).iterdir()]
        marks = {name for name in names if name.endswith(CREATING)}
        contents = {
            f"{DISKS}/{name}": _content(root / DISKS / name)
            for name in names
            if parse_file_name(name) is not None
        }
        aside: dict[str, list[str]] = defaultdict(list)
        folder = root / ".libcloud-ovm3/aside"
        for file in folder.rglob("*"):
            if file.is_file():
                aside["/".join(file.relative_to(folder).parts[2:])].append(_content(file))
        lists, others = {}, {}
        for node in NODES:
            directory = self.ids[node].replace("-", "")
            options = vmcfg.read(root / "VirtualMachines" / directory / "vm.cfg")
            lists[node] = list(options.pop("disk"))
            others[node] = options
        return Seen(contents, marks, dict(aside), lists, others, self._live())

    def _live(self) -> dict[str, list[Domain]]:
        nodes = {vm_id: node for node, vm_id in self.ids.items()}
        found: dict[str, list[Domain]] = {node: [] for node in NODES}
        for host in self.sim.hosts:
            with host.lock:
                machines.advance(host)
                for domain in host.domains:
                    if domain.phase not in UNLISTED:
                        found[nodes[domain.uuid]].append(domain)
        return found

    def entries(self, texts: Sequence[str]) -> Entries:
        """The volumes among the disks of a node."""
        found = {}
        for text in texts:
            path, _, mode = text.partition(":")[2].split(",")
            relative = path.partition(f"{self.sim.repository_id}/")[2]
            if parse_file_name(relative.rpartition("/")[2]) is not None:
                found[relative] = mode
        return found

    # -------------------------------------------------------------- guests

    def write(self, path: str) -> None:
        """A guest, or the test, writes something to a volume that it never had."""
        with self.writing:
            content = f"content {next(self.numbers)}\n".encode()
            file = self.sim.repository_path / path
            try:
                with file.open("r+b") as stream:
                    for place in (0, MIB // 2):
                        stream.seek(place)
                        stream.write(content)
            except FileNotFoundError:
                return
            self.contents[path] = _content(file)
            self.history.setdefault(path, set()).add(self.contents[path])

    def guest_writes(self, target: Target) -> None:
        """The guest that has just been started, or has just got the volume, writes to it."""
        for domain in self._live()[target.node]:
            for path in self.entries(domain.config["disk"]):
                if path in self.contents and path in (target.path or path):
                    self.write(path)

    def begin(self) -> None:
        """Before a step: what runs writes to what it has."""
        for domains in self._live().values():
            for domain in domains:
                for path in self.entries(domain.config["disk"]):
                    if path in self.contents and not domain.paused:
                        self.write(path)
        self.history = {path: {content} for path, content in self.contents.items()}
        self.before = self.see()

    # -------------------------------------------------------------- what must hold

    def check(self, actions: Sequence[Done]) -> None:
        """After a step."""
        for one in actions:
            self._remember(one)
        now = self.see()
        if self.is_strict:
            self._check_what_is_said(now)
        self._check_contents(now, actions)
        self._check_new(now, actions)
        if self.is_strict:
            self._check_definitions(now, actions)
            self._check_attachments(now, actions)
            self._check_paused(now)
        for path in list(self.contents):
            if self.contents[path] == EMPTY and path in now.contents:
                self.write(path)

    def _remember(self, one: Done) -> None:
        self.named |= set(one.left)
        if isinstance(one.result, Killed):
            target = one.target
            self.named |= {target.node_id, target.path, target.snapshot, "killed"} - {""}

    def is_named(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(text.endswith(name) for text in self.named)

    def _check_contents(self, now: Seen, actions: Sequence[Done]) -> None:
        """Nothing vanishes but by its own destruction, or becomes what nobody meant."""
        for path in list(self.contents):
            destroyed = [one for one in actions if one.target.verb == _destroy(path)]
            destroyed = [one for one in destroyed if path in (_subject(one.target),)]
            reverted = [
                self.contents.get(one.target.snapshot, "")
                for one in actions
                if one.target.verb == "revert" and one.target.path == path
            ]
            if path not in now.contents:
                kept = now.aside.get(path, [])
                gone = any(one.is_done or one.is_open for one in destroyed)
                if any(one.is_done for one in destroyed) and kept == self.before.aside.get(path):
                    del self.contents[path]  # an interrupted revert has left its old content
                    continue
                if kept and self.is_named(path):
                    assert self.contents[path] in kept, f"{path} is aside with another content"
                    self._put_back(path)
                    continue
                assert gone, f"{path} has vanished"
                assert not kept, f"{path} is aside, and nobody says so"
                del self.contents[path]
                continue
            assert not any(one.is_done for one in destroyed), f"{path} was destroyed, and is there"
            if now.contents[path] != self.contents[path]:
                assert now.contents[path] in reverted, f"{path} has another content"
                self.contents[path] = now.contents[path]

    def _put_back(self, path: str) -> None:
        """As a user does who reads the error; what an earlier revert has left stays aside."""
        folder = self.sim.repository_path / ".libcloud-ovm3/aside"
        for one in quietly(self.driver.ex_list_orphans):
            if one["set_aside"] and one["path"].endswith(path):
                [file] = folder.glob(f"{one['set_aside']}/*/{path}")
                if _content(file) == self.contents[path]:
                    quietly(self.driver.ex_put_back, one["path"], one["set_aside"])
                    break
        assert (self.sim.repository_path / path).exists(), f"{path} cannot be put back"

    def _check_new(self, now: Seen, actions: Sequence[Done]) -> None:
        """What is new is complete and right, or says that it is not."""
        made = {
            one.result.extra["path"].rpartition("/")[2]
            for one in actions
            if one.is_done and one.target.verb in ("create", "create_from", "copy", "snapshot")
        }
        for path, content in now.contents.items():
            name = path.rpartition("/")[2]
            if path in self.contents or f"{name}{CREATING}" in now.marks:
                continue
            assert name in made or self.is_named(path) or "killed" in self.named, f"{path} is left"
            possible = self._possible(path)
            assert content in possible, f"{path} is not a copy of what it says"
            self.contents[path] = content
        for name in made:
            assert f"{DISKS}/{name}" in now.contents or _goes(name, actions), f"{name} is not there"
            assert f"{name}{CREATING}" not in now.marks, f"{name} is marked as unfinished"
        unnamed = {one for one in now.marks if not self.is_named(one)}
        assert not unnamed or "killed" in self.named, f"{unnamed} is left, and nobody says so"
        for path in now.aside:
            is_said = self.is_named(path) or ("killed" in self.named and self._is_listed(path))
            assert is_said, f"{path} is aside, and nobody says so"

    def _is_listed(self, path: str) -> bool:
        """Whether the driver lists a file that was set aside: a client that was killed before it
        could delete its own copy has named it to nobody."""
        listed = quietly(self.driver.ex_list_orphans)
        return any(one["set_aside"] and one["path"].endswith(path) for one in listed)

    def _possible(self, path: str) -> set[str]:
        """What may be in a new file: what its origin had at some moment."""
        mark = _name(path)
        if mark.origin is None:
            return {EMPTY}
        return {
            content
            for origin, contents in self.history.items()
            if origin_key(f"{self.sim.repository_id}/{origin}") == mark.origin
            or _name(origin).origin == mark.origin
            for content in contents
        }

    def _check_definitions(self, now: Seen, actions: Sequence[Done]) -> None:
        """What nobody meant to change is as it was; what was reported is there."""
        for node in NODES:
            was = self.before.others[node]
            assert {key: now.others[node].get(key) for key in was} == was, f"{node}: an option"
            meant = {
                one.target.path
                for one in actions
                if one.target.verb in ("attach", "detach") and one.target.node in (node, "")
            }
            old, new = self.before.lists[node], now.lists[node]
            kept = [[t for t in texts if not _names(t, meant)] for texts in (old, new)]
            assert kept[0] == kept[1], f"{node}: an entry that nobody meant: {old} -> {new}"
            assert len(self.entries(new)) == len([t for t in new if self.entries([t])])
        for one in actions:
            self._check_result(now, one, [other for other in actions if other is not one])

    def _check_result(self, now: Seen, one: Done, others: Sequence[Done]) -> None:
        target = one.target
        if target.verb not in ("attach", "detach"):
            return
        if any(other.target.path == target.path for other in others):
            return
        nodes = [target.node] if target.node else NODES
        was = [node for node in nodes if target.path in self.entries(self.before.lists[node])]
        has = [node for node in nodes if target.path in self.entries(now.lists[node])]
        if one.is_done:
            assert has == ([target.node] if target.verb == "attach" else []), f"{one}: vm.cfg"
        elif not one.is_open:
            assert has == was, f"{one}: it was refused, and vm.cfg has changed"

    def _check_attachments(self, now: Seen, actions: Sequence[Done]) -> None:
        """No disk in two nodes unless all share it; no VM twice; no success for both of two."""
        users: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for node in NODES:
            assert len(now.live[node]) <= 1, f"{node} runs twice"
            texts = [now.lists[node], *(one.config["disk"] for one in now.live[node])]
            for path, mode in [pair for some in texts for pair in self.entries(some).items()]:
                users[path][node].add(mode)
        for path, nodes in users.items():
            is_shared = set().union(*nodes.values()) == {"w!"}
            assert len(nodes) == 1 or is_shared or self.is_named(path), (
                f"{path} is in {sorted(nodes)}"
            )
        for one in actions:
            if one.is_done and one.target.verb == "attach":
                path = one.target.path
                # A request of the other client without a response may set it aside at any time
                # later: that client's error has said so, and it is there, and listed.
                is_said = path in now.aside and self.is_named(path)
                assert path in now.contents or is_said, f"{path} is attached, and gone"

    def _check_paused(self, now: Seen) -> None:
        marked = {name.split(".")[1] for name in now.marks if name.startswith("paused.")}
        for node in NODES:
            if any(domain.paused for domain in now.live[node]):
                assert self.ids[node].replace("-", "") in marked, f"{node} is paused: no record"

    def _check_what_is_said(self, now: Seen) -> None:
        """Where vm.cfg and domain disagree, and of all that is unfinished, the driver says so."""
        states = {
            one.extra["path"].partition(f"{self.sim.repository_id}/")[2]: str(one.state)
            for one in quietly(self.driver.list_volumes)
        }
        for node in NODES:
            for domain in now.live[node]:
                live, defined = self.entries(domain.config["disk"]), self.entries(now.lists[node])
                for path in live.keys() | defined.keys():
                    if (path in live) != (path in defined):
                        assert states.get(path) == "error", f"{node}: {path} is {states.get(path)}"
        if now.marks or now.aside:
            orphans = {
                one["path"].rpartition("/")[2] for one in quietly(self.driver.ex_list_orphans)
            }
            unsaid = {one for one in now.marks if one not in orphans}
            unsaid |= {path for path in now.aside if path.rpartition("/")[2] not in orphans}
            assert not unsaid, f"no listing has {unsaid}"


def _content(file: Path) -> str:
    """A hash of a file, whatever zeros follow."""
    return hashlib.sha256(file.read_bytes().rstrip(b"\0")).hexdigest()


def _name(path: str) -> DiskName:
    name = parse_file_name(path.rpartition("/")[2])
    assert name is not None
    return name


def _destroy(path: str) -> str:
    return "destroy_snapshot" if _name(path).is_snapshot else "destroy"


def _subject(target: Target) -> str:
    return target.snapshot if target.verb == "destroy_snapshot" else target.path


def _goes(name: str, actions: Sequence[Done]) -> bool:
    return any(_subject(one.target).endswith(name) for one in actions)


def _names(text: str, paths: set[str]) -> bool:
    return any(f"/{path}," in text for path in paths)
