"""``ovm3 estate``: against simulated hosts."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from pathlib import Path
from unittest import mock

import pytest
import yaml

from libcloud_ovm3.agent.address import Address, parse_address
from libcloud_ovm3.agent.tls import HostTrust
from libcloud_ovm3.cli import estate_add
from libcloud_ovm3.cli.estate_add import Presented
from libcloud_ovm3.diagnostics.collect import Certificate
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.cli.estates import addresses, invoke, save, saved
from tests.cli.running import OVM3, address, pins
from tests.support import driver_for, pins_of, resolve_to

ON_THE_HOST = "openssl x509 -in /etc/ovs-agent/cert/certificate.pem -noout -fingerprint -sha256"
MATCH = "Do all fingerprints match those that the commands print? [y/N]:"


# ------------------------------------------------------------------ add


def test_the_first_hour_of_a_newcomer(pool: Simulator, file: Path) -> None:
    """Set up once, then no options; also from Python."""
    status, out = invoke("estate", "add", "lab", address(pool), typed=f"y\n{pool.password}\ny\n")
    assert status == 0, out
    assert out.count(MATCH) == 2, "nothing is sent to the first host before the first yes"
    assert out.count(f"  on the host  {ON_THE_HOST}\n") == 3
    assert f"  by SSH       ssh root@{pool.hosts[2].address} {ON_THE_HOST}\n" in out
    for host in pool.hosts:
        assert host.fingerprint in out.replace(":", "").lower()
    assert pool.password not in out
    assert f"estate lab with 3 hosts saved in {file}\n" in out
    assert saved(file) == {
        "hosts": addresses(pool),
        "user": "oracle",
        "pins": dict(zip(addresses(pool), pins_of(pool).values(), strict=True)),
        "password_file": "lab.password",
    }, "and no key of an option that was not given"
    assert file.with_name("lab.password").stat().st_mode & 0o777 == 0o600
    status, out = invoke("vm", "list")
    assert status == 0, out
    assert "seed-1" in out
    assert "warning" not in out
    status, out = invoke("doctor")
    assert "the agent accepts user and password" in out


def test_networks_and_the_repository_of_keys_are_saved_and_used(
    pool: Simulator, file: Path
) -> None:
    add = ("estate", "add", "lab", address(pool), "--yes")
    labels = ("--traffic-label", "guest=bond0", "--traffic-label", "public=bond1")
    more = ("--default-network", "guest:100", "--public-network", "public")
    more += ("--keys-repository", "MyRepo", "--watch-dhcp", "--containers-repository", "MyRepo")
    for wrong, text in (
        (("--traffic-label", "guest"), "'guest': expected LABEL=INTERFACE"),
        (("--traffic-label", "guest=a", "--traffic-label", "guest=b"), "once per label"),
        (("--traffic-label", "lan=bond0"), "--traffic-label: unknown label 'lan'"),
        (("--keys-repository", ""), "--keys-repository '': expected the id or the alias"),
        (("--containers-repository", ""), "--containers-repository '': expected the id or the"),
        (("--default-network", "guest:100"), "--traffic-label does not say which interface"),
    ):
        status, out = invoke(*add, *wrong, OVM3_PASSWORD=pool.password)
        assert (status, text in out, file.exists()) == (2, True, False), out
    assert pool.calls == []
    status, out = invoke(*add, *labels, *more, OVM3_PASSWORD=pool.password)
    assert status == 0, out
    entry = saved(file)
    assert entry["traffic_labels"] == {"guest": "bond0", "public": "bond1"}
    assert (entry["default_network"], entry["public_networks"]) == ("guest:100", ["public"])
    assert (entry["keys_repository"], entry["watch_dhcp"]) == ("MyRepo", True)
    assert entry["containers_repository"] == "MyRepo"
    assert invoke("vm", "list")[0] == 0
    status, out = invoke("vm", "list", "--traffic-label", "public=bond1")
    assert (status, "does not say which interface carries 'guest'" in out) == (2, True)


def test_the_certificates_are_above_the_question_in_a_pipe(pool: Simulator, file: Path) -> None:
    """As with ``| tee log``: nobody can compare what is written after the answer."""
    done = subprocess.run(
        [*OVM3, "estate", "add", "lab", address(pool)],
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 < done.stdout.find(ON_THE_HOST) < done.stdout.find(MATCH), done.stdout


def test_a_host_that_was_installed_anew(pool: Simulator, file: Path) -> None:
    """Its page: the line that `ovm3 host certificate` prints belongs into the file."""
    save(pool)
    before = pool.hosts[1].fingerprint
    pool.hosts[1].replace_certificate()
    status, out = invoke("doctor")
    assert (status, "correct its pin in the file that `ovm3 estate show` names" in out) == (1, True)
    _, shown = invoke("host", "certificate", address(pool, 1))
    [line] = [line for line in shown.splitlines() if line.startswith("saved estate ")]
    host, _, pin = line.removeprefix("saved estate ").rpartition(": ")
    assert host == address(pool, 1)
    file.write_text(file.read_text().replace(before, pin))
    status, out = invoke("host", "list")
    assert (status, "certificate" in out) == (0, False), out


def test_no_means_that_nothing_was_sent(pool: Simulator, file: Path) -> None:
    for typed in ("n\n", "\n", ""):
        status, out = invoke("estate", "add", "lab", address(pool), typed=typed, OVM3_PASSWORD="x")
        assert status == (1 if typed else 2)
        no = "Nothing was saved, and no password was sent"
        assert (no if typed else "nobody answered the question: nothing was saved; add") in out
    assert (pool.calls, pool.refused) == ([], [])
    assert not file.exists()
    status, out = invoke("estate", "add", "lab", address(pool), typed=f"y\n{pool.password}\nn\n")
    assert status == 1
    assert {call.host_index for call in pool.calls} == {0}
    assert not file.exists()
    assert not file.with_name("lab.password").exists()


def test_one_question_with_a_fingerprint_and_none_with_all(pool: Simulator, file: Path) -> None:
    add = ("estate", "add", "lab", address(pool))
    first = ("--fingerprint", f"SHA256 Fingerprint={pool.hosts[0].fingerprint.upper()}")
    status, out = invoke(*add, *first, typed="y\n", OVM3_PASSWORD=pool.password)
    assert (status, out.count(MATCH)) == (0, 1), out
    invoke("estate", "remove", "lab", "--yes")
    status, out = invoke(*add, *pins(pool), OVM3_PASSWORD=pool.password)
    assert (status, out.count(MATCH)) == (0, 0), out
    assert len(saved(file)["hosts"]) == 3  # type: ignore[arg-type]


def test_one_question_if_all_members_are_named(pool: Simulator, file: Path) -> None:
    hosts = [address(pool, index) for index in range(3)]
    status, out = invoke("estate", "add", "lab", *hosts, typed="y\n", OVM3_PASSWORD=pool.password)
    assert (status, out.count(MATCH)) == (0, 1), out
    assert len(saved(file)["pins"]) == 3  # type: ignore[arg-type]


def test_yes_without_pins_is_loud(pool: Simulator, file: Path) -> None:
    status, out = invoke("estate", "add", "lab", address(pool), "--yes",
                         OVM3_PASSWORD=pool.password)  # fmt: skip
    assert status == 0, out
    assert f"warning: --yes: accepted without comparison: {address(pool)}." in out
    assert f"accepted without comparison: {address(pool, 1)}, {address(pool, 2)}." in out
    assert len(saved(file)["pins"]) == 3  # type: ignore[arg-type]


def test_another_certificate_than_the_one_given(pool: Simulator, file: Path) -> None:
    for option in (f"{'a' * 64}", f"{pool.hosts[2].address}={'a' * 64}"):
        given = ("--fingerprint", option)
        status, out = invoke("estate", "add", "lab", address(pool), *given, "--yes",
                             OVM3_PASSWORD=pool.password)  # fmt: skip
        assert status == 1
        assert "nothing was saved: the SHA-256 of its certificate is" in out
    assert {call.host_index for call in pool.calls} <= {0}
    assert not file.exists()


def test_a_pin_counts_for_a_copy_of_the_first_host_too(
    pool: Simulator, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that presents a certificate that was accepted, and not the one that was given."""
    read, first = estate_add.read_presented, parse_address(address(pool))
    monkeypatch.setattr(estate_add, "read_presented", lambda one: read(first)._replace(address=one))
    given = ("--fingerprint", f"{pool.hosts[1].address}={'a' * 64}")
    status, out = invoke("estate", "add", "lab", address(pool), *pins(pool, 0), *given, "--yes",
                         OVM3_PASSWORD=pool.password)  # fmt: skip
    assert (status, "not the one that was given" in out) == (1, True), out
    assert not file.exists()


