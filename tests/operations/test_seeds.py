"""Seeds of new nodes: what is in them, where they are, that they go; nothing secret elsewhere."""

from __future__ import annotations

import json
import logging
import re
import stat
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from libcloud.common.types import LibcloudError
from libcloud.compute.base import KeyPair, NodeAuthPassword, NodeAuthSSHKey
from libcloud.compute.types import NodeState
from passlib.hash import sha512_crypt

from libcloud_ovm3.diagnostics.bundle import make_bundle
from libcloud_ovm3.diagnostics.collect import Call, collect, record_calls
from libcloud_ovm3.diagnostics.inventory import as_json, take_inventory
from libcloud_ovm3.errors import (
    InvalidArgument,
    KeyPairNotFound,
    NodeNotFound,
    OperationIncomplete,
    Ovm3Error,
    Ovm3Warning,
    PreconditionFailed,
    ReadOnly,
)
from libcloud_ovm3.operations.plan_vm import make_plan
from libcloud_ovm3.simulator import Simulator
from tests.diagnostics.healthy import certificate
from tests.earlier_module import put_api_2
from tests.guests import meta_of, seed_of, seeds_in
from tests.operations.failures import Step
from tests.operations.killed import kill_client_at
from tests.operations.seeding import create_seeded
from tests.operations.templates import HVM, make_disk, make_template
from tests.operations.test_ssh_keys import ED25519, RSA
from tests.support import CHANGE, calls_of, driver_for, fingerprints_of, quietly, simulate

SECRET = "sentinel-pa55word"
CARD = {"network": "xenbr0", "address": "192.0.2.10/24", "gateway": "192.0.2.1"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Simulator]:
    options: dict[str, Any] = {"host_module": True, "template_bytes": 1 << 20, "version": "3.3.3"}
    with simulate(1, vms=0, **options) as sim:
        yield sim


@pytest.fixture
def sim(lab: Simulator) -> Simulator:
    lab.clear_misbehaviour()
    driver = driver_for(lab)
    for node in quietly(driver.list_nodes):
        quietly(driver.destroy_node, node)
    lab.calls.clear()
    return lab


def create(sim: Simulator, name: str = "web", driver: Any = None, **arguments: Any) -> Any:
    driver = driver or driver_for(sim)
    return driver.create_node(name, "tiny", driver.list_images()[0], **arguments)


def bridge_of(sim: Simulator) -> str:
    return str(driver_for(sim).ex_list_networks()[0].id)


def drive_of(sim: Simulator, node: Any) -> str | None:
    """The medium in its CD drive, as its vm.cfg has it."""
    [found] = driver_for(sim).ex_get_node(node.id).extra["cdroms"]
    return found


# ------------------------------------------------------------------ what is in them


@pytest.mark.parametrize("kind", ["pv", "hvm"])
def test_a_guest_is_told_all_that_is_asked_for(sim: Simulator, kind: str) -> None:
    """Read back from the repository: the ISO by pycdlib, its files as YAML."""
    card = {**CARD, "network": bridge_of(sim)}
    given = {"ex_domain_type": kind, "ex_networks": [card], "ex_userdata": "#!/bin/sh\n"}
    node = create(sim, "Web 1", auth=NodeAuthPassword(SECRET), **given)
    assert node.state == NodeState.RUNNING
    assert node.private_ips == ["192.0.2.10"]
    assert "password" not in node.extra
    [file] = seeds_in(sim, node.id)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    folder = f"/OVS/Repositories/{sim.repository_id}/.libcloud-ovm3/seeds"
    assert drive_of(sim, node) == f"{folder}/{file.name}"
    config = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    assert re.search(rf"'file:{folder}/{file.name},(hd|xvd)[a-z]:cdrom,r'", config.read_text())
    files = seed_of(sim, node)
    meta = {"instance-id": node.id, "local-hostname": "web-1"}
    assert yaml.safe_load(files["meta-data"]) == meta
    network = yaml.safe_load(files["network-config"])
    [physical] = network["config"]
    assert physical["mac_address"] == node.extra["nics"][0]["mac"]
    assert physical["subnets"] == [
        {"type": "static", "address": "192.0.2.10/24", "gateway": "192.0.2.1"}
    ]
    assert "x-shellscript" in files["user-data"]
    driver_for(sim).destroy_node(node)
    assert seeds_in(sim) == []


