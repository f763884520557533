"""The figures of objects: uploads, downloads, memory and listings by the storage driver."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import objects
from bench.copying import disk
from bench.figures import Figure, shown
from bench.measuring import ratio, take_turns
from bench.object_server import storing

_MEMORY_MIB = 64


def transferring(size: int, rounds: int) -> list[Figure]:
    """An object up and down against the same bytes without a disk, and ``scp``.

    :param size: its size in bytes.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        objects.transfers(size, Path(folder)) as contenders,
    ):
        seconds = take_turns(contenders, rounds)
    figures = []
    for way, word in (("up", "upload"), ("down", "download")):
        what = f"{word} of an object of {size >> 20} MiB"
        figures.append(
            Figure(
                f"{what}: the same bytes in the same calls without a disk / ours",
                shown(seconds, f"{way} floor", way),
                ratio(seconds, f"{way} floor", way),
                "x",
                0.7,
                0.9,
                at_least=True,
            )
        )
        if "scp" in seconds:
            figures.append(
                Figure(f"{what}: `scp` / ours", shown(seconds, "scp", way),
                       ratio(seconds, "scp", way), "x")
            )  # fmt: skip
    return figures


def sparse_transferring(size: int, data: int, rounds: int) -> list[Figure]:
    """A sparse object against one of its data alone.

    :param size: its size in bytes.
    :param data: how many of them are data.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        objects.sparse(size, data, Path(folder)) as contenders,
    ):
        seconds = take_turns(contenders, rounds)
    return [
        Figure(
            f"{word} of an object of {size >> 30} GiB with {data >> 20} MiB of data / of one of "
            f"{data >> 20} MiB",
            shown(seconds, f"{way} sparse", f"{way} dense"),
            ratio(seconds, f"{way} sparse", f"{way} dense"),
            "x",
            1.5,
        )
        for way, word in (("up", "upload"), ("down", "download"))
    ]


def memory(size: int, count: int) -> list[Figure]:
    """By what the resident set of the client's process grows, and when the first objects come.

    :param size: of the object that it uploads and downloads, in bytes.
    :param count: number of the objects that it lists.
    """
    figures = []
    with tempfile.TemporaryDirectory() as folder, storing() as store:
        source, target = Path(folder) / "source", Path(folder) / "target"
        disk(source, size, size)
        objects.driver_of(store).create_container("bench")
        for action, path in (("up", source), ("down", target)):
            grown = objects.growth(action, store, str(path))["grown_mib"]
            what = f"{action}load of an object of {size >> 20} MiB: growth of the resident set"
            figures.append(Figure(what, f"{grown:.0f} MiB", grown, " MiB", _MEMORY_MIB))
        objects.driver_of(store).delete_object(
            objects.driver_of(store).get_object("bench", "large")
        )
        objects.add_objects(store, count)
        found = objects.growth("list", store)
        assert found["objects"] == count + 1, found
        what = f"listing {count:,} objects"
        grown = found["grown_mib"]
        figures.append(
            Figure(f"{what}: growth of the resident set", f"{grown:.0f} MiB", grown, " MiB",
                   _MEMORY_MIB)
        )  # fmt: skip
        share = found["first"] / found["all"] * 100
        medians = f"{found['first'] * 1000:.0f} / {found['all'] * 1000:.0f} ms"
        figures.append(Figure(f"{what}: the first page / all", medians, share, " %", 5))
    return figures
