"""The figures: each compares the driver with a named peer that is measured in the same run."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from bench import copying as copies
from bench import listing
from bench.answers import encoded, list_vms
from bench.measuring import Timed, median, ratio, take_turns
from bench.server import serving
from libcloud_ovm3.agent import codec

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    :ivar what: what is compared, "this driver / peer" or the reverse.
    :ivar measured: the medians of both sides, with their unit.
    :ivar value: the figure itself.
    :ivar unit: its unit: ``x`` for a ratio, `` ms`` for a difference.
    :ivar target: the value that is required; None: the row is informative only.
    :ivar stretch: a better value that is hoped for.
    :ivar at_least: True: the value must be the target or more; False: the target or less.
    """

    what: str
    measured: str
    value: float
    unit: str
    target: float | None = None
    stretch: float | None = None
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the target is met; a row without a target always counts as met."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def as_row(self) -> str:
        """The row in Markdown: what, medians, value, target, result."""
        sign = "≥" if self.at_least else "≤"
        target = "none" if self.target is None else f"{sign} {self.target:g}{self.unit}"
        target += "" if self.stretch is None else f" (stretch {self.stretch:g}{self.unit})"
        result = "" if self.target is None else "met" if self.is_met else "**missed**"
        digits = 0 if self.unit == " ms" else 1 if self.value >= 10 else 2
        value = f"{self.value:.{digits}f}{self.unit}"
        return f"| {self.what} | {self.measured} | {value} | {target} | {result} |"


def decoding(vms: int, rounds: int) -> list[Figure]:
    """Decoding the list_vms response of a host with this many VMs."""
    body = encoded(list_vms(vms))
    assert codec.decode_response(body) == xmlrpc.client.loads(body)[0][0]
    seconds = take_turns(
        {
            "stdlib": lambda: xmlrpc.client.loads(body),
            "ours": lambda: codec.decode_response(body),
            "bare": lambda: etree.fromstring(body),
        },
        rounds,
    )
    what = f"decode list_vms of {vms} VMs ({len(body) / 1e6:.1f} MB)"
    return [
        Figure(
            f"{what}: `xmlrpc.client.loads` / ours",
            shown(seconds, "stdlib", "ours"),
            ratio(seconds, "stdlib", "ours"),
            "x",
            2.3,
            3.0,
            at_least=True,
        ),
        Figure(
            f"{what}: ours / bare `lxml.etree.fromstring`",
            shown(seconds, "ours", "bare"),
            ratio(seconds, "ours", "bare"),
            "x",
        ),
    ]


def listing_without_latency(hosts: int, vms: int, rounds: int) -> list[Figure]:
    """list_nodes against the floor and against the naive client."""
    with _contenders(hosts, vms, 0.0) as contenders:
        seconds = take_turns(contenders, rounds)
    what = f"list_nodes, {hosts} hosts x {vms} running VMs"
    return [
        Figure(
            f"{what}: ours / floor",
            shown(seconds, "ours", "floor"),
            ratio(seconds, "ours", "floor"),
            "x",
            2.5,
            1.8,
        ),
        Figure(
            f"{what}: naive `XMLRPCConnection` / ours",
            shown(seconds, "naive", "ours"),
            ratio(seconds, "naive", "ours"),
            "x",
            2.0,
            at_least=True,
        ),
    ]


def listing_with_latency(hosts: int, vms: int, latency: float, rounds: int) -> list[Figure]:
    """The same with each response delayed by this many seconds."""
    with _contenders(hosts, vms, latency) as contenders:
        del contenders["floor"]
        seconds = take_turns(contenders, rounds)
    return [
        Figure(
            f"the same with {latency * 1000:.0f} ms of latency: naive / ours",
            shown(seconds, "naive", "ours"),
            ratio(seconds, "naive", "ours"),
            "x",
            6.0,
            at_least=True,
        )
    ]


def listing_with_module(
    hosts: int, vms: int, stopped: int, latency: float, rounds: int
) -> list[Figure]:
    """The same with stopped VMs, all defined in one repository: hosts with the host module against
    the same hosts without it.

    :param stopped: number of stopped VMs per host.
    """
    with contextlib.ExitStack() as stack:
        pools = {
            name: stack.enter_context(
                serving(
                    hosts,
                    vms,
                    latency,
                    Path(stack.enter_context(tempfile.TemporaryDirectory())),
                    hosts * stopped,
                    host_module=name == "with",
                )
            )
            for name in ("without", "with")
        }
        calls = {name: len(listing.calls_of_ours(pool)) for name, pool in pools.items()}
        expected = hosts * (vms + stopped)
        seconds = take_turns(
            {name: checked(expected, listing.ours(pool)) for name, pool in pools.items()},
            rounds,
        )
    what = f"list_nodes, {hosts} hosts x ({vms} running + {stopped} stopped VMs)"
    delay = f"{latency * 1000:.0f} ms of latency"
    return [
        Figure(
            f"{what}, {delay}: without the host module / with it",
            shown(seconds, "without", "with"),
            ratio(seconds, "without", "with"),
            "x",
            2.0,
            at_least=True,
        ),
        Figure(
            "the same, agent calls: without / with",
            f"{calls['without']} / {calls['with']} calls",
            calls["without"] / calls["with"],
            "x",
        ),
    ]


