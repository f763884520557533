"""Changes of a vm.cfg: nothing that was not meant is lost, whoever changes it too, whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.agent import vmcfg
from libcloud_ovm3.errors import Ovm3Error, PreconditionFailed
from libcloud_ovm3.estate.vms import read_estate
from libcloud_ovm3.operations.operation import Operation
from libcloud_ovm3.simulator import Simulator
from libcloud_ovm3.simulator.errors import Killed
from tests.estate.test_hosts_off import operator
from tests.estate.test_vm_cfg_cases import DIRECTORIES, put, put_case
from tests.operations.changing import change, change_as
from tests.support import CHANGE, at_once, calls_of, driver_for, fingerprints_of, quietly, simulate

NAME = "subject"


def made(host_module: bool, personality: str = "awkward", hosts: int = 2) -> Simulator:
    return simulate(hosts=hosts, vms=0, personality=personality, host_module=host_module)


@pytest.fixture(params=[False, True], ids=["alone", "with the module"])
def sim(request: pytest.FixtureRequest, personality: str) -> Iterator[Simulator]:
    with made(request.param, personality) as simulator:
        yield simulator


@pytest.fixture
def with_module() -> Iterator[Simulator]:
    with made(True) as simulator:
        yield simulator


def values_of(sim: Simulator, directory: str) -> dict[str, Any]:
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    return vmcfg.parse(file.read_bytes())


def subject(sim: Simulator, **config: Any) -> tuple[Any, str, str]:
    """A driver, a stopped VM's id and its directory."""
    vm_id = sim.add_vm(NAME, config=config)
    driver = driver_for(sim)
    return driver, vm_id, driver.ex_get_node(vm_id).extra["directory"]


def sent(sim: Simulator) -> list[str]:
    return calls_of(sim, "configure_vm", "libcloud_change_vm", CHANGE)


# ------------------------------------------------------------------ what was not meant


@pytest.mark.parametrize("name", ["V01", "V03", "V06", "V08", "V10", "V11", "M05"])
def test_all_else_stays(sim: Simulator, name: str) -> None:
    """W of the cases: every option and every entry of a list is equal in value."""
    file = put_case(sim, name)
    before = vmcfg.parse(file.read_bytes())
    driver = driver_for(sim)
    [node] = [n for n in quietly(driver.list_nodes) if n.extra["directory"] == DIRECTORIES[name]]
    notices: list[str] = []
    changed = change(driver, node.id, notices, OVM_description="other")
    after = vmcfg.parse(file.read_bytes())
    assert after["OVM_description"] == changed.description == "other"
    for key in before.keys() - {"OVM_description"}:
        # the agent stores numeric texts as numbers (agent-behaviour 6.1)
        assert str(after[key]) == str(before[key]), key
    added = after.keys() - before.keys() - {"OVM_description"}
    assert bool(notices) is bool(added)
    assert all(key in notices[0] for key in added)
    assert len(sent(sim)) == 1


LOST: dict[str, tuple[str, str]] = {  # an odd file, and what is said of it
    "None": ("nothing = None\n", "'nothing' is None"),
    "fraction": ("cpu_weight = 256.5\n", "'cpu_weight' has a fraction"),
    "large": (f"serial = {2**40}\n", "'serial' has an integer of more than 32 bits"),
    "inside": ("x = [{'a': [None]}]\n", "'x' is None"),
}
# What the agent's own response does not show: only the host module reads the file itself.
LOST_IN_THE_FILE: dict[str, tuple[str | bytes, str]] = {
    "carriage return": ("extra = 'a\\rb'\n", "'extra' has a carriage return"),
    "tuple": ("cpus = ('1', '2')\n", "'cpus' has a tuple"),
    "twice": ("extra = 'first'\nextra = 'second'\n", "extra more than once"),
    "code": ("memory = 256 + 256\n", "line 6: expected name = value, found code"),
    "Latin-1": ("# Dépôt\n".encode("latin-1"), "not in UTF-8"),
}


