"""Output: on a terminal, in logs, of ids and names in every spelling."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import libcloud
import pytest
from libcloud.common.base import Connection, LibcloudConnection
from libcloud.compute.types import NodeState
from libcloud.utils.loggingconnection import LoggingConnection

from libcloud_ovm3.errors import NodeNotFound, PreconditionFailed, WaitTimeout
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import address, invoke, options, pins, run
from tests.faults.support import (
    ID,
    OTHER_ID,
    assert_refused,
    attempt,
    cfg,
    connect,
    lab,
    live,
    make_vm,
    put,
    sent,
    start_by_hand,
    states,
)

# ------------------------------------------------------------------ 17: terminal


NAMES = {
    "a lone surrogate": r"u'\ud800'",
    "escape sequences": r"'x\x1b[31mRED\x1b]0;title\x07'",
    "a newline": r"'x\nseed-9 running ovm-1'",
    "a carriage return": r"'harmless\rseed-9 running'",
    "a C1 control": "'a\\xc2\\x9b31mb'",
    "a bidi override": r"u'abc\u202egnp'",
    "a bell": r"'a\x07b'",
    "rich markup": r"'[red]x[/red] [link=file:///etc/passwd]y[/link]'",
    "a line separator": r"u'x\u2028seed-9 running'",
}
COMMANDS = (["vm", "list"], ["inventory"], ["inventory", "-o", "json"])
# Without the tab, which stands between two cells; one in a name is escaped.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")


def named(sim: Simulator, value: str) -> None:
    text = f"name = 'n'\nuuid = '{OTHER_ID}'\nmemory = 256\nOVM_simple_name = {value}\n"
    put(sim, "n", text)


@pytest.mark.parametrize("value", NAMES.values(), ids=NAMES)
def test_17_no_name_breaks_a_command_or_forges_a_line(sim: Simulator, value: str) -> None:
    named(sim, value)
    for command in COMMANDS:
        status, shown = invoke(*command, *options(sim), password=sim.password)
        assert status in (0, 1), shown
        assert CONTROL.findall(shown) == []
        assert not [line for line in shown.splitlines() if line.startswith("seed-9")]
        assert OTHER_ID in shown or "VirtualMachines/n" in shown
    _, shown = invoke("doctor", address(sim), *pins(sim), password=sim.password)
    assert CONTROL.findall(shown) == []
    assert not [line for line in shown.splitlines() if line.startswith("seed-9")]


@pytest.mark.parametrize("value", [r"u'\ud800'", r"u'web\xa01'", "'d\\xc3\\xa9p\\xc3\\xb4t'"])
def test_17_where_the_output_is_ascii(personality: str, value: str) -> None:
    with lab(personality, True) as sim:
        named(sim, value)
        for command in (["vm", "list"], ["inventory", "-o", "json"]):
            done = run(*command, *options(sim), password=sim.password, LC_ALL="C", PYTHONUTF8="0")
            assert "Traceback" not in done.stderr
            assert done.returncode == 0, done.stderr
            assert OTHER_ID in done.stdout


def test_17_a_warning_forges_no_line_either(sim: Simulator) -> None:
    """A directory's name in a warning; where the agent does not list it, nothing is said of it."""
    put(sim, "x y\u00a0z", "name = (\n")
    put(sim, "[bold]broken", "name = (\n")
    _, shown = invoke("vm", "list", *options(sim), password=sim.password)
    assert "[bold]broken" in shown
    assert CONTROL.findall(shown) == []


# ------------------------------------------------------------------ 18: ids, clocks, letters


@pytest.mark.parametrize("form", ["{}", "upper", "undashed", "UNDASHED"])
def test_18_an_id_in_every_spelling(sim: Simulator, driver: Any, form: str) -> None:
    vm = make_vm(sim)
    start_by_hand(sim, vm, 0)
    plain = {"{}": ID, "upper": ID.upper(), "undashed": vm.directory}
    given = plain.get(form, vm.directory.upper())
    found = attempt(driver.wait_until_running, [given], wait_period=0.1, timeout=1)
    assert [node.id for node, _ in found.value or []] == [ID], found
    assert attempt(driver.ex_get_node, given).value.id == ID
    assert attempt(driver.stop_node, given, ex_force=True).value is True
    assert attempt(driver.start_node, given).value is True
    assert live(sim) == [ID]