def test_keys_of_auth_and_of_a_key_pair(sim: Simulator) -> None:
    driver = driver_for(sim, ex_keys_repository="MyRepo")
    pair = driver.import_key_pair_from_string("ops", RSA)
    auth = NodeAuthSSHKey(f"{ED25519}\n")
    both: dict[str, Any] = {"auth": auth, "ex_keyname": "ops", "ex_networks": [bridge_of(sim)]}
    with pytest.warns(Ovm3Warning, match="ex_network_format 2 has no effect: it has no static"):
        node = create(sim, driver=driver, ex_network_format="2", **both)
    assert meta_of(sim, node)["public-keys"] == [ED25519, RSA]
    assert yaml.safe_load(seed_of(sim, node)["user-data"]) == {"disable_root": False}
    other = create(sim, "other", driver, ex_keyname=pair, ex_networks=[bridge_of(sim)])
    assert meta_of(sim, other)["public-keys"] == [RSA]
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(KeyPairNotFound):
        create(sim, "third", driver, ex_keyname="nobody")
    assert fingerprints_of(sim.repository_path) == before
    driver.delete_key_pair(pair)


def test_a_password_is_one_that_the_guest_accepts(sim: Simulator) -> None:
    given = {"ex_networks": [bridge_of(sim)], "ex_start": False}
    node = create(sim, auth=NodeAuthPassword(SECRET, generated=True), **given)
    assert node.extra["password"] == SECRET, "as of libcloud's other drivers"
    config = yaml.safe_load(seed_of(sim, node)["user-data"])
    user, _, hashed = config["chpasswd"]["list"].rstrip("\n").partition(":")
    assert user == "root"
    assert sha512_crypt.verify(SECRET, hashed)


def test_with_an_idempotency_key_there_is_one_node_and_one_seed(sim: Simulator) -> None:
    given = {"ex_userdata": "#!/bin/sh\n", "ex_idempotency_key": "one"}
    node = create(sim, **given)
    with pytest.warns(Ovm3Warning, match="ex_userdata of this call were not used"):
        assert create(sim, **given).id == node.id
    assert len(seeds_in(sim)) == 1
    assert len(calls_of(sim, "libcloud_write_seed")) == 1


def test_without_any_of_it_no_seed_is_made(sim: Simulator) -> None:
    """Nor a password, other than with libcloud's drivers of clouds; nor of an address alone, which
    is recorded as before."""
    node = create(sim, auth=None, ex_keyname="", ex_userdata="")
    plain = {"network": bridge_of(sim), "address": "192.0.2.10"}
    other = create(sim, "other", ex_networks=[plain])
    assert seeds_in(sim) == []
    assert "password" not in node.extra
    assert other.private_ips == ["192.0.2.10"]
    assert calls_of(sim, "libcloud_write_seed") == []


def test_an_address_without_prefix_length_is_not_told(sim: Simulator) -> None:
    plain = {"network": bridge_of(sim), "address": "192.0.2.10"}
    with pytest.warns(Ovm3Warning, match=r"192\.0\.2\.10 is recorded, but the guest is not told"):
        node = create(sim, ex_userdata="#!/bin/sh\n", ex_networks=[plain])
    assert set(seed_of(sim, node)) == {"user-data", "meta-data"}
    assert node.private_ips == ["192.0.2.10"]
    sim.calls.clear()
    with pytest.raises(InvalidArgument, match=r"192\.0\.2\.10 has no prefix length, and others"):
        create(sim, "x", ex_networks=[plain, {**CARD, "network": bridge_of(sim)}])
    assert calls_of(sim, "create_vm") == []


def test_beside_other_media_and_of_an_iso(sim: Simulator) -> None:
    driver = driver_for(sim)
    iso = driver.list_images()[-1]
    auth = NodeAuthSSHKey(ED25519)
    with pytest.warns(Ovm3Warning, match="'installed' has no network card, so nobody can log in"):
        node = driver.create_node("installed", "tiny", iso, auth=auth, ex_disk_gb=1)
    assert node.extra["cdroms"][0].endswith(".iso")
    assert ".libcloud-ovm3/seeds/" in node.extra["cdroms"][1]
    other = create(sim, auth=auth, ex_iso=iso, ex_networks=[bridge_of(sim)])
    assert [".libcloud-ovm3" in one for one in other.extra["cdroms"]] == [False, True]
    assert driver.ex_remove_seed(node)
    assert driver.ex_get_node(node.id).extra["cdroms"] == [node.extra["cdroms"][0], None]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("has_module", [False, True])
