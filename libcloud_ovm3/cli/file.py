"""``ovm3 file``: files in repositories, as the storage driver has them."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from libcloud.storage.base import Container, Object

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.cli.asking import require_agreed, require_answer
from libcloud_ovm3.cli.byte_sizes import long_size, short_size
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.formats import Column, output_option, show_records
from libcloud_ovm3.cli.options import make_storage, reported, storage_options
from libcloud_ovm3.cli.output import show, tell
from libcloud_ovm3.cli.sections import NounGroup
from libcloud_ovm3.cli.several import each
from libcloud_ovm3.errors import InvalidArgument, Ovm3Error, PreconditionFailed
from libcloud_ovm3.progress import copied, waiting
from libcloud_ovm3.storage.find import find_place
from libcloud_ovm3.storage.records import container_record, object_record, upload_record
from libcloud_ovm3.storage_errors import ObjectNotFound

_CONTAINERS = (
    Column("container", "name"),
    Column("kind", lambda one: "repository" if one["plain_name"] is None else "plain"),
    Column("repository", lambda one: one["repository"] or one["repository_id"], True),
    Column("created", "created_at", True),
)
_OBJECTS = (
    Column("object", "name"),
    Column("size", lambda one: short_size(one["size_bytes"])),
    Column("used", lambda one: short_size(one["used_bytes"]), True),
    Column("modified", "modified_at"),
    Column("MD5", "md5", True),
)
_UPLOADS = (
    Column("object", "object"),
    Column("done", lambda one: short_size(one["done_bytes"])),
    Column("size", lambda one: short_size(one["size_bytes"])),
    Column("modified", "modified_at"),
    Column("client", "client", True),
    Column("error", "error", True),
    Column("id", "id"),
)
_LOCAL = ("/", "./", "../", "~/")  # how a local path begins that has a slash in it
_STREAM = "-"
_YES = click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")


@click.group(
    cls=NounGroup, epilog=examples("ovm3 file ls MyRepo", "ovm3 file cp dump.sql MyRepo/backups/")
)
def file() -> None:
    """List, copy and remove files in repositories.

    They are called CONTAINER/OBJECT. Each repository is a container, by its name or id; its own
    files are the objects ISOs/FILE, Templates/FILE and VirtualDisks/FILE. All other names are free.
    """


@file.command(
    epilog=examples(
        "ovm3 file ls",
        "ovm3 file ls MyRepo/Templates/ -o json",
        "ovm3 file ls MyRepo --uploads",
    )
)
@click.option(
    "--uploads", is_flag=True, help="The uploads that were neither completed nor removed."
)
@output_option
@storage_options
@click.argument("place", metavar="[CONTAINER[/PREFIX]]", required=False)
def ls(place: str | None, uploads: bool, form: str, **options: Any) -> None:
    """List containers, or the objects of one.

    With PREFIX, only the objects whose names begin with it. --uploads without CONTAINER lists those
    of all.
    """
    with reported(is_read=True):
        driver = make_storage(**options)
        if uploads:
            show_records(form, _unfinished(driver, place), _UPLOADS, "no unfinished uploads")
            return
        if place is None:
            records = map(container_record, driver.list_containers())
            show_records(form, records, _CONTAINERS, "no containers", key="name")
            return
        container, prefix = find_place(driver, place)
        objects = driver.list_container_objects(container, prefix)
        show_records(form, map(object_record, objects), _OBJECTS, "no objects")


@file.command(
    epilog=examples(
        "ovm3 file cp dump.sql MyRepo/backups/monday.sql",
        "ovm3 file cp ./big.iso MyRepo/ISOs/ --resume",
        "ovm3 file cp MyRepo/backups/sunday.sql . --yes",
        "ovm3 file cp MyRepo/backups/sunday.sql - | sha256sum",
    )
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with an earlier copy of the same file that was interrupted.",
)
@click.option(
    "--yes", is_flag=True, help="Replace what is there. Required then where there is no terminal."
)
@storage_options
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
def cp(source: str, target: str, resume: bool, yes: bool, **options: Any) -> None:
    """Copy a local file to CONTAINER/OBJECT, or the other way.

    One of both is local: a name or path without a slash, or one that begins with /, ./ or ../; `-`
    is the standard input or output. A TARGET that ends with a slash gets the name of the file.
    Afterwards there is the old content or the new one, never half of it.
    """
    with reported(is_read=not _is_local(source)):
        if _is_local(source) == _is_local(target):
            both = (
                "both are local: a container has a slash behind its name, as in MyRepo/"
                if _is_local(source)
                else "neither is local: a local path with a slash in it begins with / or ./"
            )
            raise InvalidArgument(
                f"SOURCE {source!r}, TARGET {target!r}: expected one CONTAINER/OBJECT and one "
                f"local file; {both}"
            )
        if resume and _STREAM in (source, target):
            raise InvalidArgument("--resume: a stream (-) cannot be resumed")
        driver = make_storage(**options)
        if _is_local(source):
            _upload(driver, source, target, resume, yes)
        else:
            _download(driver, source, target, resume, yes)


@file.command(
    epilog=examples(
        "ovm3 file rm MyRepo/backups/sunday.sql --yes",
        "ovm3 file rm --uploads MyRepo/UPLOAD",
    )
)
@_YES
@click.option("--uploads", is_flag=True, help="Unfinished uploads, by their ids, not objects.")
@storage_options
@click.argument("places", metavar="CONTAINER/OBJECT...", nargs=-1, required=True)
def rm(places: tuple[str, ...], uploads: bool, yes: bool, **options: Any) -> None:
    """Remove objects, or unfinished uploads.

    What a VM, a template or a snapshot needs is kept. A client that still writes to an upload gets
    an error.
    """
    with reported():
        require_answer(yes)
        driver = make_storage(**options)
        if uploads:
            unfinished = [_find_upload(driver, one) for one in dict.fromkeys(places)]
            if not yes:
                require_agreed(
                    [_plan_of_upload(one) for one in unfinished],
                    lambda: [
                        _plan_of_upload(_find_upload(driver, one["id"])) for one in unfinished
                    ],
                )
            each(unfinished, lambda one: _remove_upload(driver, one), label_of=_upload_label)
            return
        found = [_find_object(driver, one) for one in dict.fromkeys(places)]
        if not yes:
            require_agreed(
                [_plan(one) for one in found],
                lambda: [_plan(driver.get_object(one.container.name, one.name)) for one in found],
            )
        each(found, _remove, label_of=_label)


# ------------------------------------------------------------------ copying


def _upload(driver: OVM3StorageDriver, source: str, target: str, resume: bool, yes: bool) -> None:
    container, name = find_place(driver, target)
    if not name or name.endswith("/"):
        if source == _STREAM:
            raise InvalidArgument(f"TARGET {target!r}: expected a name for what the stream brings")
        name += Path(source).name
    if not Path(source).is_file() and source != _STREAM:
        hint = ": files are copied one at a time" if Path(source).is_dir() else ""
        raise InvalidArgument(f"SOURCE {source!r}: expected a local file that is there{hint}")
    _require_replaceable(driver, container, name, yes)
    left = f"`ovm3 file ls --uploads {container.name}` shows what is left of it"
    if source != _STREAM:
        left = f"--resume goes on with it ({left})"
    with _copying(f"uploading {container.name}/{name}", lambda: left, KeyboardInterrupt):
        if source == _STREAM:
            stream = _binary(sys.stdin)
            made = driver.upload_object_via_stream(stream, container, name, ex_progress=copied)
        else:
            made = driver.upload_object(
                source, container, name, ex_resume=resume, ex_progress=copied
            )
    show(_label(made))


def _download(driver: OVM3StorageDriver, source: str, target: str, resume: bool, yes: bool) -> None:
    found = _find_object(driver, source)
    if target == _STREAM:
        with waiting(f"downloading {_label(found)}"):
            stream, done = _binary(sys.stdout), 0
            for piece in driver.download_object_as_stream(found):
                stream.write(piece)
                done += len(piece)
                copied(done, found.size)
            stream.flush()
        return
    path = Path(target).expanduser()
    if target.endswith(os.sep) or path.is_dir():
        path = path / found.name.rpartition("/")[2]
        if path.is_dir() or not path.parent.is_dir():
            raise InvalidArgument(f"TARGET {target!r}: expected the path of a file")
    if os.path.lexists(path) and not yes:
        plan = [f"{path} will be replaced by {_described(found)}"]
        require_answer(yes, plan[0])
        require_agreed(plan, lambda: plan, "Replace it?")
    with _copying(
        f"downloading {_label(found)}", lambda: _kept(path), KeyboardInterrupt, Ovm3Error
    ):
        driver.download_object(
            found, str(path), overwrite_existing=os.path.lexists(path), delete_on_failure=False,
            ex_resume=resume, ex_progress=copied,
        )  # fmt: skip
    show(str(path))


def _kept(path: Path) -> str:
    """Return what there is to say of a part of a file."""
    parts = path.parent.glob(f"{glob.escape(path.name)}.*.part")
    return "what has arrived is kept beside it; --resume goes on with it" if any(parts) else ""


@contextmanager
def _copying(
    text: str, left: Callable[[], str], *interrupts: type[BaseException]
) -> Iterator[None]:
    """Show how far a copy is.

    :param left: what to say of the copy if one of these interrupts it.
    """
    try:
        with waiting(text):
            yield
    except interrupts:
        if hint := left():
            tell(f"{text}: interrupted; {hint}")
        raise


def _is_local(text: str) -> bool:
    return "/" not in text or text in (".", "..") or text.startswith(_LOCAL)


def _binary(stream: Any) -> BinaryIO:
    if stream is None:
        raise InvalidArgument("-: this stream is closed")
    binary: BinaryIO = stream.buffer
    return binary


def _require_replaceable(
    driver: OVM3StorageDriver, container: Container, name: str, yes: bool
) -> None:
    """Ask before an object that is there is replaced."""
    if yes:
        return
    try:
        found = driver.get_object(container.name, name)
    except ObjectNotFound:
        return
    plan = f"{_described(found)} will be replaced"
    require_answer(yes, plan)
    require_agreed(
        [plan],
        lambda: [f"{_described(driver.get_object(container.name, name))} will be replaced"],
        "Replace it?",
    )


# ------------------------------------------------------------------ objects and uploads


def _find_object(driver: OVM3StorageDriver, text: str) -> Object:
    container, name = find_place(driver, text)
    if not name:
        raise InvalidArgument(f"{text!r}: expected CONTAINER/OBJECT")
    try:
        return driver.get_object(container.name, name)
    except ObjectNotFound as error:
        hint = f"`ovm3 file ls {container.name}` lists all"
        if name.endswith(("/", "*")):
            hint = f"each object is named by itself; {hint}"
        raise ObjectNotFound(f"{error}; {hint}") from None


def _label(one: Object) -> str:
    return str(object_record(one)["id"])


def _described(one: Object) -> str:
    record = object_record(one)
    size = "size unknown" if record["size_bytes"] is None else long_size(record["size_bytes"])
    return f"{record['id']} ({size}, modified {record['modified_at'] or 'at an unknown time'})"


def _plan(one: Object) -> str:
    return f"{_described(one)} will be deleted"


def _remove(one: Object) -> str:
    one.delete()
    return f"{_label(one)} was deleted"


def _unfinished(driver: OVM3StorageDriver, place: str | None) -> list[dict[str, Any]]:
    """Return the unfinished uploads of a container, or of all."""
    container, prefix = (None, "") if place is None else find_place(driver, place)
    found = [
        upload_record(one, upload)
        for one in (driver.list_containers() if container is None else [container])
        for upload in driver.ex_list_uploads(one)
    ]
    return [one for one in found if (one["object"] or "").startswith(prefix)]


def _find_upload(driver: OVM3StorageDriver, text: str) -> dict[str, Any]:
    container, ident = find_place(driver, text)
    for one in driver.ex_list_uploads(container):
        if one["id"] == ident:
            return upload_record(container, one)
    raise PreconditionFailed(
        f"there is no unfinished upload {ident!r} in {container.name}; "
        f"`ovm3 file ls --uploads {container.name}` lists all"
    )


def _upload_label(one: Mapping[str, Any]) -> str:
    return f"upload {one['id']}"


def _plan_of_upload(one: Mapping[str, Any]) -> str:
    done = "an unknown part" if one["done_bytes"] is None else long_size(one["done_bytes"])
    of = f"object {one['object']}" if one["object"] else "an unknown object"
    return f"{_upload_label(one)} will be deleted: {done} of {of}, written {one['modified_at']}"


def _remove_upload(driver: OVM3StorageDriver, one: Mapping[str, Any]) -> str:
    driver.ex_delete_upload(one["container"], one["id"].rpartition("/")[2])
    return f"{_upload_label(one)} was deleted"
