"""``python -m libcloud_ovm3.simulator``: run simulated hosts until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from libcloud_ovm3.simulator import state
from libcloud_ovm3.simulator.domain import FAULTS
from libcloud_ovm3.simulator.errors import SimulatorError
from libcloud_ovm3.simulator.layouts import LAYOUTS
from libcloud_ovm3.simulator.machines.machines import KIND
from libcloud_ovm3.simulator.personalities import PERSONALITIES
from libcloud_ovm3.simulator.server.certificates import ERAS
from libcloud_ovm3.simulator.server.faults import KINDS, Rule, parse
from libcloud_ovm3.simulator.simulator import Simulator


class _Parser(argparse.ArgumentParser):
    """Reports invalid arguments in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"simulator: {message}\n")


def arguments() -> argparse.ArgumentParser:
    """The command line parser."""
    parser = _Parser(
        prog="python -m libcloud_ovm3.simulator",
        description="Run simulated Oracle VM Server 3 hosts on loopback until SIGTERM.",
    )
    add = parser.add_argument
    add("--hosts", type=int, metavar="N", help="number of hosts (3, or one per --listen)")
    add("--version", default="3.3.3", help="agent version: 3.2.x, 3.3.x, 3.4.x (3.3.3)")
    add("--root", metavar="DIR", help="directory of all state (a temporary directory)")
    add("--ready-file", metavar="F", help="JSON file written when all hosts are reachable")
    add(
        "--speed",
        type=float,
        default=1.0,
        metavar="N",
        help="simulated seconds per real second (1)",
    )
    add(
        "--personality",
        choices=PERSONALITIES,
        default="plain",
        help="how the agent behaves where its behaviour is not documented (plain)",
    )
    add(
        "--answer",
        action="append",
        default=[],
        metavar="QUESTION=VALUE",
        help="change one answer of the personality (documentation: simulator.md)",
    )
    add("--port", type=int, default=0, metavar="P", help="one port for all hosts (a free one)")
    add("--listen", nargs="+", metavar="HOST:PORT", help="address of each host")
    add(
        "--templates",
        type=int,
        default=2,
        metavar="N",
        help="raw templates of a new root (2)",
    )
    add("--vms", type=int, default=2, metavar="N", help="running VMs of a new root (2)")
    add("--repositories", type=int, default=1, metavar="N", help="repositories of a new root (1)")
    add("--from-bundle", metavar="F", help="respond from this bundle (documentation: bundle.md)")
    add("--host-module", action="store_true", help="install this project's host module")
    add(
        "--older-module",
        action="store_true",
        help="and another integration's, in new trees",
    )
    add(
        "--machines", choices=[KIND], help="run each VM with a disk in a QEMU (see docs; root only)"
    )
    add("--layout", choices=LAYOUTS, default="plain", help="further contents of a new root (plain)")
    add("--user", default="oracle", help="user of the agent (oracle)")
    add("--password-file", metavar="F", help="file whose first line is the password (a random one)")
    add("--insecure", action="store_true", help="use plain HTTP (unencrypted)")
    add("--tls", choices=list(ERAS), help="only TLS 1.0, or the TLS of an EL5 or EL6 host")
    add(
        "--reboot-gap",
        type=float,
        default=1.0,
        metavar="S",
        help="simulated seconds; see docs (1)",
    )
    add(
        "--copy-speed",
        type=float,
        default=200.0,
        metavar="MB",
        help="megabytes that a host copies in a simulated second (200)",
    )
    add(
        "--inject",
        action="append",
        default=[],
        metavar="FAULT",
        choices=FAULTS,
        help=f"fault of every host's xend: {', '.join(FAULTS)}",
    )
    add(
        "--misbehave",
        action="append",
        default=[],
        metavar="RULE",
        help="fault of calls: KIND:FUNCTION[:nth=N,times=N,host=I,seconds=S,text=T]; kinds: "
        f"{', '.join(KINDS)}",
    )
    return parser


def _simulator(options: argparse.Namespace) -> tuple[Simulator, list[Rule]]:
    answers = {}
    for text in options.answer:
        question, equals, value = text.partition("=")
        if not equals:
            raise SimulatorError(f"--answer {text!r}: write QUESTION=VALUE")
        answers[question] = value
    rules = [parse(text) for text in options.misbehave]
    for rule in rules:
        if rule.kind == "hook":
            raise SimulatorError("--misbehave hook is only available from Python")
    password = None
    if options.password_file:
        try:
            password = (Path(options.password_file).read_text().splitlines() or [""])[0]
        except OSError as error:
            raise SimulatorError(
                f"--password-file {options.password_file}: {error.strerror}"
            ) from None
        if not password:
            raise SimulatorError(
                f"--password-file {options.password_file}: the first line is empty"
            )
    if options.copy_speed <= 0:
        raise SimulatorError(f"--copy-speed {options.copy_speed:g}: expected more than 0")
    hosts = options.hosts
    if hosts is None:
        hosts = len(options.listen) if options.listen else 3
    simulator = Simulator(
        hosts=hosts,
        version=options.version,
        root=options.root,
        templates=options.templates,
        vms=options.vms,
        layout=options.layout,
        personality=options.personality,
        speed=options.speed,
        port=options.port,
        addresses=options.listen,
        user=options.user,
        password=password,
        secure=not options.insecure,
        tls=options.tls,
        answers=answers,
        reboot_gap=options.reboot_gap,
        copy_bytes_per_second=options.copy_speed * 1e6,
        repositories=options.repositories,
        from_bundle=options.from_bundle,
        host_module=options.host_module,
        older_module=options.older_module,
        machines=options.machines,
    )
    return simulator, rules


def _as_openssl_prints(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()


def main() -> int:
    """Run until a signal ends it.

    :returns: The exit status: 0, or 2 for invalid arguments.
    """
    options = arguments().parse_args()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    ready = Path(options.ready_file) if options.ready_file else None
    try:
        simulator, rules = _simulator(options)
        for rule in rules:
            simulator.add_rule(rule)
        simulator.start()
        for host in simulator.hosts:
            for fault in options.inject:
                host.inject(fault)
    except (SimulatorError, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    try:
        for host in simulator.hosts:
            shown = _as_openssl_prints(host.fingerprint)
            print(f"{host.hostname} {host.address}:{host.port} {shown}", flush=True)
        if ready is not None:
            state.save(ready, simulator.describe())
        end.wait()
    finally:
        if ready is not None:
            ready.unlink(missing_ok=True)
        simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