def test_without_a_module_that_can_nothing_is_made(has_module: bool) -> None:
    with simulate(1, vms=0, host_module=has_module, template_bytes=1 << 20) as sim:
        if has_module:
            put_api_2(sim, 0)
        before = fingerprints_of(sim.repository_path)
        for given in ({"auth": NodeAuthSSHKey(ED25519)}, {"ex_userdata": "#!/bin/sh\n"}):
            with pytest.raises(PreconditionFailed, match="a host module that can"):
                create(sim, **given)
        assert calls_of(sim, "create_vm", "storage_plugin_mount") == []
        assert fingerprints_of(sim.repository_path) == before
        node = create(sim)
        assert driver_for(sim).ex_remove_seed(node) is True, "it has none"


def test_an_hvm_guest_whose_devices_are_all_disks() -> None:
    why = r"VM 'full' has no device left .* hdd\. what a guest is told .* needs one.* fewer disks"
    with simulate(1, vms=0, host_module=True) as sim:
        disks = [f"file:{make_disk(sim, f'{letter}.img')},hd{letter},w" for letter in "abcd"]
        image = make_template(sim, disk=disks, vif=[], **HVM)
        with pytest.raises(PreconditionFailed, match=why):
            quietly(driver_for(sim).create_node, "full", "tiny", image, ex_userdata="#!/bin/sh\n")
        assert calls_of(sim, "create_vm", "libcloud_write_seed") == []


def test_what_no_guest_can_be_told(sim: Simulator) -> None:
    for wrong, message in [
        ({"auth": NodeAuthPassword("")}, "password: expected a text"),
        ({"auth": NodeAuthSSHKey("-----BEGIN PRIVATE KEY-----")}, "auth: this is a private key"),
        ({"auth": "key"}, "auth: expected a NodeAuthSSHKey or a NodeAuthPassword, not str$"),
        ({"auth": KeyPair("a", None, None, None)}, "not KeyPair; ex_keyname takes a KeyPair$"),
        ({"ex_userdata": "echo hello"}, "not of a kind that cloud-init knows"),
        ({"ex_network_format": 3}, "expected 1 or 2"),
        ({"ex_userdata": "#!" + "x" * 600_000}, "bytes: expected"),
    ]:
        with pytest.raises(LibcloudError, match=message):
            create(sim, **wrong)
    assert seeds_in(sim) == []
    assert calls_of(sim, "create_vm") == []


# ------------------------------------------------------------------ removing them


@pytest.mark.parametrize("kind", ["pv", "hvm"])
@pytest.mark.parametrize("start", [True, False])
def test_a_seed_is_taken_out_and_deleted(sim: Simulator, start: bool, kind: str) -> None:
    driver = driver_for(sim)
    node = create(sim, ex_userdata="#!/bin/sh\n", ex_start=start, ex_domain_type=kind)
    with pytest.raises(ReadOnly):
        driver_for(sim, ex_read_only=True).ex_remove_seed(node)
    assert driver.ex_list_orphans() == []
    assert driver.ex_remove_seed(node.id.replace("-", "")) is True
    assert (drive_of(sim, node), seeds_in(sim)) == (None, [])
    sim.calls.clear()
    assert driver.ex_remove_seed(node) is True
    assert calls_of(sim, "configure_vm", CHANGE, "libcloud_delete_seed") == []
    assert driver.ex_get_node(node.id).state == (NodeState.RUNNING if start else NodeState.STOPPED)