def listing_with_module_without_latency(
    hosts: int, vms: int, stopped: int, rounds: int
) -> list[Figure]:
    """list_nodes with the host module against bare parsing of the same bytes.

    :param stopped: number of stopped VMs per host.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(hosts, vms, 0.0, Path(folder), hosts * stopped, host_module=True) as pool,
        listing.module_floor(pool) as floor,
    ):
        expected = hosts * (vms + stopped)
        seconds = take_turns(
            {
                "ours": checked(expected, listing.ours(pool)),
                "floor": checked(expected, floor),
            },
            rounds,
        )
    return [
        Figure(
            f"list_nodes with the host module, {hosts} hosts x ({vms} running + {stopped} stopped "
            f"VMs): ours / the same bytes parsed by lxml and `ast.parse`",
            shown(seconds, "ours", "floor"),
            ratio(seconds, "ours", "floor"),
            "x",
            2.0,
        )
    ]


@contextlib.contextmanager
def _contenders(hosts: int, vms: int, latency: float) -> Iterator[dict[str, Callable[[], None]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(hosts, vms, latency, Path(folder)) as pool,
        listing.floor(pool) as floor,
    ):
        contenders = {
            "floor": floor,
            "ours": listing.ours(pool),
            "naive": lambda: listing.naive(pool),
        }
        yield {name: checked(hosts * vms, run) for name, run in contenders.items()}


def checked(vms: int, run: Callable[[], int]) -> Callable[[], None]:
    """A contender that must find every VM, so that none wins by missing some."""

    def run_checked() -> None:
        found = run()
        assert found == vms, f"found {found} VMs of {vms}"

    return run_checked


def copying(size: int, data: int, rounds: int) -> list[Figure]:
    """Copying a sparse disk with the host module, against its data alone and against ``cp``.

    :param size: size of the disk, in bytes.
    :param data: how many of them are data.
    """
    with copies.contenders(size, data) as contenders:
        seconds = take_turns(contenders, rounds)
    what = f"`sparse_copy` of a disk of {size >> 30} GiB with {data >> 20} MiB of data"
    return [
        Figure(
            f"{what} / of a file of {data >> 20} MiB",
            shown(seconds, "sparse", "dense"),
            ratio(seconds, "sparse", "dense"),
            "x",
            1.5,
        ),
        Figure(
            f"{what} / `cp --sparse=always` and `sync`",
            shown(seconds, "sparse", "cp"),
            ratio(seconds, "sparse", "cp"),
            "x",
        ),
    ]


def starting(rounds: int) -> list[Figure]:
    """Start-up of a program: importing this package, and loading its driver.

    libcloud imports a driver only when ``get_driver`` asks for it, so these are two figures. Each
    measurement is a new process.
    """
    seconds = take_turns(
        {
            "ours": lambda: _start("import libcloud, libcloud_ovm3"),
            "libcloud": lambda: _start("import libcloud"),
            "driver": lambda: _start(f"import libcloud_ovm3; {_GET_DRIVER}('ovm3')"),
            "dummy": lambda: _start(f"{_GET_DRIVER}('dummy')"),
        },
        rounds,
    )
    more = median(seconds, "ours") - median(seconds, "libcloud")
    driver = median(seconds, "driver") - median(seconds, "dummy")
    return [
        Figure(
            "start-up: `import libcloud_ovm3` over `import libcloud`",
            shown(seconds, "ours", "libcloud"),
            more * 1000,
            " ms",
            60,
        ),
        Figure(
            "start-up: `get_driver('ovm3')` over libcloud's own `get_driver('dummy')`",
            shown(seconds, "driver", "dummy"),
            driver * 1000,
            " ms",
            40,
        ),
    ]


def hook(rounds: int) -> list[Figure]:
    """What the .pth file adds to every start of Python, with its module's byte code cached.

    Timed within each new process: the difference of two starts would drown in their noise.
    """
    pth = (_ROOT / "libcloud_ovm3.pth").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in pth if not line.startswith("#")]
    timed = "import site, time; start = time.perf_counter()"  # what runs the line is loaded
    timed += f"\nexec({line!r})\nprint((time.perf_counter() - start) * 1000)"
    milliseconds = [float(_start(timed, "-S")) for _ in range(rounds + 1)][1:]
    seconds = take_turns({"python": lambda: _start("pass")}, rounds)
    hook = statistics.median(milliseconds)
    return [
        Figure(
            "start-up: the line in `libcloud_ovm3.pth`, in a start of Python",
            f"{hook:.2f} / {median(seconds, 'python') * 1000:.0f} ms",
            hook,
            " ms",
            2,
        )
    ]


_GET_DRIVER = "from libcloud.compute.providers import get_driver; get_driver"


def _start(program: str, *options: str) -> str:
    # Byte code is cached, as it is for packages that pip installs.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(  # noqa: S603 (our own)
        command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def shown(seconds: Timed, one: str, other: str) -> str:
    """Both medians, as a row has them."""
    return f"{median(seconds, one) * 1000:.0f} / {median(seconds, other) * 1000:.0f} ms"


def table(figures: list[Figure]) -> str:
    """The rows as a Markdown table."""
    head = "| what | medians | figure | target | result |\n|---|---|---|---|---|"
    return "\n".join([head, *(figure.as_row() for figure in figures)])


def report(figures: list[Figure], machine: str, seconds: float) -> int:
    """Print the table, and each missed target once more in plain words.

    :param seconds: how long the measuring took.
    :return: the exit status: 0 if all targets are met, else 1.
    """
    date = time.strftime("%Y-%m-%d", time.gmtime())
    missed = [f"missed: {figure.what}\n" for figure in figures if not figure.is_met]
    sys.stdout.write(f"{date}, {machine}, {seconds:.0f} s\n\n{table(figures)}\n")
    sys.stdout.write("".join(missed) or "all targets are met\n")
    return 1 if missed else 0


def machine() -> str:
    """Cores, load average and versions of this machine, without its name."""
    python = sys.version.split()[0]
    load = f"load {os.getloadavg()[0]:.1f} before"
    return f"{os.cpu_count()} cores, {load}, Python {python}, lxml {etree.__version__}"
