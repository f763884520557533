"""Key pairs, through the driver: what is kept where, and what cannot be known."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import KeyPair
from libcloud.compute.deployment import ScriptDeployment
from libcloud.compute.types import KeyPairDoesNotExistError, KeyPairError

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.errors import (
    AmbiguousName,
    InvalidArgument,
    KeyPairNotFound,
    KeyPairTaken,
    NameTaken,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
    SearchIncomplete,
)
from libcloud_ovm3.estate.key_pairs import find_key_pair
from libcloud_ovm3.simulator import Simulator
from tests.operations.failures import WRITES
from tests.operations.test_ssh_keys import ECDSA, ED25519, FINGERPRINTS, RSA
from tests.support import at_once, calls_of, driver_for, quietly, simulate


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Two hosts; the second repository is mounted on the second host alone."""
    with simulate(2, vms=0, host_module=True) as simulator:
        yield simulator


def write(sim: Simulator, version: int, content: bytes, repository: str = "") -> None:
    path = f"/OVS/Repositories/{repository or sim.repository_id}"
    module = HostModule(driver_for(sim).connection)
    module.write_document("tests", "0" * 32, path, "key-pairs", version, content)


def names(driver: Any) -> list[str]:
    return [one.name for one in quietly(driver.list_key_pairs)]


def test_from_creation_to_deletion(sim: Simulator, tmp_path: Path) -> None:
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    assert driver.list_key_pairs() == []
    made = driver.create_key_pair("ops", ex_type="ed25519")
    assert "PRIVATE KEY" in made.private_key
    driver.import_key_pair_from_string("rsa", f"{RSA} somebody")
    (tmp_path / "key.pub").write_text(ECDSA)
    driver.import_key_pair_from_file("é", str(tmp_path / "key.pub"))
    found = {one.name: one for one in driver.list_key_pairs()}
    assert list(found) == ["ops", "rsa", "é"]
    where = {"repository_id": sim.repository_id, "repository": "MyRepo"}
    assert found["ops"].extra == {"type": "ssh-ed25519", "origin": "created", **where}
    assert found["rsa"].extra == {"type": "ssh-rsa", "origin": "imported", **where}
    assert (found["ops"].fingerprint, found["ops"].public_key) == (
        made.fingerprint,
        made.public_key,
    )
    assert (found["rsa"].fingerprint, found["rsa"].public_key) == (
        FINGERPRINTS[RSA],
        f"{RSA} somebody",
    )
    assert driver.get_key_pair("é").fingerprint == FINGERPRINTS[ECDSA]
    kept = b"".join(one.read_bytes() for one in sim.root.rglob("*key-pairs*/*"))
    assert made.public_key.split()[1].encode() in kept
    assert all(line.encode() not in kept for line in made.private_key.split("\n")[1:-2])
    other = driver_for(sim)  # without the argument: where some are
    assert other.import_key_pair_from_string("late", ED25519).extra["repository"] == "MyRepo"
    assert find_key_pair(other._estate, "rsa")[0].public_key == f"{RSA} somebody"
    assert driver.delete_key_pair(made) is True
    assert driver.delete_key_pair("é") is True
    assert names(driver) == ["late", "rsa"]


def test_a_name_that_is_taken_or_missing(sim: Simulator) -> None:
    driver = driver_for(sim, ex_keys_repository=sim.repository_id)
    driver.import_key_pair_from_string("a", RSA)
    with pytest.raises(
        KeyPairTaken,
        match=r"'a' in repository MyRepo \(0004fb\w+\); .*use another name, or delete it",
    ) as taken:
        driver.import_key_pair_from_string("a", RSA)
    with pytest.raises(KeyPairTaken):
        driver.create_key_pair("a", ex_type="ed25519")
    assert isinstance(taken.value, KeyPairError)
    assert isinstance(taken.value, NameTaken)
    for act in (driver.get_key_pair, driver.delete_key_pair):
        with pytest.raises(
            KeyPairNotFound, match=r"no key pair 'b' was found; key pairs: a$"
        ) as missing:
            act("b")
        assert isinstance(missing.value, KeyPairDoesNotExistError)
        again = pickle.loads(pickle.dumps(missing.value))
        assert (again.name, str(again)) == ("b", str(missing.value))
    assert names(driver) == ["a"]


