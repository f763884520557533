"""``make demo``: says what it does while it installs, and what to try next."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from libcloud_ovm3.cli import demo
from libcloud_ovm3.cli.commands import ovm3
from tests.cli.running import short_waits

ROOT = Path(__file__).parents[2]


def test_make_says_what_it_does() -> None:
    """A line stands before each thing that takes long."""
    done = subprocess.run(
        ["make", "-n", "demo", "VENV=/nowhere/venv", "PYTHON=python3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    steps = [
        re.match(r'tools/make-venv|echo "make: (?:\w+)|\S+/(?:python -m pip|ovm3 demo)', line)
        for line in done.stdout.splitlines()
        if not line.startswith("touch")
    ]
    assert [step and step[0] for step in steps] == [
        "tools/make-venv",
        'echo "make: installing',
        "/nowhere/venv/bin/python -m pip",
        'echo "make: running',
        "/nowhere/venv/bin/ovm3 demo",
    ]


def test_make_venv_says_what_it_does(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.11.2"\nexit 0\n')
    python.chmod(0o700)
    command = [ROOT / "tools/make-venv", python, "folder"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "make: creating folder with Python 3.11.2 (a few seconds)\n"


@pytest.mark.parametrize("in_path", [True, False])
def test_what_to_try_next(
    in_path: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All commands work as they are printed, on a port that is free."""
    program = tmp_path / "bin" / "ovm3"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent) if in_path else "/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    demo._show_next()
    printed = capsys.readouterr().out.replace("\\\n", " ")
    lines = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines[2:]] == ["ovm3" if in_path else "bin/ovm3"] * 5
    if in_path:
        assert lines[1].startswith("python -m libcloud_ovm3.simulator ")
        return
    with socket.create_server(("127.0.0.2", 0)) as free:
        port = free.getsockname()[1]
    subprocess.run(lines[0], shell=True, check=True)
    python, *simulator = shlex.split(lines[1].replace("8899", str(port)))
    assert (tmp_path / python).samefile(sys.executable)
    with subprocess.Popen(
        [sys.executable, *simulator, "--speed", "100"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    ) as running:
        try:
            assert running.stdout is not None
            running.stdout.readline()
            for line in lines[2:]:
                words = shlex.split(line.replace("127.0.0.2", f"127.0.0.2:{port}"))[1:]
                with short_waits():
                    done = CliRunner().invoke(ovm3, words, input="y\n" * 5)
                assert "others can read" not in done.stderr, line
                assert done.exit_code == 0, (line, done.output)
        finally:
            running.terminate()