def odd(sim: Simulator, text: str | bytes) -> Path:
    head = b"name = 'odd'\nuuid = '%s'\nmemory = 512\ndisk = []\nOVM_description = 'old'\n"
    vm_id = b"0004fb00-0000-0000-0000-0000000000dd"
    return put(sim, "odd", head % vm_id + (text.encode() if isinstance(text, str) else text))


def refused(sim: Simulator, text: str | bytes, why: str) -> None:
    file = odd(sim, text)
    before = file.read_bytes()
    driver = driver_for(sim)
    [node] = [n for n in quietly(driver.list_nodes) if n.extra["directory"] == "odd"]
    with pytest.raises(PreconditionFailed, match="was not changed") as error:
        change(driver, node.id, OVM_description="other")
    assert why in str(error.value)
    assert sent(sim) == []
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", LOST)
def test_what_would_be_lost_is_named_and_nothing_is_sent(sim: Simulator, name: str) -> None:
    refused(sim, *LOST[name])


@pytest.mark.parametrize("name", LOST_IN_THE_FILE)
def test_what_would_be_lost_of_the_file_itself(with_module: Simulator, name: str) -> None:
    if name == "code":  # the agent decides how it is read
        with_module.misbehave("answer", "get_vm_config", times=None, value=CODE)
    refused(with_module, *LOST_IN_THE_FILE[name])


CODE = {"name": "odd", "memory": 512, "disk": [], "uuid": "0004fb00-0000-0000-0000-0000000000dd"}


def test_comments_do_not_stay(sim: Simulator) -> None:
    """docs/known-limitations.md: the agent writes the file anew; the module keeps the old text."""
    file = odd(sim, "# by hand\nextra   =   'spaced'\n")
    driver = driver_for(sim)
    [node] = [n for n in quietly(driver.list_nodes) if n.extra["directory"] == "odd"]
    change(driver, node.id, OVM_description="other")
    text = file.read_text()
    assert "by hand" not in text
    assert values_of(sim, "odd")["extra"] == "spaced"
    if CHANGE in sent(sim):
        claims = sim.repository_path / ".libcloud-ovm3" / "claims" / "vm-odd"
        assert any(b"# by hand" in one.read_bytes() for one in claims.iterdir())


def test_an_option_cannot_be_removed(sim: Simulator) -> None:
    driver, vm_id, _ = subject(sim)
    snapshot = read_estate(driver._estate)

    def remove(config: Any) -> Any:
        return type(config)({k: v for k, v in config.values.items() if k != "memory"})

    with pytest.raises(PreconditionFailed, match="cannot remove options \\(memory\\)"):
        change_as(Operation(driver._estate), snapshot, vm_id, remove)
    assert sent(sim) == []


def test_nothing_is_sent_where_nothing_changes(sim: Simulator) -> None:
    driver, vm_id, _ = subject(sim, OVM_description="as it is")
    assert change(driver, vm_id, OVM_description="as it is").description == "as it is"
    assert sent(sim) == []


def test_a_value_that_the_agent_alters_is_no_success(sim: Simulator) -> None:
    """Success of the call is not arrival."""
    driver, vm_id, directory = subject(sim)
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"

    def altered(moment: str) -> None:
        if moment == "after":
            file.write_text(file.read_text().replace("'new'", "'n'"))

    sim.misbehave("hook", "configure_vm", hook=altered)
    with pytest.raises(Ovm3Error, match="differs from what was sent in OVM_description"):
        change(driver, vm_id, OVM_description="new")


def test_a_name_that_is_another_s_too(sim: Simulator) -> None:
    """The agent looks for the running domain by its name: it would change the other one."""
    driver, vm_id, _ = subject(sim)
    name = driver.ex_get_node(vm_id).extra["xend_name"]
    sim.add_vm("other", running_on=0, config={"name": name})
    with pytest.raises(PreconditionFailed, match="not this VM's alone"):
        change(driver, vm_id, OVM_description="new")
    assert sent(sim) == []


# ------------------------------------------------------------------ who else changes it


def add_vif(driver: Any, vm_id: str, number: int, host: int = 0) -> str:
    """Add a network interface; what a client does that has read the VM before."""
    entry = f"mac=00:16:3e:00:00:0{number},bridge=a"

    def add(config: Any) -> Any:
        return config.changed(vif=[*config.values.get("vif", []), entry])

    change_as(Operation(driver._estate), read_estate(driver._estate), vm_id, add, host=host)
    return entry


