"""A simulated host with its disk, reached over the real sshd."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.functions import Agent
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.installer import Done, Ssh, State, Waiting, check, install, uninstall
from libcloud_ovm3.simulator import Simulator
from tests.installer import texts
from tests.support import driver_for

SPEED = 400.0
# Real seconds; nothing here takes as long.
WAITING = Waiting(limit=300, clock=Clock(sleep=lambda _: time.sleep(0.02)))


@dataclass
class Place:
    """One host, with a line that is kept open; ``line`` opens another."""

    sim: Simulator
    line: Callable[[], Ssh]
    ssh: Ssh
    version: str
    has_older: bool
    driver: OVM3NodeDriver

    @classmethod
    @contextlib.contextmanager
    def of(cls, version: str, older: bool, line: Callable[[], Ssh]) -> Iterator[Place]:
        with Simulator(
            hosts=1, version=version, vms=1, templates=0, speed=SPEED, older_module=older
        ) as sim:
            sim.dom0(0)
            sim.restart_agent(0)
            with line() as ssh:
                yield cls(sim, line, ssh, version, older, driver_for(sim))

    @property
    def root(self) -> Path:
        return self.sim.dom0(0)

    @property
    def site(self) -> Path:
        number = "2.4" if self.version.startswith("3.2") else "2.6"
        return self.root / f"usr/lib64/python{number}/site-packages"

    @property
    def table(self) -> Path:
        return self.site / "agent/target/api.py"

    @property
    def agent(self) -> Agent:
        estate = self.driver._estate
        return estate.agent(estate.given[0])

    def install(self, ssh: Ssh | None = None, **how: Any) -> Done:
        return self._with(install, ssh, **{"waiting": WAITING, **how})

    def uninstall(self, ssh: Ssh | None = None, **how: Any) -> Done:
        return self._with(uninstall, ssh, waiting=WAITING, **how)

    def check(self) -> State:
        return self._with(check, None)

    def _with(self, operation: Callable[..., Any], ssh: Ssh | None, **how: Any) -> Any:
        return operation(ssh or self.ssh, self.agent, root=str(self.root), **how)

    def disk(self) -> dict[str, tuple[int, bytes]]:
        """Every file and directory: mode and content; logs left out, which the host writes."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink() or name.startswith(("var/log", "proc", "sys")):
                continue
            mode = path.stat().st_mode
            found[name] = (mode, path.read_bytes() if path.is_file() else b"")
        return found

    def older_answers(self) -> None:
        """The older module, wherever there is one, goes on working."""
        if self.has_older:
            assert self.agent.call("call", "hello", kind="read") == "hello"

    def module_answers(self) -> bool:
        return self.check().verdict == "answering"

    def run_older_installer(self) -> None:
        """What an older integration's installer does on a host where it was not (15.2)."""
        path = self.table
        path.write_bytes(texts.older_table(path.read_bytes()))
        module = self.site / "agent/api/cloudstack.py"
        module.write_text(OLDER)
        module.chmod(0o644)
        scripts = self.root / "etc/xen/scripts"
        vlan = scripts / "linuxbridge/ovs-vlan-bridge"
        library = (scripts / "xen-network-common.sh").read_bytes()
        vlan.write_bytes(texts.older_vlan_bridge(library, vlan.read_bytes()))
        constants = self.site / "xen/xend/XendConstants.py"
        if self.version == "3.2.1":
            constants.write_bytes(texts.older_restart_time(constants.read_bytes()))
        network = self.root / "etc/sysconfig/network"
        network.write_bytes(texts.older_network(network.read_bytes()))
        subprocess.run([self.root / "sbin/service", "ovs-agent", "restart"], check=True)
        self.has_older = True


OLDER = '''"""Another integration's module."""

from agent.api.base import Agent


class CloudStack(Agent):
    def get_services(self, version=None):
        return {'call': lambda msg: msg}
'''
