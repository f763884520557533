"""A real guest under a simulated host: Debian with its own kernel, cloud-init and sshd, in QEMU.

Run by ``make test-guest``, in a network namespace of its own, as it makes a bridge.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from libcloud.compute.base import NodeAuthSSHKey
from libcloud.compute.deployment import ScriptDeployment
from libcloud.compute.types import NodeState

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.simulator import Simulator
from tests.guests import seeds_in
from tests.simulator.plainclient import client
from tests.support import driver_for

pytestmark = pytest.mark.guest

GATEWAY, ADDRESS = "192.0.2.1", "192.0.2.10"
LIMIT = 400  # seconds for a boot: its processor is emulated. The whole test has 600 (Makefile)
USER_DATA = """\
#cloud-config
write_files:
  - {path: /etc/from-the-seed, content: "it was read\\n"}
"""
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# What the guest says of itself, once all of its boot has ended.
SCRIPT = """\
#!/bin/sh
cloud-init status --wait
cat /var/lib/cloud/data/instance-id
hostname
cat /etc/from-the-seed
ip -4 -o address show dev eth0 | awk '{print $4}'
exit 3
"""


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    """One host with the image as a template, and this machine's bridge for its guests."""
    image = Path(os.environ["OVM3_GUEST_IMAGE"])
    times = {"minimum_restart_seconds": 5, "reboot_gap": 10}
    with Simulator(1, vms=0, templates=0, host_module=True, machines="qemu", **times) as simulator:
        template = simulator.repository_path / "Templates/debian-12.raw"
        subprocess.run(["cp", "--sparse=always", image, template], check=True)
        ip("link", "add", bridge(simulator), "type", "bridge")
        try:
            ip("address", "add", f"{GATEWAY}/24", "dev", bridge(simulator))
            ip("link", "set", bridge(simulator), "up")
            yield simulator
        finally:
            ip("link", "delete", bridge(simulator))
            for log in simulator.root.glob("hosts/0/guests/*/*.log"):
                sys.stdout.write(log.read_text(errors="replace")[-5000:])  # shown if it failed


@pytest.fixture
def driver(sim: Simulator) -> OVM3NodeDriver:
    return driver_for(sim)


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    """A private key in a file, and the line of its public key."""
    private = Ed25519PrivateKey.generate()
    form = (serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    path = tmp_path / "key"
    path.write_bytes(private.private_bytes(serialization.Encoding.PEM, *form))
    kinds = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return path, private.public_key().public_bytes(*kinds).decode()


def ip(*words: str) -> Any:
    done = subprocess.run(["ip", "-j", *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]")


def bridge(sim: Simulator) -> str:
    """The management bridge: in the simulated host, and on this machine."""
    return next(iter(sim.hosts[0].records["network"]["bridges"]))


def taps(sim: Simulator) -> list[str]:
    return [link["ifname"] for link in ip("link", "show", "master", bridge(sim))]


def processes(sim: Simulator) -> list[int]:
    """The processes that have a file of this simulator open for a guest."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode()
            if "-no-reboot" in line and str(sim.root) in line:
                found.append(int(folder.name))
    return found


def eventually(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def answers() -> bool:
    """Whether the guest's sshd answers."""
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, 22), 5) as connection:
        connection.settimeout(5)
        return connection.recv(4) == b"SSH-"
    return False


def in_guest(key: Path, command: str) -> str:
    """Run a command in the guest, once it lets root in; what it prints."""
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        eventually(lambda: logged_in(client, key))
        _, output, _ = client.exec_command(command, timeout=LIMIT)
        return str(output.read().decode())


def logged_in(client: paramiko.SSHClient, key: Path) -> bool:
    limits = {"timeout": 10, "banner_timeout": 60, "auth_timeout": 60}
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        client.connect(ADDRESS, username="root", key_filename=str(key), **limits)
        return True
    return False


def domids(sim: Simulator) -> list[int]:
    return [domain["domid"] for domain in sim.domains(0)]


def test_a_guest_from_its_creation_to_its_end(
    sim: Simulator, driver: OVM3NodeDriver, key: tuple[Path, str]
) -> None:
    private, public = key
    script = ScriptDeployment(SCRIPT)
    node = driver.deploy_node(
        deploy=script,
        name="Web 1",
        size="tiny",
        image=next(each for each in driver.list_images() if each.name == "debian-12"),
        auth=NodeAuthSSHKey(public),
        ex_cpus=2,
        ex_networks=[{"network": bridge(sim), "address": f"{ADDRESS}/24", "gateway": GATEWAY}],
        ex_userdata=USER_DATA,
        ssh_username="root",
        ssh_key=str(private),
        ssh_interface="private_ips",
        ssh_timeout=60,
        timeout=LIMIT,
        wait_period=1,
    )
    assert script.exit_status == 3
    lines = [line.strip(" .\r") for line in script.stdout.splitlines()]
    expected = ["status: done", node.id, "web-1", "it was read", f"{ADDRESS}/24"]
    assert lines[-5:] == expected, script.stdout

    # The address was recorded for it; without that, the host has it in its neighbour table.
    [card] = driver.ex_list_nics(node)
    driver.ex_update_nic(node, card, ex_address=[])
    [seen] = driver.list_nodes()[0].extra["addresses"]
    assert (seen["address"], seen["source"]) == (ADDRESS, "neighbours")
    assert seen["mac"] == card.mac

    # A paused guest does not answer, and goes on where it was.
    agent, of_it = client(sim), (sim.repository_id, node.extra["directory"])
    agent.pause_vm(*of_it)
    eventually(lambda: not answers())
    agent.unpause_vm(*of_it)
    eventually(answers)

    # The seed is taken out of the running guest's drive, as docs/guest-configuration.md says.
    boot = in_guest(private, f"touch /etc/cloud/cloud-init.disabled; {BOOT_ID}")
    assert len(seeds_in(sim, node.id)) == 1
    assert driver.ex_remove_seed(node)
    assert seeds_in(sim) == []
    assert domids(sim) == [1]

    # A reboot inside is xend's: the old domain is off the list for a time, then there is another.
    # The guest is what it was.
    assert "No medium found" in in_guest(private, "head -c 1 /dev/sr0 2>&1; systemctl reboot")
    eventually(lambda: domids(sim) == [])
    assert (processes(sim), taps(sim)) == ([], [])
    eventually(lambda: domids(sim) == [2])
    rebooted = in_guest(private, f"cat /etc/from-the-seed; {BOOT_ID}").split("\n", 1)
    assert rebooted[0] == "it was read"
    assert rebooted[1] != boot

    # A graceful stop is the power button: the guest has unmounted its disk.
    assert driver.stop_node(node)
    assert driver.list_nodes()[0].state == NodeState.STOPPED
    assert (processes(sim), taps(sim)) == ([], [])
    [disk] = (sim.repository_path / "VirtualDisks").glob("*")
    header = subprocess.run(["dumpe2fs", "-h", disk], capture_output=True, text=True, check=True)
    assert "Filesystem state:         clean" in header.stdout

    # Destroyed while it boots, it leaves nothing.
    driver.start_node(node)
    eventually(lambda: len(taps(sim)) == 1)
    assert len(processes(sim)) == 1
    assert driver.destroy_node(node)
    assert (processes(sim), taps(sim)) == ([], [])
    assert not disk.exists()
    assert driver.list_nodes() == []
