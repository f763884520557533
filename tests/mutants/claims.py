"""Behaviours of what hosts decide of claims: disks, words of persons, the first claim, leaving.

Hosts are those of tests/hostside/claiming.py, where each change is a process of its own.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from tests.mutants.ground import Ground, fails

A, B, LATER = ("a", "1"), ("b", "1"), ("b", "2")
IMAGE = "file:/OVS/Repositories/" + "0a" * 16 + "/VirtualDisks/data.img,xvdb,w"
TWO = "2" * 32


def claiming() -> Any:
    place = str(Path(__file__).parents[1] / "hostside")
    if place not in sys.path:
        sys.path.append(place)
    return importlib.import_module("claiming")


def hosts(ground: Ground) -> tuple[Any, Any]:
    """Two hosts with one repository, and a VM in it."""
    made = tuple(claiming().Host(str(ground.root), name) for name in ("one", "two"))
    made[0].put(claiming().TEXT)
    return made


def take_out(host: Any, other: Any) -> Any:
    from libcloud_ovm3_host import claim_words

    now = host.now()
    place = (claiming().ID, host.directory, now["folder"], now["version"])
    name = claiming().UUIDS[other.name]
    return claim_words.take_out_host(host, "ann", host.operation(70), *place, name, "it is off")


# ------------------------------------------------------------------ disks


def disks_that_cannot_be_told_are_held() -> None:
    from libcloud_ovm3_host import claim_disks, vm_disks

    text = b"disk = ['file:/a.img,xvda,w']\ndisk.append('file:/b.img,xvdb,w')\n"
    fails("Failed", vm_disks.of_vm_cfg, text)
    assert ("w", "/b.img") in claim_disks.of_content(text)


def a_disk_is_one_however_it_is_named() -> None:
    from libcloud_ovm3_host import claim_disks, vm_disks

    assert vm_disks.of_entries(["tap:aio:/a//x/../b.img,xvda,w"]) == [("w", "/a/b.img")]
    held = [("w", "/a/b.img", "file:0a/7")]
    assert claim_disks.conflict("start_vm", [("w", "/a/b.img", "/a/b.img")], held)
    assert claim_disks.conflict("start_vm", [("w", "/dev/x", "wwid:1")], [("w", "/y", "wwid:1")])


def two_share_only_if_both_say_so() -> None:
    from libcloud_ovm3_host import claim_disks, vm_disks

    [(mode, path)] = vm_disks.of_devices({"vbd": [{"uname": "phy:/dev/x"}]})
    assert mode == "w"
    for mine, its in (("w!", mode), ("w!", "r"), ("r", "w!"), ("w", "w!")):
        assert claim_disks.conflict("configure_vm", [(mine, path, path)], [(its, path, path)])


def disks_of_all_repositories_count(ground: Ground) -> None:
    from libcloud_ovm3_host import claim_store, claims, vm_files

    elsewhere = "/OVS/Repositories/" + "0e" * 16
    (ground.root / elsewhere[1:]).mkdir()
    ground.mount("/OVS/Repositories/" + "0a" * 16, elsewhere)
    host, _ = hosts(ground)
    host.put(claiming().TEXT + claiming().disks(IMAGE))
    assert host.claim("one")["kind"] == "free"
    folder = claim_store.make_folder(host, elsewhere.encode())
    document = vm_files.target("0e" * 16, "x")["document"]
    path = IMAGE[5:-7]
    claim = claims.first_claim([("a", "")], f"w\t{path}\t{path}")
    where = (elsewhere.encode(), document, folder)
    claim_store.write(host, "me", host.operation(7), *where, 1, claim)
    assert host.change(2, "start_vm")["outcome"] == "not done"
    file = ground.root / elsewhere[1:] / ".libcloud-ovm3/claims" / document / "1"
    file.write_bytes(file.read_bytes()[:-5])
    assert host.change(3, "start_vm")["outcome"] == "not done"
    assert host.calls() == []


# ------------------------------------------------------------------ words of persons


def taken(claim: dict[str, Any]) -> dict[str, Any]:
    from libcloud_ovm3_host import taken_hosts

    made: dict[str, Any] = taken_hosts.taken_out(claim, "b", "ann", "off", "nothing")[0]
    return made


def who_gives_way_and_who_does_not() -> None:
    from libcloud_ovm3_host import claims, taken_hosts

    alone = claims.first_claim([B])
    said = taken(alone)["taken"]
    on_a = dict(claims.settled(claims.first_claim([A]), A, "present")[0], taken=said)
    on_b = dict(claims.settled(alone, B, "present")[0], taken=said)
    assert taken_hosts.gives_way(taken(alone), LATER)
    assert taken_hosts.gives_way(on_a, B)
    assert not taken_hosts.gives_way(taken(alone), B)
    assert not taken_hosts.gives_way(on_b, LATER)


def a_word_about_one_host_says_nothing_of_another() -> None:
    from libcloud_ovm3_host import claims, taken_hosts

    claim = taken(claims.first_claim([A, B]))
    both = taken_hosts.taken_out(claim, "a", "ann", "off", "nothing")[0]
    looked = taken_hosts.looked(both, "a")
    assert (taken_hosts.entry_of(looked, "a"), bool(taken_hosts.entry_of(looked, "b"))) == (
        "",
        True,
    )


def who_is_put_in_is_the_only_one() -> None:
    from libcloud_ovm3_host import claims, taken_hosts

    on_a = claims.settled(claims.first_claim([A]), A, "present")[0]
    for claim in (on_a, claims.first_claim([A])):
        assert taken_hosts.put_in(claim, "u", "ann", "no module")[0] is None


def what_was_paused_can_be_released() -> None:
    """Once it is the only one: a person has destroyed the other."""
    from libcloud_ovm3_host import claims, taken_hosts

    on_a = claims.settled(claims.first_claim([A]), A, "present")[0]
    claim = dict(on_a, taken=taken(claims.first_claim([B]))["taken"])
    claim = taken_hosts.settled(claim, LATER, "paused", "op")[0]
    assert claims.refusal("unpause_vm", claim, LATER)
    claim = taken_hosts.settled(claim, A, "nowhere", "another")[0]
    claim = taken_hosts.settled(claim, LATER, "paused", "a third")[0]
    assert (claim["kind"], claims.refusal("unpause_vm", claim, LATER)) == ("on", "")


def back_with_a_domain(ground: Ground) -> tuple[Any, Any]:
    """The second host was taken out; it has come back, and a guest of it."""
    host, other = hosts(ground)
    other.xend_does("create", claiming().VM)
    assert other.claim("two")["kind"] == "on"
    other.xend_does("end", other.domids()[0])
    assert take_out(host, other)["kind"] == "free"
    other.boot(2)
    other.xend_does("create", claiming().VM)
    return host, other


def nothing_is_paused_when_the_claim_is_another_one(ground: Ground) -> None:
    from libcloud_ovm3_host import claim_settling, claim_store, taken_hosts

    _, other = back_with_a_domain(ground)
    read, gives_way = claim_store.read, taken_hosts.gives_way

    def a_newer_one(*given: Any) -> Any:
        folder, versions = read(*given)
        return folder, [(versions[0][0] + 1, versions[0][1]), *versions]

    def gives_way_and_another_writes(*given: Any) -> Any:
        claim_settling.claim_store.read = a_newer_one
        return gives_way(*given)

    taken_hosts.gives_way = gives_way_and_another_writes
    fails("Conflict", other.settle)
    assert "pause" not in other.calls()


def who_comes_back_looks_before_a_change(ground: Ground) -> None:
    _, other = back_with_a_domain(ground)
    other.xend_does("end", other.domids()[0])
    (ground.root / "two/var/lib/xen/save").mkdir(parents=True)
    other.write("/var/lib/xen/save/web", "")
    fails("Conflict", other.change, 52, "start_vm")
    assert other.calls() == []


def a_word_takes_the_place_of_the_log_only(ground: Ground) -> None:
    host, _ = hosts(ground)
    host.xend_does("create", claiming().VM)
    host.claim()
    fails("Conflict", take_out, host, host)
    host.write("/domains", "")
    host.write(claiming().LOG, "")  # nothing says that it has ended
    assert host.settle()["why"]
    assert [each["host"] for each in take_out(host, host)["hosts"]] == [TWO]


# ------------------------------------------------------------------ settling


def a_whole_vm_cfg_is_not_put_back(ground: Ground) -> None:
    """The agent has written it, and its text has no end of line."""
    from libcloud_ovm3_host import claim_settling, claims, vm_files

    host, _ = hosts(ground)
    host.put(claiming().TEXT.rstrip())
    target = dict(vm_files.target(claiming().ID, host.directory), operation="0a" * 16)
    claim = claims.begun("configure_vm", None, A, {"operation": "0a" * 16, "content": b"old\n"})
    claim_settling.put_back(host, target, dict(claim, outcome="done"))
    assert Path(host.vm_cfg()).read_text() == claiming().TEXT.rstrip()
    claim_settling.put_back(host, target, claim)
    assert Path(host.vm_cfg()).read_text() == "old\n"


def an_edited_uuid_hides_no_domain(ground: Ground) -> None:
    host, _ = hosts(ground)
    host.xend_does("create", claiming().VM)
    assert host.claim("one")["kind"] == "on"
    host.put(claiming().TEXT.replace(claiming().VM, claiming().VM[:-1] + "9"))
    assert (host.settle()["kind"], host.now()["kind"]) == ("on", "on")


# ------------------------------------------------------------------ the first claim, and leaving


def the_first_claim_names_all_once(ground: Ground) -> None:
    from libcloud_ovm3_host import first_claim

    host, other = hosts(ground)
    other.claim()  # now it is known to have claims here
    host.directory = other.directory = "0c" * 16
    host.put(claiming().TEXT)
    host.xend_does("create", claiming().VM)
    dashed = "11111111-1111-1111-1111-111111111111"
    place = (claiming().ID, host.directory)
    made = first_claim.claim_vm(host, "me", host.operation(5), *place, [dashed])
    assert [each["host"] for each in made["hosts"]] == ["1" * 32, TWO]


def leave(host: Any, forced: bool = False) -> Any:
    from libcloud_ovm3_host import claim_leaving

    return claim_leaving.leave_claims(host, "ann", host.operation(80), forced)


def who_is_named_stays_named(ground: Ground) -> None:
    host, other = hosts(ground)
    host.xend_does("create", claiming().VM)
    host.claim()
    other.settle()
    fails("Conflict", leave, host)
    named = leave(host, True)["named"]
    folder = ground.repository / ".libcloud-ovm3/claims/hosts"
    assert (len(named), (folder / ("1" * 32)).exists()) == (1, True)


def what_may_name_a_host_keeps_it(ground: Ground) -> None:
    """A claim that cannot be read; or any, while the host does not know its own uuid."""
    from libcloud_ovm3_host import claim_leaving

    host, _ = hosts(ground)
    host.xend_does("create", claiming().VM)
    host.claim("one")
    claim_leaving.host_identity.identity = lambda dom0: {"host_uuid": ""}
    fails("Conflict", leave, host)
    folder = ground.repository / ".libcloud-ovm3/claims"
    for version in next(folder.glob("vm-*")).iterdir():
        version.write_text("rubbish")
    claim_leaving.host_identity.identity = lambda dom0: {"host_uuid": TWO}
    fails("Conflict", leave, host)
    (folder / "name").unlink()
    fails("Conflict", leave, host)
