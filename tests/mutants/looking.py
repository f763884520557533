"""Behaviours of what tells of a host and sets its network."""

from __future__ import annotations

from typing import Any
from xmlrpc.client import Fault

from tests.mutants.ground import REPOSITORY, SHARE, Ground, answers

BRIDGE = "control0"


class Network:
    """dom0's ``ip``, as far as the module uses it: addresses and routes in lists of fields."""

    def __init__(self, ground: Ground, bridge: str = BRIDGE) -> None:
        self.addresses: list[tuple[str, str]] = [("lo", "127.0.0.1/8")]
        self.routes: list[tuple[str, str]] = []
        self.commands: list[list[str]] = []
        self.fails = False
        self.flags = ground.root / "sys/class/net" / bridge / "flags"
        (self.flags.parent / "bridge").mkdir(parents=True)
        self.flags.write_text("0x1083\n")  # up, no ARP
        ground.dom0.run = self.run
        # in this process, where this network is
        ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)

    def run(self, arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
        self.commands.append(arguments)
        if arguments[0] != "ip" or self.fails:
            return 2, b"", b"no such thing"
        match arguments[1:]:
            case ["-o", "addr", "show"]:
                lines = [f"1: {device} inet {where} scope x" for device, where in self.addresses]
            case ["-o", "-4", "route", "show"]:
                lines = [f"{network} dev {device} scope link" for network, device in self.routes]
            case ["link", "set", "dev", str(), "arp", "on"]:
                self.flags.write_text("0x1003\n")
                lines = []
            case ["-4", "addr", "add", where, "broadcast", "+", "dev", device]:
                self.addresses.append((device, where))
                lines = []
            case ["-4", "route", "replace", network, "dev", device, *_]:
                self.routes.append((network, device))
                lines = []
            case ["-4", "route", "del", network, "dev", device, *_]:
                self.routes.remove((network, device))
                lines = []
            case _:
                return 2, b"", b"not known here"
        return 0, "\n".join(lines).encode(), b""


def set_it(ground: Ground, bridge: str, address: str, prefix_length: int) -> Any:
    return ground.write("set_control_interface", bridge, address, prefix_length)


def names_and_addresses_are_whole(ground: Ground) -> None:
    """control01 is not control0, and 110.0.0.1 has nothing to do with 10.0.0.1."""
    network = Network(ground)
    network.addresses.append(("control01", "110.0.0.1/24"))
    network.routes += [("10.0.0.0/24", "control01"), ("110.0.0.0/24", "control01")]
    network.routes += [("172.16.0.0/24", "eth1")]
    answers(set_it, ground, BRIDGE, "10.0.0.1", 24)
    assert (BRIDGE, "10.0.0.1/24") in network.addresses
    assert sorted(network.routes) == [
        ("10.0.0.0/24", BRIDGE),
        ("110.0.0.0/24", "control01"),
        ("172.16.0.0/24", "eth1"),
    ]


def nothing_of_a_name_is_a_command(ground: Ground) -> None:
    network = Network(ground)
    for bridge in ("control0; reboot", "$(reboot)", "../../x", "control0 up"):
        ground.write_refused("InvalidArgument", "set_control_interface", bridge, "10.0.0.1", 24)
    assert network.commands == []
    answers(set_it, ground, BRIDGE, "10.0.0.1", 24)
    assert [command for command in network.commands if command[0] != "ip"] == []


def what_a_command_says_counts(ground: Ground) -> None:
    Network(ground).fails = True
    ground.refused("Failed", "addresses")
    ground.write_refused("Failed", "set_control_interface", BRIDGE, "10.0.0.1", 24)


def success_is_arrival(ground: Ground) -> None:
    """A command that succeeds and does nothing."""
    network = Network(ground)
    done = network.run
    ground.dom0.run = lambda arguments, seconds: (
        (0, b"", b"") if "add" in arguments else done(arguments, seconds)
    )
    ground.write_refused("Failed", "set_control_interface", BRIDGE, "10.0.0.1", 24)


def xenstore(ground: Ground, *, lists: str | None, names: str | None) -> None:
    """What ``xenstore-ls`` and ``xenstore-list`` say; None: they fail."""

    def run(arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
        said = lists if arguments[0] == "xenstore-ls" else names
        return (1, b"", b"xenstored is gone") if said is None else (0, said.encode(), b"")

    ground.dom0.run = run


def one_device_without_files_spoils_nothing(ground: Ground) -> None:
    base = "/local/domain/0/backend/vbd/3/51712"
    xenstore(ground, lists=f'{base}/params = "/x.img"\n{base}/state = "4"\n', names="backend")
    (ground.root / "sys/block/loop0").mkdir(parents=True)
    (ground.root / "sys/block/loop1/loop").mkdir(parents=True)
    (ground.root / "sys/block/loop1/loop/backing_file").write_text("/y.img\n")
    found = answers(ground.call, "file_holders")
    assert [(entry["kind"], entry.get("path")) for entry in found] == [
        ("vbd", "/x.img"),
        ("loop", "/y.img"),
    ]


def what_cannot_be_asked_is_not_empty(ground: Ground) -> None:
    (ground.root / "sys/block/loop1/loop").mkdir(parents=True)
    (ground.root / "sys/block/loop1/loop/backing_file").write_text("/y.img\n")
    xenstore(ground, lists=None, names=None)
    found = answers(ground.call, "file_holders")
    assert [(entry["kind"], "error" in entry) for entry in found] == [
        ("vbd", True),
        ("loop", False),
    ]


def one_bad_mount_spoils_nothing(ground: Ground) -> None:
    ground.share.rmdir()
    found = {entry["mount"]: entry for entry in answers(ground.call, "free_space")}
    assert found[REPOSITORY]["size_bytes"] > 0
    assert "error" in found[SHARE]


def one_bad_file_spoils_nothing(ground: Ground) -> None:
    agent(ground)
    for name in ("good", "linked", "also"):
        (ground.repository / "VirtualMachines" / name).mkdir(parents=True)
    (ground.repository / "VirtualMachines/good/vm.cfg").write_text("memory = 1")
    (ground.repository / "VirtualMachines/linked/vm.cfg").symlink_to(ground.secret)
    (ground.repository / "VirtualMachines/also/vm.cfg").write_text("memory = 2")
    found = answers(ground.call, "repository", REPOSITORY.rpartition("/")[2], "")
    said = [
        (entry["directory"], entry["content"].data if "content" in entry else None)
        for entry in found["vm_cfg"]
    ]
    assert said == [("also", b"memory = 2"), ("good", b"memory = 1"), ("linked", None)]
    assert "error" in found["vm_cfg"][2]


class Module:
    """One of the agent's modules."""

    def get_services(self, version: Any = None) -> dict[str, Any]:
        return {
            "discover_server": lambda: "<xml/>",
            "discover_hardware": lambda: 1 / 0,
            "discover_repositories": lambda name: "<listing/>",
            "delete_vm": lambda: "gone",
        }


class Broken:
    """Another one, which does not even list its functions."""

    def get_services(self, version: Any = None) -> dict[str, Any]:
        raise ValueError("broken")


def agent(ground: Ground) -> None:
    ground.dom0.agent_modules = lambda: [Broken, Module]


ZERO = "00000000-0000-0000-0000-000000000000"
UUIDS = [f"0004fb00-0006-0000-0000-00000000000{number}" for number in range(3)]


def domain(domid: int, uuid: str) -> list[Any]:
    return ["domain", ["domid", domid], ["name", f"d{domid}"], ["uuid", uuid]]


class Xend:
    """xend, which tells of these, all at once or each."""

    def __init__(self, *told: list[Any]) -> None:
        self.told = told

    def domains_with_state(self, *_: Any) -> list[Any]:
        return list(self.told)

    def domain(self, uuid: str, full: int) -> list[Any]:
        for one in self.told:
            if one[3][1] == uuid:
                return one
        raise Fault(3, uuid)


def xen(ground: Ground, xend: Xend, live: dict[int, str]) -> None:
    """xend, and what xenstore has under ``/local/domain``."""

    def run(arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
        said = {"/vm": [ZERO, *UUIDS], "/local/domain": ["0", *map(str, live)]}
        said |= {f"/local/domain/{domid}/vm": [name] for domid, name in live.items()}
        lines = said.get(arguments[1])
        return (1, b"", b"?") if lines is None else (0, "\n".join(lines).encode(), b"")

    ground.dom0.run = run
    ground.dom0.xend = lambda: xend


def a_list_without_domain_0_is_none(ground: Ground) -> None:
    class Agent:
        def get_services(self, version: Any = None) -> dict[str, Any]:
            return {"list_vms": lambda: [{"domid": "1", "uuid": UUIDS[1]}]}

    ground.dom0.agent_modules = lambda: [Agent]
    xen(ground, Xend(domain(1, UUIDS[1])), {1: f"/vm/{UUIDS[1]}"})
    missing = answers(ground.call, "domains")["missing"]
    assert [entry["name"] for entry in missing] == [ZERO]
    answer = answers(ground.call, "read_agent", ["list_vms"])["answers"]["list_vms"]
    assert "fault" in answer
    assert answer["missing"] == [ZERO]


def what_xenstore_has_is_not_stopped(ground: Ground) -> None:
    told = Xend(domain(0, ZERO), domain(1, UUIDS[1]))
    xen(ground, told, {1: f"/vm/{UUIDS[1]}", 2: f"/vm/{UUIDS[2]}", 3: ""})
    found = answers(ground.call, "domains")
    assert [entry["name"] for entry in found["missing"]] == [UUIDS[2], "domain 3"]
    assert [entry["uuid"] for entry in found["domains"]] == [ZERO, UUIDS[1]]


def a_loop_device_of_two_is_nobodys(ground: Ground) -> None:
    lines = "".join(
        f'/local/domain/0/backend/vbd/{domid}/51712/{key} = "{value}"\n'
        for domid in (1, 2)
        for key, value in (("params", "/y.img"), ("node", "/dev/loop1"))
    )
    xenstore(ground, lists=lines, names="")
    (ground.root / "sys/block/loop1/loop").mkdir(parents=True)
    (ground.root / "sys/block/loop1/loop/backing_file").write_text("/y.img\n")
    loop = answers(ground.call, "file_holders")[-1]
    assert (loop["path"], loop.get("domid")) == ("/y.img", None)


def a_directory_without_vm_cfg_is_said(ground: Ground) -> None:
    agent(ground)
    for name in ("put-aside", "empty"):
        (ground.repository / "VirtualMachines" / name).mkdir(parents=True)
    (ground.repository / "VirtualMachines/put-aside/vm.cfg.bak").write_text("memory = 1")
    found = answers(ground.call, "repository", REPOSITORY.rpartition("/")[2], "")
    assert [entry["directory"] for entry in found["vm_cfg"]] == ["put-aside"]
    assert "vm.cfg.bak" in found["vm_cfg"][0]["error"]


def a_path_is_the_file_that_it_leads_to(ground: Ground) -> None:
    (ground.share / "disk").write_text("x")
    (ground.repository / "link").symlink_to(SHARE + "/disk")
    unmounted = "/OVS/Repositories/" + "0f" * 16 + "/disk"
    link, disk, away, gone = answers(
        ground.call,
        "identify",
        [REPOSITORY + "/link", SHARE + "/disk", unmounted, SHARE + "/none"],
    )
    assert (link.get("real"), link.get("inode")) == (SHARE + "/disk", disk["inode"])
    assert "error" in away
    assert "missing" not in away
    assert gone.get("missing") is True


def only_what_is_listed_can_be_asked(ground: Ground) -> None:
    agent(ground)
    ground.refused("InvalidArgument", "read_agent", ["discover_server", "delete_vm"])
    ground.refused("InvalidArgument", "read_agent", ["__class__"])
    answer = answers(ground.call, "read_agent", ["discover_server", "discover_hardware"])["answers"]
    assert answer["discover_server"] == {"answer": "<xml/>"}
    assert "ZeroDivisionError" in answer["discover_hardware"]["fault"]


def one_odd_module_spoils_nothing(ground: Ground) -> None:
    agent(ground)
    broken, module = answers(ground.call, "get_api_services")
    assert broken["error"]
    assert "delete_vm" in [function["name"] for function in module["functions"]]


def a_log_is_one_of_two(ground: Ground) -> None:
    logs = ground.root / "var/log"
    logs.mkdir(parents=True)
    (logs / "ovs-agent.log").write_bytes(b"x" * 100 + b"end")
    (logs / "secret").write_text("canary")
    assert answers(ground.call, "log_tail", "agent", 3).data == b"end"
    for name in ("secret", "../../etc/secret", "/etc/secret"):
        ground.refused("InvalidArgument", "log_tail", name, 10)
    ground.refused("InvalidArgument", "log_tail", "agent", (1 << 20) + 1)


def names_are_not_resolved(ground: Ground) -> None:
    """A resolver has no time limit."""
    for address in ("localhost", "example.com", "127.0.0.1; reboot", ""):
        ground.refused("InvalidArgument", "check_port", address, 22, 1)


def every_device_is_there(ground: Ground) -> None:
    """Also one that cannot be read; and what Domain-0 uses of its partitions."""
    block = ground.root / "sys/block"
    for name, number in (("sda", "8:0"), ("sda/sda1", "8:1"), ("sdb", "8:16")):
        (block / name).mkdir(parents=True)
        (block / name / "dev").write_text(number + "\n")
        (block / name / "size").write_text("2048\n")
    (block / "sda/sda1/partition").write_text("1\n")
    (block / "sdb/size").unlink()
    (ground.root / "proc/swaps").write_text("Filename Type Size Used Priority\n")
    (ground.root / "proc/self").mkdir(exist_ok=True)
    (ground.root / "proc/self/mountinfo").write_text("17 1 8:1 / / rw - ext3 /dev/root rw\n")
    found = {one["device"]: one for one in answers(ground.call, "block_devices")}
    assert sorted(found) == ["/dev/sda", "/dev/sda1", "/dev/sdb"]
    assert found["/dev/sdb"]["error"]
    assert [len(found[name]["used_by"]) for name in ("/dev/sda", "/dev/sda1")] == [1, 1]
