"""Behaviours of the functions for changes of a vm.cfg."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.mutants.ground import CLIENT, Ground, answers, operation

ID, DIRECTORY = "0a" * 16, "web"
OLD = b"name = 'old'\n"


class Host:
    """The ground with a VM, and an agent that notes what it is called with and does no more."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.called = ground, list[dict[str, Any]]()
        self.file = ground.repository / "VirtualMachines" / DIRECTORY / "vm.cfg"
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(OLD)
        self.waited = 0
        dom0: Any = ground.dom0
        dom0.detached = dom0.within = lambda seconds, function, *given: function(*given)
        dom0.agent_modules = lambda: [lambda: self]
        dom0.seconds = lambda: self.waited
        dom0.sleep = self.sleep

    def sleep(self, seconds: float) -> None:
        self.waited += 1

    def get_services(self, version: Any = None) -> dict[str, Any]:
        server = f"<a><Unique_Id>{'1' * 32}</Unique_Id></a>"
        return {"configure_vm": self.configure_vm, "discover_server": lambda: server}

    def configure_vm(self, repository: str, directory: str, struct: dict[str, Any]) -> None:
        self.called.append(struct)

    def arguments(self) -> tuple[Any, ...]:
        digest = hashlib.md5(OLD).hexdigest()
        return (ID, DIRECTORY, digest, "configure_vm", [{"name": "new"}])

    def change(self, by: int = 1) -> Any:
        return answers(lambda: self.ground.write("change_vm", *self.arguments(), by=by))

    def conflict(self, by: int = 1) -> None:
        self.ground.write_refused("Conflict", "change_vm", *self.arguments(), by=by)

    def is_changing(self, lives: bool, boot: str = "a boot") -> None:
        """An operation is recorded that began with the file as it is."""
        from libcloud_ovm3_host import documents, host_identity, records

        identity = host_identity.with_address(self.ground.dom0)
        process = {"pid": "77", "started": "5", "boot": boot}
        named = {"operation": operation(9), "client": CLIENT, "function": "configure_vm"}
        record = {"schema": "1", "state": "changing", "digest": "0", "content": OLD}
        mount = ("/OVS/Repositories/" + ID).encode()
        content = records.encode({**record, **named, **process, **identity})
        documents.write(self.ground.dom0, CLIENT, operation(9), mount, "vm-web", 1, content)
        self.ground.dom0.lives = lambda pid, started: lives

    def read(self) -> Any:
        return answers(lambda: self.ground.call("read_vm", ID, DIRECTORY, operation(9)))

    def text_before(self) -> bytes | None:
        found = self.read().get("before")
        return None if found is None else bytes(found.data)

    def settle(self, take_over: bool) -> Any:
        return self.ground.write("settle_vm", ID, DIRECTORY, operation(9), take_over, by=5)


def a_file_that_was_not_read_is_left_alone(ground: Ground) -> None:
    host = Host(ground)
    host.file.write_bytes(b"name = 'edited'\n")
    host.conflict()
    assert host.called == []


def a_file_edited_in_the_last_moment_is_left_alone(ground: Ground) -> None:
    from libcloud_ovm3_host import documents

    host, write = Host(ground), documents.write

    def edited_after(*given: Any) -> Any:
        host.file.write_bytes(b"name = 'edited'\n")
        return write(*given)

    documents.write = edited_after
    assert host.change()["state"] == "not done"
    assert host.called == []


def an_operation_is_run_once(ground: Ground) -> None:
    host = Host(ground)
    assert [host.change()["state"] for _ in range(2)] == ["done", "done"]
    host.change(by=2)
    host.change()
    assert len(host.called) == 2


def what_goes_on_is_waited_for(ground: Ground) -> None:
    host = Host(ground)
    host.is_changing(lives=True)
    host.conflict()
    assert host.called == []
    ground.write_refused("Conflict", "settle_vm", ID, DIRECTORY, operation(9), True, by=5)


def another_host_s_change_is_waited_for(ground: Ground) -> None:
    host = Host(ground)
    host.is_changing(lives=False, boot="of another host")
    host.ground.dom0.hostname = lambda: "another"
    host.conflict()
    assert host.called == []
    ground.write_refused("NotAllowed", "settle_vm", ID, DIRECTORY, operation(9), False, by=5)
    assert host.settle(take_over=True)["state"] == "unknown"


def the_text_before_a_killed_change_is_kept(ground: Ground) -> None:
    host = Host(ground)
    host.is_changing(lives=False)
    host.file.write_bytes(OLD[:4])
    assert host.text_before() == OLD
    host.settle(take_over=False)
    assert host.text_before() == OLD
    assert host.read()["change"]["state"] == "unknown"


def what_began_too_late_is_not_run(ground: Ground) -> None:
    host = Host(ground)
    times = [0, 41]
    host.ground.dom0.seconds = lambda: times.pop(0)
    assert host.change()["state"] == "not done"
    assert host.called == []
