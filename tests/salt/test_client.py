"""The provider in Salt, through CloudClient, against simulated hosts on loopback.

Salt lists VMs in processes of its own, and everything else in this one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import PROFILE, Salt, provider_for
from tests.support import calls_of, driver_for

pytestmark = pytest.mark.salt


def changes_of(sim: Simulator) -> list[str]:
    return calls_of(sim, "create_vm", "start_vm", "stop_vm", "reboot_vm", "delete_vm")


def error_of(action: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The message of Salt's own error, which its programs print without a traceback."""
    from salt.exceptions import SaltCloudSystemExit

    with pytest.raises(SaltCloudSystemExit) as caught:
        action(*args, **kwargs)
    return str(caught.value)


# ------------------------------------------------------------------ listing


def test_lists_are_plain_data(sim: Simulator, salt: Salt) -> None:
    client = salt.client()
    sizes, images = client.list_sizes("lab"), client.list_images("lab")
    assert sizes["lab"]["ovm3"]["Small"]["memory_mb"] == 1024
    assert images["lab"]["ovm3"]["oracle-linux-6"]["kind"] == "raw"
    assert client.list_locations("lab")["lab"]["ovm3"]["ovm-1"]["status"] == "ok"
    full = client.full_query()["lab"]["ovm3"]["seed-1"]
    assert json.loads(json.dumps(full)) == full
    assert "<Node" not in json.dumps(full)
    assert (full["size"], full["state"], full["host"]) == ("tiny", "RUNNING", "ovm-1")
    brief = client.query()["lab"]["ovm3"]["seed-1"]
    assert list(brief) == "id name state size image public_ips private_ips".split()
    assert brief.items() <= full.items()
    assert client.min_query()["lab"]["ovm3"] == {"seed-1": {"id": full["id"], "state": "RUNNING"}}
    selected = client.select_query()["lab"]["ovm3"]["seed-1"]
    assert selected == {"id": full["id"], "name": "seed-1", "state": "RUNNING"}


def test_the_selection_and_the_cache_of_salt(sim: Simulator, tmp_path: Path) -> None:
    settings = {"query.selection": ["name", "host"], "update_cachedir": True}
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, **settings)
    client = salt.client()
    assert client.select_query()["lab"]["ovm3"] == {"seed-1": {"name": "seed-1", "host": "ovm-1"}}
    one = Salt(tmp_path / "one", {"lab": provider_for(sim)}, **{"query.selection": "host"})
    assert one.client().select_query()["lab"]["ovm3"] == {"seed-1": {"host": "ovm-1"}}
    assert client.full_query()["lab"]["ovm3"]["seed-1"]["size"] == "tiny"
    shown = client.action(fun="show_instance", names=["seed-1"])["lab"]["ovm3"]["seed-1"]
    assert shown["state"] == "RUNNING"
    assert client.destroy(["seed-1"]) == {"lab": {"ovm3": {"seed-1": True}}}
    cached = tmp_path / "salt" / "root" / "cache" / "active" / "ovm3" / "lab"
    assert [file.name for file in cached.iterdir()] == []


def test_no_host_is_called_before_it_is_needed(sim: Simulator, salt: Salt) -> None:
    assert salt.client().list_sizes("lab")["lab"]["ovm3"]
    assert sim.connections == 0


def test_lists_by_function_take_arguments(sim: Simulator, salt: Salt) -> None:
    client = salt.client()
    location = client.list_locations("lab")["lab"]["ovm3"]["ovm-1"]["id"]
    images = client.action(fun="avail_images", provider="lab", kwargs={"location": location})
    assert "oracle-linux-6" in images["lab"]["ovm3"]
    message = error_of(client.action, fun="list_nodes", provider="lab", kwargs={"x": "1"})
    assert message == "lab: x: not known; expected ex_strict, ex_hosts_off"


# ------------------------------------------------------------------ what cannot be read

