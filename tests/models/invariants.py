"""What must hold of a VM's life: in every state, and at the end of a way that each of them has."""

from __future__ import annotations

from tests.models import persons, rules, world
from tests.models.life import Model, State
from tests.models.world import Hosts


def wrong_with(state: State, most: int = 1) -> str:
    """:param most: so many domains may live: with a wrong word two, if the claim says so"""
    claim, hosts, _, _ = state
    alive = [e[1] for host in hosts for e in host[2] if e[0] in "LlSCP"]
    if alive.count(".") > most:
        return "three live domains" if most > 1 else "two live domains"
    for _, _, domains, _ in hosts:
        here = [e[1] for e in domains if e[0] in "LlSC"]
        if "." in here and "f" in here:
            return "two live domains"
    if claim is None:
        return ""
    for x, (_, works, domains, saved) in enumerate(hosts):
        has = bool(works) or saved in (".", "k") or any(e[1] in ".k" for e in domains)
        if has and not claim[1][x] and not (most > 1 and claim[4][x]):
            return "it may be where its claim does not name it"
    if claim[0] == "on":
        x = 0 if claim[1][0] else 1
        if claim[1][x] == rules.NOW and (hosts[x][1] or own_copy(hosts)):
            return "settled, and an operation goes on"
    return ""


def own_copy(hosts: Hosts) -> bool:
    return any(each[0] in world.COPIES for host in hosts for each in host[2])


def living(hosts: Hosts) -> int:
    """How many there are, a saved one among them."""
    here = sum(each[0] in "LlSCP" for host in hosts for each in host[2])
    return here + sum(bool(host[3]) for host in hosts)


def is_settled(state: State) -> bool:
    claim, hosts, _, _ = state
    if living(hosts) > 1:
        return True  # two, or one and a saved one: only a person can tell
    if claim is None or any(host[0] is not None for host in hosts):
        return False
    return claim[0] == "free" or (claim[0] == "on" and rules.NOW in claim[1])


def wrong_with_words(state: State) -> str:
    """With a wrong word two may live; then the claim names both hosts, or says of one that a person
    has taken it out, which it finds when it looks."""
    return wrong_with(state, most=2)


def is_said(model: Model, state: State) -> bool:
    """Settled; or two are there, and the claim says so of each host that has one; or only a person
    can tell, as a host without the module is named."""
    claim, hosts, _, _ = state
    named = {x for x in (0, 1) if claim and claim[1][x]}
    both_run = all(any(each[0] in "LlSC" for each in host[2]) for host in hosts)
    if both_run and model.words == persons.OFF:
        return bool(claim and claim[3])  # one had to give way
    if living(hosts) < 2 or model.words == persons.TRUE:
        return is_settled(state) or bool(named & set(model.bare))
    return all(x in named for x in (0, 1) if living((hosts[x], world.IDLE)))