def test_18_what_was_never_there_is_not_gone(sim: Simulator, driver: Any) -> None:
    came = attempt(driver.wait_until_running, [OTHER_ID], wait_period=0.1, timeout=1)
    assert isinstance(came.error, WaitTimeout | NodeNotFound)
    assert "is gone" not in came.said
    assert OTHER_ID in came.said


def test_18_nothing_is_done_to_what_has_two_definitions(sim: Simulator, driver: Any) -> None:
    second = sim.add_repository("two")
    for repository in (None, second):
        put(sim, "dup", cfg(name="dup", uuid=ID, memory=256), repository)
    for action in (driver.stop_node, driver.start_node, driver.reboot_node, driver.destroy_node):
        assert second in assert_refused(sim, action, ID)


def test_18_a_clock_that_runs_backwards(sim: Simulator, driver: Any) -> None:
    """xend counts by the same clock: it would end the guest. The reason is the clock."""
    sim.add_vm("old", uuid=ID, running_on=0)
    sim.hosts[0].clock_offset = -7200
    came = attempt(driver.reboot_node, ID)
    if came.error is not None:
        assert isinstance(came.error, PreconditionFailed)
        assert "clock" in came.said
        assert not re.search(r"-\d+ s ago", came.said)
    assert live(sim) == [ID]


EMPTY_DRIVES = [
    ",xvdb:/OVS/Repositories/repo1/snaps/A/VirtualMachines/A/cdrom,r",
    ",hdc:cdrom,r",
    "file:,hdc:cdrom,r",
    "phy:,xvdc:cdrom,r",
]


@pytest.mark.parametrize("entry", EMPTY_DRIVES)
def test_18_an_appliance_s_empty_drive(sim: Simulator, driver: Any, entry: str) -> None:
    """It is no disk, it is not deleted, and it keeps nothing from being deleted."""
    path = f"/OVS/Repositories/{sim.repository_id}/VirtualDisks/{ID.replace('-', '')}.img"
    vm = make_vm(sim, disk=[f"file:{path},xvda,w", entry])
    [node] = attempt(driver.list_nodes).value
    assert node.state == NodeState.STOPPED
    assert node.extra["disks"] == [vm.path]
    assert node.extra["system_disk"] == vm.path
    assert attempt(driver.destroy_node, ID).value is True
    assert not vm.file.exists()


# ------------------------------------------------------------------ also: words for what there is


def test_a_missing_image_is_no_missing_node(sim: Simulator, driver: Any) -> None:
    image = f"{sim.repository_id}/Templates/no-such.raw"
    came = attempt(driver.create_node, "web", driver.list_sizes()[0], image)
    assert came.error is not None
    assert not isinstance(came.error, NodeNotFound), came
    assert "no-such.raw" in came.said
    assert sent(sim) == []


def test_images_of_a_host_that_does_not_exist(sim: Simulator, driver: Any) -> None:
    came = attempt(driver.list_images, "no-such-host")
    assert came.error is not None, came
    assert "no-such-host" in came.said


DOCUMENTS = ["discover_server", "discover_repository_db", "discover_repositories"]


@pytest.mark.parametrize("value", [None, "", [], "<a/>"], ids=str)
@pytest.mark.parametrize("function", DOCUMENTS)
def test_a_nil_instead_of_a_document(
    sim: Simulator, driver: Any, function: str, value: Any
) -> None:
    """Of one host: said, and that host (repository) counts as not read. No traceback."""
    vm = make_vm(sim)
    start_by_hand(sim, vm, 1)
    sim.misbehave("answer", function, host=1, times=None, value=value)
    if function == "discover_repositories":
        sim.misbehave("answer", function, host=0, times=None, value=value)
    sim.calls.clear()
    came = attempt(driver.list_nodes)
    assert came.error is not None or came.warnings != []
    state = states(came.value or []).get(ID)
    assert state in (None, NodeState.UNKNOWN, NodeState.RUNNING)
    attempt(driver.destroy_node, ID)
    attempt(driver.start_node, ID)
    if function == "discover_repository_db":
        assert vm.has_disk  # it is seen through the other host; who else may use it is not known
        return
    assert vm.is_whole
    assert live(sim) == [ID]
    assert sent(sim) == []