NEEDS_THE_LIST = {
    "query": lambda client: client.query(),
    "full": lambda client: client.full_query(),
    "min": lambda client: client.min_query(),
    "select": lambda client: client.select_query(),
    "profile": lambda client: client.profile("small", names=["new"]),
    "action": lambda client: client.action(fun="start", names=["seed-1"]),
    "destroy": lambda client: client.destroy(["seed-1"]),
    "function": lambda client: client.action(fun="list_nodes", provider="lab"),
    "create": lambda client: client.create(
        provider="lab", names=["new"], image="oracle-linux-6", size="small", deploy=False
    ),
}


@pytest.mark.parametrize("command", NEEDS_THE_LIST)
def test_a_wrong_password_is_an_error(command: str, sim: Simulator, tmp_path: Path) -> None:
    """Not an empty list, in which every VM would be absent."""
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, password="hidden")})
    message = error_of(NEEDS_THE_LIST[command], salt.client())
    assert "lab: 127.0.0.2:" in message
    assert "the agent rejected user and password" in message
    assert "hidden" not in message
    assert "Traceback" not in message
    assert changes_of(sim) == []


def test_no_host_answers(sim: Simulator, salt: Salt) -> None:
    for host in sim.hosts:
        host.kill()
    assert "Connection refused" in error_of(salt.client().query)


def test_the_lists_whose_errors_salt_only_logs(
    sim: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, password="hidden")})
    assert salt.client().list_images("lab") == {"lab": {}}
    assert "avail_images()': lab: 127.0.0.2:" in caplog.text
    assert "the agent rejected user and password" in caplog.text


def test_one_silent_host_is_a_warning_or_with_ex_strict_an_error(
    sim: Simulator, salt: Salt, tmp_path: Path
) -> None:
    sim.hosts[1].kill()
    assert "seed-1" in salt.client().query()["lab"]["ovm3"]
    done = salt.run("salt-cloud", "-Q")
    assert "[WARNING ]" in done.stderr
    assert f"{sim.hosts[1].address}:" in done.stderr
    assert "Ovm3Warning" not in done.stderr, "it is in Salt's log once"
    strict = Salt(tmp_path / "strict", {"lab": provider_for(sim, ex_strict=True)})
    assert "Connection refused" in error_of(strict.client().query)


# ------------------------------------------------------------------ providers


def test_two_providers_and_an_incomplete_one(
    sim: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    providers = {
        "lab": provider_for(sim),
        "again": provider_for(sim),
    }
    found = Salt(tmp_path / "salt", providers).client().query()
    assert set(found) == {"lab", "again"}
    assert found["lab"] == found["again"]
    incomplete = {**providers, "bad": provider_for(sim, password=None)}
    client = Salt(tmp_path / "bad", incomplete).client()
    assert "bad: no password: expected estate" in error_of(client.query)
    assert "Small" in client.list_sizes()["lab"]["ovm3"]
    assert "bad: no password: expected estate" in caplog.text


def test_options_of_salt_itself_do_not_complete_a_provider(sim: Simulator, tmp_path: Path) -> None:
    """``user`` is the user that Salt runs as."""
    own = {"user": "root", "password": "salt's", "host": "192.0.2.1", "port": 1}
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, user=None)}, **own)
    assert "lab: no user: expected estate" in error_of(salt.client().query)
    assert (
        "seed-1"
        in Salt(tmp_path / "other", {"lab": provider_for(sim)}, **own)
        .client()
        .query()["lab"]["ovm3"]
    ), "and they do not replace its own"


def test_a_copy_in_salts_own_folder_comes_first(sim: Simulator, salt: Salt) -> None:
    """The page warns of it: such a copy is not updated with this package."""
    (salt.folder / "root" / "extmods" / "clouds").mkdir(parents=True)
    old = "def get_configured_provider():\n    return True\n\ndef avail_sizes():\n    return {}\n"
    salt.write("root/extmods/clouds/ovm3.py", old)
    assert salt.client().list_sizes("lab") == {"lab": {"ovm3": {}}}


def test_a_misspelled_argument_of_the_driver(sim: Simulator, tmp_path: Path) -> None:
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, ex_readonly=True)})
    assert "lab: ex_readonly: not known; expected one of" in error_of(salt.client().query)


