"""``ovm3 repository create``, ``attach``, ``detach``, ``rename``, ``refresh`` and ``delete``."""

from __future__ import annotations

import json

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.failures import WRITES
from tests.operations.sharing import NEW, OLD, OLD_ID, SECOND, make_old, make_sim
from tests.support import calls_of


def said(sim: Simulator, *words: str) -> list[str]:
    done = on(sim, "repository", *words)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return list(done.stdout.splitlines())


def test_a_repository_from_its_making_to_its_end() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        made, where = said(sim, "create", NEW, "New")
        assert made == "New: ovm-1: mounted, created; ovm-2: mounted, registered"
        repository_id = where[where.index("(") + 1 : where.index(")")]
        assert where == f"New ({repository_id}) is mounted on ovm-1, ovm-2"
        assert said(sim, "create", NEW, "New")[0] == "New: nothing had to be changed"
        assert said(sim, "detach", "New", "--on", "ovm-2") == ["New is not attached to ovm-2"]
        assert said(sim, "attach", NEW)[0] == "New: ovm-2: mounted, registered"
        assert (
            said(sim, "rename", "New", "Other")[0] == "Other: ovm-1, ovm-2: named 'Other' (was "
            "'New')"
        )
        assert said(sim, "refresh", "Other")[0] == "Other: nothing had to be changed"
        [record] = [one for one in json.loads("\n".join(said(sim, "list", "-o", "json")))
                    if one["name"] == "Other"]  # fmt: skip
        assert (record["id"], record["overlaps"]) == (repository_id, [])
        assert 0 <= record["used_percent"] <= 100
        assert said(sim, "delete", "Other", "--erase", "--confirm", repository_id) == [
            "Other was erased"
        ]
        assert said(sim, "delete", "Second") == [
            "Second was deleted from the hosts; its content was left on its share "
            "(`ovm3 repository attach SERVER:/PATH` attaches it again)"
        ]


def test_refusals_name_commands_and_options() -> None:
    with make_sim("plain", "3.3.3", True) as sim:
        make_old(sim)
        there = sim.hosts[0].repository_db[SECOND]["Fs_location"]
        for words, reasons in (
            (("create", OLD, "New"), (OLD_ID, f"`ovm3 repository attach '{OLD}'` takes it over")),
            (("delete", "Second", "--erase"), ("--erase --confirm 0004fb",)),
            (("create", there, "New"), (f"`ovm3 repository rename '{SECOND}' 'New'` gives it",)),
            (("attach", "Nobody"), ("there is no repository 'Nobody'",)),
            (("delete", OLD), (f"is attached first: `ovm3 repository attach '{OLD}'`",)),
            (("create", "filer", "New"), ("expected an NFS export as server:/path",)),
        ):
            sim.calls.clear()
            done = on(sim, "repository", *words)
            assert done.exit_code in (1, 2), done.output
            assert all(reason in done.stderr for reason in reasons), done.stderr
            assert "ex_" not in done.stderr
            left = {"mount_repository_fs", "unmount_repository_fs"}
            assert not set(calls_of(sim, *WRITES)) - left