def add_until_done(driver: Any, vm_id: str, number: int) -> str:
    for _ in range(9):
        try:
            return add_vif(driver, vm_id, number)
        except PreconditionFailed:
            driver._estate.clock.sleep(number)
    raise AssertionError("it never succeeded")


def test_of_two_at_once_none_is_lost(with_module: Simulator) -> None:
    """By two hosts: the lock holds for all of them."""
    sim = with_module
    _, vm_id, directory = subject(sim)
    drivers = [driver_for(sim, host=host.address) for host in sim.hosts]
    for host in sim.hosts:  # both are inside their host's module at the same time
        sim.misbehave("latency", "configure_vm", host=host.index, seconds=3)
    entries = at_once(
        sim,
        (drivers[0], lambda: add_until_done(drivers[0], vm_id, 1)),
        (drivers[1], lambda: add_until_done(drivers[1], vm_id, 2)),
    )
    assert sorted(values_of(sim, directory)["vif"][-2:]) == sorted(entries)


def between(sim: Simulator, function: str, action: Callable[[], Any]) -> None:
    """Another client comes between the last read and the call."""
    sim.misbehave("hook", function, hook=lambda moment: moment == "before" and action())


def test_another_client_between_read_and_call(with_module: Simulator) -> None:
    """The host itself compares: the other's change stays."""
    sim = with_module
    driver, vm_id, directory = subject(sim)
    other = driver_for(sim, host=sim.hosts[1].address)
    between(sim, CHANGE, lambda: change(other, vm_id, OVM_description="other's"))
    with pytest.raises(PreconditionFailed, match="not what was read"):
        add_vif(driver, vm_id, 1)
    values = values_of(sim, directory)
    assert values["OVM_description"] == "other's"
    assert "mac=00:16:3e:00:00:01,bridge=a" not in values.get("vif", [])


def test_without_the_module_a_window_remains() -> None:
    """docs/guarantees.md names it: what another client changes between read and call is lost."""
    with made(False) as sim:
        driver, vm_id, directory = subject(sim, OVM_description="old")
        other = driver_for(sim)
        between(sim, "configure_vm", lambda: change(other, vm_id, OVM_description="other's"))
        add_vif(driver, vm_id, 1)
        assert values_of(sim, directory)["OVM_description"] == "old"


def test_an_editor_before_the_last_read(sim: Simulator) -> None:
    driver, vm_id, directory = subject(sim)
    snapshot = read_estate(driver._estate)
    file = sim.repository_path / "VirtualMachines" / directory / "vm.cfg"
    file.write_text(file.read_text() + "extra = 'single'\n")
    before = fingerprints_of(sim.repository_path)
    with pytest.raises(PreconditionFailed, match=r"changed in the meantime \(extra\)"):
        change_as(
            Operation(driver._estate), snapshot, vm_id, lambda config: config.changed(memory=1024)
        )
    assert fingerprints_of(sim.repository_path) == before


# ------------------------------------------------------------------ who dies


def dies(sim: Simulator, host: int, moment: str, loses_power: bool = False) -> None:
    """The process of the next change on this host is killed, before or after its effect."""

    def kill(now: str) -> None:
        if now == moment:
            if loses_power:
                sim.hosts[host].shut_down()
            raise Killed

    sim.misbehave("hook", "configure_vm", host=host, hook=kill)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("next_host", [0, 1])
def test_the_process_is_killed(with_module: Simulator, moment: str, next_host: int) -> None:
    """Its own host knows: the next change goes on, through whichever host."""
    sim = with_module
    driver, vm_id, directory = subject(sim)
    dies(sim, 0, moment)
    notices: list[str] = []
    result = outcome(lambda: change(driver, vm_id, notices, OVM_description="new"))
    if moment == "before":
        assert "its process died" in str(result)
    else:
        assert "is changed, although" in notices[0]
    assert (values_of(sim, directory).get("OVM_description") == "new") is (moment == "after")
    add_vif(driver, vm_id, 1, next_host)
    assert "mac=00:16:3e:00:00:01,bridge=a" in values_of(sim, directory)["vif"]


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Ovm3Error as error:
        return error