def test_a_wrong_password_saves_nothing(pool: Simulator, file: Path) -> None:
    status, out = invoke("estate", "add", "lab", address(pool), "--yes", OVM3_PASSWORD="wrong-one")
    assert status == 1
    assert "rejected user and password" in out
    assert "wrong-one" not in out
    assert not file.exists()


@pytest.mark.parametrize("given", ["file", "command", "none"])
def test_where_the_password_comes_from(pool: Simulator, file: Path, given: str) -> None:
    secret = file.parent.parent / "secret"
    secret.touch(mode=0o600)
    secret.write_text(pool.password)
    options = {
        "file": ["--password-file", str(secret)],
        "command": ["--password-command", f"cat {secret}"],
        "none": ["--no-save-password"],
    }[given]
    status, out = invoke("estate", "add", "lab", address(pool), *pins(pool), *options,
                         typed=f"{pool.password}\n")  # fmt: skip
    assert status == 0, out
    assert not file.with_name("lab.password").exists()
    entry = saved(file)
    assert (entry.get("password_file"), entry.get("password_command")) == {
        "file": (str(secret), None),
        "command": (None, f"cat {secret}"),
        "none": (None, None),
    }[given]
    status, out = invoke("vm", "list", typed="" if given != "none" else f"{pool.password}\n")
    assert status == 0, out
    assert ("Agent password for " in out) is (given == "none")


