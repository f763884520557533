"""Behaviours of the driver where VMs have claims, with hosts that are told what to answer."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Some
from typing import Any

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaim, document_of
from libcloud_ovm3.errors import (
    AgentFault,
    ChangedMeanwhile,
    HostNotFound,
    OutcomeUnknown,
    PreconditionFailed,
)
from libcloud_ovm3.estate import guards
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts_off import HostOff
from libcloud_ovm3.operations import claim_looks, claims_door, gone_host, settle_vm
from libcloud_ovm3.operations.operation import Operation

SILENT: Any = Some(
    hosts=(), unseen=("no route",), unreachable=(Some(address="10.0.0.3:9999"),), defined_ids=()
)
NONE = VMClaim("folder", 0, "", (), *("",) * 13)


def id_of(number: int) -> str:
    return f"{number:032x}"


class Host:
    """One with the host module; ``settles``: the claims that it answers with when it looks."""

    def __init__(self, number: int, settles: Any = (), **more: Any) -> None:
        self.server = Some(uuid=id_of(number))
        self.label = f"host {number}"
        self.address, self.domains, self.notice = self.label, (), ""
        self.claims, self.module, self.module_api = 1, self, 3
        self.module_claims: Any = self
        self.calls: list[str] = []
        self.answers, self.digest = list(settles), ""
        vars(self).update(more)

    def settle_claim(self, *_: Any) -> Any:
        self.calls.append("settle")
        return self.answers.pop(0)

    def read_vm(self, *_: Any) -> Any:
        return Some(error="", digest=self.digest)

    def change_claimed_vm(self, *_: Any) -> Any:
        self.calls.append("change")
        assert len(self.calls) < 5, "again and again"
        if self.answers:
            return self.answers.pop(0)
        raise AgentFault("", code=1, kind="libcloud_ovm3_host.errors.Conflict", text="another")


def claim(kind: str, *numbers: int, **more: Any) -> VMClaim:
    hosts = tuple((id_of(number), "boot") for number in numbers)
    return replace(NONE, version=3, kind=kind, hosts=hosts, **more)


def guarded(found: VMClaim | None, *hosts: Any) -> tuple[Any, Any]:
    """An operation, and a definition with that guard."""
    guard = guards.Guard("folder", hosts, found)
    clock = Some(now=lambda: 0.0, sleep=lambda seconds: None)
    operation: Any = Operation(Some(clock=clock, hosts_off=()))  # type: ignore[arg-type]
    return operation, Definition("0a", "vm", None, guard=guard)


def refused(kind: type[Exception], call: Any, *given: Any, **more: Any) -> None:
    try:
        call(*given, **more)
    except kind as error:
        is_it = type(error) is kind
    else:
        is_it = False
    assert is_it, "not refused, or for another reason"


# ------------------------------------------------------------------ who is guarded


def guard_of(hosts: Any, claims: Any, **more: Any) -> Any:
    repository: Any = Some(claims=claims, mounted_on=tuple(hosts))
    return guards.guard_of(repository, "vm", more.get("all_answer", True))


def claims_begin_where_all_hosts_have_them() -> None:
    none = RepositoryClaims("", {}, {})
    both = [Host(1), Host(2)]
    assert guard_of(both, none) is not None
    assert guard_of(both, none, all_answer=False) is None
    assert guard_of([Host(1), Host(2, module_claims=None)], none) is None


def what_cannot_be_read_guards() -> None:
    unread = RepositoryClaims("folder", {document_of("vm"): "torn"}, {})
    assert guard_of([Host(1)], unread).error == "torn"
    assert guard_of([Host(1)], "cannot be read").error == "cannot be read"
    unknown = guard_of([Host(1)], None)
    assert unknown is not None
    assert unknown.error


def a_module_that_failed_is_not_missing() -> None:
    failed: Any = Host(1, module=None, claims=0, notice="broken")
    assert not guards.lacks_claims(failed)
    assert guards.lacks_claims(Host(1, module=None, claims=0))  # type: ignore[arg-type]


# ------------------------------------------------------------------ changes, and looks


def who_was_second_tries_once_more() -> None:
    free = claim("free")
    host: Any = Host(1)
    operation, definition = guarded(free, host)
    claims_door.look = lambda *_: (free, {})
    refused(ChangedMeanwhile, claims_door.change, operation, host, definition, "start_vm", [], 9)
    assert host.calls == ["change", "change"]


def what_has_no_outcome_is_not_done() -> None:
    for state in ("elsewhere", "dead"):
        host: Any = Host(1, [claim("doubt", 1, state=state)])
        operation, definition = guarded(claim("free"), host)
        claims_door.look = lambda *_: (NONE, {})
        refused(OutcomeUnknown, claims_door.change, operation, host, definition, "start_vm", [], 9)


def two_domains_stop_everything() -> None:
    host: Any = Host(1)
    for function in ("start_vm", "stop_vm", "configure_vm"):
        assert not claims_door._may(function, claim("on", 1, error="two"), host)
    assert not claims_door._may("stop_vm", claim("doubt", 2), host)
    assert not claims_door._may("configure_vm", claim("on", 2), host)


def the_newest_claim_that_was_seen_counts() -> None:
    operation, definition = guarded(claim("free"))
    claim_looks.remember(operation, definition, replace(claim("on", 1), version=4))
    assert claim_looks.latest(operation, definition).claim.kind == "on"  # type: ignore[union-attr]
    claim_looks.remember(operation, definition, replace(claim("on", 1), version=2))
    assert claim_looks.latest(operation, definition).claim.kind == "free"  # type: ignore[union-attr]


def the_source_is_asked_before_the_target() -> None:
    order: list[int] = []

    def of(number: int) -> Any:
        host = Host(number, [claim("doubt", 1, 2)] * 2)
        host.settle_claim = lambda *_: order.append(number) or claim("doubt", 1, 2)  # type: ignore
        return host

    hosts = [of(1), of(2)]
    moving = claim("moving", 1, 2, source=id_of(2), target=id_of(1))
    claim_looks.look(*guarded(moving, *hosts))
    assert order[:2] == [2, 1]


def a_host_that_was_taken_out_is_asked() -> None:
    taken = claim("on", 1, taken=f"{id_of(2)}: ann, operation 1, today, boot : off; nothing")
    hosts = [Host(1, [taken]), Host(2, [taken])]
    claim_looks.look(*guarded(taken, *hosts))
    assert hosts[1].calls == ["settle"]


# ------------------------------------------------------------------ the word of a person


def all_hosts_see_what_is_accepted() -> None:
    hosts: Any = [Host(1, digest="old"), Host(2, digest="new")]
    operation, definition = guarded(claim("free", digest="new"), *hosts)
    written: list[Any] = []
    settle_vm.word_door.accept = lambda *given: written.append(given)  # type: ignore
    guard = definition.guard
    refused(PreconditionFailed, settle_vm._accept, operation, definition, guard, guard.claim)
    assert not written


def who_answers_is_asked_itself() -> None:
    hosts: Any = [Host(1), Host(2)]
    operation, definition = guarded(claim("on", 2), *hosts)
    asked: list[str] = []
    settle_vm.registered_hosts = lambda *_: {}
    settle_vm.find_gone = lambda name, *_: gone_host.GoneHost(id_of(2), name, hosts[1])
    settle_vm.require_gone = lambda *_: "nothing"
    settle_vm.word_door.take_out = lambda operation, host, *_: asked.append(host.label)  # type: ignore
    guard = definition.guard
    settle_vm._take_out(operation, None, definition, guard, guard.claim, "2")  # type: ignore
    assert asked == ["host 2"]


def one_host_is_meant() -> None:
    named = [id_of(3), id_of(4)]
    SILENT.hosts = (Host(1, address=Address("10.0.0.1", 8899)),)
    registered = {id_of(3): "10.0.0.3", id_of(4): "10.0.0.3"}
    gone_host.is_host = lambda *_: False
    refused(HostNotFound, gone_host.find_gone, "10.0.0.3", named, registered, SILENT)
    registered[id_of(4)] = "10.0.0.1"
    found = gone_host.find_gone("10.0.0.3", named, registered, SILENT)
    assert [str(one) for one in found.addresses] == ["10.0.0.3:8899", "10.0.0.3:9999"]
    assert gone_host.find_gone(id_of(4), named, registered, SILENT).addresses == ()  # another's


def who_may_be_silent_is_not_gone() -> None:
    operation, definition = guarded(claim("on", 4))
    gone = gone_host.GoneHost(id_of(4), id_of(4))
    args = (operation.estate, SILENT, gone, definition)
    refused(PreconditionFailed, gone_host.require_gone, *args)


def a_guest_in_its_reboot_is_not_gone() -> None:
    """On a host without the module: xend lists it in the second look only."""
    host: Any = Host(2, module_claims=None, claims=0, module=None)
    operation, definition = guarded(claim("doubt", 2), host)
    looks = [Some(is_absent=True), Some(is_absent=False, described=lambda: "running")]
    gone_host.before_second_look = lambda *_: None
    gone_host.read_presence = lambda *_: looks.pop(0)
    gone = gone_host.GoneHost(id_of(2), "2", host)
    snapshot: Any = Some(defined_ids=frozenset(), unseen=())
    args = (operation.estate, snapshot, gone, definition)
    refused(PreconditionFailed, gone_host.require_gone, *args)


def who_is_said_to_be_off_is_taken_out() -> None:
    """No other host that does not answer, and after one more check."""
    host: Any = Host(1)
    found = claim("doubt", 2, 3)
    operation, definition = guarded(found, host)
    order: list[Any] = []
    off = HostOff("10.0.0.3", (Address("10.0.0.3", 8899),))
    gone_host.look = lambda *_: (found, {})
    gone_host.registered_hosts = lambda *_: {id_of(2): "10.0.0.2", id_of(3): "10.0.0.3"}
    gone_host.require_silent = lambda *_, **more: order.append("checked")
    gone_host.word_door.take_out = (  # type: ignore[assignment]
        lambda operation, able, definition, claim, host_id, said: order.append(host_id)
    )
    gone_host.take_out_off(operation, [host], definition, [off])
    assert order == ["checked", id_of(3)]