def test_the_host_loses_power(with_module: Simulator) -> None:
    """Nobody knows what it has done: only who says that it is off may go on."""
    sim = with_module
    sim.misbehave("answer", "libcloud_check_port", times=None, value="silent")
    driver, vm_id, directory = subject(sim)
    dies(sim, 0, "before", loses_power=True)
    assert isinstance(outcome(lambda: change(driver, vm_id, OVM_description="new")), Ovm3Error)
    driver = operator(sim, host=sim.hosts[1].address)
    before, off = values_of(sim, directory), sim.hosts[0].address
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"it may be on .*in doubt, configure_vm") as error:
        quietly(add_vif, driver, vm_id, 1)
    assert f"(last at {off}): it did not answer" in str(error.value)
    assert (sent(sim), values_of(sim, directory)) == ([], before)
    quietly(change, driver, vm_id, off=off, OVM_description="after it")
    assert values_of(sim, directory)["OVM_description"] == "after it"
    assert calls_of(sim, "libcloud_take_out_host", CHANGE) == ["libcloud_take_out_host", CHANGE]


def test_the_host_is_back(with_module: Simulator) -> None:
    sim = with_module
    driver, vm_id, directory = subject(sim)
    dies(sim, 0, "before", loses_power=True)
    assert isinstance(outcome(lambda: change(driver, vm_id, OVM_description="new")), Ovm3Error)
    sim.hosts[0].revive()
    change(driver_for(sim), vm_id, OVM_description="after it")
    assert values_of(sim, directory)["OVM_description"] == "after it"


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "API 1"])
def test_the_host_is_back_without_its_module(with_module: Simulator, is_removed: bool) -> None:
    """Nobody else can tell whether its change goes on; the error says what makes it tell."""
    sim = with_module
    driver, vm_id, directory = subject(sim)
    dies(sim, 0, "before", loses_power=True)  # or it would look at once
    assert isinstance(outcome(lambda: change(driver, vm_id, OVM_description="new")), Ovm3Error)
    [version] = sim.dom0(0).rglob("libcloud_ovm3_host/version.py")
    content = version.read_text()
    if is_removed:
        version.unlink()
    else:
        version.write_text(content.replace("API = 3 ", "API = 1 "))
    sim.hosts[0].revive()
    before = values_of(sim, directory)
    sim.calls.clear()
    with pytest.raises(PreconditionFailed, match=r"it may be on .*in doubt, configure_vm") as error:
        add_vif(driver_for(sim), vm_id, 1, host=1)
    assert f"`ovm3 host install {driver.list_locations()[0].extra['address']}" in str(error.value)
    assert sent(sim) == []
    assert values_of(sim, directory) == before
    version.write_text(content)  # it is installed again
    sim.restart_agent(0)
    add_vif(driver_for(sim), vm_id, 1, host=1)
    assert values_of(sim, directory)["vif"] != before.get("vif")


def test_a_module_from_before(with_module: Simulator) -> None:
    """It lacks the functions: the agent's own is used, as without a module."""
    sim = with_module
    for host in sim.hosts:
        [version] = sim.dom0(host.index).rglob("libcloud_ovm3_host/version.py")
        version.write_text(version.read_text().replace("API = 3 ", "API = 1 "))
        sim.restart_agent(host.index)
    driver, vm_id, directory = subject(sim)
    change(driver, vm_id, OVM_description="new")
    assert values_of(sim, directory)["OVM_description"] == "new"
    assert sent(sim) == ["configure_vm"]


def test_each_change_of_an_operation_is_one_of_its_own(with_module: Simulator) -> None:
    """An operation may change a VM, and back: for the module that is no repeated request."""
    sim = with_module
    driver, vm_id, directory = subject(sim, OVM_description="old")
    operation = Operation(driver._estate)
    for text in ("new", "old", "new"):
        snapshot = read_estate(driver._estate)
        change_as(
            operation,
            snapshot,
            vm_id,
            lambda config, text=text: config.changed(OVM_description=text),
        )
        assert values_of(sim, directory)["OVM_description"] == text