def test_an_estate_with_a_dead_member(pool: Simulator, file: Path) -> None:
    pool.hosts[2].kill()
    status, out = invoke("estate", "add", "lab", address(pool), "--yes",
                         OVM3_PASSWORD=pool.password)  # fmt: skip
    assert status == 0, out
    assert f"warning: {address(pool, 2)} is a member of the pool, but its certificate" in out
    assert saved(file)["hosts"] == addresses(pool)[:2]
    assert address(pool, 2) not in saved(file)["pins"]  # type: ignore[operator]
    invoke("estate", "remove", "lab", "--yes")
    status, out = invoke("estate", "add", "lab", address(pool), *pins(pool),
                         OVM3_PASSWORD=pool.password)  # fmt: skip
    assert (status, "saved with the pin that was given" in out) == (0, True), out
    assert saved(file)["pins"][address(pool, 2)] == [pool.hosts[2].fingerprint]  # type: ignore[index]


@pytest.mark.parametrize("only", [(), ("--only",)])
def test_a_pin_for_no_host_is_a_mistake(pool: Simulator, file: Path, only: tuple[str, ...]) -> None:
    """It was to verify something, and verifies nothing."""
    wrong = f"{pool.hosts[0].address}0={pool.hosts[0].fingerprint}"
    status, out = invoke("estate", "add", "lab", address(pool), *pins(pool)[:2], *only,
                         "--fingerprint", wrong, "--yes", OVM3_PASSWORD=pool.password)  # fmt: skip
    assert status == 2
    assert f"{pool.hosts[0].address}0 is none of these hosts: {address(pool)}" in out
    assert not file.exists()


def test_a_member_that_only_another_member_lists(pool: Simulator, file: Path) -> None:
    """It is asked for like the others; its own pin and password count too. No sends it nothing."""
    hosts = [host.address for host in pool.hosts]
    estate = driver_for(pool)._estate
    for index, listed in ((0, hosts[:2]), (2, hosts[2:])):
        where = Address(hosts[index], pool.hosts[index].port)
        estate.agent(where).serverpool.set_pool_member_ip_list(listed)
    estate.agent(where).call("update_agent_password", "oracle", "another", pool.password)
    before = len(pool.calls)
    add = ("estate", "add", "lab", address(pool))
    status, out = invoke(*add, typed=f"y\n{pool.password}\ny\nn\n")
    assert (status, out.count(MATCH)) == (1, 3), out
    assert "no password was sent to these hosts" in out
    assert {call.host_index for call in pool.calls[before:]} == {0, 1}
    assert not pool.refused
    assert not file.exists()
    own = file.parent.parent / "own"
    own.touch(mode=0o600)
    own.write_text("another\n")
    given = (*pins(pool, 2), "--password-file", f"{address(pool, 2)}={own}")
    status, out = invoke(*add, *given, typed=f"y\n{pool.password}\ny\n")
    assert (status, out.count(MATCH)) == (0, 2), out
    assert saved(file)["hosts"] == addresses(pool)
    assert saved(file)["pins"] == dict(zip(addresses(pool), pins_of(pool).values(), strict=True))
    assert "warning" not in invoke("vm", "list")[1]