@pytest.mark.parametrize("name", ["", " ", "a ", "a\nb", "x" * 256, None, 7, b"x", "\ud800"])
def test_what_no_name_can_be(sim: Simulator, name: Any) -> None:
    driver = driver_for(sim, ex_keys_repository=sim.repository_id)
    for act in (driver.create_key_pair, lambda one: driver.import_key_pair_from_string(one, RSA)):
        with pytest.raises(InvalidArgument, match="name "):
            act(name)
    with pytest.raises(InvalidArgument, match="expected a KeyPair, or its name"):
        driver.delete_key_pair(7)
    assert sim.calls == []


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_private_key_in_the_wrong_place_is_not_shown(sim: Simulator, kind: str) -> None:
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    text = driver.create_key_pair("ops", ex_type=kind).private_key
    size, image = driver.list_sizes()[0], driver.list_images()[0]
    create = partial(driver.create_node, "web", size, image)
    deploy = partial(driver.deploy_node, ScriptDeployment("true"), ssh_interface="private_ips")
    node = {"name": "web", "size": size, "image": image}
    calls = {
        lambda: deploy(ssh_key=text, **node): "ssh_key .*: expected the path of its file",
        lambda: deploy(ssh_key=[text], **node): "ssh_key .*: expected the path of its file",
        lambda: deploy(ssh_key=text.encode(), **node): "ssh_key .*: expected the path of a file",
        lambda: driver.import_key_pair_from_file("z", text): "key_file_path .*: expected the path",
        lambda: driver.import_key_pair_from_string(text, "z"): "name .*: expected a text",
        lambda: driver.import_key_pair_from_string("z", text): "this is a private key",
        lambda: driver.create_key_pair("k", ex_type=text): "type .*: expected 'rsa'",
        lambda: create(ex_keyname=text): "no key pair .* was found",
        lambda: driver.get_key_pair(text): "no key pair .* was found",
        lambda: driver.delete_key_pair(text.encode()): "expected a KeyPair, or its name",
        lambda: driver.create_node(text, size, image): "name .*: leading",
        lambda: driver.get_key_pair("y" * 256): "no key pair .a text of 256 characters, not shown",
    }
    secrets = [*text.split("\n")[1:-2], "y" * 256]
    for call, message in calls.items():
        with pytest.raises(Ovm3Error, match=message) as refused:
            call()
        said = f"{refused.value}{refused.value!r}{vars(refused.value)}"
        assert all(secret not in said for secret in secrets), message
    assert driver.list_nodes() == []


def test_which_repository(sim: Simulator) -> None:
    second = sim.add_repository("second")
    driver = driver_for(sim)
    needed = (
        r"none has any yet\. Name one, by its id or alias, with ex_keys_repository: .*second \(\w+"
    )
    with pytest.raises(PreconditionFailed, match=needed):
        driver.create_key_pair("a", ex_type="ed25519")
    first = driver_for(sim, ex_keys_repository=sim.repository_id.upper())
    other = driver_for(sim, ex_keys_repository="second")
    first.import_key_pair_from_string("a", RSA)
    mine = other.import_key_pair_from_string("a", ED25519)
    other.import_key_pair_from_string("b", ED25519)
    assert (names(driver), names(first), names(other)) == (["a", "a", "b"], ["a"], ["a", "b"])
    assert other.get_key_pair("a").extra["repository_id"] == second
    for act in (driver.get_key_pair, driver.delete_key_pair):
        with pytest.raises(AmbiguousName, match=r"'a' is in several repositories .*second \(\w+\)"):
            act("a")
    with pytest.raises(PreconditionFailed, match=r"several have some.*second \("):
        driver.import_key_pair_from_string("c", RSA)
    assert driver.delete_key_pair("b") is True
    assert driver.delete_key_pair(mine) is True
    assert (names(first), names(other)) == (["a"], [])
    wrong = driver_for(sim, ex_keys_repository="third")
    with pytest.raises(PreconditionFailed, match=r"no repository 'third'; there are: .*second \("):
        wrong.list_key_pairs()


def test_a_key_pair_that_another_client_has_made_anew(sim: Simulator) -> None:
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    old = driver.import_key_pair_from_string("a", RSA)
    driver.delete_key_pair(old)
    driver.import_key_pair_from_string("a", ED25519)
    with pytest.raises(PreconditionFailed, match="it is another key than the one that was read"):
        driver.delete_key_pair(old)
    assert driver.get_key_pair("a").public_key == ED25519
    assert driver.delete_key_pair(KeyPair("a", None, None, driver)) is True


def test_two_clients_at_once(sim: Simulator) -> None:
    """None loses what the other has recorded; of one name there is one."""
    drivers = [driver_for(sim, ex_keys_repository="MyRepo") for _ in range(2)]
    keys = (RSA, ED25519)
    acts = [
        (one, lambda one=one, key=key: one.import_key_pair_from_string(key[:7], key))
        for one, key in zip(drivers, keys, strict=True)
    ]
    assert [one.public_key for one in at_once(sim, *acts)] == list(keys)
    assert names(drivers[0]) == ["ssh-ed2", "ssh-rsa"]
    acts = [
        (one, lambda one=one, key=key: one.import_key_pair_from_string("a", key))
        for one, key in zip(drivers, keys, strict=True)
    ]
    results = at_once(sim, *acts)
    [done] = [one for one in results if isinstance(one, KeyPair)]
    [refused] = [one for one in results if isinstance(one, Ovm3Error)]
    assert isinstance(refused, KeyPairTaken)
    assert drivers[0].get_key_pair("a").public_key == done.public_key


