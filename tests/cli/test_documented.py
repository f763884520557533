"""Exit statuses, keys of records, tables in pipes: as the docs say."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from libcloud_ovm3.cli.exit_codes import EXIT_CODES, exit_code_of
from libcloud_ovm3.errors import (
    AgentFault,
    HostUnreachable,
    OperationIncomplete,
    Ovm3Error,
    PreconditionFailed,
    TimedOut,
    WaitTimeout,
)
from tests.cli.running import on
from tests.operations.test_ssh_keys import ED25519
from tests.support import driver_for, simulate

DOCS = Path(__file__).parents[2] / "docs"


def test_the_operator_guide_lists_the_exit_statuses() -> None:
    text = (DOCS / "operator-guide.md").read_text(encoding="utf-8")
    table = text.partition("## Exit status\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE)
    assert {int(status): meaning for status, meaning in rows} == EXIT_CODES


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HostUnreachable("x", function="start_vm"), 1),
        (PreconditionFailed("x"), 1),
        (AgentFault("x", code=1, kind="", text="", function="start_vm"), 1),
        (TimedOut("x", function="list_vms"), 1),
        (TimedOut("x", function="start_vm"), 3),
        (TimedOut("x", function="a_function_of_somebody"), 3),
        (TimedOut("x"), 3),
        (WaitTimeout("x"), 3),
        (OperationIncomplete("x", function="list_vms"), 3),
    ],
)
def test_what_may_still_take_effect_has_a_status_of_its_own(error: Ovm3Error, status: int) -> None:
    assert exit_code_of(error) == status
    assert exit_code_of(error, is_read=True) == 1


def test_tables_in_pipes_as_the_docs_show_them() -> None:
    text = (DOCS / "command-output.md").read_text(encoding="utf-8")
    pipes = dict(re.findall(r"^ovm3 vm list \| ((\w+) .*)$", text, re.MULTILINE))
    tools = {name: line for line, name in pipes.items()}
    with simulate(hosts=1, vms=1) as sim:
        sim.add_vm("two  words", uuid="0004fb00-0006-0000-aaaa-00000000bbbb")
        table = on(sim, "vm", "list").stdout

    def piped(tool: str) -> list[str]:
        done = subprocess.run(
            tools[tool], shell=True, input=table, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    assert piped("cut") == ["VM\tstate", "seed-1\trunning", "two  words\tstopped"]
    assert piped("awk") == ["0004fb00-0006-0000-aaaa-00000000bbbb"]


def keys_in(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def test_the_docs_list_the_keys_of_every_record() -> None:
    text = (DOCS / "command-output.md").read_text(encoding="utf-8")
    sections = {
        title: keys_in(content)
        for title, content in re.findall(r"^### ([^\n]*)\n(.*?)(?=^###|\Z)", text, re.M | re.S)
    }
    vm_keys, _, host_keys, volume_keys, snapshot_keys, *more = sections.values()
    node_snapshot_keys, network_keys, other = more
    with simulate(hosts=1, host_module=True) as sim:
        driver_for(sim, ex_keys_repository="MyRepo").import_key_pair_from_string("k", ED25519)
        (sim.repository_path / "VirtualDisks" / "data.img").write_bytes(b"")
        outputs = {
            command: json.loads(on(sim, *command.split(), "-o", "json").stdout)
            for command in (
                *("vm list", "host list", "image list", "disk orphans", "repository list"),
                *("network list", "network list --devices", "key list"),
            )
        }
        sim.misbehave("drop_before", "libcloud_write_upload")
        assert on(sim, "file", "cp", "-", "MyRepo/cut", stdin="off").exit_code == 3
        files = [
            json.loads(on(sim, "file", "ls", *more, "-o", "json").stdout)[0]
            for more in ((), ("MyRepo",), ("MyRepo", "--uploads"))
        ]
        disk = outputs["vm list"][0]["disks"][0]
        id_of = on(sim, "volume", "show", disk, "-o", "name").stdout.strip()
        assert on(sim, "snapshot", "create", id_of, "snap", "--pause").exit_code == 0
        volume = json.loads(on(sim, "volume", "show", id_of, "-o", "json").stdout)
        node = outputs["vm list"][0]["id"]
        assert on(sim, "vm", "snapshot", "create", node, "all", "--pause").exit_code == 0
        [taken] = json.loads(on(sim, "vm", "snapshot", "list", "-o", "json").stdout)
        functions = json.loads(on(sim, "api", "list", "-o", "json", access=()).stdout)
        sizes = json.loads(on(sim, "size", "list", "-o", "json", access=()).stdout)
        where = [f"{sim.hosts[0].address}:{sim.hosts[0].port}"]
        where += ["--fingerprint", sim.hosts[0].fingerprint]
        doctor = json.loads(on(sim, "doctor", *where, "-o", "json", access=()).stdout)
    vm = outputs["vm list"][0]
    used = {*vm, "boots", *vm["live"][0], *vm["definitions"][0], *vm["nics"][0], *vm["vnc"]}
    assert used <= vm_keys
    assert set(outputs["host list"][0]) <= host_keys
    bridge = outputs["network list"][0]
    used = {*bridge, *bridge["hosts"][0], *bridge["nodes"][0], *bridge["hosts"][0]["guests"][0]}
    assert used | set(outputs["network list --devices"][0]) <= network_keys
    assert {*volume, *volume["attachments"][0]} <= volume_keys
    assert set(volume["snapshots"][0]) <= snapshot_keys
    assert set(taken) == node_snapshot_keys - {"available", "creating", "reverting", "error"}
    for record in (
        *(outputs["image list"][0], outputs["disk orphans"][0], functions[0], sizes[0]),
        *(functions[0]["arguments"][0], doctor, doctor["findings"][0]),
        *(outputs["repository list"][0], outputs["key list"][0], *files),
    ):
        assert set(record) <= other
