"""deploy_node, whole: the key in the seed that the driver made lets it in at a real sshd, which
stands for the guest at the address that a simulated host has seen of it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import NodeAuthSSHKey
from libcloud.compute.deployment import ScriptDeployment
from libcloud.compute.types import DeploymentError

from libcloud_ovm3.simulator import Simulator
from tests import sshd
from tests.guests import meta_of, seeds_in
from tests.support import driver_for, simulate

ADDRESS, MAC, BRIDGE = "127.0.9.7", "00:21:f6:00:00:01", "10e69b4de3"
_CONFIG = """\
AuthorizedKeysFile {folder}/authorized_keys
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[int]:
    """An sshd that lets nobody in yet; its port."""
    sshd.make_keys(tmp_path, ("host_key", "key", "other"))
    with sshd.running(tmp_path, [ADDRESS], _CONFIG.format(folder=tmp_path)) as port:
        yield port


def boot_with_the_seed(sim: Simulator, folder: Path) -> None:
    """Let the next guest that is started do with its seed what cloud-init does with public keys."""

    def started(moment: str) -> None:
        if moment == "after":
            newest = max(seeds_in(sim), key=lambda file: file.stat().st_mtime_ns)
            keys = meta_of(sim, newest.stem)["public-keys"]
            (folder / "authorized_keys").write_text("\n".join([*keys, ""]))

    sim.misbehave("hook", "start_vm", hook=started)


def deploy(sim: Simulator, guest: int, folder: Path, task: Any, name: str, **more: Any) -> Any:
    driver = driver_for(sim, ex_public_networks=[BRIDGE])  # so libcloud's default is right
    return driver.deploy_node(
        task,
        ssh_username=getpass.getuser(),
        ssh_port=guest,
        name=name,
        size="tiny",
        image=driver.list_images()[0],
        auth=NodeAuthSSHKey((folder / "key.pub").read_text()),
        ex_networks=[{"network": BRIDGE, "mac": MAC}],
        **more,
    )


def test_it_logs_in_with_the_key_of_the_seed_and_runs_a_script(guest: int, tmp_path: Path) -> None:
    script = ScriptDeployment(
        f"#!/bin/sh\ncat {tmp_path}/given; echo $0 \"$1\" >&2; printf 'caf\\351'; exit 7",
        args=["two"],
        name=f"{tmp_path}/script.sh",
        delete=True,
    )
    (tmp_path / "given").write_text("from the guest\n")
    with simulate(1, vms=0, host_module=True) as sim:
        sim.set_guest_address(MAC, ADDRESS)
        boot_with_the_seed(sim, tmp_path)
        node = deploy(sim, guest, tmp_path, script, "web-1", ssh_key=str(tmp_path / "key"))
        assert node.state == "running"
        assert node.public_ips == [ADDRESS]
        assert node.destroy()
        assert seeds_in(sim) == []
    assert (script.exit_status, script.stderr) == (7, f"{tmp_path}/script.sh two\n")
    assert script.stdout.startswith("from the guest\ncaf")
    assert not (tmp_path / "script.sh").exists()


def test_another_key_is_not_let_in_and_the_node_stays(guest: int, tmp_path: Path) -> None:
    with simulate(1, vms=0, host_module=True) as sim:
        sim.set_guest_address(MAC, ADDRESS)
        boot_with_the_seed(sim, tmp_path)
        more = {"ssh_key": str(tmp_path / "other"), "timeout": 1, "ssh_timeout": 5}
        with pytest.raises(DeploymentError, match="Could not connect to the remote SSH") as caught:
            deploy(sim, guest, tmp_path, ScriptDeployment("true"), "web-2", **more)
        [node] = driver_for(sim).list_nodes()
        assert (caught.value.node.id, node.state) == (node.id, "running")