def test_without_the_module() -> None:
    with simulate(1, vms=0) as sim:
        driver = driver_for(sim, ex_keys_repository="MyRepo")
        for act in (
            driver.list_key_pairs,
            lambda: driver.get_key_pair("a"),
            lambda: driver.create_key_pair("a", ex_type="ed25519"),
            lambda: driver.import_key_pair_from_string("a", RSA),
            lambda: driver.delete_key_pair("a"),
        ):
            with pytest.raises(
                PreconditionFailed, match=r"none of these hosts has: .*host install"
            ):
                act()
        assert set(calls_of(sim)) & WRITES == set()


@pytest.mark.parametrize(
    ("content", "error", "shown"),
    [
        (b"{", "cannot be understood", []),
        (b'{"schema": 1, "key-pairs": []}', "cannot be understood", []),
        (b'{"schema": 1, "key-pairs": {"a": 1, "b": %s}}', "odd entries", ["b"]),
        (b'{"schema": 2, "key-pairs": {"b": %s}}', "newer than this client: read-only", ["b"]),
        (b'{"schema": 1, "key-pairs": {"a": {}, "b": %s}}', "'a' .* cannot be under", ["b"]),
    ],
)
def test_what_cannot_be_understood(
    sim: Simulator, content: bytes, error: str, shown: list[str]
) -> None:
    """It is told, nothing is taken for absent, and what is there stays as it is."""
    entry = json.dumps({"public_key": RSA, "fingerprint": "f"}).encode()
    write(sim, 1, content.replace(b"%s", entry))
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    with pytest.warns(Ovm3Warning, match=error):
        found = driver.list_key_pairs()
    assert [one.name for one in found] == shown
    with pytest.raises(Ovm3Error, match=error):
        driver.list_key_pairs(ex_strict=True)
    with pytest.raises(SearchIncomplete, match=error):
        driver.get_key_pair("a")
    is_whole = b'"a": {}' in content  # all others may be changed
    refused = KeyPairTaken if is_whole else PreconditionFailed
    with pytest.raises(refused):
        quietly(driver.import_key_pair_from_string, "a", RSA)
    if not is_whole:
        with pytest.raises(PreconditionFailed):
            quietly(driver.import_key_pair_from_string, "c", RSA)
    with pytest.raises(SearchIncomplete, match=r"Name the repository.*ex_keys_repository"):
        quietly(driver_for(sim).import_key_pair_from_string, "c", RSA)
    assert calls_of(sim, "libcloud_write_document") == ["libcloud_write_document"]


def test_a_host_that_does_not_answer(sim: Simulator) -> None:
    """With the argument, key pairs need only a host that has the repository mounted."""
    local = sim.add_repository("local", hosts=[1])
    driver, chosen = driver_for(sim), driver_for(sim, ex_keys_repository="MyRepo")
    chosen.import_key_pair_from_string("a", RSA)
    sim.hosts[1].kill()
    with pytest.warns(Ovm3Warning, match=sim.hosts[1].address):
        assert [one.name for one in driver.list_key_pairs()] == ["a"]
    with pytest.raises(SearchIncomplete, match="another one may be where nothing could be read"):
        driver.delete_key_pair("a")
    with pytest.raises(SearchIncomplete, match="which repository has key pairs is not certain"):
        driver.import_key_pair_from_string("b", RSA)
    with pytest.raises(SearchIncomplete, match="no key pair 'b' was found"):
        driver.get_key_pair("b")
    with pytest.raises(SearchIncomplete, match=f"repository '{local}' was not found"):
        driver_for(sim, ex_keys_repository=local).list_key_pairs()
    assert chosen.import_key_pair_from_string("b", RSA).name == "b"
    assert chosen.delete_key_pair("a") is True
    assert quietly(driver.delete_key_pair, quietly(driver.get_key_pair, "b")) is True


def test_the_only_host_with_the_module_does_not_answer() -> None:
    with simulate(2, vms=0, host_module=[1]) as sim:
        sim.hosts[1].kill()
        with pytest.raises(PreconditionFailed, match=rf"not read: .*{sim.hosts[1].address}"):
            driver_for(sim).list_key_pairs()


def test_a_repository_without_a_module_that_has_it_mounted() -> None:
    with simulate(2, vms=0, host_module=[0]) as sim:
        sim.add_repository("local", hosts=[1])
        driver = driver_for(sim, ex_keys_repository="local")
        with pytest.warns(
            Ovm3Warning, match="no host that has repository .* mounted has the host module"
        ):
            assert driver.list_key_pairs() == []
        with pytest.raises(PreconditionFailed, match="'a' was not changed: no host"):
            driver.import_key_pair_from_string("a", RSA)


def test_the_private_key_is_lost_with_the_response(sim: Simulator) -> None:
    """The error says so; what may be there has a name, and can be deleted."""
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    sim.misbehave("drop_before", "libcloud_write_document")
    with pytest.raises(OperationIncomplete, match=r"Its private key is lost: .* delete it") as lost:
        driver.create_key_pair("a", ex_type="ed25519")
    assert lost.value.left == ("a",)
    assert driver.list_key_pairs() == []
