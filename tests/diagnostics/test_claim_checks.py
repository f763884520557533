"""Doctor checks of claims: what settles each doubt, by its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.agent.vm_claims import RepositoryClaims, VMClaim
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.estate.guards import with_guards
from libcloud_ovm3.estate.hosts import HostView
from tests.diagnostics.healthy import collected, defined, host, inventory_data, live, repository

VM_ID = "0004fb00-0006-0000-0000-000000000001"
ONE, TWO, FAR = (f"{number:032x}" for number in (1, 2, 9))
SETTLE = f"`ovm3 claim settle {VM_ID}`"
START = {"operation": "o1", "client": "salt", "function": "start_vm"}


def claim(kind: str, *hosts: str, **more: Any) -> VMClaim:
    texts = dict.fromkeys(
        "state why operation client function outcome fault digest source target paused error "
        "taken".split(),
        "",
    )
    said: dict[str, Any] = {"folder": "f", "version": 3, "kind": kind, **texts}
    return VMClaim(**(said | {"hosts": tuple((one, "b") for one in hosts)} | more))


def with_module(view: HostView) -> HostView:
    return replace(view, module=cast("HostModule", object()), module_api=3, claims=1)


def found(of: VMClaim | str, runs: bool = False, second: bool = True) -> list[tuple[str, str, str]]:
    """What the doctor says of the claim of a VM, which may run on the first of two hosts."""
    views = [with_module(host(1, *[live("vm", VM_ID)] * runs)), host(2)]
    views[1:] = [with_module(views[1])] if second else views[1:]
    config = {"uuid": VM_ID, "memory": 512, "disk": []}
    claims = RepositoryClaims("f", {"vm-vm": of}, {ONE: "", FAR: "192.0.2.9"})
    place = replace(repository(views, [defined("vm", **config)]), claims=claims)
    definitions = with_guards([defined("vm", **config)], [place], True)
    data = inventory_data(views, definitions, repositories=[place])
    checked = run_checks(collected(data))
    of_all = [one.advice for one in checked if one.about == "claims"]
    assert of_all == ([""] if second else ["`ovm3 host install 192.0.2.2:8899`", ""])
    return [(one.level, one.found, one.advice) for one in checked if one.about == "claim"]


@pytest.mark.parametrize(
    ("of", "level", "text", "advice"),
    [
        (claim("doubt", ONE, **START, state="dead"), "warning", "in doubt on ovm-1", SETTLE),
        (claim("doubt", ONE, **START, state="running"), "note", "start_vm of salt is under", ""),
        (
            claim("doubt", ONE, FAR),
            "warning",
            "in doubt on ovm-1, 192.0.2.9",
            f"bring host {FAR} (last at 192.0.2.9) online, or if it is off or gone for good, "
            f"{SETTLE[:-1]} --gone-from {FAR}`",
        ),
        (
            claim("moving", ONE, TWO, source=ONE, target=TWO),
            "warning",
            "moving from ovm-1 to ovm-2",
            "its source ovm-1 has to answer first",
        ),
        (
            claim("doubt", ONE, error=f"on host {ONE}, boot b"),
            "error",
            "two domains were seen",
            "by its domain id",
        ),
        ("line 1: not understood", "error", "cannot be read: line 1", "newer version"),
        (claim("on", ONE), "note", "on ovm-1, where it is not listed", SETTLE),
        (claim("on", FAR), "note", "on 192.0.2.9, and that host was not", "a-host-is-dead.md"),
        (claim("free", taken="h: me, off"), "note", "by a person: h: me, off", ""),
    ],
)
def test_each_doubt_has_its_own_advice(
    of: VMClaim | str, level: str, text: str, advice: str
) -> None:
    [(its_level, its_text, its_advice)] = found(of)
    assert (its_level, text in its_text, advice in its_advice) == (level, True, True)
    assert its_text.startswith(f"VM 'vm' ({VM_ID})")


def test_a_settled_claim_is_compared_with_the_lists() -> None:
    assert found(claim("on", ONE), runs=True) == []
    assert found(claim("free")) == []
    for elsewhere in (claim("free"), claim("on", TWO)):
        [(level, text, advice)] = found(elsewhere, runs=True)
        assert (level, "runs on ovm-1" in text, advice) == ("warning", True, SETTLE)


def test_hosts_that_cannot_keep_to_claims() -> None:
    [(_, _, advice)] = found(claim("doubt", TWO), second=False)
    assert "install the host module on ovm-2" in advice
    [(level, _, advice)] = found(claim("on", TWO), second=False)
    assert (level, advice.startswith("`ovm3 host install 192.0.2.2:8899`, ")) == ("warning", True)
    assert advice.endswith(f"{SETTLE[:-1]} --gone-from {TWO}`")
