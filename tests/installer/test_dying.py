"""A host that crashes during an installation: after its boot uninstalling is exact."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import OperationIncomplete, OutcomeUnknown, PreconditionFailed
from libcloud_ovm3.installer import Result, SSHConnection, payload
from libcloud_ovm3.installer.host import Host
from tests.installer.dying import DyingHost, boot
from tests.installer.ssh.place import Place


@pytest.fixture(params=["3.2.1 older", "3.3.3"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    version, _, older = request.param.partition(" ")
    with Place.of(version, bool(older), DyingHost) as made:
        yield made


def dying_at(
    place: Place, operation: Callable[[SSHConnection], Result], at: int, part: float
) -> None:
    with contextlib.suppress(OutcomeUnknown):
        operation(DyingHost(at, part))
    boot(place.site)
    place.sim.restart_agent(0)
    assert place.agent.call("list_vms"), "the agent starts again"
    place.older_answers()


def some_of(commands: list[str]) -> list[int]:
    """Return the first and the last, and a few of each kind between them."""
    changes = [n for n, what in enumerate(commands) if not what.startswith("write ")]
    writes = [n for n, what in enumerate(commands) if what.startswith("write ")]
    picked = {*changes[:2], *changes[:: max(1, len(changes) // 4)], changes[-1]}
    return sorted(picked | set(writes[:1] + writes[-1:]))


@pytest.mark.long
@pytest.mark.timeout(240)
def test_while_installing_and_while_uninstalling(place: Place) -> None:
    before = place.disk()
    whole, back = DyingHost(), DyingHost()
    place.install(whole)
    place.uninstall(back)
    assert place.disk() == before
    parts = (0.5, 1.0, 0.0)
    for number, at in enumerate(some_of(whole.commands)):
        dying_at(place, place.install, at, parts[number % 3])
        if number % 4 == 0:
            assert place.install().state.verdict == "ok", whole.commands[at]
        place.uninstall()
        assert place.disk() == before, whole.commands[at]
    for number, at in enumerate(some_of(back.commands)):
        place.install()
        dying_at(place, place.uninstall, at, parts[number % 3])
        place.uninstall()
        assert place.disk() == before, back.commands[at]


one_form = pytest.mark.parametrize("place", ["3.3.3"], indirect=True)


@one_form
def test_locks_of_other_boots_go_under_our_own(place: Place) -> None:
    folder = place.site / payload.FOLDER
    for other in ("lock-00000000-1111-2222-3333-444444444444", "lock-", "lock-x y"):
        (folder / other / "123").mkdir(parents=True)
    with Host(place.ssh, str(place.root)).locked():
        [ours] = folder.glob("lock-*")
        assert "1111" not in ours.name
        with (
            pytest.raises(PreconditionFailed, match="another installation"),
            Host(place.ssh, str(place.root)).locked(),
        ):
            pass
        assert ours.is_dir(), "whoever has no lock removes none"
    assert list(folder.iterdir()) == []


@one_form
def test_a_lock_that_cannot_be_created_is_not_another_installation(place: Place) -> None:
    with Host(place.ssh, str(place.root)).locked():
        [ours] = (place.site / payload.FOLDER).glob("lock-*")
    ours.write_text("not a directory")
    with pytest.raises(OperationIncomplete, match=r"cannot create a lock.*exists"):
        place.install()


def test_what_is_set_aside_keeps_the_module(place: Place) -> None:
    """Only the module shows it. A file that was restored does not prevent uninstalling."""
    place.install()
    disk = place.sim.repository_path / "VirtualDisks" / "data.img"
    disk.write_bytes(b"precious")
    path = f"/OVS/Repositories/{place.sim.repository_id}/VirtualDisks/data.img"
    module = HostModule(place.agent.connection)
    module.set_aside("tests", "0" * 32, path)
    with pytest.raises(PreconditionFailed, match=path):
        place.uninstall()
    assert place.module_answers()
    module.put_back("tests", "0" * 32, path)
    said: list[str] = []
    place.sim.misbehave("fault", "libcloud_repository")
    place.uninstall(progress=said.append)
    assert any("which files deletions have set aside" in line for line in said)
    assert not place.module_answers()
    assert disk.read_bytes() == b"precious"


@one_form
def test_changes_and_waits_are_reported(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """After Ctrl-C the command says from these records what it has sent."""
    caplog.set_level("INFO", "libcloud_ovm3.progress")
    place.check()
    assert caplog.records == []
    place.install()
    facts = [record.__dict__ for record in caplog.records]
    ends = {(one["function"], one["outcome"]) for one in facts if one["changes"]}
    assert {
        ("change of files over SSH", "answered"),
        ("service ovs-agent restart", "answered"),
    } <= (ends)
    assert f"waiting for the agent of {place.ssh.host}" in [one["text"] for one in facts]
