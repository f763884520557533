"""Simpler rules that look as good as those of hostside/claims.py, and are not: what each falls to.

The numbers are those of docs/claims-protocol.md. Each takes a configuration and gives a model with
the simpler rule: another function in a copy of claims.py, or other looks of a host, where the rule
is about what is looked at and in which order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.models.configurations import model_of
from tests.models.life import Model
from tests.models.rules import OLD, Claim

LISTED = "it may be where its claim does not name it"
TWO = "two live domains"
SETTLED = "settled, and an operation goes on"
NO_WAY = "no way to a settled claim"

WORKS = ("processes", "connections")
REST = ("comebacks", "look", "log", "backends")


def looking(name: str, *looks: str) -> Model:
    return model_of(name, looks=lambda claim, x: looks)


def with_function(name: str, function: str, other: Callable[[Any], Any]) -> Model:
    model = model_of(name)
    module = model.rules.module
    setattr(module, function, other(getattr(module, function)))
    return model


def with_word(name: str, function: str, other: Callable[[Any], Any]) -> Model:
    """Another function in a copy of taken_hosts.py."""
    model = model_of(name)
    words = model.rules.words
    setattr(words, function, other(getattr(words, function)))
    return model


def forgets_words(begun: Any) -> Any:
    return lambda *given: dict(begun(*given), taken="")


def put_in_anywhere(_: Any) -> Any:
    def mutant(claim: Any, host: str, who: str, words: str) -> Any:
        hosts = [*[each for each in claim["hosts"] if each[0] != host], (host, "")]
        return dict(claim, kind="doubt", hosts=sorted(hosts)), ""

    return mutant


def seeing(name: str, log: Callable[[set[str]], bool], when: str = "") -> Model:
    """Another reading of the log: closed where ``log`` says so of all domains."""

    def answer(look: str, domains: tuple[str, ...]) -> str:
        return "closed" if look == "log" + when and log(set(domains)) else ""

    return model_of(name, domains=answer)


def letters(domains: set[str]) -> set[str]:
    return {each[0] for each in domains}


def repeated_is_made(winner: Any) -> Any:
    def mutant(version: int, operation: str, is_own: bool, found: Any) -> Any:
        answer = winner(version, operation, is_own, found)
        return "won" if answer == "repeated" else answer

    return mutant


def new_boot_is_enough() -> Model:
    def looks(claim: Claim, x: int) -> tuple[str, ...]:
        return ("look",) if claim[1][x] == OLD else (*WORKS, *REST)

    return model_of("starts and stops", looks=looks)


def target_clears_itself(by_boot_only: bool) -> Callable[[Any], Any]:
    def other(settled: Any) -> Any:
        def mutant(claim: Any, here: Any, finding: str, *rest: Any) -> Any:
            is_target = claim["kind"] == "moving" and claim["target"] == here[0]
            if is_target and finding == "nowhere" and not (by_boot_only and here in claim["hosts"]):
                left = [pair for pair in claim["hosts"] if pair[0] != here[0]]
                return dict(claim, kind="doubt", hosts=left, source="", target=""), ""
            return settled(claim, here, finding, *rest)

        return mutant

    return other


def living_counts_first(after_look: Any) -> Any:
    def mutant(look: str, answer: Any) -> Any:
        if look == "look" and any(not entry["incoming"] for entry in answer):
            return "present"
        return after_look(look, answer)

    return mutant


def start_looks(*looks: str) -> Model:
    model = model_of("another tool at a start")
    model.rules.START_LOOKS = looks
    return model


def is_last_word_destroyed(domains: set[str]) -> bool:
    return "D" in letters(domains) and not letters(domains) & set("LSG")


def is_last_line_an_end(domains: set[str]) -> bool:
    return bool(domains & {"bF", "bf"}) and not letters(domains) & set("LS")


# number, what it is, which configuration and rule, what does not hold
SIMPLER: dict[str, tuple[str, Callable[[], Model]]] = {
    "1: a repeated request is run again": (
        LISTED,
        lambda: with_function("requests", "winner", repeated_is_made),
    ),
    "3: xm that has not asked xend yet is not looked for": (
        LISTED,
        lambda: looking("starts and stops", "connections", *REST),
    ),
    "3: what waits for xend's lock is not looked for": (
        LISTED,
        lambda: looking("starts and stops", "processes", *REST),
    ),
    "4: what is in the works is asked last": (
        SETTLED,
        lambda: looking("starts and stops", *REST, *WORKS),
    ),
    "4: comebacks are asked after the list and the log": (
        LISTED,
        lambda: looking("starts and stops", *WORKS, "look", "log", "comebacks", "backends"),
    ),
    "5: a new boot of the host is enough": (LISTED, new_boot_is_enough),
    "5: a new boot of a migration's target is enough": (
        LISTED,
        lambda: with_function("migrations", "settled", target_clears_itself(True)),
    ),
    "6: source and target answer in any order": (
        LISTED,
        lambda: with_function("migrations", "settled", target_clears_itself(False)),
    ),
    "7: destroyed after a shutdown counts as ended": (
        LISTED,
        lambda: seeing("starts and stops", is_last_word_destroyed),
    ),
    "8: the log's last line decides": (
        LISTED,
        lambda: seeing("another tool at a start", is_last_line_an_end),
    ),
    "9: a domain that is seen settles it": (
        SETTLED,
        lambda: looking("starts and stops", "early", *WORKS, *REST),
    ),
    "10: who is asked first claims for all": (
        LISTED,
        lambda: with_function(
            "starts and stops", "first_claim", lambda f: lambda hosts: f(hosts[:1])
        ),
    ),
    "11: nobody removes a copy that is left over": (
        NO_WAY,
        lambda: with_function("migrations", "copy_refusal", lambda _: lambda *_: "not mine"),
    ),
    "11: a copy is looked for only where nothing lives": (
        SETTLED,
        lambda: with_function("another tool and migrations", "after_look", living_counts_first),
    ),
    "12: no look before a start": (
        TWO,
        lambda: model_of("another tool at a start", is_looking=False),
    ),
    "12: a domain without an end may be started over": (
        TWO,
        lambda: seeing(
            "another tool at a start",
            lambda domains: not letters(domains) & set("SGD"),
            " at a start",
        ),
    ),
    "16: uninstalling takes the host out": (
        LISTED,
        lambda: with_function("starts and stops", "uninstall_refusal", lambda _: lambda *_: ""),
    ),
    "21: a host that comes back with a domain is as any other": (
        NO_WAY,
        lambda: with_word("words of hosts that are off", "gives_way", lambda _: lambda *_: False),
    ),
    "22: what a person has said ends with the next operation": (
        LISTED,
        lambda: with_function("words of hosts that are off", "begun", forgets_words),
    ),
    "23: a host without the module is put in whatever the claim is": (
        TWO,
        lambda: with_word("true words of a host without the module", "put_in", put_in_anywhere),
    ),
    # found by this model
    "17: connections are noted before the processes are looked for": (
        LISTED,
        lambda: looking("starts and stops", "connections", "processes", *REST),
    ),
    "20: only the newest operation's processes are looked for": (
        LISTED,
        lambda: model_of("starts and stops", forgets=True),
    ),
    "18: a start of xend between the list and the log does not count": (
        LISTED,
        lambda: seeing("starts and stops", lambda domains: not letters(domains) & set("LSGDRrC")),
    ),
    "19: the log is read before the list at a start": (
        TWO,
        lambda: start_looks("log", "look", "backends"),
    ),
}