def test_a_member_with_another_password(pool: Simulator, file: Path) -> None:
    """It is named; with a file for this host it works."""
    agent = driver_for(pool)._estate.agent(Address(pool.hosts[2].address, pool.hosts[2].port))
    agent.call("update_agent_password", "oracle", "another", pool.password)
    add = ("estate", "add", "lab", address(pool), *pins(pool))
    status, out = invoke(*add, OVM3_PASSWORD=pool.password)
    assert status == 0, out
    assert f"warning: {address(pool, 2)}: " in out
    assert f"--password-file {pool.hosts[2].address}=FILE" in out
    invoke("estate", "remove", "lab", "--yes")
    own = file.parent.parent / "own"
    own.touch(mode=0o600)
    own.write_text("another\n")
    given = ("--password-file", f"{address(pool, 2)}={own}")
    status, out = invoke(*add, *given, OVM3_PASSWORD=pool.password)
    assert (status, f"warning: {address(pool, 2)}" in out) == (0, False), out
    assert saved(file)["password_files"] == {address(pool, 2): str(own)}
    assert "warning" not in invoke("vm", "list")[1]


def test_a_password_for_no_host_is_a_mistake(pool: Simulator, file: Path) -> None:
    """The host that was meant would get the usual one."""
    own = file.parent.parent / "own"
    own.touch(mode=0o600)
    own.write_text(pool.password)
    given = ("--password-file", f"ovm-9={own}")
    add = ("estate", "add", "lab", address(pool), *pins(pool), *given)
    status, out = invoke(*add, OVM3_PASSWORD=pool.password)
    assert status == 2
    assert f"--password-file: ovm-9 is none of these hosts: {address(pool)}, " in out
    assert "nothing was saved" in out
    assert not file.exists()


