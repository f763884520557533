"""What the host module hears on a bridge of the kernel (make test-host: needs root)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.sshd


def run(script: str, folder: Path) -> Any:
    """What a script prints that has the network to itself."""
    (folder / "libcloud_ovm3_host").symlink_to(TESTS.parent / "hostside")
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, Path(__file__).with_name(script), folder],
        env={**os.environ, "PYTHONPATH": f"{folder}:{TESTS / 'hostside'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_hears_dhcp_alone_and_is_promiscuous_only_meanwhile(tmp_path: Path) -> None:
    before, during, after, heard, leases, failure = run("listening.py", tmp_path)
    assert (before, during, after) == (False, True, False)
    assert heard == [0, 5, 6]
    assert leases == [None, None, ["10.0.0.9", 3600]]
    assert "listening on br9: " in failure


def test_a_watch_is_a_process_and_the_bridge_is_as_before_when_that_dies(tmp_path: Path) -> None:
    during, found, is_over = run("watching.py", tmp_path)
    assert found == [{"device": "br0", "mac": "00:21:f6:00:00:01", "address": "10.0.0.9"}]
    assert (during, is_over) == (True, True)
