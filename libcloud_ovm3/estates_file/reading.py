"""Reads the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3.errors import InvalidArgument, warn
from libcloud_ovm3.estates_file.content import check_entry, check_name
from libcloud_ovm3.estates_file.named import NamedEstate

_LIMIT = 1 << 20  # bytes
_USERS_LINE = 6  # stack levels from a warning in here to the line that makes the driver


@dataclass(frozen=True)
class Estates:
    """The whole file.

    :ivar default: The name of the estate that the command line takes if none is named.
    """

    path: Path
    default: str | None
    estates: Mapping[str, NamedEstate]


def estates_path() -> Path:
    """The place of the file, which need not exist.

    :raises InvalidArgument: There is no home directory.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    if not folder.is_absolute():  # as the XDG specification asks
        try:
            folder = Path.home() / ".config"
        except RuntimeError as error:
            raise InvalidArgument(f"no place for the file of estates: {error}") from None
    return folder / "libcloud-ovm3" / "estates.yaml"


def read_estates() -> Estates:
    """Read and check the file. One that does not exist has no estates.

    :raises InvalidArgument: It cannot be read or understood, or others may write it.
    """
    path = estates_path()
    text = read_text(path)
    if text is None:
        return check_content(path, {})
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o044:
        notice = f"{path}: others can read it (mode {mode:o}): `chmod 600 {path}`"
        warn(notice, stacklevel=_USERS_LINE)
    return check_content(path, parse(path, text))


def find_estate(estate: str | NamedEstate) -> NamedEstate:
    """The estate of this name; one that was read before, as it is.

    :raises InvalidArgument: There is none of this name, or the file is not valid.
    """
    if isinstance(estate, NamedEstate):
        return estate
    return existing(read_estates(), estate)


def existing(found: Estates, name: str) -> NamedEstate:
    """The estate of this name in a file.

    :raises InvalidArgument: There is none.
    """
    if not isinstance(name, str) or name not in found.estates:
        known = ", ".join(sorted(found.estates)) or "none; `ovm3 estate add NAME HOST` makes one"
        raise InvalidArgument(f"no estate {name!r} in {found.path}: it has {known}")
    return found.estates[name]


def read_text(path: Path) -> str | None:
    """The file's text; None if there is none. Whoever can write it can run a password command."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            content = file.read(_LIMIT + 1) if stat.S_ISREG(status.st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}") from None
    if status.st_uid not in (0, os.geteuid()):
        raise InvalidArgument(f"{path}: not used, as it belongs to another user; make it your own")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        raise InvalidArgument(
            f"{path}: not used, as others can write it (mode {mode:o}): `chmod 600 {path}`"
        )
    if content is None or len(content) > _LIMIT:
        raise InvalidArgument(f"{path}: expected a regular file of at most {_LIMIT >> 20} MiB")
    try:
        return content.decode("utf-8")
    except ValueError as error:
        raise InvalidArgument(f"{path}: {error}") from None


def _open_at_once(path: str, flags: int) -> int:
    """Without waiting: a pipe in its place would stop every program that names an estate."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse(path: Path, text: str) -> Any:
    import yaml  # noqa: PLC0415 (only where an estate is named)

    class Loader(yaml.SafeLoader):
        """Refuses a repeated key, of which YAML would keep the last without a word."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for key in keys:
                if keys.count(key) > 1:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key!r} is there twice", node.start_mark
                    )
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:  # not its own text, which quotes lines
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise InvalidArgument(f"{path}:{line} not valid YAML: {error.problem}") from None
    except Exception:  # also KeyError and more, of a tag such as !!bool; its text quotes values
        raise InvalidArgument(f"{path}: not valid YAML") from None


def check_content(path: Path, content: Any) -> Estates:
    content = {} if content is None else content
    if not isinstance(content, dict) or not set(content) <= {"default", "estates"}:
        raise InvalidArgument(f"{path}: expected the keys default and estates, and no others")
    default, entries = content.get("default"), content.get("estates") or {}
    if not isinstance(entries, dict):
        raise InvalidArgument(f"{path}: estates: expected a mapping from name to estate")
    if default is not None and default not in list(entries):
        known = ", ".join(map(str, entries)) or "none"
        raise InvalidArgument(
            f"{path}: default: there is no estate {default!r}, only {known}: correct or delete "
            f"this line"
        )
    for name, entry in entries.items():
        try:
            check_name(name)
            check_entry(entry)
        except InvalidArgument as error:
            raise InvalidArgument(f"{path}: estate {name!r}: {error}") from None
    estates = {name: NamedEstate(name, path, entry) for name, entry in entries.items()}
    return Estates(path, default, estates)
