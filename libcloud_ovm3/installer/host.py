"""dom0 as the installer needs it: locations of files, and atomic changes.

On the host itself only common tools are run (``mv``, ``cp``, ``md5sum``, ...).
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from libcloud_ovm3.errors import OperationIncomplete, PreconditionFailed, TimedOut
from libcloud_ovm3.installer.payload import ENTRY_POINT, FOLDER, md5
from libcloud_ovm3.installer.ssh import SSHConnection
from libcloud_ovm3.progress import sending

_NAME = re.compile(r"^[ \t]*name[ \t]*=[ \t]*['\"](.*)['\"]", re.MULTILINE)
_PYTHON = re.compile(r"python\d+\.\d+")
_TEMPORARY = ".libcloud-ovm3-new"
_TRUNCATED, _CHANGED, _UNLOCKED = 21, 22, 23  # exit statuses of the scripts below


class Host:
    """One dom0.

    :ivar name: the host's name, for errors.
    :ivar root: prefix of every path; ``""`` on a real host.
    :ivar site: the site-packages directory of the agent's Python.
    :ivar stray_files: this package's files under another Python, which the agent used before an
        upgrade.
    """

    def __init__(self, ssh: SSHConnection, root: str = "") -> None:
        self.ssh = ssh
        self.name = ssh.host
        self.root = root
        self.site, self.stray_files = self._find_site()
        self._lock = ""

    def _find_site(self) -> tuple[str, tuple[str, ...]]:
        sites, own_files = [], {}
        for lib in ("/usr/lib64", "/usr/lib"):
            for name in self.ssh.names(self.root + lib):
                site = f"{lib}/{name}/site-packages"
                if not _PYTHON.fullmatch(name):
                    continue
                if self.ssh.kind(f"{self.root}{site}/agent/target/api.py"):
                    sites.append(site)
                files = (f"{site}/{ENTRY_POINT}", f"{site}/{FOLDER}")
                own_files[site] = [file for file in files if self.ssh.kind(self.root + file)]
        if len(sites) != 1:
            raise PreconditionFailed(
                f"{self.name}: expected agent/target/api.py in the site-packages of one Python in "
                f"/usr/lib64 and /usr/lib; found: {', '.join(sites) or 'none'}"
            )
        strays = [f for site, files in own_files.items() if site != sites[0] for f in files]
        return sites[0], tuple(strays)

    def path(self, name: str) -> str:
        """Return the path of a file for SSH, with ``{site}`` and root filled in."""
        return self.root + name.replace("{site}", self.site)

    def kind(self, name: str) -> str | None:
        """Return ``file``, ``directory``, ``link``, ``other``, or None if nothing exists there."""
        return self.ssh.kind(self.path(name))

    def read(self, name: str, last: int | None = None) -> bytes | None:
        """Return a file's content, or its last bytes; None if there is no such file."""
        return self.ssh.read(self.path(name), last)

    def below(self, folder: str) -> list[str]:
        """Return the names of all entries of a directory in site-packages."""
        return self.ssh.names(self.path(f"{{site}}/{folder}"))

    def checksums(self, names: Sequence[str]) -> dict[str, str]:
        """Return the MD5 of those of these files below site-packages that exist."""
        script = (
            f"cd {quote(self.path('{site}'))} || exit 0\nset --\n"
            f'for f in {" ".join(map(quote, names))}; do [ -f $f ] && set -- "$@" $f; done\n'
            '[ $# -eq 0 ] || md5sum "$@"\n:'
        )
        lines = self._run(script).splitlines()
        return {name: value for value, _, name in (line.partition("  ") for line in lines)}

    # -- changes

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Write this package's files below site-packages, replacing old ones, in this order."""
        if not contents:
            return
        moves = []
        for name, content in contents.items():
            path = self.path(f"{{site}}/{name}")
            moves.append((_beside(path), path, md5(content)))
        self._change("rm -f " + " ".join(quote(new) for new, _, _ in moves))
        for (new, _, _), content in zip(moves, contents.values(), strict=True):
            self.ssh.write(new, content)
        # One process for all files: a host starts some hundred for one by one.
        news = " ".join(quote(new) for new, _, _ in moves)
        sums = "\n".join(f"{sum_}  {new}" for new, _, sum_ in moves)
        script = [
            f"chmod 644 {news} || exit 1",
            f"echo {quote(sums)} | md5sum -c >/dev/null 2>&1 || exit {_TRUNCATED}",
            "sync",
        ]
        script += [f"mv -f {quote(new)} {quote(path)} || exit 1" for new, path, _ in moves]
        self._change("\n".join(script))

    def change(self, name: str, before: bytes, after: bytes, *, keep: bool = False) -> None:
        """Replace the content of a file of the host; owner and mode are preserved.

        A reader sees the old or the new content, never a part: the new one is written beside it
        and renamed. Python's compiled file is removed: Python 2 compares whole seconds only, and
        would run the old code of a file that is changed within one.

        :param before: the expected current content.
        :param keep: leave a copy in the module's directory, for people to read.
        :raises PreconditionFailed: it is not a regular file, or was changed in the meantime.
        """
        path = self.path(name)
        if self.kind(name) != "file":
            raise PreconditionFailed(
                f"{self.name}: {path} is not a regular file, so it was not changed"
            )
        new = _beside(path)
        # A new file: the server of a lost connection may still have an older one open for writing.
        self._change(f"rm -f {quote(new)} && cp -p {quote(path)} {quote(new)} || exit 1")
        self.ssh.write(new, after)
        script = [_verify(new, md5(after))]
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
            *([_remove_compiled(path)] if name.endswith(".py") else []),
        ]
        self._change("\n".join(script))

    def remove(self, names: Sequence[str]) -> None:
        """Remove files and directories below site-packages."""
        if not names:
            return
        paths = " ".join(quote(self.path(f"{{site}}/{name}")) for name in names)
        self._change(f"rm -rf {paths}")

    def remove_stray_files(self) -> None:
        """Remove this package's files under another Python."""
        for name in self.stray_files:
            path = self.path(name)
            script = f"rm -rf {quote(path)} || exit 1\n{_remove_compiled(path)} || exit 1"
            if name.endswith(
                ENTRY_POINT
            ):  # the old agent's directories, which exist only for this file
                folder = posixpath.dirname(path)
                for empty in (f"{folder}/__pycache__", folder, posixpath.dirname(folder)):
                    script += f"\nrmdir {quote(empty)} 2>/dev/null"
            self._change(script + "\n:")
        self.stray_files = ()

    def remove_folder(self) -> None:
        """Remove the module's directory, if it is empty and not locked."""
        self._run(f"rmdir {quote(self.path('{site}/' + FOLDER))} 2>/dev/null; :")

    def remove_compiled(self, names: Sequence[str]) -> None:
        """Remove the compiled files of these sources below site-packages."""
        self._change("\n".join(_remove_compiled(self.path(f"{{site}}/{name}")) for name in names))

    def leftovers(self, names: Sequence[str]) -> list[str]:
        """Return those of these files that have a temporary file of an interrupted installation."""
        beside = {name: _beside(self.path(name)) for name in names}
        return [name for name, path in beside.items() if self.ssh.kind(path)]

    def clean(self, names: Sequence[str]) -> None:
        """Remove the temporary files of these files."""
        if not names:
            return
        self._change("rm -f " + " ".join(quote(_beside(self.path(name))) for name in names))

    def service(self, name: str, limit: float) -> None:
        """Run ``service NAME restart``, without its output: the service may keep that open.

        :param limit: seconds.
        :raises OperationIncomplete: it failed, or did not finish within the limit.
        """
        command = f"{quote(self.root + '/sbin/service')} {name} restart </dev/null >/dev/null 2>&1"
        try:
            with sending(f"service {name} restart", self.name, changes=True):
                ran = self.ssh.run(command, limit)
        except TimedOut:
            raise OperationIncomplete(
                f"{self.name}: `service {name} restart` did not finish within {limit:g} s"
            ) from None
        if ran.status:
            raise OperationIncomplete(
                f"{self.name}: `service {name} restart` failed (exit status {ran.status})"
            )

    def restarting_at_poweroff(self) -> set[str]:
        """Return the names of guests whose vm.cfg restarts them when they power off."""
        found = set()
        pattern = quote("^[ \t]*on_poweroff[ \t]*=.*restart")
        cfgs = f"{quote(self.root)}/OVS/Repositories/*/VirtualMachines/*/vm.cfg"
        # grep returns 1 for "no match"; an unreadable file is not "no match"
        grep = f'grep -l {pattern} "$f" || [ $? -eq 1 ] || exit 1'
        listing = f'for f in {cfgs}; do [ -f "$f" ] || continue; {grep}; done'
        for path in self._run(listing).splitlines():
            found.add(posixpath.basename(posixpath.dirname(path)))
            content = (self.ssh.read(path) or b"").decode("utf-8", "replace")
            found.update(_NAME.findall(content))
        return found

    def seconds(self) -> float:
        """Return the host's clock, in seconds since 1970."""
        return float(self._run("date +%s"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other installations. Required for every change.

        The lock is a directory, which only one process can create. A shell on the host holds it
        and removes it when its input ends: when this context ends, or the connection is lost. It
        waits for a change in progress, which continues after the loss; a later one finds no lock
        and does nothing. The lock's name contains the host's boot id, so that one left by a crash
        has no effect; whoever holds the lock of this boot removes it.

        :raises PreconditionFailed: another installation is in progress.
        """
        folder = quote(self.path(f"{{site}}/{FOLDER}"))
        script = (
            f"mkdir -p -m 755 {folder} && cd {folder} || exit 1\n"
            "boot=$(cat /proc/sys/kernel/random/boot_id) || exit 1\n"
            'lock="$PWD/lock-$boot"\n'
            "n=0\n"
            'until why=$(mkdir "$lock" 2>&1); do\n'
            'if [ -d "$lock" ]; then echo "taken $lock"; exit 1; fi\n'
            "n=$((n + 1))\n"  # it may have been removed between these two lines
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
        with self.ssh.running(script) as output:
            word, _, lock = output.partition(" ")
            if word not in ("held", "taken"):
                raise OperationIncomplete(
                    f"{self.name}: cannot create a lock in {folder}: {output}"
                )
            if word == "taken":
                raise PreconditionFailed(
                    f"{self.name}: another installation is in progress on this host. If its "
                    f"connection was lost, the lock is released as soon as the host notices (at "
                    f"the latest after its TCP keep-alive), or remove the directory {lock} "
                    f"({output})"
                )
            self._lock = lock
            try:
                yield
            finally:
                self._lock = ""

    def _change(self, script: str) -> None:
        """Run a script that is registered with the holder of the lock."""
        assert self._lock, "requires locked()"
        with sending("change of files over SSH", self.name, changes=True):
            self._run(
                f'work={quote(self._lock)}/$$\nmkdir "$work" || exit {_UNLOCKED}\n'
                f"trap 'rmdir \"$work\"' EXIT\ntrap 'exit 1' HUP INT TERM\n{script}"
            )

    def _run(self, script: str) -> str:
        ran = self.ssh.run(script)
        if ran.status == _TRUNCATED:
            raise OperationIncomplete(
                f"{self.name}: a file was transferred incompletely; run the same command again"
            )
        if ran.status == _UNLOCKED:
            raise OperationIncomplete(f"{self.name}: the lock was lost; run the same command again")
        if ran.status == _CHANGED:
            raise PreconditionFailed(
                f"{self.name}: a file was changed by somebody else in the meantime; run the same "
                f"command again"
            )
        if ran.status:
            raise OperationIncomplete(
                f"{self.name}: exit status {ran.status}: {ran.output.strip()}"
            )
        return ran.output


def _beside(path: str) -> str:
    """Return a temporary name in the same directory, hidden, and not that of a module."""
    folder, name = posixpath.split(path)
    return f"{folder}/.{name}{_TEMPORARY}"


def _verify(path: str, checksum: str) -> str:
    return f'[ "$(md5sum < {quote(path)})" = "{checksum}  -" ] || exit {_TRUNCATED}'


def _remove_compiled(path: str) -> str:
    folder, name = posixpath.split(path)
    stem = name.removesuffix(".py")
    compiled = f"{quote(folder)}/__pycache__/{quote(stem)}.*"
    return f"rm -f {quote(path)}c {quote(path)}o {compiled}"
