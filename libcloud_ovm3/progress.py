"""What is being done, as records of the logger ``libcloud_ovm3.progress``.

A service that sets this logger to INFO sees each call that may change something, before it is sent
and when it has been answered, and each wait. At DEBUG it also sees the reads, and when waits end.
No record contains arguments of a call, or a password. The command ``ovm3`` shows from these records
what it waits for, and what it has sent when it is interrupted.

Records have these attributes besides the usual ones: ``activity`` (a number that is the same at
the beginning and at the end), ``phase`` (``begin`` or ``end``; ``copied``: of a wait that goes on),
``host`` (an address, or empty), ``vm`` (its id, or empty), ``function`` (of the agent, or empty),
``changes`` (whether it may change something), ``limit`` (seconds, or None) and ``outcome`` (of a
call: ``answered``, ``fault``, ``not sent``, ``unknown``, or empty).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from libcloud_ovm3.errors import NEVER_SENT, AgentFault, Ovm3Error

LOGGER = logging.getLogger("libcloud_ovm3.progress")

_numbers = itertools.count(1)


@contextmanager
def waiting(text: str, *, vm: str = "", limit: float | None = None) -> Iterator[None]:
    """Report something that takes long, such as a wait, while the block runs.

    :param text: What is waited for: ``waiting for VM 'web-1' to shut down``.
    :param vm: The id of the VM that it is about, or several with commas.
    :param limit: Seconds that it takes at most.
    """
    facts = {"activity": next(_numbers), "host": "", "vm": vm, "function": "", "changes": False,
             "limit": limit, "outcome": ""}  # fmt: skip
    message = text + f" ({vm})" * bool(vm) + ("" if limit is None else f", at most {limit:g} s")
    LOGGER.info("%s", message, extra={**facts, "phase": "begin", "text": text})
    try:
        yield
    finally:
        LOGGER.debug("ended: %s", message, extra={**facts, "phase": "end", "text": text})


def copied(done_bytes: int, size_bytes: int | None) -> None:
    """Report how far something is copied that is waited for; an ``ex_progress`` of ``create_node``.

    :param done_bytes: How much of it is there.
    :param size_bytes: None: not known in advance.
    """
    part = f"{done_bytes * 100 // size_bytes}%" if size_bytes else ""
    text = f"{done_bytes >> 20} MiB" if size_bytes is None else part
    facts = {"activity": next(_numbers), "host": "", "vm": "", "function": "", "changes": False,
             "limit": None, "outcome": "", "phase": "copied", "text": text}  # fmt: skip
    LOGGER.debug("copied: %s", text, extra=facts)


@contextmanager
def sending(function: str, host: str, *, changes: bool) -> Iterator[None]:
    """Report a call of the agent while the block sends it and waits for the response.

    If the block ends by anything else than an :class:`.Ovm3Error`, such as Ctrl-C, nothing more is
    reported: the outcome is unknown.

    :param host: The address of the host.
    :param changes: Whether the call may change something.
    """
    level = logging.INFO if changes else logging.DEBUG
    if not LOGGER.isEnabledFor(level):
        yield
        return
    facts = {"activity": next(_numbers), "host": host, "vm": "", "function": function,
             "changes": changes, "limit": None}  # fmt: skip

    def report(outcome: str, text: str) -> None:
        phase = "end" if outcome else "begin"
        more = {**facts, "phase": phase, "outcome": outcome, "text": text}
        LOGGER.log(level, "%s", text, extra=more)

    report("", f"sending {function} to {host}")
    try:
        yield
    except Ovm3Error as error:
        report(_outcome(error), f"{function}: {error}")
        raise
    report("answered", f"{function}: {host} answered")


def _outcome(error: Ovm3Error) -> str:
    if isinstance(error, NEVER_SENT):
        return "not sent"
    return "fault" if isinstance(error, AgentFault) else "unknown"
