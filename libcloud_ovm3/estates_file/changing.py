"""Changes the file: one client at a time, in one step, keeping what it was before."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file.reading import (
    check_content,
    estates_path,
    existing,
    parse,
    read_text,
)

_ABOUT = """\
# Estates of libcloud-ovm3 (docs/estates.md). `ovm3 estate add|use|remove` write this file anew and
# drop comments; what it was before is then in estates.yaml.bak. Passwords must not stand in here.
"""


def add_estate(name: str, entry: dict[str, Any], password: str | None, is_default: bool) -> bool:
    """Add an estate; the first one becomes the default.

    :param password: Saved in a file of its own beside the file of estates, which the entry then
        names; None: the entry says where it comes from, or nothing does.
    :return: Whether it is the default now.
    :raises InvalidArgument: There is one of this name, or the entry is not valid.
    """
    with _changing() as (path, content):
        estates = content.setdefault("estates", {})
        if name in estates:
            raise InvalidArgument(
                f"there is an estate {name!r} in {path} already: `ovm3 estate remove {name}` first"
            )
        if password is not None:
            entry = {**entry, "password_file": password_file_of(name)}
        estates[name] = entry
        if is_default or len(estates) == 1:
            content["default"] = name
        check_content(path, content)
        if password is not None:
            _write(path.parent / password_file_of(name), f"{password}\n")
        return bool(content.get("default") == name)


def password_file_of(name: str) -> str:
    """The name of the file in which the password of an estate is saved, beside the file."""
    return f"{name}.password"


def use_estate(name: str) -> None:
    """Make an estate the default.

    :raises InvalidArgument: There is none of this name.
    """
    with _changing() as (path, content):
        _existing(path, content, name)
        content["default"] = name


def remove_estate(name: str) -> Path | None:
    """Remove an estate, and the file with its password if :func:`add_estate` made that.

    :return: The file that was deleted.
    :raises InvalidArgument: There is none of this name.
    """
    with _changing() as (path, content):
        entry = _existing(path, content, name)
        del content["estates"][name]
        if content.get("default") == name:
            del content["default"]
        own = path.parent / password_file_of(name)
    if entry.get("password_file") != own.name or not own.exists():
        return None
    own.unlink()
    return own


def _existing(path: Path, content: dict[str, Any], name: str) -> dict[str, Any]:
    entry: dict[str, Any] = dict(existing(check_content(path, content), name).entry)
    return entry


@contextlib.contextmanager
def _changing() -> Iterator[tuple[Path, dict[str, Any]]]:
    """The content of the file, to be changed in place; written at the end unless that raises.

    A symbolic link to the file stays one.
    """
    import yaml  # noqa: PLC0415 (only where an estate is named)

    path = Path(os.path.realpath(estates_path()))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(path.with_name("estates.lock")):
        before = read_text(path)
        content = {} if before is None else parse(path, before) or {}
        check_content(path, content)
        content["estates"] = content.get("estates") or {}
        yield path, content
        check_content(path, content)
        if before is not None:
            _write(path.with_name("estates.yaml.bak"), before)
        ordered = {key: content[key] for key in ("default", "estates") if key in content}
        _write(path, _ABOUT + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another one holds it for milliseconds
        yield


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
