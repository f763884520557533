"""``ovm3`` as a separate process, over a real socket."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.clock import Clock
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import OVM3, address, heed_ctrl_c, invoke, options, run
from tests.support import driver_for


@pytest.fixture
def pool() -> Iterator[Simulator]:
    with Simulator(hosts=3, speed=100) as sim:
        yield sim


def test_hosts(pool: Simulator) -> None:
    done = run("host", "list", *options(pool), password=pool.password)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (
        lines[0].split("\t")
        == "host address status free/memory VMs CPUs agent Xen master booted".split()
    )
    cells = [line.split("\t") for line in lines[1:]]
    assert [(row[0], row[-2]) for row in cells] == [
        ("ovm-1", "yes"),
        ("ovm-2", "-"),
        ("ovm-3", "-"),
    ]
    assert "/4.0 GB" in lines[1]
    assert "\x1b" not in done.stdout, "plain text when the output is no terminal"
    assert done.stderr == ""


def test_hosts_without_all_pins(pool: Simulator) -> None:
    done = run("host", "list", *options(pool, 0), password=pool.password)
    assert done.returncode == 0
    assert done.stdout.count("unverified") == 2
    assert f"ovm3 host certificate {pool.hosts[1].address}:{pool.hosts[1].port}" in done.stderr
    plain = ["--host", f"{pool.hosts[0].address}:{pool.hosts[0].port}"]
    plain += ["--fingerprint", pool.hosts[0].fingerprint]
    assert run("host", "list", *plain, password=pool.password).stdout.count("unverified") == 2


def test_nodes_and_images(pool: Simulator, tmp_path: Path) -> None:
    pool.add_vm("odd [bold]name[/bold] #1")
    file = tmp_path / "password"
    file.write_text(pool.password + "\n")
    done = run("vm", "list", *options(pool), "--password-file", str(file))
    assert done.returncode == 0, done.stderr
    assert "odd [bold]name[/bold] #1" in done.stdout
    assert [word for word in done.stdout.split() if word in ("running", "stopped")] == [
        "stopped",
        "running",
        "running",
    ]
    done = run("image", "list", *options(pool), "--password-file", str(file))
    assert "oracle-linux-6.raw" in done.stdout
    assert "iso" in done.stdout


def test_pin(pool: Simulator) -> None:
    host = pool.hosts[1]
    done = run("host", "certificate", f"{host.address}:{host.port}")
    assert done.returncode == 0, done.stderr
    assert host.fingerprint in done.stdout
    assert pool.calls == []
    assert pool.refused == []
    dead = run("host", "certificate", f"{host.address}:1", "--timeout", "2")
    assert dead.returncode == 1
    assert "refused" in dead.stderr


def test_pin_says_what_an_old_host_needs() -> None:
    """With these options it works."""
    with Simulator(hosts=1, speed=100, tls="1.0") as sim:
        where, pin = address(sim), sim.hosts[0].fingerprint
        done = run("host", "certificate", where)
        assert done.returncode == 0, done.stderr
        assert "TLS          TLSv1, " in done.stdout
        assert f"--host {where} --fingerprint {pin} --tls-minimum TLSv1\n" in done.stdout
        assert f""""{pin}"}}, ex_tls_minimum='TLSv1'\n""" in done.stdout
        refused = run("host", "list", "--host", where, "--fingerprint", pin, password=sim.password)
        assert refused.returncode == 1
        assert "--tls-minimum TLSv1" in refused.stderr
        done = run("host", "list", "--host", where, "--fingerprint", pin, "--tls-minimum", "TLSv1",
                   password=sim.password)  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["host", "list"], 2, "--host"),
        (["host", "list", "--host", "https://x"], 2, "URLs and credentials are not"),
        (["host", "list", "--host", "x", "--fingerprint", "12"], 2, "SHA-256"),
        (["host", "list", "--host", "127.0.0.9:1"], 1, "cannot be reached"),
        (["host", "certificate", "a b"], 2, "host"),
        (
            ["host", "certificate", "127.0.0.9:1", "--timeout", "inf"],
            2,
            "--timeout inf: expected seconds",
        ),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_errors_are_one_line_without_a_traceback(
    arguments: list[str], code: int, text: str
) -> None:
    done = run(*arguments, password="pw")
    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_password_and_a_wrong_certificate(pool: Simulator) -> None:
    done = run("host", "list", *options(pool), password="wrong-one")
    assert done.returncode == 1
    assert "rejected user and password" in done.stderr
    assert "wrong-one" not in done.stderr
    pool.hosts[0].replace_certificate()
    stale = f"{pool.hosts[0].address}={'0' * 64}"
    done = run("host", "list", "--host", f"{pool.hosts[0].address}:{pool.hosts[0].port}",
               "--fingerprint", stale, password=pool.password)  # fmt: skip
    assert done.returncode == 1
    assert "ovm3 host certificate" in done.stderr


def test_a_disk_that_was_set_aside_is_put_back() -> None:
    """As left by a client that crashed between setting it aside and deleting it."""
    with Simulator(hosts=2, vms=0, speed=100, host_module=True) as sim:
        disk = sim.repository_path / "VirtualDisks" / "data.img"
        disk.write_bytes(b"precious")
        path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/data.img"
        module = HostModule(driver_for(sim, ex_clock=Clock()).connection)
        module.set_aside("tests", "0" * 32, path)
        assert not disk.exists()
        done = run("disk", "orphans", *options(sim), password=sim.password)
        assert path in done.stdout
        assert "0" * 32 in done.stdout
        warned = run("vm", "list", *options(sim), password=sim.password).stderr
        assert f"`ovm3 disk put-back '{path}' " in warned
        assert "ex_" not in warned
        done = run("disk", "put-back", *options(sim), path, "0" * 32, password=sim.password)
        assert (done.returncode, done.stdout) == (0, f"{path} was restored\n"), done.stderr
        assert disk.read_bytes() == b"precious"
        done = run("disk", "put-back", *options(sim), path, "0" * 32, password=sim.password)
        assert done.returncode == 1
        assert "set aside" in done.stderr


def test_demo() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for text in ("list_locations (21 agent calls", "create_node db-1", "stop_node web-1",
                 "reboot_node web-2", "destroy_node db-1", "0 orphaned disks"):  # fmt: skip
        assert text in done.stdout
    hosts = {
        line.split()[2] for line in done.stdout.splitlines() if line.startswith(("web-", "app-"))
    }
    assert len(hosts) >= 3, "nodes are spread over the hosts"
    assert "\x1b" not in done.stdout


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [*OVM3, "demo", "--speed", "1"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509 (one call, nothing that could deadlock)
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "create_node" in line:
            break
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=120)
    assert demo.returncode == 130
    assert "Interrupted: the simulated hosts and their VMs are removed." in err
    assert list(tmp_path.iterdir()) == [], "the simulator's files are gone"


def test_help_lists_a_command_s_own_options_first() -> None:
    for words, own in (("vm stop", "--force"), ("doctor", "--bundle"), ("host install", "--ssl")):
        status, output = invoke(*words.split(), "--help")
        first, _, connection = output.partition("Connection (see `ovm3 estate`):")
        assert (status, own in first, "--help" in first) == (0, True, True)
        assert "--fingerprint" not in first
        assert all(
            f"\n  {one} " in connection for one in ("--password-file", "--ca-cert", "--user")
        )
