"""One QEMU: started, told what to do, and how it ended."""

from __future__ import annotations

import contextlib
import socket
import subprocess

from libcloud_ovm3.simulator.domain import Domain
from libcloud_ovm3.simulator.files import existing_path, exists
from libcloud_ovm3.simulator.host import SimulatedHost
from libcloud_ovm3.simulator.machines import command, links
from libcloud_ovm3.simulator.machines.qmp import Qmp
from libcloud_ovm3.simulator.xend.starting import path_of

# With the simulator, however that ends, ends QEMU: it is a child of a thread that lives as long.
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_REASONS = {"guest-reset": "reboot", "guest-shutdown": "poweroff"}


class Guest:
    """The QEMU of a domain. Its methods are called with the host's lock held.

    :ivar ready: Whether it has begun to run; until then it is as xend's domains are: paused.
    """

    def __init__(self, host: SimulatedHost, domain: Domain) -> None:
        """Start it, paused. It lives no longer than the calling thread.

        :raises AgentFault: A file of the VM is missing.
        :raises OSError: QEMU cannot be started.
        """
        self.ready = False
        self._paused = True
        self._asked = ""
        self._cds = command.cds(domain.config)
        self._bridges = links.bridges(host, domain)
        self._taps = [links.new_tap() for _ in domain.macs]
        folder = host.folder / "guests" / domain.uuid
        folder.mkdir(parents=True, exist_ok=True)
        nics = list(zip(domain.macs, self._taps, strict=True))
        config = domain.config | {"uuid": domain.uuid}

        def real(path: str) -> str:
            return str(existing_path(host, path))

        ours, theirs = socket.socketpair()
        with theirs:
            line = command.arguments(config, real, nics)
            line += [
                "-chardev",
                f"socket,id=qmp,fd={theirs.fileno()}",
                "-mon",
                "chardev=qmp,mode=control",
            ]
            line += [
                "-chardev",
                f"file,id=serial,append=on,path={command.plain(folder / 'serial.log')}",
            ]
            line += ["-serial", "chardev:serial"]
            with (folder / "qemu.log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 (no shell; files below our root)
                    [*_WITH_US, *line],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        self._log = folder / "qemu.log"
        self._qmp = Qmp(ours)

    def begin(self) -> None:
        """Connect its network cards and let it run, once it can be told so.

        :raises OSError: That failed.
        """
        self._qmp.listen()
        if self._qmp.greeted and not self.ready:
            self._qmp.ask("qmp_capabilities")
            for tap, bridge in zip(self._taps, self._bridges, strict=True):
                links.connect(tap, bridge)
            self.ready = True

    def follow(self, host: SimulatedHost, domain: Domain) -> None:
        """Do what xend has recorded of the domain: pause, shutdown requests, media of CD drives.

        :raises OSError: QEMU has ended or refuses it.
        """
        if not self.ready:
            return
        if domain.paused != self._paused:
            self._qmp.ask("stop" if domain.paused else "cont")
            self._paused = domain.paused
        if domain.request and not domain.paused and domain.uuid not in host.ignores_requests:
            self._asked, domain.request = domain.request, ""
            self._qmp.ask("system_powerdown")
        for device, uname in command.cds(domain.config).items():
            if self._cds.get(device) != uname:
                self._change_cd(host, device, uname)
                self._cds[device] = uname

    def _change_cd(self, host: SimulatedHost, device: str, uname: str) -> None:
        self._qmp.ask("eject", id=f"cd-{device}", force=True)
        path = path_of(uname) if uname else None
        if path is not None and exists(host, path):  # of a missing file the drive stays empty
            file = str(existing_path(host, path))
            arguments = {"id": f"cd-{device}", "filename": file, "format": "raw"}
            self._qmp.ask("blockdev-change-medium", **arguments)

    def ended(self) -> str:
        """How the guest ended: poweroff, reboot or crash; "" while it lives.

        A guest that was requested to reboot gets ACPI's power button too, which knows no more: when
        it has powered off then, it has rebooted, as one with PV drivers does.
        """
        with contextlib.suppress(OSError):
            self._qmp.listen()
        if self._process.poll() is None:
            return ""
        with contextlib.suppress(OSError):
            self._qmp.listen()
        reasons = [
            event["data"].get("reason", "")
            for event in self._qmp.events
            if event["event"] == "SHUTDOWN"
        ]
        reason = _REASONS.get(reasons[-1] if reasons else "", "crash")
        return "reboot" if reason == "poweroff" and self._asked == "reboot" else reason

    def last_words(self) -> str:
        """The last line that QEMU wrote, for a message."""
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"status {self._process.poll()}"

    def kill(self) -> None:
        """End it, and wait until it is gone, with its TAP devices."""
        self._process.kill()
        self._process.wait()
        self._qmp.close()
