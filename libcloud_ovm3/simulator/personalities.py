"""The open questions about the agent and the two answers to each (agent-behaviour.md 18).

A personality answers all of them: ``plain`` with the friendlier answer, ``awkward`` with the other.
Some questions have the same answer in both; the other answer can only be set for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from libcloud_ovm3.simulator.errors import SimulatorError

PERSONALITIES = ("plain", "awkward")

#: question -> (plain answer, awkward answer, other answers that can be set ...)
QUESTIONS: dict[str, tuple[str, ...]] = {
    "get_vm_config of a missing VM": ("nil", "fault"),
    "configure_vm absent keys": ("left alone", "dropped"),
    "stop_vm graceful": ("returns at once", "blocks"),
    "reboot_vm": ("returns at once", "blocks"),
    "unknown method text": ("stock", "another"),
    "storage_plugin_destroy of a missing file": ("nil", "fault"),
    "getFileInfo of a missing file": ("empty file_path", "fault"),
    "mount answer ids exchanged": ("no", "yes"),
    "mount answer sizes": ("filled", "empty"),
    "parallel calls": ("parallel", "one at a time"),
    "copy_file onto an existing file": ("overwrites", "fault"),
    "delete_vm of a missing VM": ("nil", "fault"),
    "delete_vm of a running VM": ("accepts", "fault"),
    "create_vm of an existing id": ("overwrites", "fault"),
    "order of list_vms": ("by name", "reversed"),
    "OVM_domain_type hvm or default": ("accepted", "fault"),
    "storage structs with missing keys": ("accepted", "fault"),
    "unpause of a running VM": ("nil", "fault"),
    "changes on a host that nobody owns": ("accepted", "fault"),
    "own name resolves to 127.0.0.1": ("no", "no", "yes"),
    "VLAN bridges on 3.2.1 to 3.3.2": ("patched", "patched", "fault"),
    "a VM under another name": ("found by uuid", "does not exist"),
    "configure_vm refused by xend": ("leaves the file", "changes the file"),
    "bonds in discover_network": ("in both lists", "under Bonding", "under Network"),
    "ports of a bridge": ("guests' last", "guests' first"),
    "local bridges in discover_network": ("like others", "like others", "as recorded"),
    "stop of a bridge with guests on it": ("fault", "takes it away"),
    "a new VLAN bridge can be used": ("at once", "after some seconds"),
    "answer of ovs_vlan_config": ("text", "nil"),
    "NICs are detached": ("by device id", "by MAC"),
    "hidden files and odd names in listings": ("left out", "shown"),
    "passwords on an owned host": ("yes", "yes", "no"),
    "definition without disks": ("yes", "yes", "no"),
}


def answers_of(personality: str, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """The answer to every question.

    :param personality: ``plain`` or ``awkward``.
    :param overrides: Question -> answer, instead of the personality's own.
    :raises SimulatorError: The personality, a question or an answer is unknown.
    """
    if personality not in PERSONALITIES:
        raise SimulatorError(f"unknown personality {personality!r}: {' or '.join(PERSONALITIES)}")
    column = PERSONALITIES.index(personality)
    answers = {question: choices[column] for question, choices in QUESTIONS.items()}
    for question, answer in (overrides or {}).items():
        if question not in QUESTIONS:
            known = ", ".join(repr(name) for name in QUESTIONS)
            raise SimulatorError(f"unknown question {question!r}; known: {known}")
        if answer not in QUESTIONS[question]:
            choices = " or ".join(repr(choice) for choice in dict.fromkeys(QUESTIONS[question]))
            raise SimulatorError(f"{question!r}: {answer!r} is not a valid answer; use {choices}")
        answers[question] = answer
    return answers


def table() -> str:
    """The questions as a Markdown table (docs/simulator.md holds it; a test compares the two)."""
    lines = ["| question | plain | awkward | can also be set to |", "|---|---|---|---|"]
    for question, (plain, awkward, *others) in QUESTIONS.items():
        lines.append(f"| {question} | {plain} | {awkward} | {', '.join(others) or '–'} |")  # noqa: RUF001
    return "\n".join(lines)
