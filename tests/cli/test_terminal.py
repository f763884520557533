"""Whatever names VMs, hosts and files have: no command fails, no line is forged."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.cli import output
from libcloud_ovm3.cli.options import reported
from libcloud_ovm3.errors import UnexpectedFileContent
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import OVM3, address, invoke, options, pins

FORGED = "seed-9 running ovm-1"
# Control characters, and those that make a text look like another one.
OBEYED = [
    *map(chr, (*range(9), *range(11, 32), *range(0x7F, 0xA0))),
    *"\u00ad\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202d\u202e\u2066\u2067\u2069\ufeff",
]
NAMES = {
    "escape": "x\x1b[31mRED\x1b]0;title\x07",
    "newline": f"x\n{FORGED}",
    "return": f"x\r{FORGED}",
    "separator": f"x\u2028{FORGED}\u2029\x85{FORGED}",
    "c1": "x\x9b31mRED\x9d0;title\x9c",
    "surrogate": "x\ud800y",
    "bidi": "x\u202egnp.\u2066y",
    "accent": "wéb\xa01 です",
    "markup": "[bold]x[/bold] :smile: \\n",
    "nul": "x\x00y",
    "long": "x" * 300 + f"  {FORGED}  " * 20,
}
UTF_8 = {"LC_ALL": "C.UTF-8"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "iso-8859-1"}


@pytest.fixture(params=[False, True], ids=["agent", "module"])
def odd(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Start a pool whose VMs, templates and repository have such names."""
    with Simulator(hosts=2, speed=100, templates=1, vms=1, host_module=request.param) as sim:
        for number, name in enumerate(NAMES.values()):
            folder = sim.repository_path / "VirtualMachines" / f"vm-{number}"
            folder.mkdir()
            lines = f"uuid = '0004fb00-0006-0000-cccc-{number:012x}'\nname = 'vm-{number}'\n"
            lines += f"memory = 256\nOVM_high_availability = True\nOVM_simple_name = u{name!a}\n"
            (folder / "vm.cfg").write_text(lines + "disk = []\n", encoding="ascii")
        for name in (f"a\n{FORGED}", "b\x1b[31m"):
            (sim.repository_path / "VirtualMachines" / name).mkdir()
            (sim.repository_path / "VirtualMachines" / name / "vm.cfg").write_text("memory = = 1\n")
            (sim.repository_path / "Templates" / f"{name}.img").write_bytes(b"")
            (sim.repository_path / "VirtualDisks" / f"{name}.img").write_bytes(b"")
        yield sim


# Several commands in one process, as to start one takes longer than a command: after the output of
# each, between zero bytes, which no command writes, its status.
SEVERAL = """
import json, sys
from libcloud_ovm3.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["ovm3", *words]
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        stream.buffer.write(b"\\0%d\\0" % status)
        stream.flush()
"""


def run(
    sim: Simulator, environment: dict[str, str], *commands: list[str]
) -> list[tuple[int, bytes, bytes]]:
    """Run commands in a process with this environment: status, output and errors of each."""
    env = {"PATH": os.environ["PATH"], "OVM3_PASSWORD": sim.password, **environment}
    words = [sys.executable, "-c", SEVERAL, json.dumps(commands)]
    done = subprocess.run(words, env=env, capture_output=True, timeout=300, check=True)
    outs, errs = (written.split(b"\0") for written in (done.stdout, done.stderr))
    assert len(outs) == len(errs) == 2 * len(commands) + 1
    assert outs[1::2] == errs[1::2]
    written = zip(outs[1::2], outs[:-1:2], errs[:-1:2], strict=True)
    return [(int(status), out, err) for status, out, err in written]


def is_honest(printed: str) -> bool:
    """Return whether it contains no control characters; no line may begin as a name intends."""
    lines = printed.split("\n")
    assert not [line for line in lines if line.lstrip("- ").startswith(("seed-9", "Traceback"))]
    return not [one for one in OBEYED if one in printed]


@pytest.mark.parametrize("environment", [UTF_8, ASCII, LATIN], ids=["utf-8", "ascii", "latin-1"])
def test_odd_names(odd: Simulator, environment: dict[str, str]) -> None:
    encoding = {"C": "ascii"}.get(environment["LC_ALL"]) or environment.get(
        "PYTHONIOENCODING", "utf-8"
    )
    commands = [one.split() for one in ("vm list", "image list", "volume list", "inventory")]
    commands.append(["inventory", "-o", "json"])
    done = run(odd, environment, *([*command, *options(odd)] for command in commands))
    for command, (status, out, err) in zip(commands, done, strict=True):
        assert status == 0, err
        assert is_honest(out.decode(encoding)), command
        assert is_honest(err.decode(encoding)), command
        if command[-1] == "json":
            names = [vm["name"] for vm in json.loads(out.decode(encoding))["vms"]]
            assert "wéb\xa01 です" in names
            assert f"x\n{FORGED}" in names
        if command == ["vm", "list"]:
            rows = out.decode(encoding).splitlines()[1:]
            assert len(rows) == len({row.split()[-1] for row in rows}), "one row per VM"
            shown = "\\u3067\\u3059" if encoding != "utf-8" else "です"
            assert [row for row in rows if shown in row]
            assert [row for row in rows if f"x\\n{FORGED}" in row]


