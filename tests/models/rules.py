"""The project's own decisions (hostside/claims.py) over states that can be hashed.

A claim as a state is None or ``(kind, (entry, entry), source, two)``: of each of the two hosts
whether it is in the list (0: no, 1: with an older boot, 2: with this boot), the number of the
source or what was found there or -1, and whether two domains were seen. What only describes an
operation is left out: no decision asks for it.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

HOSTSIDE = Path(__file__).parents[2] / "hostside"
HOSTS = ("h", "g")
ABSENT, OLD, NOW = 0, 1, 2
BOOTS = ("", "before", "now")

Claim = Any


def load(name: str = "claims") -> ModuleType:
    """A fresh copy of the module: a mutant may put other functions into it."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_a_model", HOSTSIDE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def here(host: int) -> tuple[str, str]:
    return (HOSTS[host], BOOTS[NOW])


_PLAIN = load()


class Rules:
    """The functions of one copy of the module, each answer remembered: they are pure."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.LOOKS: tuple[str, ...] = module.LOOKS
        self.START_LOOKS: tuple[str, ...] = module.START_LOOKS
        for name in ("first", "refusal", "begun", "settled", "uninstall_refusal"):
            setattr(self, name, cache(getattr(self, name)))

    def first(self, asker: int) -> Claim:
        return frozen(self.module.first_claim([here(asker), here(1 - asker)]))

    def refusal(self, function: str, claim: Claim, host: int) -> str:
        return str(self.module.refusal(function, thawed(claim), here(host)))

    def begun(self, function: str, claim: Claim, host: int) -> Claim:
        target = here(1 - host) if function == "migrate_vm" else None
        before = thawed(claim)
        return frozen(self.module.begun(function, before, here(host), {}, target))

    def settled(self, claim: Claim, host: int, finding: str) -> Claim:
        """The claim that is written, or the same one where nothing is."""
        after, _ = self.module.settled(thawed(claim), here(host), finding)
        return claim if after is None else frozen(after)

    def uninstall_refusal(self, claim: Claim, host: int) -> str:
        return str(self.module.uninstall_refusal(thawed(claim), HOSTS[host]))

    def copy_refusal(self, claim: Claim) -> str:
        return str(self.module.copy_refusal(thawed(claim), 10**9, 1))


def frozen(claim: dict[str, Any]) -> Claim:
    hosts = dict(claim["hosts"])
    entries = tuple(BOOTS.index(hosts[host]) if host in hosts else ABSENT for host in HOSTS)
    source = HOSTS.index(claim["source"]) if claim["source"] else claim["source_was"] or -1
    return (claim["kind"], entries, source, bool(claim["error"]))


def thawed(claim: Claim) -> dict[str, Any] | None:
    if claim is None:
        return None
    kind, entries, source, two = claim
    hosts = [(HOSTS[i], BOOTS[entries[i]]) for i in (1, 0) if entries[i]]
    made: dict[str, Any] = _PLAIN.first_claim(hosts)
    made.update(kind=kind, error="two" if two else "")
    if isinstance(source, str):
        made.update(source_was=source)
    elif source >= 0:
        made.update(source=HOSTS[source], target=HOSTS[1 - source])
    return made


def rebooted(claim: Claim, host: int) -> Claim:
    """The claim as it looks when that host has booted again: what names it names an older boot."""
    if claim is None or claim[1][host] != NOW:
        return claim
    entries = tuple(OLD if i == host else entry for i, entry in enumerate(claim[1]))
    return (claim[0], entries, *claim[2:])