def test_a_password_for_a_name_is_saved_for_the_pool_s_address(
    pool: Simulator, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is what is asked from then on."""
    resolve_to(monkeypatch, {"ovm-1.example": [pool.hosts[0].address]})
    own = file.parent.parent / "own"
    own.write_text(pool.password)
    own.chmod(0o600)
    name = f"ovm-1.example:{pool.hosts[0].port}"
    status, out = invoke("estate", "add", "lab", name.upper(), "--yes",
                         "--password-file", f"OVM-1.example={own}",
                         "--password-file", str(own))  # fmt: skip
    assert status == 0, out
    kept = {"ovm-1.example": str(own), address(pool): str(own)}
    assert (saved(file)["password_files"], saved(file)["hosts"]) == (kept, addresses(pool))
    assert "warning" not in invoke("vm", "list")[1]


def test_a_folder_that_cannot_be_made_is_named_before_anybody_is_asked(pool: Simulator) -> None:
    folder = "/dev/null/config"
    for command in (("add", "lab", address(pool)), ("use", "lab")):
        status, out = invoke("estate", *command, XDG_CONFIG_HOME=folder)
        assert status == 1
        assert out == (
            f"Error: estates cannot be saved in {folder}/libcloud-ovm3: Not a directory: make this "
            "folder writable, or name the folder above another one in XDG_CONFIG_HOME\n"
        )
    assert pool.connections == 0


def test_what_old_hosts_need_is_saved(file: Path) -> None:
    with Simulator(hosts=1, speed=100, tls="1.0") as sim:
        status, out = invoke("estate", "add", "old", address(sim), "--yes",
                             OVM3_PASSWORD=sim.password)  # fmt: skip
        assert status == 0, out
        assert "saved for these hosts: tls_minimum: TLSv1" in out
        assert saved(file, "old")["tls_minimum"] == "TLSv1"
        assert invoke("vm", "list")[0] == 0


def test_a_ca_verifies_all(pool: Simulator, file: Path) -> None:
    """Here a file with the certificates themselves."""
    ca = file.parent.parent / "ca.pem"
    for index, host in enumerate(pool.hosts):
        pem = ssl.get_server_certificate((host.address, host.port))
        ca.write_text((ca.read_text() if index else "") + pem)
    names = {f"{host.address}": f"ovm-{number}" for number, host in enumerate(pool.hosts, 1)}
    status, out = invoke("estate", "add", "lab", address(pool), "--ca-cert", str(ca),
                         "--tls-server-name", ",".join(f"{k}={v}" for k, v in names.items()),
                         OVM3_PASSWORD=pool.password)  # fmt: skip
    assert (status, out.count(MATCH)) == (0, 0), out
    assert saved(file)["ca_cert"] == str(ca)
    assert "pins" not in saved(file)
    assert "warning" not in invoke("vm", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["../x", "ovm-1"], "not a valid name"),
        (["lab", "https://x"], "URLs and credentials are not"),
        (["lab", "a", "b", "--fingerprint", "ab" * 32], "expected HOST=SHA256"),
        (["lab", "a", "--fingerprint", "ab" * 20], "SHA-1 fingerprint, which is too weak"),
        (["other", "a"], "there is an estate 'other' "),
        (["OTHER", "a"], "there is an estate 'other' "),
        (
            ["lab", "a", "--only", "--password-file", "b=f"],
            "--password-file: b is none of these hosts",
        ),
        (["lab", "a", "--password-file", "none"], "--password-file 'none': No such file"),
        (["lab"], "HOST"),
    ],
)
def test_wrong_arguments_contact_nobody(file: Path, arguments: list[str], text: str) -> None:
    add_estate("other", {"hosts": ["x"]}, None, is_default=False)
    with mock.patch.object(estate_add, "shown", side_effect=AssertionError):
        status, out = invoke("estate", "add", *arguments)
    assert status == 2
    assert text in out


def test_names_become_the_addresses_of_the_pool() -> None:
    """Unless that is not certain: two hosts may have the same certificate."""

    def presented(host: str, pin: str) -> Presented:
        return Presented(Address(host, 8899), Certificate("TLSv1.2", pin), HostTrust())

    name, other = presented("ovm-1", "a"), presented("ovm-9", "z")
    members = [presented("192.0.2.1", "a"), presented("192.0.2.2", "b")]
    twins = [*members, presented("192.0.2.3", "a")]
    hosts = [one.host for one in estate_add.entry_hosts([name, other], members)]
    assert hosts == ["192.0.2.1", "ovm-9", "192.0.2.2"]
    hosts = [one.host for one in estate_add.entry_hosts([name], twins)]
    assert hosts == ["ovm-1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]


# ------------------------------------------------------------------ list, show, use, remove


def test_list_show_use_and_remove(file: Path) -> None:
    assert invoke("estate", "list") == (0, f"no estates in {file}\n")
    status, out = invoke("estate", "show")
    assert (status, "there is no default estate" in out) == (2, True)
    add_estate("lab", {"hosts": ["ovm-1"], "pins": {"ovm-1": "ab" * 32}}, "hidden", False)
    add_estate("prod", {"hosts": ["ovm-2", "ovm-3"], "strict": True}, None, False)
    assert invoke("estate", "list", "-o", "name") == (0, "lab\nprod\n")
    listed = json.loads(invoke("estate", "list", "-o", "json")[1])
    assert [(one["name"], one["is_default"], one["hosts"]) for one in listed] == [
        ("lab", True, ["ovm-1"]),
        ("prod", False, ["ovm-2", "ovm-3"]),
    ]
    assert invoke("estate", "use", "prod")[0] == 0
    status, out = invoke("estate", "show")
    assert ["hosts", "ovm-2, ovm-3"] in [line.split(maxsplit=1) for line in out.splitlines()]
    shown = yaml.safe_load(invoke("estate", "show", "lab", "-o", "yaml")[1])
    assert shown["pins"] == {"ovm-1": "ab" * 32}
    assert "hidden" not in str(shown)
    assert invoke("estate", "remove", "lab", typed="\n")[0] == 1
    status, out = invoke("estate", "remove", "lab", typed="y\n")
    assert f"{file.with_name('lab.password')} deleted" in out
    assert "kept" not in out
    assert invoke("estate", "list", "-o", "name") == (0, "prod\n")
    for command in ("show", "use", "remove"):
        status, out = invoke("estate", command, "lab")
        assert (status, "no estate 'lab'" in out) == (2, True)


def test_remove_names_the_password_files_that_it_keeps(file: Path) -> None:
    own = file.with_name("lab.password")
    own.parent.mkdir()
    own.write_text("mine\n")
    entry = {"hosts": ["ovm-1"], "password_file": "lab.password"}
    add_estate("lab", {**entry, "password_files": {"ovm-1": "gone"}}, None, False)
    status, out = invoke("estate", "remove", "lab", "--yes")
    assert (status, f"{own} kept: it is your own" in out, "gone" in out) == (0, True, False), out
    assert own.read_text() == "mine\n"