def test_the_doctor_meets_odd_names(odd: Simulator) -> None:
    [(status, out, err)] = run(odd, ASCII, ["doctor", address(odd), *pins(odd)])
    assert (status, err) == (1, b"")
    assert is_honest(out.decode("ascii"))
    assert f"VM 'x\\n{FORGED}'" in out.decode("ascii")


def test_odd_faults_and_answers() -> None:
    with Simulator(hosts=1, speed=100) as sim:
        text = f"exceptions.Exception:\u202e\ufeff wéb\n{FORGED}"
        sim.misbehave("fault", "discover_server", text=text, times=None)
        odd = r'["\u009b\u3067\ud83d\ude00"]'
        *faults, echoed = run(
            sim,
            ASCII,
            ["vm", "list", *options(sim)],
            ["inventory", *options(sim)],
            ["api", "call", "discover_server", *options(sim)],
            ["api", "call", "echo", odd, *options(sim)],
        )
        for status, out, err in faults:
            assert status == 1
            assert is_honest(out.decode("ascii")), out
            assert is_honest(err.decode("ascii")), err
            assert len(err.splitlines()) == 1
        assert json.loads(echoed[1].decode("ascii")) == ["\x9b\u3067\U0001f600"]
        words = ["api", "call", "echo", '"a\\nb\x7f\u202e"', *options(sim)]
        [(status, out, _)] = run(sim, UTF_8, words)
        assert (status, out) == (0, b"a\nb\\x7f\\u202e\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [f"no\n{FORGED}"],
        ["api", "show", f"\x1b[31m\n{FORGED}"],
        ["vm", "list", f"--no\n{FORGED}"],
        ["vm", "list", "--host", f"\x1b\n{FORGED}"],
        ["vm", "list", "--host", "h", "--ca-cert", f"/nowhere\n{FORGED}\x1b[31m"],
        ["doctor", f"h\n{FORGED}", f"--bundle=/nowhere\n{FORGED}"],
        ["host", "certificate", f"127.0.0.9:1\n{FORGED}"],
    ],
)
def test_odd_arguments(arguments: list[str]) -> None:
    status, printed = invoke(*arguments)
    assert status == 2
    assert is_honest(printed), printed


def test_arguments_that_are_not_utf_8() -> None:
    for command in (["api", "show", b"\xff\x1b"], ["vm", "list", "--host", b"h\xff"], [b"\xff"]):
        env = {"PATH": os.environ["PATH"], "OVM3_PASSWORD": "x", **ASCII}
        done = subprocess.run(
            [*OVM3, *command], env=env, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 2
        assert is_honest(done.stderr.decode("ascii")), done.stderr


def test_output_that_nobody_reads() -> None:
    """Closed pipes, closed streams and full disks end a command quietly."""
    long, short = ["api", "list"], ["--version"]
    for command in (long, short):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [*OVM3, *command], stdout=writing, stderr=subprocess.PIPE, check=False
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*OVM3, *command], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        shell = f'exec "$@" {closed}'
        done = subprocess.run(
            ["/bin/sh", "-c", shell, "sh", *OVM3, "vm", "list"], capture_output=True, check=False
        )
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


@given(st.text() | st.text(st.sampled_from([*OBEYED, "\ud83d", "\ude00", "é", "x", "\\", '"'])))
def test_any_text(text: str) -> None:
    for encoding in ("ascii", "utf-8", "latin-1", "cp437", "shift_jis"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
        before, sys.stdout = sys.stdout, stream
        try:
            output.show(text)
            output.show_table(("a",), [(text,), (None,)], "none")
            first = raw.getvalue() if stream.flush() is None else b""
            output.show_json({"a": text})
            stream.flush()
        finally:
            sys.stdout = before
        lines = first.decode(encoding).split("\n")
        assert len(lines) == 5
        assert not [one for one in OBEYED for line in lines if one in line]
        # Two halves of a surrogate pair, one after the other, are one character in JSON.
        joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        assert json.loads(raw.getvalue()[len(first) :].decode(encoding)) == {"a": joined}


def test_quoted_lines_of_a_file_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), reported():
        raise UnexpectedFileContent("agent.ini: found:\n  7: ssl=\x1b[31m")
    assert capsys.readouterr().err == "Error: agent.ini: found:\n  7: ssl=\\x1b[31m\n"