ODD_NAMES = ["it's", 'say "x"', "back\\slash", "x' + str(1) + '", "ünïcödé €", "a/b", "${HOME}"]
ODD_NAMES += ["'''", "\u202egnp", "a,b;c", "%s %d", "#43", "{0}", "\\n", "u'x'", "None"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_q_a_name_comes_back_as_it_was_given(personality: str, module: bool, name: str) -> None:
    """Read back before configure_vm: it has the name, or nothing of it is left."""
    with lab(personality, module, templates=1) as sim:
        driver = connect(sim)
        came = attempt(driver.create_node, name, driver.list_sizes()[0], driver.list_images()[0])
        folders = list((sim.repository_path / "VirtualMachines").glob("[!.]*"))
        if came.error is not None:
            assert folders == []
            assert list((sim.repository_path / "VirtualDisks").glob("[!.]*")) == []
            return
        assert came.value.name == name
        assert attempt(driver.ex_get_node_by_name, name).value.id == came.value.id
        assert live(sim) == [came.value.id]
        assert attempt(driver.destroy_node, came.value).value is True


# ------------------------------------------------------------------ sec: secrets


SECRET = "VNCSECRET"


class Log(io.StringIO):
    def close(self) -> None:
        """libcloud closes it; it is to be read."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What libcloud.enable_debug() changes is set back afterwards."""
    monkeypatch.setattr(LoggingConnection, "log", None)
    monkeypatch.setattr(Connection, "conn_class", LibcloudConnection)
    stream = Log()
    libcloud.enable_debug(stream)
    return stream


def test_sec_no_password_reaches_the_log(sim: Simulator, module: bool, log: Log) -> None:
    """Not the agent's, and not one of VNC inside what base64 carries."""
    vfb = [f"type=vnc,vncunused=1,vnclisten=0.0.0.0,vncpasswd={SECRET}"]
    vm = make_vm(sim, vfb=vfb)
    broken = make_vm(sim, "broken", OTHER_ID, vfb=vfb)
    with (broken.definition / "vm.cfg").open("a") as file:
        file.write(f"vncpasswd = {SECRET} +\n")
    driver = connect(sim)
    came = [
        attempt(driver.list_nodes),
        attempt(driver.start_node, ID),
        attempt(driver.list_nodes),
    ]
    for function in (
        ("libcloud_repository", "libcloud_read_agent") if module else ("get_vm_config", "list_vms")
    ):
        rule = sim.misbehave("truncate", function)
        came.append(attempt(driver.list_nodes))
        assert rule.hits == 1
        sim.clear_misbehaviour()
    url = f"https://{sim.user}:{sim.password}@x/"
    text = f"exceptions.Exception:failed at {url} for vncpasswd={SECRET}"
    sim.misbehave("fault", "stop_vm", text=text)
    came.append(attempt(driver.stop_node, ID))
    said = log.getvalue() + repr(came) + repr([vars(one.error) for one in came if one.error])
    basic = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    for secret in (SECRET, sim.password, basic):
        assert secret not in said
    for encoded in re.findall(r"<base64>([A-Za-z0-9+/=\s]+)</base64>", log.getvalue()):
        plain = base64.b64decode(re.sub(r"\s", "", encoded) + "==")
        assert SECRET.encode() not in plain
    assert vm.has_disk


def test_sec_nothing_of_base64_but_its_length(personality: str, log: Log) -> None:
    with lab(personality, True) as sim:
        make_vm(sim)
        attempt(connect(sim).list_nodes)
        assert "libcloud_repository" in log.getvalue()
        assert not re.search(r"[A-Za-z0-9+/]{60,}={0,2}\s*</base64>", log.getvalue())
