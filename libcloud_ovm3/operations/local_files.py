"""The local file that an object is downloaded into: which one, beside it, and then its name."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed
from libcloud_ovm3.operations.file_sources import local_path

if TYPE_CHECKING:
    from libcloud_ovm3.estate.objects import StoredObject


def target_of(found: StoredObject, destination: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path of the file.

    :param destination: a directory (that is there) or the path of the file.
    :raises InvalidArgument: it cannot be made, or is there.
    """
    text = local_path("destination_path", destination)
    target = Path(text)
    if text.endswith(os.sep) or target.is_dir():
        if not target.is_dir():
            raise InvalidArgument(f"destination_path {text!r}: there is no such directory")
        name = found.name.rpartition("/")[2]
        if name in ("", ".", ".."):
            raise InvalidArgument(
                f"destination_path {text!r}: expected the path of a file, as no file can be called "
                f"like {found.label}"
            )
        target = target / name
    if os.path.lexists(target) and not overwrite:
        raise InvalidArgument(
            f"{target} exists, and overwrite_existing is False; nothing was changed"
        )
    if target.exists() and not target.is_file():
        raise InvalidArgument(
            f"{target}: expected a regular file, or none; download_object_as_stream is for others"
        )
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def open_alone(path: Path) -> int:
    """Open a file for writing, which is made if it is missing.

    :raises PreconditionFailed: another download writes to it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.lstat(path)):
            return handle
    except (BlockingIOError, FileNotFoundError):  # the other one is writing, or has just ended
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    raise PreconditionFailed(f"{path}: another download of the same object writes to it")


def put_away(temporary: Path, *, delete: bool) -> None:
    """What to do with a part of an object; of nothing nothing is kept."""
    with contextlib.suppress(OSError):
        if delete or not temporary.stat().st_size:
            temporary.unlink()


def give_name(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the file its name, in one step; without ``overwrite`` over no file that came since."""
    if overwrite:
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))  # no more may read it than before
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise InvalidArgument(f"{target} exists by now; it was not changed") from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP) or os.path.lexists(target):
            raise
        temporary.rename(target)  # a file system without hard links
        return
    temporary.unlink()