def test_the_seeds_of_nobody(sim: Simulator) -> None:
    """Those of a node that is gone are orphans, and ex_remove_seed deletes them; of others it keeps
    what somebody uses."""
    driver = driver_for(sim)
    node, other = (create(sim, name, ex_userdata="#!/bin/sh\n", ex_start=False) for name in "ab")
    [file] = seeds_in(sim, node.id)
    folders = sim.repository_path / "VirtualMachines"
    theirs = folders / other.extra["directory"] / "vm.cfg"
    own = theirs.read_text()
    theirs.write_text(own.replace(seeds_in(sim, other.id)[0].name, file.name))
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"names it.*take it out there"):
        driver.ex_remove_seed(node)
    assert calls_of(sim, CHANGE, "configure_vm", "libcloud_delete_seed") == []
    assert drive_of(sim, node)
    with pytest.raises(OperationIncomplete, match=r"not all.*names it.*ex_remove_seed\(") as caught:
        driver.destroy_node(node)
    assert [one.rpartition("/")[2] for one in caught.value.left] == [file.name]
    assert str(caught.value).count(file.name) == 1
    assert seeds_in(sim, node.id) == [file]
    [orphan] = driver.ex_list_orphans()  # that of the other, whose vm.cfg names this one
    assert f"/seeds/{other.id}." in orphan["path"]
    theirs.write_text(own)
    [orphan] = driver.ex_list_orphans()
    assert orphan["path"].endswith(f"/.libcloud-ovm3/seeds/{file.name}")
    assert orphan["is_certain"] is True
    assert driver.ex_remove_seed(node) is True
    assert seeds_in(sim, node.id) == []
    with pytest.raises(NodeNotFound):
        driver.ex_remove_seed(node)


def test_files_of_an_earlier_node_of_the_same_id_are_orphans(sim: Simulator) -> None:
    """An idempotency key gives it again. That a node has the id does not hide them; a disk is not
    certain, as that node may be to have it back."""
    driver = driver_for(sim)
    node = create(sim, ex_userdata="#!/bin/sh\n", ex_idempotency_key="K", ex_start=False)
    [seed] = seeds_in(sim, node.id)
    disk = sim.repository_path / "VirtualDisks" / node.extra["disks"][0].rpartition("/")[2]
    assert driver.ex_list_orphans() == []
    old_seed, old_disk = seed.with_name(f"{node.id}.{'0' * 32}.iso"), disk.with_name(f"{node.id}.x")
    old_seed.write_bytes(seed.read_bytes())
    old_disk.write_bytes(b"")
    found = {one["path"].rpartition("/")[2]: one["is_certain"] for one in driver.ex_list_orphans()}
    assert found == {old_seed.name: True, old_disk.name: False}
    config = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    complete = config.read_text()
    mark = f"OVM_description = 'creating {'1' * 32}'"
    for text in (re.sub("OVM_description = .*", mark, complete), "disk = ["):
        config.write_text(text)
        assert quietly(driver.ex_list_orphans) == []
    config.write_text(complete)
    assert driver.ex_insert_iso(node, driver.list_images()[-1])
    assert seed.name in [one["path"].rpartition("/")[2] for one in driver.ex_list_orphans()]
    assert driver.ex_remove_seed(node)
    assert seeds_in(sim) == []
    old_disk.unlink()


def test_what_cannot_be_read_keeps_a_seed(sim: Simulator) -> None:
    driver = driver_for(sim)
    node = create(sim, ex_userdata="#!/bin/sh\n", ex_start=False)
    folder = seeds_in(sim)[0].parent
    (folder / "unexpected").write_text("")
    with pytest.warns(Ovm3Warning, match="not a seed: unexpected name"):
        driver.ex_list_orphans()
    (folder / "unexpected").unlink()
    strange = sim.repository_path / "VirtualMachines" / "strange"
    strange.mkdir()
    (strange / "vm.cfg").write_text("disk = [")
    with pytest.raises(PreconditionFailed, match="may name it"):
        quietly(driver.ex_remove_seed, node)
    assert len(seeds_in(sim, node.id)) == 1
    assert drive_of(sim, node)
    (strange / "vm.cfg").unlink()
    strange.rmdir()
    assert driver.ex_remove_seed(node)


def test_a_node_that_is_being_created_keeps_its_seed(sim: Simulator) -> None:
    kill_client_at(sim, Step("libcloud_write_seed", "get_vm_config"), "before", create_seeded)
    driver = driver_for(sim)
    [node] = driver.list_nodes()
    assert node.state == NodeState.PENDING
    with pytest.raises(PreconditionFailed, match="is being created"):
        driver.ex_remove_seed(node)
    assert len(seeds_in(sim, node.id)) == 1
    driver.destroy_node(node)
    assert seeds_in(sim) == []


