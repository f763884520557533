"""The connection is lost at every step: installing again completes, uninstalling rolls back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from libcloud_ovm3.errors import HostUnreachable, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.installer import Result
from tests.installer.ssh.cutting import CutSsh, Mode, worth_cutting
from tests.installer.ssh.place import Place

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(280)]

# The form with most to do, and the one with least.
CASES = [("3.2.1 older", "during"), ("3.2.1 older", "after"), ("3.3.3", "after")]
each = pytest.mark.parametrize(("place", "mode"), CASES, indirect=["place"])


def cut(place: Place, operation: Callable[..., object], at: int | None, mode: Mode) -> CutSsh:
    """Run it over a connection that is lost there."""
    with place.line() as line:
        ssh = CutSsh(line, at, mode)
        if at is None:
            operation(ssh)
        else:
            # Where the last answer is there before the line is cut, nothing is missed.
            with contextlib.suppress(OutcomeUnknown):
                operation(ssh)
    reached(place.older_answers)
    assert reached(lambda: place.agent.call("list_vms")), "the agent goes on"
    return ssh


def reached(ask: Callable[[], Any]) -> Any:
    """What it answers. The shell of the lost connection may restart the agent at this moment."""
    end = time.monotonic() + 20
    while True:
        try:
            return ask()
        except (HostUnreachable, OutcomeUnknown):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def patiently(operation: Callable[[], Result]) -> Result:
    """The shell of the lost connection may hold the lock for a moment."""
    end = time.monotonic() + 20
    while True:
        try:
            return operation()
        except PreconditionFailed as error:
            if "another installation is in progress" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.1)


@each
def test_installing(place: Place, mode: Mode) -> None:
    before = place.disk()
    done = cut(place, place.install, None, mode).done
    installed = place.disk()
    place.uninstall()
    assert place.disk() == before
    for number, at in enumerate(worth_cutting(done)):
        cut(place, place.install, at, mode)
        if number % 2:
            assert patiently(place.install).state.verdict == "ok", done[at]
            assert without_backups(place.disk()) == without_backups(installed), done[at]
        patiently(place.uninstall)
        assert place.disk() == before, done[at]


@each
def test_uninstalling(place: Place, mode: Mode) -> None:
    before = place.disk()
    place.install()
    installed = place.disk()
    done = cut(place, place.uninstall, None, mode).done
    assert place.disk() == before
    for number, at in enumerate(worth_cutting(done)):
        place.install()
        cut(place, place.uninstall, at, mode)
        if number % 2:
            assert patiently(place.install).state.verdict == "ok", done[at]
            assert without_backups(place.disk()) == without_backups(installed), done[at]
        patiently(place.uninstall)
        assert place.disk() == before, done[at]


def without_backups(disk: dict[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
    """A second run keeps copies of what it found, which is no longer what the first one found.

    Locks of cut lines go by themselves: test_around.py.
    """
    return {n: what for n, what in disk.items() if "/backup" not in n and "/lock-" not in n}
