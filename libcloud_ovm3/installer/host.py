"""dom0 as the installer needs it: where things lie, and changes that are whole or not there at all.

On the host itself nothing runs but the tools of any Linux (``mv``, ``cp``, ``md5sum``, ...).
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from libcloud_ovm3.errors import OperationIncomplete, PreconditionFailed, TimedOut
from libcloud_ovm3.installer.payload import DOOR, FOLDER, md5
from libcloud_ovm3.installer.ssh import Ssh

_NAME = re.compile(r"^[ \t]*name[ \t]*=[ \t]*['\"](.*)['\"]", re.MULTILINE)
_PYTHON = re.compile(r"python\d+\.\d+")
_TEMPORARY = ".libcloud-ovm3-new"
_BROKEN, _CHANGED, _UNLOCKED = 21, 22, 23  # exit statuses of our own commands


class Host:
    """One dom0.

    :ivar name: for errors.
    :ivar root: before every path; ``""`` on a real host.
    :ivar site: the folder site-packages of the Python that the agent runs on.
    :ivar elsewhere: files of ours under another Python, which the agent ran on before an upgrade.
    """

    def __init__(self, ssh: Ssh, root: str = "") -> None:
        self.ssh = ssh
        self.name = ssh.host
        self.root = root
        self.site, self.elsewhere = self._find_site()
        self._lock = ""

    def _find_site(self) -> tuple[str, tuple[str, ...]]:
        found, ours = [], {}
        for lib in ("/usr/lib64", "/usr/lib"):
            for name in self.ssh.names(self.root + lib):
                site = f"{lib}/{name}/site-packages"
                if not _PYTHON.fullmatch(name):
                    continue
                if self.ssh.kind(f"{self.root}{site}/agent/target/api.py"):
                    found.append(site)
                files = (f"{site}/{DOOR}", f"{site}/{FOLDER}")
                ours[site] = [file for file in files if self.ssh.kind(self.root + file)]
        if len(found) != 1:
            raise PreconditionFailed(
                f"{self.name}: looked for agent/target/api.py in site-packages of every Python in "
                f"/usr/lib64 and /usr/lib; expected one, found: {', '.join(found) or 'none'}"
            )
        return found[0], tuple(f for site, some in ours.items() if site != found[0] for f in some)

    def path(self, name: str) -> str:
        """A file of the host, ``{site}`` and all, where it lies as SSH sees it."""
        return self.root + name.replace("{site}", self.site)

    def kind(self, name: str) -> str | None:
        """``file``, ``directory``, ``link``, ``other`` or None."""
        return self.ssh.kind(self.path(name))

    def read(self, name: str, last: int | None = None) -> bytes | None:
        """A file's content, or its last bytes; None if there is none."""
        return self.ssh.read(self.path(name), last)

    def below(self, folder: str) -> list[str]:
        """Names of everything in a folder of site-packages."""
        return self.ssh.names(self.path(f"{{site}}/{folder}"))

    def checksums(self, names: Sequence[str]) -> dict[str, str]:
        """MD5 of those of these files below site-packages that are there."""
        script = "cd {} || exit 0; for f in {}; do [ -f $f ] && md5sum $f; done; :".format(
            quote(self.path("{site}")), " ".join(map(quote, names))
        )
        lines = self._run(script).splitlines()
        return {name: value for value, _, name in (line.partition("  ") for line in lines)}

    # -- changes

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Files of ours below site-packages, new or in the place of old ones, in this order."""
        if not contents:
            return
        moves = []
        for name, content in contents.items():
            path = self.path(f"{{site}}/{name}")
            moves.append((_beside(path), path, md5(content)))
        self._change("rm -f " + " ".join(quote(new) for new, _, _ in moves))
        for (new, _, _), content in zip(moves, contents.values(), strict=True):
            self.ssh.write(new, content)
        script = [f"chmod 644 {quote(new)} || exit 1\n{_arrived(new, sum_)}"
                  for new, _, sum_ in moves]  # fmt: skip
        script += ["sync"]
        script += [f"mv -f {quote(new)} {quote(path)} || exit 1" for new, path, _ in moves]
        self._change("\n".join(script))

    def change(self, name: str, before: bytes, after: bytes, *, keep: bool = False) -> None:
        """Give a file of the host new content, its owner and mode kept.

        A reader sees the old or the new content, never a part: the new one is written beside it
        and renamed. Python's compiled form goes: Python 2 compares whole seconds only, and would
        run the old code of a file that is changed within one.

        :param before: what it must hold until then.
        :param keep: leave a copy in our folder, for people to look at.
        :raises Refused: it is no plain file, or has been changed meanwhile.
        """
        path = self.path(name)
        if self.kind(name) != "file":
            raise PreconditionFailed(
                f"{self.name}: {path} is no plain file, so it is left as it is"
            )
        new = _beside(path)
        # A file of its own: a dropped line's server may still hold, and write to, an older one.
        self._change(f"rm -f {quote(new)} && cp -p {quote(path)} {quote(new)} || exit 1")
        self.ssh.write(new, after)
        script = [_arrived(new, md5(after))]
        if keep:
            backup = self.path(f"{{site}}/{FOLDER}/backup/{posixpath.basename(name)}")
            script += [
                f"mkdir -p {quote(posixpath.dirname(backup))}",
                f"cp -p {quote(path)} {quote(backup)} || exit 1",
            ]
        script += [
            "sync",
            f'[ "$(md5sum < {quote(path)})" = "{md5(before)}  -" ] || exit {_CHANGED}',
            f"mv -f {quote(new)} {quote(path)} || exit 1",
            *([_forget(path)] if name.endswith(".py") else []),
        ]
        self._change("\n".join(script))

    def remove(self, names: Sequence[str]) -> None:
        """Remove files and folders below site-packages."""
        if not names:
            return
        paths = " ".join(quote(self.path(f"{{site}}/{name}")) for name in names)
        self._change(f"rm -rf {paths}")

    def remove_elsewhere(self) -> None:
        """Remove what is ours under another Python."""
        for name in self.elsewhere:
            path = self.path(name)
            script = f"rm -rf {quote(path)} || exit 1\n{_forget(path)} || exit 1"
            if name.endswith(DOOR):  # the old agent's folders, which we alone have kept
                folder = posixpath.dirname(path)
                for empty in (f"{folder}/__pycache__", folder, posixpath.dirname(folder)):
                    script += f"\nrmdir {quote(empty)} 2>/dev/null"
            self._change(script + "\n:")
        self.elsewhere = ()

    def remove_folder(self) -> None:
        """Our folder, once it is empty and not locked."""
        self._run(f"rmdir {quote(self.path('{site}/' + FOLDER))} 2>/dev/null; :")

    def forget_compiled(self, names: Sequence[str]) -> None:
        """Remove what Python made of these sources below site-packages."""
        self._change("\n".join(_forget(self.path(f"{{site}}/{name}")) for name in names))

    def leftovers(self, names: Sequence[str]) -> list[str]:
        """Temporary files beside these, from an installation that was cut."""
        beside = {name: _beside(self.path(name)) for name in names}
        return [name for name, path in beside.items() if self.ssh.kind(path)]

    def clean(self, names: Sequence[str]) -> None:
        """Remove them."""
        if not names:
            return
        self._change("rm -f " + " ".join(quote(_beside(self.path(name))) for name in names))

    def service(self, name: str, limit: float) -> None:
        """``service NAME restart``. What it writes is not kept: the service may go on holding it.

        :raises OperationIncomplete: it failed, or did not end.
        """
        command = f"{quote(self.root + '/sbin/service')} {name} restart </dev/null >/dev/null 2>&1"
        try:
            ran = self.ssh.run(command, limit)
        except TimedOut:
            raise OperationIncomplete(
                f"{self.name}: `service {name} restart` has not ended within {limit:g} s"
            ) from None
        if ran.status:
            raise OperationIncomplete(
                f"{self.name}: `service {name} restart` failed (exit status {ran.status})"
            )

    def restarting_at_poweroff(self) -> set[str]:
        """Names of guests whose vm.cfg has xend start them again when they power off."""
        found = set()
        pattern = quote("^[ \t]*on_poweroff[ \t]*=.*restart")
        cfgs = f"{quote(self.root)}/OVS/Repositories/*/VirtualMachines/*/vm.cfg"
        # grep says 1 for "not in it"; one that cannot be read is no "not in it"
        grep = f'grep -l {pattern} "$f" || [ $? -eq 1 ] || exit 1'
        listing = f'for f in {cfgs}; do [ -f "$f" ] || continue; {grep}; done'
        for path in self._run(listing).splitlines():
            found.add(posixpath.basename(posixpath.dirname(path)))
            content = (self.ssh.read(path) or b"").decode("utf-8", "replace")
            found.update(_NAME.findall(content))
        return found

    def seconds(self) -> float:
        """The host's own clock, seconds since 1970."""
        return float(self._run("date +%s"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other installations away. Needed for every change.

        The lock is a directory, which only one can make. A shell on the host holds it and removes
        it when its input ends: at our end, or at the line's. It waits for a change that is under
        way, which goes on when the line drops; one that comes later finds no lock and does
        nothing. The lock's name has the host's boot id, so that one that a crash has left locks
        nothing; who has the lock of this boot removes it.

        :raises Refused: another installation is under way.
        """
        folder = quote(self.path(f"{{site}}/{FOLDER}"))
        script = (
            f"mkdir -p -m 755 {folder} && cd {folder} || exit 1\n"
            "boot=$(cat /proc/sys/kernel/random/boot_id) || exit 1\n"
            'lock="$PWD/lock-$boot"\n'
            "n=0\n"
            'until why=$(mkdir "$lock" 2>&1); do\n'
            'if [ -d "$lock" ]; then echo "taken $lock"; exit 1; fi\n'
            "n=$((n + 1))\n"  # it may have gone between these two lines
            'if [ $n -ge 5 ]; then echo "$why"; exit 1; fi\n'
            "done\n"
            "end() {\n"
            "n=0\n"
            'until rmdir "$lock" 2>/dev/null || [ $n -ge 600 ]; do n=$((n + 1)); sleep 1; done\n'
            "}\n"
            "trap end EXIT\ntrap 'exit 1' HUP INT TERM\n"
            'for old in "$PWD"/lock-*; do [ "$old" = "$lock" ] || rm -rf "$old"; done\n'
            'echo "held $lock"\ncat > /dev/null'
        )
        with self.ssh.running(script) as said:
            word, _, lock = said.partition(" ")
            if word not in ("held", "taken"):
                raise OperationIncomplete(f"{self.name}: no lock can be made in {folder}: {said}")
            if word == "taken":
                raise PreconditionFailed(
                    f"{self.name}: another installation is under way there. If that cannot be, "
                    f"since its line was cut: it ends by itself as soon as the host notices (at "
                    f"the latest after its TCP keep-alive), or remove the directory {lock} ({said})"
                )
            self._lock = lock
            try:
                yield
            finally:
                self._lock = ""

    def _change(self, script: str) -> None:
        """Run it as a part of what holds the lock."""
        assert self._lock, "locked() comes first"
        self._run(
            f'work={quote(self._lock)}/$$\nmkdir "$work" || exit {_UNLOCKED}\n'
            f"trap 'rmdir \"$work\"' EXIT\ntrap 'exit 1' HUP INT TERM\n{script}"
        )

    def _run(self, script: str) -> str:
        ran = self.ssh.run(script)
        if ran.status == _BROKEN:
            raise OperationIncomplete(
                f"{self.name}: a file did not arrive whole; run the same again"
            )
        if ran.status == _UNLOCKED:
            raise OperationIncomplete(f"{self.name}: the lock is gone; run the same again")
        if ran.status == _CHANGED:
            raise PreconditionFailed(
                f"{self.name}: a file was changed by somebody else meanwhile; run the same again"
            )
        if ran.status:
            raise OperationIncomplete(
                f"{self.name}: exit status {ran.status}: {ran.output.strip()}"
            )
        return ran.output


def _beside(path: str) -> str:
    """A temporary name in the same folder, hidden, and no module's."""
    folder, name = posixpath.split(path)
    return f"{folder}/.{name}{_TEMPORARY}"


def _arrived(path: str, checksum: str) -> str:
    return f'[ "$(md5sum < {quote(path)})" = "{checksum}  -" ] || exit {_BROKEN}'


def _forget(path: str) -> str:
    folder, name = posixpath.split(path)
    stem = name.removesuffix(".py")
    compiled = f"{quote(folder)}/__pycache__/{quote(stem)}.*"
    return f"rm -f {quote(path)}c {quote(path)}o {compiled}"
