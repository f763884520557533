"""The project's own decisions (hostside/claims.py, taken_hosts.py) over states that can be hashed.

A claim as a state is None or ``(kind, (entry, entry), source, two, (taken, taken), paused)``: of
each of the two hosts whether it is in the list (0: no, 1: with an older boot, or one that is not
known, 2: with this boot), the number of the source or what was found there or -1, whether two
domains were seen, of each host whether a person has taken it out (0: no, else the boot of which
that was said), and whether an operation has paused it. What only describes an operation is left
out: no decision asks for it.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

HOSTSIDE = Path(__file__).parents[2] / "hostside"
HOSTS = ("h", "g")
ABSENT, OLD, NOW = 0, 1, 2
BOOTS = ("", "before", "now")

_BOOT_SAID = re.compile(r", boot (\w*): ")

Claim = Any


def load(name: str = "claims") -> ModuleType:
    """A fresh copy of a module of the hosts': a mutant may put other functions into it."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_a_model", HOSTSIDE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_words(claims: ModuleType) -> ModuleType:
    """The same of what persons say, on top of this copy."""
    package = ModuleType("libcloud_ovm3_host")
    vars(package)["claims"] = claims
    with mock.patch.dict(sys.modules, {package.__name__: package}):
        return load("taken_hosts")


def here(host: int) -> tuple[str, str]:
    return (HOSTS[host], BOOTS[NOW])


_PLAIN = load()
_PLAIN_WORDS = load_words(_PLAIN)


class Rules:
    """The functions of one copy of the module, each answer remembered: they are pure."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.words = load_words(module)
        self.LOOKS: tuple[str, ...] = module.LOOKS
        self.START_LOOKS: tuple[str, ...] = module.START_LOOKS
        for name in ("first", "refusal", "begun", "settled", "uninstall_refusal"):
            setattr(self, name, cache(getattr(self, name)))
        for name in ("taken_out", "put_in", "gives_way"):
            setattr(self, name, cache(getattr(self, name)))

    def first(self, asker: int) -> Claim:
        return frozen(self.module.first_claim([here(asker), (HOSTS[1 - asker], "")]))

    def refusal(self, function: str, claim: Claim, host: int) -> str:
        return str(self.module.refusal(function, thawed(claim), here(host)))

    def begun(self, function: str, claim: Claim, host: int) -> Claim:
        target = here(1 - host) if function == "migrate_vm" else None
        before = thawed(claim)
        return frozen(self.module.begun(function, before, here(host), {}, target))

    def settled(self, claim: Claim, host: int, finding: str) -> Claim:
        """The claim that is written, or the same one where nothing is."""
        after, _ = self.words.settled(thawed(claim), here(host), finding, "op")
        return claim if after is None else frozen(after)

    def gives_way(self, claim: Claim, host: int) -> bool:
        return bool(self.words.gives_way(thawed(claim), here(host)))

    def taken_out(self, claim: Claim, host: int) -> Claim:
        """The claim without this host by the word of a person, or the same one."""
        after, _ = self.words.taken_out(thawed(claim), HOSTS[host], "who", "words", "nothing")
        return claim if after is None else frozen(after)

    def put_in(self, claim: Claim, host: int) -> Claim:
        """The claim with this host, which has no module, or the same one."""
        after, _ = self.words.put_in(thawed(claim), HOSTS[host], "who", "words")
        return claim if after is None else frozen(after)

    def uninstall_refusal(self, claim: Claim, host: int) -> str:
        return str(self.module.uninstall_refusal(thawed(claim), HOSTS[host]))

    def copy_refusal(self, claim: Claim) -> str:
        return str(self.module.copy_refusal(thawed(claim), 10**9, 1))


def frozen(claim: dict[str, Any]) -> Claim:
    hosts = dict(claim["hosts"])
    entries = tuple(_boot_number(hosts[host]) if host in hosts else ABSENT for host in HOSTS)
    source = HOSTS.index(claim["source"]) if claim["source"] else claim["source_was"] or -1
    said = [_BOOT_SAID.search(_PLAIN_WORDS.entry_of(claim, host)) for host in HOSTS]
    taken = tuple(_boot_number(each.group(1)) if each else ABSENT for each in said)
    return (claim["kind"], entries, source, bool(claim["error"]), taken, bool(claim["paused"]))


def _boot_number(boot: str) -> int:
    return BOOTS.index(boot) or OLD


def thawed(claim: Claim) -> dict[str, Any] | None:
    if claim is None:
        return None
    kind, entries, source, two, taken, paused = claim
    hosts = [(HOSTS[i], BOOTS[entries[i]]) for i in (1, 0) if entries[i]]
    made: dict[str, Any] = _PLAIN.first_claim(hosts)
    made.update(kind=kind, error="two" if two else "", paused="op" if paused else "")
    made["taken"] = " | ".join(_said(host, boot) for host, boot in enumerate(taken) if boot)
    if isinstance(source, str):
        made.update(source_was=source)
    elif source >= 0:
        made.update(source=HOSTS[source], target=HOSTS[1 - source])
    return made


@cache
def _said(host: int, boot: int) -> str:
    claim = _PLAIN.first_claim([(HOSTS[host], BOOTS[boot])])
    made, _ = _PLAIN_WORDS.taken_out(claim, HOSTS[host], "who", "words", "nothing")
    return str(made["taken"])


def rebooted(claim: Claim, host: int) -> Claim:
    """The claim as it looks when that host has booted again: what names it names an older boot."""
    if claim is None or NOW not in (claim[1][host], claim[4][host]):
        return claim
    entries, taken = (
        tuple(OLD if i == host and each else each for i, each in enumerate(boots))
        for boots in (claim[1], claim[4])
    )
    return (claim[0], entries, *claim[2:4], taken, claim[5])
