"""Every example in README and docs runs, and every name in them exists."""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from libcloud import test as libcloud_test
from libcloud.common import types as libcloud_types
from libcloud.compute import base as libcloud_base
from libcloud.compute import types as compute_types
from libcloud.storage import base as storage_base
from libcloud.storage import types as storage_types
from libcloud.utils import loggingconnection

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver, errors, installer, storage_errors
from libcloud_ovm3.cli.commands import ovm3
from libcloud_ovm3.errors import Ovm3Error
from libcloud_ovm3.estate.claim_data import all_claims
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address as address_of
from tests.cli.running import invoke, short_waits
from tests.operations.failures import WRITES
from tests.operations.serving import serving
from tests.support import calls_of, clock_of, driver_for, pins_of, simulate

ROOT = Path(__file__).parents[1]
PAGES = {page.name: page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
TEXTS = {name: page.read_text(encoding="utf-8") for name, page in sorted(PAGES.items())}
SETUP = (ROOT / "setup.cfg").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
EXAMPLE_HOST = "ovm-1.example.com"
DIRECTORIES = {"VirtualDisks", "VirtualMachines"}  # of a repository

on_each_page = pytest.mark.parametrize("page", TEXTS)


def blocks(kind: str, *but: str) -> list[object]:
    return [
        pytest.param(text, id=f"{page}-{number}")
        for page, content in TEXTS.items()
        if page not in but
        for number, (found, text) in enumerate(BLOCK.findall(content))
        if found == kind
    ]


# ------------------------------------------------------------------ examples run


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # one of them makes a directory
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if "ex_estate=" in text:
        add_estate("lab", {"hosts": [EXAMPLE_HOST]}, "password", is_default=True)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", text],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_calls_of_the_installer_fit() -> None:
    """An example that needs SSH cannot run here, so its calls are compared with the functions."""
    found = []
    for kind, text in BLOCK.findall(TEXTS["host-install.md"]):
        for node in ast.walk(ast.parse(text)) if kind == "python" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                function = getattr(installer, node.func.id, None)
                if function is not None:
                    keywords = {str(keyword.arg): None for keyword in node.keywords}
                    inspect.signature(function).bind(*node.args, **keywords)
                    found.append(node.func.id)
    assert set(found) == {"connect", "install", "check", "uninstall"}


@pytest.mark.parametrize(
    "text",
    blocks("console", "a-host-is-dead.md", "claims.md", "images.md", "storage.md", "volumes.md"),
)
def test_commands(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """make targets exist; ovm3 commands run, one after the other, on a simulated
    host in the place of the example, which is the default estate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Simulator(hosts=1, speed=100) as sim:
        sim.add_vm("db-1")
        for name in re.findall(r"(?:windows|pv-drivers)\.iso", text):
            (sim.repository_path / "ISOs" / name).write_bytes(bytes(2048))
        if "estate add" not in text:
            entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
            labels = {"traffic_labels": {"guest": "bond0"}} if "guest" in text else {}
            add_estate("lab", entry | labels, sim.password, is_default=True)
        for line in text.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "make":
                assert {one for one in arguments if "=" not in one} <= TARGETS
            elif program != "pip":  # see test_extras_exist
                assert program == "ovm3"
                run_ovm3(line, sim)


def test_commands_for_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the page on one estate, in order."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        for name in ("rac-1", "rac-2", "db-1"):
            sim.add_vm(name, running_on=None if name == "db-1" else 0)
        entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        page = BLOCK.findall(TEXTS["volumes.md"])
        for line in "".join(text for kind, text in page if kind == "console").splitlines():
            status, output = invoke(*shlex.split(line)[1:], password="")
            assert status == 0, (line, output)
        found = driver_for(sim).list_volumes()
        assert not driver_for(sim).ex_list_snapshots()
    names = {one.name for one in found if ".img" in one.id and one.name in TEXTS["volumes.md"]}
    assert names == {"rac-votes"}, "the others were destroyed"
    [votes] = [one for one in found if one.name == "rac-votes"]
    assert [one["node_name"] for one in votes.extra["attachments"]] == ["rac-1"]


def test_commands_for_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=1, vms=0, host_module=True) as sim:
        sim.add_vm("web-1")
        entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        page = BLOCK.findall(TEXTS["claims.md"])
        for line in "".join(text for kind, text in page if kind == "console").splitlines():
            status, output = invoke(*shlex.split(line)[1:], password="")
            assert status == 0 or "doctor" in line, (line, output)
        [claim] = all_claims(read_estate(driver_for(sim)._estate))
    assert (claim["vm_name"], claim["kind"]) == ("web-1", "free")


def test_commands_for_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        sim.add_vm("web-1", running_on=0)
        sim.wait(61)
        entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        page = BLOCK.findall(TEXTS["moving-and-changing-vms.md"])
        [lines] = [text for kind, text in page if kind == "sh" and " migrate " in text]
        outputs = [run_here(line) for line in lines.splitlines()]
    assert "was moved, and runs on ovm-2" in outputs[0]
    assert re.search("web-1 .* runs on ovm-1\n.*ovm-2 runs no VMs", outputs[1])


def test_commands_for_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the page on one estate, in order."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Simulator(hosts=1, vms=0, host_module=True, speed=100) as sim, serving() as web:
        web.files = dict.fromkeys(("/debian-12.raw", "/cd/boot.iso"), bytes(4096))
        entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        monkeypatch.chdir(tmp_path)
        Path("disk.img").write_bytes(b"\xeb" * 9999)
        page = BLOCK.findall(TEXTS["images.md"])
        for line in "".join(text for kind, text in page if kind == "console").splitlines():
            command = line.replace("http://images.example.com", web.url)
            status, output = invoke(*shlex.split(command)[1:], password="")
            assert status == 0, (line, output)
        names = {one.name for one in driver_for(sim).list_images()}
    assert {"debian-12", "boot-cd", "web-template"} <= names


def test_commands_for_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the page on one estate, in order."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=2, vms=0, host_module=True) as sim:
        for name in ("export/second", "backup"):
            (sim.root / "exports" / "filer" / name).mkdir(parents=True)
        entry = {"hosts": [address_of(sim)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        copy = ""
        page = BLOCK.findall(TEXTS["repositories.md"])
        for line in "".join(text for kind, text in page if kind == "sh").splitlines():
            output = run_here(line.replace("FILE", copy))
            copy = output.strip() if "copy-to" in line else copy
        assert not any((sim.root / "exports" / "filer" / "export" / "second").iterdir())
        names = {one.name for one in driver_for(sim).list_images()}
        assert {one.name for one in driver_for(sim).list_volumes()} == {"data", "data-again"}
    assert "debian-12" in names


@pytest.fixture
def estate_of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=3, vms=0) as sim:
        sim.add_vm("db-1", running_on=1)
        sim.add_vm("seed-2", running_on=1)
        entry = {"hosts": [address_of(sim, index) for index in range(3)], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=True)
        yield sim


def test_commands_beside_a_dead_host(estate_of_three: Simulator) -> None:
    """Those of its page, on three simulated hosts in the places of the examples. A simulated host
    has no SSH, so its agent's port is checked instead."""
    sim = estate_of_three
    dead = address_of(sim, 1)
    sim.hosts[1].shut_down()
    page = BLOCK.findall(TEXTS["a-host-is-dead.md"])
    outputs = {}
    for line in "".join(text for kind, text in page if kind == "console").splitlines():
        command = line.replace("ovm-2.example.com", f"{dead} --ssh-port {sim.hosts[0].port}")
        status, outputs[line] = invoke(*shlex.split(command)[1:], password="")
        assert status == (1 if " doctor" in line else 0), outputs[line]
    assert "was started on" in outputs["ovm3 vm start db-1 --host-off ovm-2.example.com"]
    assert re.search("state +running", outputs["ovm3 vm show db-1 --host-off ovm-2.example.com"])
    assert len(sim.domains(0) + sim.domains(2)) == 1


def test_from_bare_hosts_to_vms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the page, on hosts without bridges; then those that make networks again."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    [text] = [text for kind, text in BLOCK.findall(TEXTS["networks.md"]) if kind == "sh"]
    with simulate(hosts=3, vms=0, layout="bare", host_module=True, version="3.3.3") as sim:
        lines = text.replace(EXAMPLE_HOST, address_of(sim)).splitlines()
        for line in lines:
            run_here(line, {"OVM3_PASSWORD": sim.password})
        sim.calls.clear()
        for line in lines:
            if "network create" in line:
                run_here(line)
        assert not calls_of(sim, *WRITES), "the second run changes nothing"
        found = {one.name: one.extra for one in driver_for(sim).ex_list_networks()}
    assert {name: len(one["hosts"]) for name, one in found.items() if name != "control0"} == {
        "isolated": 3, "mgmt": 3, "mgmt.160": 1, "mgmt.161": 1,
    }  # fmt: skip


def test_a_dead_host_without_hardware(estate_of_three: Simulator) -> None:
    sim = estate_of_three
    page = BLOCK.findall(TEXTS["a-host-is-dead.md"])
    written = []
    for line in "".join(text for kind, text in page if kind == "sh").splitlines():
        command = line.replace("127.0.0.3", address_of(sim, 1))
        command = command.replace("8899", str(sim.hosts[0].port))
        written.append(invoke(*shlex.split(command)[1:], password=""))
        clock_of(sim).sleep(60)  # it shuts down
    assert [status for status, _ in written] == [0, 0, 1, 0]
    assert re.search(r"seed-2 +unknown", written[1][1].replace("\t", " "))
    assert "TCP port 22" in written[2][1]
    assert "was started on" in written[3][1]


def test_the_shortest_program(estate_of_three: Simulator) -> None:
    """Six lines, which import nothing of this package."""
    [text] = [text for kind, text in BLOCK.findall(TEXTS["README.md"]) if kind == "py"]
    assert len(text.splitlines()) <= 6
    assert re.findall("^(?:import|from) .*", text, re.MULTILINE) == [text.splitlines()[0]]
    with contextlib.redirect_stdout(io.StringIO()) as written:
        exec(text, {})
    assert written.getvalue() == "db-1 running\nseed-2 running\n"


def run_ovm3(line: str, sim: Simulator) -> None:
    [(address, pin)] = pins_of(sim).items()
    line = line.replace(f"{EXAMPLE_HOST}=SHA256", f"{address}={pin}")
    line = line.replace(EXAMPLE_HOST, address_of(sim))
    run_here(line, {"OVM3_PASSWORD": sim.password})


def run_here(line: str, environment: dict[str, str] | None = None) -> str:
    """Run a command line of ``ovm3`` in this process; what it writes."""
    with short_waits():
        done = CliRunner().invoke(ovm3, shlex.split(line)[1:], "y\ny\n", environment)
    assert done.exit_code == 0, (line, done.output)
    return done.output


def test_simulated_hosts_for_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two terminals of the README, on a port that is free."""
    start, use = [text for kind, text in BLOCK.findall(TEXTS["README.md"]) if kind == "sh"]
    with socket.create_server(("127.0.0.2", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    make_password, simulator = start.splitlines()
    subprocess.run(make_password, shell=True, check=True)
    command = [sys.executable, *shlex.split(simulator.replace("8899", str(port)))[1:]]
    with subprocess.Popen(
        [*command, "--speed", "100"], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            printed = [running.stdout.readline().split() for _ in range(3)]
            lines = use.replace("127.0.0.2", f"127.0.0.2:{port}").splitlines()
            written = dict(zip(lines, map(run_here, lines), strict=True))
        finally:
            running.terminate()
    added, listed, *_, checked = written.values()
    assert {pin for _, _, pin in printed} <= set(added.split()), "in one spelling, to compare"
    assert "password.txt" not in added, "nobody else can read it"
    assert "seed-1" in listed
    assert "0 errors" in checked


# ------------------------------------------------------------------ names exist


@on_each_page
def test_links(page: str) -> None:
    """In a plain checkout; `make docs` checks those of the web site."""
    for target, anchor in LINK.findall(TEXTS[page]):
        assert not target or (PAGES[page].parent / target).exists(), target
        if anchor:
            assert anchor in anchors(TEXTS[Path(target).name if target else page]), anchor


@on_each_page
def test_links_to_other_sites(page: str) -> None:
    """Their form only: no test uses the network."""
    for link in re.findall(r"\]\((\w+:[^)]*)\)", TEXTS[page]):
        assert re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[!-~]*)?", link), link


def test_every_page_has_its_place() -> None:
    """And its name is no other page's, which those above rely on."""
    trees = re.findall(r"^```{toctree}\n(.*?)^```", TEXTS["index.md"], re.DOTALL | re.MULTILINE)
    entries = [line.split("<")[-1].rstrip(">") for tree in trees for line in tree.splitlines()]
    placed = [ROOT / "docs" / f"{one}.md" for one in entries if one and one[0] != ":"]
    placed = [page.resolve() for page in placed] + [ROOT / "docs" / "index.md"]
    there = {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")}
    assert sorted(placed) == sorted(there)
    assert len(PAGES) == len(there)
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"(docs/{page.name})" in TEXTS["README.md"], page.name


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def arguments_of_the_driver() -> set[str]:
    names = set(inspect.signature(OVM3NodeDriver).parameters)
    for driver in (OVM3NodeDriver, OVM3StorageDriver):
        for name, method in inspect.getmembers(driver, inspect.isfunction):
            if not name.startswith("_"):
                names |= set(inspect.signature(method).parameters)
    return names


@on_each_page
def test_ex_names_exist(page: str) -> None:
    known = arguments_of_the_driver() | {*dir(OVM3NodeDriver), *dir(OVM3StorageDriver)}
    assert set(re.findall(r"\bex_[a-z_]*[a-z]\b", TEXTS[page])) - known == set()


@on_each_page
def test_extra_keys_exist(page: str) -> None:
    files = [*(ROOT / "libcloud_ovm3/compute").glob("*.py")]
    files += [ROOT / "libcloud_ovm3/estate/network_facts.py"]
    files += [ROOT / "libcloud_ovm3/storage/convert.py"]
    code = "".join(path.read_text() for path in files)
    for key in re.findall(r'extra\["(\w+)"\]', TEXTS[page]):
        assert f'"{key}"' in code, key


def methods_of_the_driver() -> dict[str, set[str]]:
    """The public methods of both drivers but those that are libcloud's own, and their arguments."""
    return {
        name: set(inspect.signature(method).parameters)
        for driver, base in (
            (OVM3NodeDriver, libcloud_base.NodeDriver),
            (OVM3StorageDriver, storage_base.StorageDriver),
        )
        for name, method in inspect.getmembers(driver, inspect.isfunction)
        if not name.startswith("_") and method is not getattr(base, name, None)
    }


@pytest.mark.parametrize("page", ["README.md", "calls.md"])
def test_every_method_has_its_row(page: str) -> None:
    refused = {"deploy_node"} if page == "calls.md" else set()
    rows = "\n".join(line for line in TEXTS[page].splitlines() if line.startswith("|"))
    written = set(INLINE.findall(rows))
    assert methods_of_the_driver().keys() - written - refused == set()


def test_every_method_that_takes_a_dead_host_is_named() -> None:
    [row] = re.findall(r"^\| yes: .*", TEXTS["a-host-is-dead.md"], re.MULTILINE)
    taking = {name for name, its in methods_of_the_driver().items() if "ex_hosts_off" in its}
    assert set(INLINE.findall(row.split("|")[3])) == taking
    named = set(INLINE.findall(row.split("|")[2]))
    groups = {"vm": named - {"volume attach", "detach"}, "volume": {"volume attach", "detach"}}
    for group, names in groups.items():
        commands = {
            one.name
            for one in ovm3.commands[group].commands.values()  # type: ignore[attr-defined]
            if "--host-off" in options_of(one)
        }
        assert {name.split()[-1] for name in names} == commands, group


def test_the_table_of_errors_is_complete() -> None:
    rows = re.findall(r"^\| (- )?`(\w+)` \|", TEXTS["errors.md"], re.MULTILINE)
    classes = {
        name: one
        for name, one in {**vars(errors), **vars(storage_errors)}.items()
        if isinstance(one, type) and issubclass(one, Ovm3Error) and one is not Ovm3Error
    }
    assert {name for _, name in rows} == set(classes)
    parent: type[Ovm3Error] = Ovm3Error
    for is_below, name in rows:
        if is_below:
            assert classes[name].__bases__[0] is parent
        else:
            parent = classes[name]
            assert parent.__bases__[0] is Ovm3Error


def test_the_table_of_the_doctor_has_every_subject() -> None:
    """Words of the second argument of each ``Finding`` in the code, where it is a plain text."""
    subjects: set[str] = set()
    for source in (ROOT / "libcloud_ovm3/diagnostics").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                about = node.args[1]
                subjects.update(str(about.value).split() if isinstance(about, ast.Constant) else ())
    table = TEXTS["operator-guide.md"].partition("| subject |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    written = {word for row in rows for subject in INLINE.findall(row) for word in subject.split()}
    assert len(subjects) > 20
    assert subjects - written == set()


@pytest.mark.parametrize("page", [page for page in TEXTS if page != "CHANGES.md"])
def test_classes_exist(page: str) -> None:
    known = DIRECTORIES.union(
        *map(
            dir,
            (
                builtins,
                libcloud_test,
                libcloud_types,
                storage_types,
                compute_types,
                libcloud_base,
                loggingconnection,
            ),
        )
    )
    sources = [*(ROOT / "libcloud_ovm3").rglob("*.py"), *(ROOT / "hostside").glob("*.py")]
    for source in sources:
        known |= set(re.findall(r"^class (\w+)", source.read_text(encoding="utf-8"), re.MULTILINE))
    for code in INLINE.findall(BLOCK.sub("", TEXTS[page])):
        named = re.findall(r"(?<![\w.])[A-Z][a-z\d]+(?:[A-Z]+[a-z\d]*)+\b", code)
        assert set(named) - known == set(), code


@on_each_page
def test_extras_exist(page: str) -> None:
    for extras in re.findall(r"pip install '[^']*\[([\w,]+)\]'", TEXTS[page]):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} =$", SETUP, re.MULTILINE), extra


# ------------------------------------------------------------------ commands exist


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after ``ovm3`` of every command line in a page, in code of all kinds."""
    paragraphs = re.sub(r"(?<!\n)\n(?!\n)", " ", BLOCK.sub("\n\n", text))
    lines = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    codes = INLINE.findall(paragraphs) + lines
    codes += [code for line in lines for code in INLINE.findall(line)]  # in comments
    for code in codes:
        if match := re.match(r"(?:\$ )?ovm3 (.+)", code):
            yield match[1].replace("'", "").replace("[", "").replace("]", "").split()


def options_of(command: click.Command) -> set[str]:
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return names | {"--help", "-h"}


@on_each_page
def test_ovm3_commands_exist(page: str) -> None:
    for words in command_lines(TEXTS[page]):
        if words[0].isupper():
            continue  # a form of commands, not a command
        command: click.Command = ovm3
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name = words.pop(0)
            assert set(name.split("|")) <= set(command.commands), name
            command = command.commands[name.split("|")[0]]
        given = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
        assert given - options_of(command) == set(), (command.name, words)


@pytest.mark.parametrize(
    "page", ["README.md", "estates.md", "host-install.md", "operator-guide.md", "tls.md"]
)
def test_options_exist(page: str) -> None:
    known = set().union(*map(options_of, all_commands(ovm3)))
    for code in INLINE.findall(BLOCK.sub("", TEXTS[page])):
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)) - known == set(), code


def all_commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from all_commands(command)


def test_every_command_is_documented() -> None:
    written = "\n".join(TEXTS.values())
    names = {name for name in paths_of(ovm3) if not re.search(rf"ovm3 {name}\b", written)}
    assert names == set()


def paths_of(group: click.Group, before: str = "") -> Iterator[str]:
    """The words of every command: ``vm``, ``vm list`` and so on."""
    for name, command in group.commands.items():
        yield before + name
        if isinstance(command, click.Group):
            yield from paths_of(command, f"{before}{name} ")


def test_every_option_is_documented() -> None:
    written = "\n".join(TEXTS.values())
    names = {name for one in (ovm3, *all_commands(ovm3)) for name in options_of(one)}
    names = {name for name in names if name.startswith("--")} - {"--help", "--version", "--speed"}
    assert [one for one in sorted(names) if not re.search(rf"{one}(?![\w-])", written)] == []


def test_every_dependency_has_its_line() -> None:
    options = SETUP.partition("[options]")[2].partition("[options.entry_points]")[0]
    names = re.findall(r"^    ([a-z][\w-]*)[><=]", options, re.MULTILINE)
    assert len(names) >= 12
    assert [name for name in names if name not in TEXTS["dependencies.md"]] == []


@pytest.mark.parametrize(
    "folder",
    [
        "agent",
        "estate",
        "estates_file",
        "operations",
        "compute",
        "diagnostics",
        "report",
        "salt",
        "testing",
    ],
)
def test_the_architecture_page_names_each_file(folder: str) -> None:
    """And no file that does not exist."""
    section = TEXTS["architecture.md"].partition(f"### `{folder}/`\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = [name.rstrip("/") for cell in cells for name in INLINE.findall(cell)]
    there = (ROOT / "libcloud_ovm3" / folder).iterdir()
    files = {one.stem for one in there if not one.stem.startswith("__")}
    assert sorted(named) == sorted(files)
