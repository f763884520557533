"""Imports of local files: every call that changes something, times everything that can happen.

Blocks and commits have their own tables, as uploads of objects. Here: an image is whole, or is not
there; what is left is named, and the same call goes on with it or it can be deleted.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libcloud_ovm3.errors import OperationIncomplete
from tests.operations.failures import (
    FAILURES,
    Step,
    attempt,
    check_sent_once,
    files_of,
    land,
    misbehave,
)
from tests.operations.killed import kill_client_at
from tests.operations.serving import import_file
from tests.support import PERSONALITIES, driver_for, simulate

CALLS = ("libcloud_begin_upload", "libcloud_write_upload", "libcloud_commit_upload")
TABLE = [
    pytest.param(call, failure, PERSONALITIES[number % 2], id=f"{call}-{failure}")
    for call in CALLS
    for number, failure in enumerate((*FAILURES, "killed"))
]


@pytest.mark.parametrize(("call", "failure", "personality"), TABLE)
def test_import_of_a_file(call: str, failure: str, personality: str, tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"\xeb" + os.urandom(9999))
    with simulate(1, vms=0, templates=0, host_module=True, personality=personality) as sim:
        before, step, error = files_of(sim), Step(None, call), None
        if failure == "killed":
            kill_client_at(sim, step, "after", import_file, str(path))
        else:
            rule = misbehave(sim, failure, step)
            error = attempt(lambda: import_file(driver_for(sim), str(path)))
            assert rule.hits
        check_sent_once(sim)
        new = files_of(sim).keys() - before.keys()
        if failure != "killed":
            assert bool(new) == (error is None)
        land(sim)
        new = files_of(sim).keys() - before.keys()
        images = [one for one in driver_for(sim).list_images() if one.name == "new"]
        assert len(images) == len(new) <= 1
        for one in images:
            content = (sim.repository_path / one.extra["path"]).read_bytes()
            assert content == path.read_bytes().ljust(3 * 4096, b"\0")
        if isinstance(error, OperationIncomplete) and not images:
            assert import_file(driver_for(sim), str(path), ex_resume=True).name == "new"
        assert before.items() <= files_of(sim).items()
