"""What can happen to a call, for the failure tables of operations of several steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from libcloud.compute.base import NodeImage
from libcloud.compute.types import NodeState

from libcloud_ovm3.errors import OperationIncomplete, Ovm3Error
from libcloud_ovm3.simulator import Rule, Simulator
from tests.support import CHANGE, calls_of, driver_for, fingerprints_of, functions_of, quietly

NEW_NAME = "new-vm"  # of the VM that a test creates

# Refused; the effect, and then a fault; line dropped before the effect; after it; timed out (with
# its effect); the effect landing when the client has given up.
FAILURES = ("fault", "fault_after", "drop_before", "drop_after", "hang", "delayed")
EFFECT_FIRST = ("fault_after", "drop_after")  # those that a look has to find out, for short tables
READ_FAILURES = ("fault", "drop_after", "hang")
KILLS = ("before", "after")  # the client is killed before the call takes effect (which it still
# does), or after

WRITES = frozenset(
    {
        "create_vm",
        "configure_vm",
        "delete_vm",
        "start_vm",
        "stop_vm",
        "reboot_vm",
        "pause_vm",
        "unpause_vm",
        "save_vm",
        "restore_vm",
        "migrate_vm",
        "copy_file",
        "import_ISO",
        "import_virtual_disk",
        "storage_plugin_mount",
        "storage_plugin_unmount",
        "mount_repository_fs",
        "unmount_repository_fs",
        "add_repository",
        "create_repository",
        "edit_repository_db",
        "delete_repository",
        "storage_plugin_create",
        "storage_plugin_destroy",
        "libcloud_create_file",
        "libcloud_write_file",
        "libcloud_rename_file",
        "libcloud_delete_file",
        "libcloud_start_job",
        "libcloud_grow_file",
        "libcloud_write_document",
        "libcloud_write_seed",
        "libcloud_delete_seed",
        "libcloud_create_container",
        "libcloud_delete_container",
        "libcloud_begin_upload",
        "libcloud_write_upload",
        "libcloud_commit_upload",
        "libcloud_adopt_upload",
        "libcloud_delete_upload",
        "libcloud_delete_object",
        "libcloud_describe_object",
        "libcloud_restore_aside",
        "libcloud_set_aside",
        "libcloud_put_back",
        "libcloud_delete_aside",
        "libcloud_change_vm",
        "libcloud_settle_vm",
        "libcloud_claim_vm",
        "libcloud_change_claimed_vm",
        "libcloud_settle_claim",
        "libcloud_expect_vm",
        "libcloud_take_out_host",
        "libcloud_put_in_host",
        "libcloud_accept_vm_cfg",
        "libcloud_discard_saved",
        "libcloud_set_control_interface",
        "libcloud_guarded_network_change",
        "libcloud_confirm_network_change",
        "ovs_bond_mode",
        "ovs_br_config",
        "ovs_change_mtu",
        "ovs_ip_config",
        "ovs_local_config",
        "ovs_vlan_bridge",
        "libcloud_take_bridge",
        "libcloud_release_bridge",
        "libcloud_remove_bridge",
        "libcloud_keep_bridge",
        "libcloud_watch_dhcp",
    }
)

# What the scripts of bridges say: agent-behaviour 2.
IS_BUSY = (
    "exceptions.RuntimeError:Command: ['/etc/xen/scripts/linuxbridge/{0}', 'start', 'bridge={1}'] "
    "failed (1): stderr: Start local network: Bridge {1} Is Busy"
)

_OF_AGENT = frozenset(
    f"{one}_vm"
    for one in (
        *("create", "configure", "delete", "start", "stop", "reboot", "pause", "unpause"),
        *("save", "restore"),
    )
)
_TEXT = "<type 'exceptions.Exception'>:refused by the test"


class Step(NamedTuple):
    """A call of an operation: the first of its name after a write (None: from the beginning).

    How often a wait looks depends on time, so calls cannot be numbered through an operation.
    """

    after: str | None
    function: str

    def __str__(self) -> str:
        return self.function if self.after is None else f"{self.function}-after-{self.after}"


def steps_of(calls: list[str]) -> list[Step]:
    """The steps of an operation, out of the calls of an undisturbed run. Those by which a VM gets
    its first claim are in the tables of test_claims_failures.py."""
    steps: dict[Step, None] = {}
    after = None
    for function in calls:
        if function in ("libcloud_claim_vm", "libcloud_settle_claim"):
            continue
        steps[Step(after, function)] = None
        if function in WRITES:
            after = function
    return list(steps)


def table_of(steps: list[Step]) -> list[Any]:
    """Each step with everything that can happen to it; a read has no effect to be early or late."""
    return [
        pytest.param(step, failure, id=f"{step}-{failure}")
        for step in steps
        for failure in (FAILURES if step.function in WRITES else READ_FAILURES)
    ]


def misbehave(sim: Simulator, failure: str, step: Step, **more: Any) -> Rule:
    """Make one step of the next operation fail. The rule counts how often it did (``hits``).

    A read that drops is sent once more by design; to make it fail at all, both have to drop.
    """
    dropped = failure in ("drop_before", "drop_after", "delayed")
    times = 2 if dropped and step.function not in WRITES else 1
    rule = Rule(failure, step.function, times=times, **more)
    if failure in ("fault", "fault_after"):
        rule.text = _TEXT
    if step.after is None:
        sim.add_rule(rule)
    else:
        arm = {"before": lambda: None, "after": lambda: sim.add_rule(rule)}
        sim.misbehave("hook", step.after, hook=lambda moment: arm[moment]())
    return rule


# How many changes through claims the creation of a node makes until each of these.
_OF_CREATION = {"create_vm": 1, "configure_vm": 2, "start_vm": 3}


def claimed(step: Step, failure: str, is_new: bool = False) -> tuple[Step, dict[str, int]]:
    """A step as it arrives where the VM has a claim, and more for :func:`misbehave`: the line to
    the module drops, while the fault of the agent's function is inside.

    :param is_new: whether the VM is being created.
    """
    if step.function not in _OF_AGENT or failure in ("fault", "fault_after"):
        return step, {}
    nth = _OF_CREATION[step.function] if is_new else 1
    return Step(step.after, CHANGE), {"nth": nth}


def sent_of(sim: Simulator) -> list[str]:
    """What has changed something, by the agent's function; without the looks of hosts at claims."""
    looks = ("libcloud_claim_vm", "libcloud_settle_claim")
    return [name for name in functions_of(sim) if name in WRITES and name not in looks]