def test_read_only(sim: Simulator, tmp_path: Path) -> None:
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim, ex_read_only="true")})
    message = error_of(salt.client().action, fun="stop", names=["seed-1"], kwargs={"ex_force": "1"})
    assert "stop_vm" in message
    assert "ex_read_only" in message
    assert changes_of(sim) == []


# ------------------------------------------------------------------ creating


def test_a_name_that_is_taken(sim: Simulator, salt: Salt) -> None:
    """``create`` has no list of Salt's before it; neither has a list that failed."""
    given = {"image": "oracle-linux-6", "size": "Small", "deploy": False}
    client = salt.client()
    message = error_of(client.create, provider="lab", names=["seed-1"], **given)
    assert "'seed-1'" in message
    assert "taken" in message or "exists" in message or "already" in message
    assert changes_of(sim) == []
    made = client.create(provider="lab", names=["new"], location="ovm-2", **given)
    assert made["new"]["state"] == "RUNNING"
    assert made["new"]["host"] == "ovm-2"
    assert changes_of(sim) == ["create_vm", "start_vm"]


WRONG = {
    "image": ({"image": "x"}, "no image 'x'; images: oracle-linux-6, oracle-linux-7"),
    "no image": ({"image": None}, "image None: expected a name or an id, in the profile or map"),
    "size": ({"size": "x"}, "size 'x': expected one of tiny, small, medium"),
    "no size": ({"size": None}, "size None: expected a name or an id"),
    "location": ({"location": "x"}, "no host 'x'; hosts: ovm-1 (127.0.0.2:"),
    "networks": ({"networks": ["x,mac=y"]}, "MAC address 'y': expected six pairs"),
    "ex_networks": ({"ex_networks": [{"net": "x"}]}, "ex_networks: unknown net in"),
    "ex_hosts_off": ({"ex_hosts_off": ["x"]}, "ex_hosts_off: not possible in a provider, profile"),
    "ex_nets": ({"ex_nets": ["x"]}, "ex_nets: not known; expected one of"),
    "ex_start": ({"ex_start": "x"}, "ex_start 'x': expected True or False"),
    "deploy": ({"deploy": "x"}, "deploy 'x': expected True or False"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_profile_that_is_wrong(what: str, sim: Simulator, tmp_path: Path) -> None:
    wrong, message = WRONG[what]
    profile = {key: value for key, value in {**PROFILE, **wrong}.items() if value is not None}
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, {"small": profile}, keysize=2048)
    assert f"lab: {message}" in error_of(salt.client().profile, "small", names=["new"])
    assert changes_of(sim) == []


def test_a_profile_with_networks(sim: Simulator, tmp_path: Path) -> None:
    driver = driver_for(sim)
    bridge = next(one.id for one in driver.ex_list_networks() if one.id != "control0")
    networks = [bridge, {"network": f"{bridge}.5", "mac": "00:21:f6:00:00:01"}]
    for key in ("networks", "ex_networks"):
        salt = Salt(
            tmp_path / key, {"lab": provider_for(sim)}, {"small": {**PROFILE, key: networks}}
        )
        made = salt.client().profile("small", names=[key])[key]
        assert [one["bridge"] for one in made["nics"]] == [bridge, f"{bridge}.5"]
        driver.destroy_node(made["id"])


def test_one_name_of_several_is_refused(sim: Simulator, tmp_path: Path) -> None:
    profiles = {"small": PROFILE, "off": {**PROFILE, "ex_start": False}}
    salt = Salt(tmp_path / "salt", {"lab": provider_for(sim)}, profiles)
    made = salt.client().profile("off", names=["seed-1", "new"])
    assert made["seed-1"] == {"Error": "seed-1 already exists under lab:ovm3"}
    assert made["new"]["state"] == "STOPPED"
    assert changes_of(sim) == ["create_vm"]


# ------------------------------------------------------------------ deploy


def deploying(sim: Simulator, folder: Path, **profile: Any) -> Salt:
    profiles = {"small": {**PROFILE, "deploy": True, **profile}}
    return Salt(folder / "salt", {"lab": provider_for(sim)}, profiles, keysize=2048)


def test_deploy_without_an_address_creates_nothing(sim: Simulator, tmp_path: Path) -> None:
    client = deploying(sim, tmp_path, networks=["control0"], password="p").client()
    message = error_of(client.profile, "small", names=["new"])
    assert "lab: VM 'new' was not created: no address of it can become known" in message
    assert "expected one of these, or deploy: False, or ssh_host: ADDRESS" in message
    wrong = deploying(sim, tmp_path / "wrong", ssh_interface="both", password="p").client()
    assert "expected public_ips or private_ips" in error_of(wrong.profile, "small", names=["new"])
    off = deploying(sim, tmp_path / "off", ssh_host="192.0.2.1", ex_start=False).client()
    assert "nothing was created" in error_of(off.profile, "small", names=["new"])
    assert changes_of(sim) == []


def test_deploy_without_a_key_creates_nothing(sim: Simulator, tmp_path: Path) -> None:
    """Salt would take the password of the agent for the VM's."""
    client = deploying(sim, tmp_path, ssh_host="192.0.2.1").client()
    message = error_of(client.profile, "small", names=["new"])
    assert "lab: nothing was created: with deploy on, Salt logs in" in message
    assert changes_of(sim) == []


def test_the_address_of_a_new_vm_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salt.cloud import Map

    seen: list[str] = []

    def bootstrap(settings: dict[str, Any], opts: dict[str, Any]) -> dict[str, Any]:
        seen.append(settings["ssh_host"])
        return {"deployed": True}

    def mapper(sim: Simulator, name: str, mac: str) -> Any:
        card = {"network": "10e69b4de3", "mac": mac}
        limits = {"wait_for_ip_timeout": 1, "wait_for_ip_interval": 1, "password": "p"}
        client = deploying(sim, tmp_path / name, networks=[card], **limits).client()
        made = Map(client._opts_defaults(profile="small"))
        utils = made.clouds.pack["__utils__"]
        assert callable(utils["cloud.bootstrap"]), "it is loaded"
        monkeypatch.setitem(utils._dict, "cloud.bootstrap", bootstrap)
        return made

    with Simulator(1, vms=0, host_module=True, speed=100) as sim:
        late = mapper(sim, "late", "00:21:f6:00:00:01")
        message = error_of(late.run_profile, "small", ["late"])
        assert "was created, but has no Salt: Timed out after 1 seconds" in message
        sim.set_guest_address("00:21:f6:00:00:02", "192.0.2.9")
        made = mapper(sim, "new", "00:21:f6:00:00:02").run_profile("small", ["new"])["new"]
        assert (made["deployed"], made["state"], seen) == (True, "RUNNING", ["192.0.2.9"])


def test_what_bootstrap_gets(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salt.cloud import Map
    from salt.exceptions import SaltCloudSystemExit

    seen: list[dict[str, Any]] = []
    answers: list[Any] = [{"deployed": True}, {"Error": {"Not Deployed": "no SSH"}}]
    answers.append(SaltCloudSystemExit("Cannot deploy Salt"))

    def bootstrap(settings: dict[str, Any], opts: dict[str, Any]) -> dict[str, Any]:
        seen.append(settings)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = deploying(sim, tmp_path, ssh_host="192.0.2.1", password="the guest's").client()
    mapper = Map(client._opts_defaults(profile="small"))
    utils = mapper.clouds.pack["__utils__"]
    assert callable(utils["cloud.bootstrap"]), "it is loaded"
    monkeypatch.setitem(utils._dict, "cloud.bootstrap", bootstrap)
    made = mapper.run_profile("small", ["new"])["new"]
    assert (made["deployed"], made["state"]) == (True, "RUNNING")
    assert (seen[0]["ssh_host"], seen[0]["password"]) == ("192.0.2.1", "the guest's")
    message = error_of(mapper.run_profile, "small", ["newer"])
    assert "was created, but has no Salt: {'Not Deployed': 'no SSH'}" in message
    message = error_of(mapper.run_profile, "small", ["last"])
    node = client.query()["lab"]["ovm3"]["last"]
    assert f"lab: last ({node['id']}) was created, but has no Salt: Cannot deploy Salt" in message
