"""``ovm3 key``: what it prints and writes, and what becomes of a private key."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.cli import asking
from libcloud_ovm3.cli import key as commands
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.test_ssh_keys import ED25519, FINGERPRINTS
from tests.support import driver_for, simulate

HERE = ("--keys-repository", "MyRepo")


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulate(hosts=1, vms=0, host_module=True) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(sim: Simulator) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(on(sim, "key", "list", "-o", "json").stdout)}


def test_from_creation_to_deletion(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    done = on(sim, "key", "create", "ops", "ops.pem", *HERE)
    assert done.exit_code == 0, done.stderr
    found = listed(sim)["ops"]
    assert (
        done.stdout == f"ops ({found['fingerprint']}) was created; its private key is in ops.pem\n"
    )
    assert stat.S_IMODE(os.stat("ops.pem").st_mode) == 0o600
    assert Path("ops.pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert "private_key" not in found

    done = on(sim, "key", "create", "new", "-", "--type", "ed25519")
    assert done.stdout.splitlines()[0] == "-----BEGIN OPENSSH PRIVATE KEY-----"
    Path("id.pub").write_text(ED25519)
    done = on(sim, "key", "import", "mine", "id.pub")
    assert done.stdout == f"mine ({FINGERPRINTS[ED25519]}) was imported\n"
    table = [line.split("\t") for line in on(sim, "key", "list").stdout.splitlines()]
    assert table[:2] == [
        ["key pair", "type", "repository", "fingerprint"],
        ["mine", "ssh-ed25519", "MyRepo", FINGERPRINTS[ED25519]],
    ]
    assert on(sim, "key", "list", "-o", "name").stdout.split() == ["mine", "new", "ops"]
    assert ED25519 in on(sim, "key", "show", "mine").stdout
    assert on(sim, "key", "show", "mine", "--public").stdout == f"{ED25519}\n"

    refused = on(sim, "key", "delete", "mine")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    asked = on(sim, "key", "delete", "mine", stdin="y\n")
    question = f"mine ({FINGERPRINTS[ED25519]}) will be deleted from repository MyRepo"
    assert (asked.exit_code, question in asked.stderr) == (0, True), asked.stderr
    assert on(sim, "key", "delete", "new", "--yes").stdout == "new was deleted\n"
    assert list(listed(sim)) == ["ops"]
    on(sim, "key", "delete", "ops", "--yes")


def test_a_file_that_is_there(sim: Simulator) -> None:
    Path("ops.pem").write_text("precious")
    sim.calls.clear()
    done = on(sim, "key", "create", "ops", "ops.pem", *HERE)
    assert (done.exit_code, "FILE 'ops.pem': File exists" in done.stderr) == (2, True)
    assert Path("ops.pem").read_text() == "precious"
    assert sim.calls == []
    done = on(sim, "key", "create", "ops", "no/ops.pem", *HERE)
    assert (done.exit_code, "No such file or directory" in done.stderr) == (2, True)


def test_nothing_is_left_of_what_was_not_created(sim: Simulator) -> None:
    for arguments, status, text in (
        (("ops", "ops.pem"), 1, "by its id or alias, with --keys-repository: MyRepo (0004fb"),
        (("ops", "ops.pem", "--type", "dsa", *HERE), 2, "type 'dsa': expected 'rsa' or"),
        (("a ", "ops.pem", *HERE), 2, "without blanks at its ends"),
    ):
        done = on(sim, "key", "create", *arguments)
        assert (done.exit_code, text in done.stderr) == (status, True), done.stderr
        assert list(Path().iterdir()) == []


def test_a_private_key_that_cannot_be_written(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full: the key pair, of which nobody has the private key, is deleted again."""
    monkeypatch.setattr(commands, "_reserve", lambda path: os.open("/dev/full", os.O_WRONLY))
    done = on(sim, "key", "create", "ops", "ops.pem", "--type", "ed25519", *HERE)
    assert (done.exit_code, "was deleted again" in done.stderr) == (1, True), done.stderr
    assert driver_for(sim).list_key_pairs() == []
