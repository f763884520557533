"""``ovm3 secondary``: mounted and unmounted; a volume copied there and back."""

from __future__ import annotations

from libcloud_ovm3.simulator import Simulator
from tests.cli.running import on
from tests.operations.sharing import export
from tests.support import driver_for, simulate

SHARE = "filer:/backup"


def said(sim: Simulator, *words: str) -> str:
    done = on(sim, "secondary", *words)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return str(done.stdout.rstrip("\n"))


def test_there_and_back() -> None:
    with simulate(2, vms=0, templates=0, host_module=True) as sim:
        export(sim, SHARE).mkdir(parents=True)
        driver = driver_for(sim)
        volume = driver.create_volume(1, "data")
        assert said(sim, "mount", SHARE) == f"{SHARE} is mounted on all hosts"
        name = said(sim, "copy-to", "data", SHARE)
        for word, code, hint in (
            ("nope", 1, "`ovm3 snapshot list` and `ovm3 image list` list all"),
            (f"{sim.repository_id}/VirtualDisks/nope", 1, "no repository has"),
        ):
            wrong = on(sim, "secondary", "copy-to", word, SHARE)
            assert (wrong.exit_code, hint in wrong.stderr) == (code, True), wrong.stderr
        driver.create_volume_snapshot(volume, "data")
        wrong = on(sim, "secondary", "copy-to", "data", SHARE)
        assert (wrong.exit_code, f"{volume.id}, " in wrong.stderr) == (1, True), wrong.stderr
        assert (export(sim, SHARE) / name).exists()
        made = said(sim, "copy-volume", SHARE, name, "again", "--repository", "MyRepo")
        assert made.startswith(f"again ({sim.repository_id}/VirtualDisks/again.")
        made = said(sim, "copy-image", SHARE, name, "os")
        assert made.startswith(f"os ({sim.repository_id}/Templates/os.")
        assert said(sim, "unmount", SHARE, "--on", "ovm-1") == f"{SHARE} is not mounted on ovm-1"
        assert [len(host.mounts) for host in sim.hosts] == [1, 2]
        wrong = on(sim, "secondary", "copy-volume", SHARE, "../x", "again")
        assert (wrong.exit_code, "expected the path of a file" in wrong.stderr) == (2, True)
