"""A client of the agent made of the standard library alone, and short names for its ids."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
import uuid
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator

NFS = "oracle.generic.NFSPlugin.GenericNFSPlugin"


class _Once:
    """The standard transports call again when the connection was closed under them: not here."""

    @property
    def user_agent(self) -> str:  # see watching()
        return _name()

    def request(self, *arguments: Any, **more: Any) -> Any:
        return self.single_request(*arguments, **more)  # type: ignore[attr-defined]


class _OnceHttps(_Once, xmlrpc.client.SafeTransport):
    pass


class _OnceHttp(_Once, xmlrpc.client.Transport):
    pass


def client(sim: Simulator, host: int = 0, **options: Any) -> xmlrpc.client.ServerProxy:
    """A proxy for one host that trusts its certificate (no name in it, as in life)."""
    target = sim.hosts[host]
    user = options.pop("user", f"{sim.user}:{sim.password}@")
    scheme = options.pop("scheme", "https")
    context = ssl.create_default_context(cadata=target.certificate_pem)
    context.check_hostname = False
    url = f"{scheme}://{user}{target.address}:{target.port}{options.pop('path', '/RPC2')}"
    transport = _OnceHttps(context=context) if scheme == "https" else _OnceHttp()
    return xmlrpc.client.ServerProxy(url, transport, allow_none=True)


def fault_of(call: Any, *arguments: Any) -> str:
    """The fault that a call answers."""
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call(*arguments)
    assert caught.value.faultCode == 1
    return caught.value.faultString


class Machine:
    """A VM made with nothing but agent calls: template copied, definition written."""

    def __init__(self, sim: Simulator, host: int = 0, **config: Any) -> None:
        self.sim, self.host = sim, host
        self.agent = client(sim, host)
        self.repo = sim.repository_id
        self.uuid = str(uuid.uuid4())
        self.vm = self.uuid.replace("-", "")
        self.top = f"/OVS/Repositories/{self.repo}"
        self.disk = f"{self.top}/VirtualDisks/{self.uuid}.raw"
        self.agent.copy_file(f"{self.top}/Templates/oracle-linux-6.raw", self.disk, True)
        self.config = {
            "name": self.vm,
            "OVM_simple_name": "machine",
            "uuid": self.uuid,
            "memory": "256",
            "vcpus": 1,
            "disk": [f"file:{self.disk},xvda,w"],
            "vif": ["mac=00:21:f6:00:00:01"],
            "vfb": ["type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd=secret,keymap=en-us"],
            "bootloader": "/usr/bin/pygrub",
            "OVM_domain_type": "xen_pvm",
        } | config
        self.agent.create_vm(self.repo, self.vm, self.config)

    def domains(self, host: int | None = None) -> list[dict[str, Any]]:
        found = self.sim.domains(self.host if host is None else host)
        return [domain for domain in found if domain["uuid"] == self.uuid]

    def start(self) -> None:
        self.agent.start_vm(self.repo, self.vm)

    def stop(self, force: bool = True) -> None:
        self.agent.stop_vm(self.repo, self.vm, force)


def _name() -> str:
    return f"thread <{threading.get_ident()}>"


@contextlib.contextmanager
def watching(sim: Simulator) -> Iterator[None]:
    """Time stands still while this thread does anything but wait, whatever others wait for."""
    assert sim.clock is not None
    with sim.clock.client(_name()):
        yield


class Background(threading.Thread):
    """A call in a thread of its own, which has arrived when this is made.

    :ivar answers: "" or the fault, once it has ended.
    """

    def __init__(self, sim: Simulator, call: Any, *arguments: Any) -> None:
        super().__init__(daemon=True)
        self._sim, self._call, self._arguments = sim, call, arguments
        self.answers: list[str] = []
        arrived = len(sim.calls)
        self.start()
        while len(sim.calls) == arrived:
            time.sleep(0.001)

    def run(self) -> None:
        try:
            self._call(*self._arguments)
            self.answers.append("")
        except Exception as error:
            self.answers.append(str(error))

    def finish(self) -> None:
        """Wait for its end."""
        assert self._sim.clock is not None
        with self._sim.clock.idle():
            self.join()


def until(sim: Simulator, condition: Any, seconds: float = 600) -> None:
    """Wait (simulated seconds) until the condition holds."""
    end = sim.now() + seconds
    while not condition():
        assert sim.now() < end, "it did not happen"
        sim.wait(0.1)
