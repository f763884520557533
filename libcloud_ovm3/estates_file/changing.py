"""Changes the file: one client at a time, in one step, keeping what it was before."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file.named import NamedEstate, first_line
from libcloud_ovm3.estates_file.reading import (
    Estates,
    check_content,
    estates_path,
    existing,
    parse,
    read_text,
)

# The second line of a password file that add_estate made: without it, it is somebody's own.
_MADE = "# saved by `ovm3 estate add`; `ovm3 estate remove` deletes this file\n"
_ABOUT = """\
# Estates of libcloud-ovm3 (the page estates.md of its documentation). `ovm3 estate add|use|remove`
# write this file anew and drop comments; what it was before is then in estates.yaml.bak. Passwords
# must not stand in here.
"""


def add_estate(name: str, entry: dict[str, Any], password: str | None, is_default: bool) -> bool:
    """Add an estate; the first one becomes the default.

    :param password: Saved in a file of its own beside the file of estates, which the entry then
        names; None: the entry says where it comes from, or nothing does.
    :return: Whether it is the default now.
    :raises InvalidArgument: There is one of this name, in upper or lower case, or the entry is not
        valid.
    """
    path = estates_path()
    own = path.parent / password_file_of(name)
    with _exclusive() as file, contextlib.ExitStack() as undo:
        with _changing(file) as content:
            estates = content.setdefault("estates", {})
            require_new(path, estates, name)
            if password is not None:
                entry = {**entry, "password_file": own.name}
            estates[name] = entry
            if is_default or len(estates) == 1:
                content["default"] = name
            found = check_content(path, content)
            if password is not None:
                _require_saveable(password)
                _require_own(found, name)
                write_file(own, f"{password}\n{_MADE}")
                undo.callback(own.unlink)  # if the file that names it cannot be written
        undo.pop_all()
        return bool(content.get("default") == name)


def require_new(path: Path, estates: Iterable[str], name: str) -> None:
    """Check that there is no estate of this name, in upper or lower case: on some disks both would
    have one password file.

    :raises InvalidArgument: There is one.
    """
    for one in estates:
        if one.casefold() == name.casefold():
            raise InvalidArgument(
                f"there is an estate {one!r} in {path} already: `ovm3 estate remove {one}` first"
                f"{'' if one == name else ', or choose a name that differs in more than its case'}"
            )


def password_file_of(name: str) -> str:
    """The name of the file in which the password of an estate is saved, beside the file."""
    return f"{name}.password"


def use_estate(name: str) -> None:
    """Make an estate the default.

    :raises InvalidArgument: There is none of this name.
    """
    with _exclusive() as file, _changing(file) as content:
        existing(check_content(estates_path(), content), name)
        content["default"] = name


class Removed(NamedTuple):
    """What :func:`remove_estate` did with the files of passwords that the entry named.

    :ivar deleted: The one that :func:`add_estate` had made.
    :ivar kept: The others.
    """

    deleted: Path | None
    kept: tuple[Path, ...]


def remove_estate(name: str) -> Removed:
    """Remove an estate, and the file with its password if :func:`add_estate` made that and no other
    estate has its password there.

    :raises InvalidArgument: There is none of this name.
    """
    path = estates_path()
    own = path.parent / password_file_of(name)
    with _exclusive() as file:
        with _changing(file) as content:
            removed = existing(check_content(path, content), name)
            del content["estates"][name]
            if content.get("default") == name:
                del content["default"]
            left = check_content(path, content)
        is_own = removed.entry.get("password_file") == own.name and _is_made(own)
        if is_own and not _users_of(left, own):
            own.unlink()
            return Removed(own, _existing_files(removed))
    return Removed(None, _existing_files(removed))


def _is_made(file: Path) -> bool:
    """Whether :func:`add_estate` made a file, and nobody has put another in its place."""
    try:
        return not file.is_symlink() and file.read_bytes().endswith(f"\n{_MADE}".encode())
    except OSError:
        return False


def _existing_files(estate: NamedEstate) -> tuple[Path, ...]:
    """The files of passwords that an estate names."""
    with contextlib.suppress(InvalidArgument):  # a home directory that does not exist
        return tuple(dict.fromkeys(path for path in estate.password_paths if path.exists()))
    return ()


def _require_own(found: Estates, name: str) -> None:
    """Check that no other estate has its password in the file that is to have this one's."""
    file = found.path.parent / password_file_of(name)
    others = [one for one in _users_of(found, file) if one != name]
    if others:
        raise InvalidArgument(
            f"{file} has the password of the estate {', '.join(others)}, and would be overwritten: "
            f"choose another name than {name!r}"
        )
    if os.path.lexists(file):
        raise InvalidArgument(
            f"{file} exists, and would be overwritten: delete it if no password in it is needed, "
            f"or choose another name than {name!r}"
        )


def _require_saveable(password: str) -> None:
    """Check that a password is the same when it is read again."""
    saved = f"{password}\n{_MADE}".encode("utf-8", "replace")
    if first_line(saved) != password:
        raise InvalidArgument(
            "the password cannot be saved in the first line of a file: it has a line break, a byte "
            "order mark, or bytes that are not UTF-8; use --password-command or --no-save-password"
        )


def _users_of(found: Estates, file: Path) -> list[str]:
    """The estates with a password in this file."""
    real, users = os.path.realpath(file), []
    for name, one in found.estates.items():
        with contextlib.suppress(InvalidArgument):  # a home directory that does not exist
            if real in map(os.path.realpath, one.password_paths):
                users.append(name)
    return users


def require_writable() -> None:
    """Check that the folder of the file can be written, or made. Nothing is made yet.

    :raises OSError: It cannot.
    """
    folder = Path(os.path.realpath(estates_path())).parent
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise _not_writable(folder, errno.ENOTDIR)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _not_writable(folder, errno.EACCES)


def _not_writable(folder: Path, number: int | None) -> OSError:
    reason = os.strerror(number or errno.EIO)
    return OSError(
        f"estates cannot be saved in {folder}: {reason}: make this folder writable, or name the "
        "folder above another one in XDG_CONFIG_HOME"
    )


@contextlib.contextmanager
def _exclusive() -> Iterator[Path]:
    """The file itself, where a symbolic link to it leads, for this client alone."""
    require_writable()
    file = Path(os.path.realpath(estates_path()))
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(file.with_name("estates.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _not_writable(file.parent, error.errno) from error
    with os.fdopen(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another one holds it for milliseconds
        yield file


@contextlib.contextmanager
def _changing(file: Path) -> Iterator[dict[str, Any]]:
    """The content of the file, to be changed in place; written at the end unless that raises."""
    import yaml  # noqa: PLC0415 (only where an estate is named)

    path = estates_path()
    before = read_text(path)
    content = {} if before is None else parse(path, before) or {}
    check_content(path, content)
    content["estates"] = content.get("estates") or {}
    yield content
    check_content(path, content)
    if before is not None:
        write_file(file.with_name("estates.yaml.bak"), before)
    ordered = {key: content[key] for key in ("default", "estates") if key in content}
    write_file(file, _ABOUT + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True))


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file in one step: it is complete, or what it was before.

    :param mode: By default only its owner can read it.
    :raises OSError: It cannot be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".ovm3-")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk: Python's text has no file, or the temporary
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
