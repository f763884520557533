"""The figures: each a ratio against a named peer that was measured in the same run."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from bench import listing
from bench.answers import encoded, list_vms
from bench.measuring import Timed, median, ratio, take_turns
from bench.server import serving
from libcloud_ovm3.agent import codec

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    :ivar target: what it has to be, None: shown only.
    :ivar at_least: whether more is better.
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
        """Whether the target is reached."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def as_row(self) -> str:
        """A row of a Markdown table."""
        sign = "≥" if self.at_least else "≤"
        wanted = "" if self.target is None else f"{sign} {self.target:g}{self.unit}"
        wanted += "" if self.stretch is None else f" (stretch {self.stretch:g}{self.unit})"
        verdict = "" if self.target is None else "yes" if self.is_met else "**no**"
        digits = 0 if self.unit == " ms" else 1 if self.value >= 10 else 2
        value = f"{self.value:.{digits}f}{self.unit}"
        return f"| {self.what} | {self.measured} | {value} | {wanted} | {verdict} |"


def decoding(vms: int, rounds: int) -> list[Figure]:
    """(a) Decoding the list_vms answer of a host with so many VMs."""
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
            _shown(seconds, "stdlib", "ours"),
            ratio(seconds, "stdlib", "ours"),
            "x",
            2.3,
            3.0,
            at_least=True,
        ),
        Figure(
            f"{what}: ours / bare `lxml.etree.fromstring`",
            _shown(seconds, "ours", "bare"),
            ratio(seconds, "ours", "bare"),
            "x",
        ),
    ]


def listing_without_latency(hosts: int, vms: int, rounds: int) -> list[Figure]:
    """(b) list_nodes against the floor and against the naive way."""
    with _contenders(hosts, vms, 0.0) as contenders:
        seconds = take_turns(contenders, rounds)
    what = f"list_nodes, {hosts} hosts x {vms} running VMs"
    return [
        Figure(
            f"{what}: ours / floor",
            _shown(seconds, "ours", "floor"),
            ratio(seconds, "ours", "floor"),
            "x",
            2.5,
            1.8,
        ),
        Figure(
            f"{what}: naive `XMLRPCConnection` / ours",
            _shown(seconds, "naive", "ours"),
            ratio(seconds, "naive", "ours"),
            "x",
            2.0,
            at_least=True,
        ),
    ]


def listing_with_latency(hosts: int, vms: int, latency: float, rounds: int) -> list[Figure]:
    """(b) The same with each answer held back for so many seconds."""
    with _contenders(hosts, vms, latency) as contenders:
        del contenders["floor"]
        seconds = take_turns(contenders, rounds)
    return [
        Figure(
            f"the same with {latency * 1000:.0f} ms of latency: naive / ours",
            _shown(seconds, "naive", "ours"),
            ratio(seconds, "naive", "ours"),
            "x",
            6.0,
            at_least=True,
        )
    ]


def listing_with_module(
    hosts: int, vms: int, stopped: int, latency: float, rounds: int
) -> list[Figure]:
    """(b) With so many stopped VMs a host more, their names in one repository: with the host module
    against the same estate without it.
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
        calls = {name: len(listing.asked_by_ours(pool)) for name, pool in pools.items()}
        seen = hosts * (vms + stopped)
        seconds = take_turns(
            {
                name: functools.partial(_seeing, seen, listing.ours(pool))
                for name, pool in pools.items()
            },
            rounds,
        )
    what = f"list_nodes, {hosts} hosts x ({vms} running + {stopped} stopped VMs)"
    late = f"{latency * 1000:.0f} ms of latency"
    return [
        Figure(
            f"{what}, {late}: without the host module / with it",
            _shown(seconds, "without", "with"),
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


@contextlib.contextmanager
def _contenders(hosts: int, vms: int, latency: float) -> Iterator[dict[str, Callable[[], None]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(hosts, vms, latency, Path(folder)) as pool,
        listing.floor(pool) as floor,
    ):
        every = {
            "floor": floor,
            "ours": listing.ours(pool),
            "naive": lambda: listing.naive(pool),
        }
        yield {name: functools.partial(_seeing, hosts * vms, run) for name, run in every.items()}


def _seeing(vms: int, run: Callable[[], int]) -> None:
    """Run it; one that misses a VM is not to win by that."""
    seen = run()
    assert seen == vms, f"saw {seen} VMs of {vms}"


def starting(rounds: int) -> list[Figure]:
    """(c) How much longer a program takes to start with us than with libcloud.

    libcloud imports a driver when it is asked for, so that is a figure of its own.
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
            _shown(seconds, "ours", "libcloud"),
            more * 1000,
            " ms",
            60,
        ),
        Figure(
            "start-up: `get_driver('ovm3')` over libcloud's own `get_driver('dummy')`",
            _shown(seconds, "driver", "dummy"),
            driver * 1000,
            " ms",
        ),
    ]


_GET_DRIVER = "from libcloud.compute.providers import get_driver; get_driver"


def _start(program: str) -> None:
    # Byte code is kept, as it is for what pip has installed.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=_ROOT, env=environment, check=True)  # noqa: S603 (our own)


def _shown(seconds: Timed, one: str, other: str) -> str:
    return f"{median(seconds, one) * 1000:.0f} / {median(seconds, other) * 1000:.0f} ms"


def table(figures: list[Figure]) -> str:
    """All of them as a Markdown table."""
    head = "| what | medians | figure | target | met |\n|---|---|---|---|---|"
    return "\n".join([head, *(figure.as_row() for figure in figures)])


def machine() -> str:
    """The machine in a few words, without its name; and how busy others keep it."""
    python = sys.version.split()[0]
    load = f"load {os.getloadavg()[0]:.1f} before"
    return f"{os.cpu_count()} cores, {load}, Python {python}, lxml {etree.__version__}"