def change_with_failure(
    sim: Simulator, failure: str, step: Step, action: Callable[[], Any]
) -> tuple[Ovm3Error | None, list[str]]:
    """Change the disks of a VM while a call fails; whatever lands late has landed afterwards.

    :return: what it raised, and the requests to change a definition that were sent.
    """
    sim.calls.clear()
    rule = misbehave(sim, failure, step)
    error = attempt(action)
    assert rule.hits, "the call that was to fail never came"
    sent = calls_of(sim, "configure_vm", "libcloud_change_vm", "libcloud_change_claimed_vm")
    land(sim)
    return error, sent


def attempt(action: Callable[[], Any]) -> Ovm3Error | None:
    """The error that it raises, if it does."""
    try:
        action()
    except Ovm3Error as error:
        return error
    return None


def land(sim: Simulator) -> None:
    """Whatever is late has its effect, and nothing fails any more."""
    sim.clear_misbehaviour()
    sim.flush_delayed()
    sim.wait(40)


def files_of(sim: Simulator) -> dict[str, str]:
    """The files of the repository but for the records of the host module."""
    found = fingerprints_of(sim.repository_path)
    return {path: print_ for path, print_ in found.items() if not path.startswith(".libcloud-ovm3")}


def check_sent_once(sim: Simulator) -> None:
    sent = [(c.function, str(c.arguments)) for c in sim.calls if c.function in WRITES]
    assert len(sent) == len(set(sent)), f"sent twice: {sent}"


def create_new(driver: Any, image_id: str, **options: Any) -> Any:
    """Create a VM of NEW_NAME."""
    image = NodeImage(image_id, "template", driver)
    return driver.create_node(NEW_NAME, driver.list_sizes()[0], image, **options)


def create_keyed(driver: Any, **options: Any) -> Any:
    """The same with a key, of the first image."""
    image, key = driver.list_images()[0], "order 4711"
    return driver.create_node(NEW_NAME, "tiny", image, **{"ex_idempotency_key": key, **options})


def create_of_iso(driver: Any, image_id: str, volume_id: str) -> Any:
    """The same of an ISO, with a volume."""
    return create_new(driver, image_id, ex_disk_gb=1, ex_volumes=[volume_id])


def check_what_is_left(
    sim: Simulator,
    before: dict[str, str],
    error: Ovm3Error | None,
    files: Callable[[Simulator], dict[str, str]] = lambda sim: fingerprints_of(sim.repository_path),
) -> None:
    """After the creation of NEW_NAME: no more than one VM, and nothing that is not named.

    :param before: fingerprints of the files of the repository.
    :param files: what reads them.
    """
    driver = driver_for(sim)
    directories = _new_directories(sim, before)
    found = [node for node in driver.list_nodes() if node.extra.get("directory") in directories]
    assert len(directories) <= 1
    assert len(found) == len(directories)
    now = files(sim)
    assert {path: now.get(path) for path in before} == before, "somebody else's files were touched"
    new_disks = {p for p in now if p.startswith("VirtualDisks/") and p not in before}
    if found:
        check_node(driver, found[0], error)
        quietly(driver.destroy_node, found[0])
        assert files(sim) == before, "destroy_node left something"
    else:
        left = error.left if isinstance(error, OperationIncomplete) else ()
        orphans = {orphan["path"] for orphan in driver.ex_list_orphans()}
        for disk in new_disks:
            assert any(path.endswith(disk) for path in left), "a disk that no error names"
            assert any(path.endswith(disk) for path in orphans), "a disk that is no orphan"


def check_node(driver: Any, node: Any, error: Ovm3Error | None) -> None:
    assert node.state in (NodeState.PENDING, NodeState.STOPPED, NodeState.RUNNING)
    if error is not None:
        assert isinstance(error, OperationIncomplete), f"{error!r} says that nothing is left"
        assert node.id in error.left
        assert node.id in str(error)
    if node.state == NodeState.STOPPED:  # complete: it can be started
        assert node.name == NEW_NAME
        assert driver.start_node(node) is True


def _new_directories(sim: Simulator, before: dict[str, str]) -> set[str]:
    old = {Path(path).parts[1] for path in before if path.startswith("VirtualMachines/")}
    folder = sim.repository_path / "VirtualMachines"
    return {path.name for path in folder.iterdir() if path.is_dir()} - old
