"""Shell completion: what a shell asks, and what ``ovm3`` answers without contacting a host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from libcloud_ovm3 import __version__
from libcloud_ovm3.cli.commands import ovm3
from tests.cli.running import OVM3, invoke


def completed(typed: str) -> list[str]:
    """What is offered for the last word of a command line, as bash asks for it."""
    words = typed.split(" ")
    environment = {
        "_OVM3_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = CliRunner().invoke(ovm3, [], env=environment)
    assert done.exit_code == 0
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_options() -> None:
    assert {"doctor", "inventory", "estate", "completion"} <= set(completed("ovm3 "))
    assert completed("ovm3 doc") == ["doctor"]
    assert completed("ovm3 estate u") == ["use"]
    assert completed("ovm3 completion ") == ["bash", "zsh", "fish"]
    assert "--tls-minimum" in completed("ovm3 doctor --tls")
    assert completed("ovm3 volume attach data-1 --mode ") == ["w", "w!", "r"]
    assert completed("ovm3 --qu") == ["--quiet"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_estates(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "libcloud-ovm3" / "estates.yaml"
    assert completed("ovm3 estate use ") == []
    file.parent.mkdir(mode=0o700)
    file.write_text("estates:\n  lab: {hosts: [192.0.2.1]}\n  live: {hosts: [192.0.2.2]}\n")
    file.chmod(mode)
    for words in ("estate use", "estate show", "estate remove", "doctor --estate"):
        assert completed(f"ovm3 {words} la") == ["lab"], words
        assert completed(f"ovm3 {words} ") == ["lab", "live"], words
    file.write_text("estates: [")
    assert completed("ovm3 estate use ") == []


def test_scripts() -> None:
    for shell, text in (("bash", "complete -o nosort -F"), ("zsh", "#compdef ovm3"),
                        ("fish", "complete --no-files --command ovm3")):  # fmt: skip
        status, printed = invoke("completion", shell)
        assert status == 0
        assert text in printed
        assert f"_OVM3_COMPLETE={shell}_complete" in printed
    status, printed = invoke("completion", "tcsh")
    assert status == 2
    assert "'bash', 'zsh', 'fish'" in printed


def test_the_script_in_a_bash(tmp_path: Path) -> None:
    program = tmp_path / "ovm3"
    program.write_text(f"#!{OVM3[0]}\n{OVM3[2]}\n")
    program.chmod(0o700)
    script = """eval "$(ovm3 completion bash)"
complete -p ovm3
COMP_WORDS=(ovm3 estate r) COMP_CWORD=2
_ovm3_completion ovm3
echo "${COMPREPLY[@]}"
"""
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    registered, offered = done.stdout.splitlines()
    assert registered.endswith("-F _ovm3_completion ovm3")
    assert offered == "remove"
    assert done.stderr == ""


# ------------------------------------------------------------------ python -m libcloud_ovm3


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "libcloud_ovm3"]
    done = subprocess.run(
        [*command, "host", "certificate", "a b"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ovm3 host certificate")


def test_as_a_module_without_the_cli_extra() -> None:
    program = """
import runpy, sys
sys.modules["click"] = None
runpy.run_module("libcloud_ovm3", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    wheel = f"libcloud_ovm3-{__version__}-py3-none-any.whl[cli]"
    assert done.stderr == f"ovm3: click is missing: pip install '{wheel}'\n"