def test_a_node_destroyed_without_the_module_leaves_its_seed() -> None:
    with simulate(1, vms=0, host_module=True, template_bytes=1 << 20) as sim:
        node = create(sim, ex_userdata="#!/bin/sh\n")
        alone = driver_for(sim, ex_host_module=False)
        with pytest.raises(PreconditionFailed, match="was left in its drive"):
            alone.ex_remove_seed(node)
        with (
            pytest.warns(Ovm3Warning, match="metadata, tags, addresses"),
            pytest.warns(Ovm3Warning, match=r"seeds/.* was kept: .*ex_remove_seed\("),
        ):
            alone.destroy_node(node)
        driver = driver_for(sim)
        assert [one["path"].split("/")[5] for one in driver.ex_list_orphans()] == ["seeds"]
        assert driver.ex_remove_seed(node.id)
        assert seeds_in(sim) == []


def test_templates_never_carry_a_seed(sim: Simulator) -> None:
    driver = driver_for(sim)
    node = create(sim, ex_userdata="#!/bin/sh\n", ex_start=False)
    image = driver.create_image(node, "golden")
    folder = sim.repository_path / image.id.partition("/")[2]
    assert "seeds" not in (folder / "vm.cfg").read_text()
    copy = driver.create_node("copy", "tiny", image)
    assert copy.extra["cdroms"] == []
    assert len(seeds_in(sim)) == 1
    own = (folder / "vm.cfg").read_text()
    theirs = sim.repository_path / "VirtualMachines" / node.extra["directory"] / "vm.cfg"
    (folder / "vm.cfg").write_text(theirs.read_text())  # a template that somebody else has made
    with pytest.warns(
        Ovm3Warning, match=f"drive .* is empty in the copy, as .*, the seed of VM {node.id}"
    ):
        copy = driver.create_node("foreign", "tiny", image)
    assert copy.extra["cdroms"] == [None]
    (folder / "vm.cfg").write_text(own)
    driver.delete_image(image)


# ------------------------------------------------------------------ secrets


def test_nothing_secret_is_anywhere_else(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the password nor its hash: not in logs of ours or of the host, errors, warnings,
    what is printed of objects, documents, inventories and bundles."""
    caplog.set_level(logging.DEBUG)
    driver = driver_for(sim)
    auth = NodeAuthPassword(SECRET)
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for failure in ("fault", "fault_after", "drop_after"):
            sim.misbehave(failure, "libcloud_write_seed")
            try:
                create(sim, f"web-{failure}", driver, auth=auth)
            except Ovm3Error as error:
                said += [repr(error), str(error), repr(error.__cause__)]
        node = create(sim, driver=driver, auth=auth)
    hashed = yaml.safe_load(seed_of(sim, node)["user-data"])["chpasswd"]["list"][5:].strip()
    guest, _ = driver._guest_config(auth, None, f"#!{SECRET}\n", 1)
    spec = make_spec(driver, guest)
    plan = make_plan(driver._estate, spec)
    assert plan.seed is not None
    said += [repr(one) for one in (guest, spec, plan, plan.seed, node, node.extra, auth.__class__)]
    calls: list[Call] = []
    collect(record_calls(driver._estate, calls), certificate, "verified")
    said += [str(one.message) for one in caught]
    said += [json.dumps(as_json(take_inventory(driver._estate)), default=str)]
    bundle = json.dumps(make_bundle(calls, [sim.password]))
    assert node.id not in bundle
    said += [bundle]
    said += [record.getMessage() for record in caplog.records]
    said += [
        file.read_text("utf-8", "replace")
        for folder in (sim.dom0(0), sim.repository_path / ".libcloud-ovm3")
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".iso"
    ]
    assert len(said) > 20
    salt = hashed.split("$")[2]
    assert [text for text in said if SECRET in text or salt in text] == []


def make_spec(driver: Any, guest: Any) -> Any:
    from libcloud_ovm3.operations.vm_spec import VMSpec

    image = driver.list_images()[0].id
    return VMSpec(name="planned", image_id=image, memory_mb=512, vcpus=1, guest=guest)
