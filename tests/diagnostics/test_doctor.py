"""Doctor checks: each fault by itself, and a pool with several of them as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libcloud_ovm3.agent.hostmodule import API
from libcloud_ovm3.agent.probe import Probed
from libcloud_ovm3.diagnostics.checks import run_checks
from libcloud_ovm3.diagnostics.collect import Call, Collected, collect, record_calls
from libcloud_ovm3.diagnostics.finding import Finding, is_healthy
from libcloud_ovm3.errors import (
    BadCredentials,
    CertificateRejected,
    HostNotVerified,
    HostUnreachable,
    TimedOut,
)
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import UnreachableHost
from tests.diagnostics.healthy import (
    NOW,
    REPOSITORY,
    certificate,
    collected,
    defined,
    host,
    inventory_data,
    live,
    member,
    repository,
)
from tests.diagnostics.troubled import BROKEN, TWIN, estate_of, troubled_pool
from tests.support import simulate

ONE = "0004fb00-0006-0000-0000-000000000001"
TWO = "0004fb00-0006-0000-0000-000000000002"
THREE = "0004fb00-0006-0000-0000-000000000003"
DISK = "file:/OVS/Repositories/x/VirtualDisks/one.img,xvda,"


def bad(of: Collected) -> list[tuple[str, str]]:
    """Return level and subject of each fault. Each must state its consequence."""
    found = [finding for finding in run_checks(of) if finding.level in ("warning", "error")]
    assert all(finding.found and finding.means for finding in found)
    return [(finding.level, finding.about) for finding in found]


def texts(of: Collected, about: str) -> str:
    return "\n".join(
        f"{finding.level} {finding.found}" for finding in run_checks(of) if finding.about == about
    )


def test_a_healthy_pool() -> None:
    well = collected()
    assert bad(well) == []
    assert is_healthy(run_checks(well))
    assert "3.3.3-1350" in texts(well, "versions")
    assert "4.3.0OVM" in texts(well, "versions")
    assert "master ovm-1" in texts(well, "pool")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tls_version": "TLSv1"}, ("warning", "TLS")),
        ({"not_after": NOW - timedelta(days=1)}, ("warning", "certificate")),
        ({"not_after": NOW + timedelta(days=29)}, ("warning", "certificate")),
        ({"not_before": NOW + timedelta(days=1)}, ("warning", "certificate")),
        ({"key_bits": 1024}, ("warning", "key")),
    ],
)
def test_certificates(changed: dict[str, Any], expected: tuple[str, str]) -> None:
    of = collected(certificate=certificate(**changed))
    assert bad(of) == [expected]
    assert not is_healthy(run_checks(of))


def test_certificates_without_faults() -> None:
    assert bad(collected(certificate=certificate(key="EC", key_bits=256))) == []
    assert bad(collected(certificate=certificate(key="Ed25519", key_bits=None))) == []
    other = collected(certificate=certificate(names=("ovm-1",)))
    assert bad(other) == []
    assert "note" in texts(other, "cert names")
    odd = collected(certificate=certificate(not_after=None, error="odd"))
    assert "note cannot be parsed: odd" in texts(odd, "certificate")
    assert bad(collected(certificate=HostUnreachable("no TLS"))) == [("error", "TLS")]
    assert bad(collected(trust="none")) == [("warning", "trust")]


@pytest.mark.parametrize(
    ("error", "about"),
    [
        (BadCredentials("HTTP 403"), "password"),
        (CertificateRejected("another one"), "trust"),
        (HostUnreachable("cannot be reached"), "agent"),
    ],
)
def test_nothing_could_be_read(error: Exception, about: str) -> None:
    of = collected(read=error)
    assert bad(of) == [("error", about)]
    assert str(error) in texts(of, about)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"manager_uuid": None}, ("warning", "owner")),
        ({"roles": ("utility",)}, ("warning", "roles")),
        ({"roles": ("xen",)}, ("warning", "roles")),
    ],
)
def test_the_host(changed: dict[str, Any], expected: tuple[str, str]) -> None:
    views = [host(1, **changed), host(2, is_master=False, **changed)]
    assert bad(collected(inventory_data(views))) == [expected]


def test_hosts_that_differ() -> None:
    old = {"agent_version": "3.2.1-183", "vmm_minor": "1"}
    assert bad(collected(inventory_data([host(1), host(2, **old)]))) == [("warning", "versions")]
    assert "Xen 4.1" in texts(
        collected(inventory_data([host(1, **old), host(2, **old)])), "versions"
    )
    other = inventory_data([host(1), host(2, manager_uuid="f" * 32)])
    assert bad(collected(other)) == [("warning", "owner")]


def test_the_pool() -> None:
    masters = collected(inventory_data([host(1), host(2, is_master=True)]))
    assert bad(masters) == [("error", "pool")]
    none = collected(inventory_data([host(1, is_master=False), host(2)]))
    assert bad(none) == [("warning", "pool")]
    dead = UnreachableHost("192.0.2.2:8899", HostUnreachable("192.0.2.2:8899: cannot be reached"))
    assert bad(collected(inventory_data([host(1)], unreachable=[dead]))) == [("error", "member")]
    unpinned = UnreachableHost("192.0.2.2:8899", HostNotVerified("neither pin nor CA"))
    found = run_checks(collected(inventory_data([host(1)], unreachable=[unpinned])))
    advice = next(f.advice for f in found if f.about == "member")
    assert advice.startswith("`ovm3 host certificate 192.0.2.2")
    lost = replace(inventory_data(), pools=(HostUnreachable("gone"), HostUnreachable("gone")))
    assert bad(collected(lost)) == [("error", "pool")]


def test_repositories() -> None:
    views = [host(1), host(2)]
    half = repository(views[:1])
    assert bad(collected(inventory_data(views, repositories=[half]))) == [("warning", "repository")]
    assert "mounted on ovm-1, not on ovm-2" in texts(
        collected(inventory_data(views, repositories=[half])), "repository"
    )
    unlisted = replace(repository(views), content=None, errors=("stale",))
    assert bad(collected(inventory_data(views, repositories=[unlisted]))) == [
        ("error", "repository")
    ]
    nowhere = replace(repository([]), content=None, errors=("nowhere",))
    assert bad(collected(inventory_data(views, repositories=[nowhere]))) == [
        ("error", "repository")
    ]
    assert bad(collected(inventory_data(views, repositories=[]))) == [("warning", "repository")]
    own = repository(views)
    foreign = replace(own, record=replace(own.record, manager_uuid="f" * 32))
    assert bad(collected(inventory_data(views, repositories=[foreign]))) == [
        ("warning", "repository")
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"OVM_high_availability": True}, [("warning", "HA")]),
        ({"OVM_high_availability": "True"}, [("warning", "HA")]),
        ({"OVM_high_availability": False}, []),
        ({"on_xend_start": "start"}, [("warning", "autostart")]),
        ({"on_xend_stop": "shutdown"}, [("warning", "autostart")]),
        ({"on_xend_start": "ignore", "on_xend_stop": "ignore"}, []),
        ({"uuid": None}, [("warning", "vm.cfg")]),
        ({"memory": "much"}, [("warning", "vm.cfg")]),
        ({"disk": ["nonsense"]}, [("warning", "vm.cfg")]),
        ({"name": "42"}, [("warning", "name")]),
        ({"name": "migrating-web"}, [("warning", "name")]),
    ],
)
def test_one_definition(config: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    definition = defined("web", **{"uuid": ONE, **config})
    assert bad(collected(inventory_data(definitions=[definition]))) == expected


def test_vms() -> None:
    broken = Definition(REPOSITORY, "x", None, "invalid syntax")
    assert bad(collected(inventory_data(definitions=[broken]))) == [("error", "vm.cfg")]
    twins = [defined("a", uuid=ONE), defined("b", uuid=ONE)]
    assert bad(collected(inventory_data(definitions=twins))) == [("error", "uuid")]
    twice = inventory_data(
        [host(1, live("a", ONE)), host(2, live("a", ONE))], [defined("a", uuid=ONE)]
    )
    assert bad(collected(twice)) == [("error", "uuid")]
    leaving = [
        host(1, live("migrating-a", ONE)),
        host(2, live("a", ONE, state="--p---", status="1")),
    ]
    assert bad(collected(inventory_data(leaving, [defined("a", uuid=ONE)]))) == []
    stray = inventory_data([host(1, live("a", ONE)), host(2)])
    assert bad(collected(stray)) == [("warning", "VM")]
    crashed = [host(1, live("a", ONE, state="----c-", status="5")), host(2)]
    assert bad(collected(inventory_data(crashed, [defined("a", uuid=ONE)]))) == [("warning", "VM")]
    unfinished = defined("a", uuid=ONE, OVM_description="creating " + "0" * 32)
    assert "is being created" in texts(collected(inventory_data(definitions=[unfinished])), "VM")


@pytest.mark.parametrize(
    ("modes", "level"),
    [("w w", "error"), ("w! w", "error"), ("w r", "error"), ("w! w!", "note"), ("r r", None)],
)
def test_disks_with_two_users(modes: str, level: str | None) -> None:
    first, second = modes.split()
    definitions = [
        defined("a", uuid=ONE, disk=[DISK + first]),
        defined("b", uuid=TWO, disk=[DISK.replace("/OVS/", "///OVS/") + second]),
        defined("c", uuid=THREE, disk=["file:/iso,xvdb:cdrom,r", ",hdc:cdrom,r"]),
        defined("d", disk=["file:/iso,xvdb:cdrom,r"], uuid=ONE.replace("1", "9")),
    ]
    found = [
        f
        for f in run_checks(collected(inventory_data(definitions=definitions)))
        if f.about == "disk"
    ]
    assert [finding.level for finding in found] == ([level] if level else [])
    if found:
        assert f"{REPOSITORY}/VirtualMachines/a" in found[0].found
        assert f"{REPOSITORY}/VirtualMachines/b" in found[0].found


def test_a_lun_is_one_disk_by_whatever_name() -> None:
    wwid = "6006016012345678901234567890abcd"
    paths = (f"/dev/mapper/3{wwid}", f"/dev/mapper/../mapper/3{wwid.upper()}")
    definitions = [
        defined(name, uuid=vm_id, disk=[f"phy:{path},xvda,w"])
        for name, vm_id, path in zip("ab", (ONE, TWO), paths, strict=True)
    ]
    of = collected(inventory_data(definitions=definitions))
    assert bad(of) == [("error", "disk")]
    assert f"LUN {wwid}" in texts(of, "disk")


def names(of: Collected) -> list[Finding]:
    return [finding for finding in run_checks(of) if finding.about == "name"]


def test_names_that_xend_confuses() -> None:
    # "7" is not live, and domain 7 is another VM: what is meant for one hits the other.
    seven = defined("a", uuid=ONE, name="7")
    other = [host(1, live("b", TWO)), host(2)]
    [finding] = names(collected(inventory_data(other, [seven, defined("b", uuid=TWO)])))
    assert finding.level == "error"
    assert "domain 7 on ovm-1 is another VM now" in finding.found
    # The domain of that number is the VM itself.
    [finding] = names(collected(inventory_data([host(1, live("7", ONE)), host(2)], [seven])))
    assert finding.level == "warning"
    [finding] = names(collected(inventory_data(definitions=[defined("a", uuid=ONE, name=TWO),
                                                   defined("b", uuid=TWO)])))  # fmt: skip
    assert (finding.level, "uuid of another" in finding.found) == ("error", True)
    same = [defined("a", uuid=ONE, name="web"), defined("b", uuid=TWO, name="web")]
    [finding] = names(collected(inventory_data(definitions=same)))
    assert (finding.level, "2 VMs as 'web'" in finding.found) == ("warning", True)
    assert names(collected(inventory_data(definitions=[defined("a", uuid=ONE, name=ONE)]))) == []
    undashed = ONE.replace("-", "")
    assert names(collected(inventory_data(definitions=[defined(undashed, uuid=ONE)]))) == []


def test_functions_and_the_host_module() -> None:
    functions = (
        Probed("echo", "present"),
        Probed("get_ntp", "absent", "not supported"),
        Probed("get_timezone", "unclear", "odd words"),
        Probed("start_vm", "not probed", "a write"),
    )
    views = [host(1), host(2)]
    of = collected(inventory_data(views), [member(view, functions=functions) for view in views])
    assert bad(of) == []
    said = texts(of, "functions")
    assert "ovm-1, ovm-2: 1 of the 3 functions" in said
    assert "does not have get_ntp" in said
    assert "get_timezone failed: odd words" in said
    lost = [member(views[0]), member(views[1], functions=TimedOut("too slow"))]
    of = collected(inventory_data(views), lost)
    assert bad(of) == [("warning", "functions")]
    assert "ok ovm-1: 1 of the 1" in texts(of, "functions")
    assert "ovm-2: the agent's functions could not be probed: too slow" in texts(of, "functions")


def test_the_host_module() -> None:
    def about(**more: Any) -> list[Finding]:
        views = [host(1), host(2)]
        of = collected(inventory_data(views), [member(views[0], **more), member(views[1])])
        return [finding for finding in run_checks(of) if finding.about == "host module"]

    [absent] = about()
    assert (absent.level, absent.found) == (
        "note",
        "ovm-1, ovm-2: the host module is not installed",
    )
    assert absent.advice.startswith("`ovm3 host install 192.0.2.1:8899`; `ovm3 host install ")
    [present, other] = about(host_module="present", module_api=API)
    assert (present.level, present.advice) == ("ok", "")
    assert f"ovm-1: the host module is installed (API {API})" in present.found
    assert other.found == "ovm-2: the host module is not installed"
    for api, advice in ((API - 2, "`ovm3 host install"), (API + 2, "upgrade this client")):
        [odd, _] = about(host_module="present", module_api=api)
        assert (odd.level, odd.means.partition(";")[0]) == ("warning", "it is not used")
        assert odd.advice.startswith(advice)


def test_the_host_module_of_a_host() -> None:
    with simulate(hosts=1, host_module=True) as sim:
        of = collect(estate_of(sim), certificate, "verified")
        [one] = of.members
        assert (one.host_module, one.module_api, one.autostart_guests) == ("present", API, ())
        calls: list[Call] = []
        collect(record_calls(estate_of(sim), calls), certificate, "verified")
        ours = {call.function for call in calls if call.function.startswith("libcloud_")}
        networks = {"libcloud_bridges", "libcloud_control_interface", "libcloud_network_setup"}
        assert ours == {"libcloud_version", "libcloud_autostart_guests"} | networks, (
            "otherwise responses of the agents"
        )
        sim.misbehave("fault", "libcloud_version", text="exceptions.ImportError:no module")
        of = collect(estate_of(sim), certificate, "verified")
        assert (of.members[0].host_module, of.members[0].module_api) == ("unclear", None)
        assert "unclear" in texts(of, "host module")


def test_a_troubled_pool(personality: str) -> None:
    """One dead host, one unmounted repository, one broken vm.cfg, one duplicate uuid."""
    with troubled_pool(personality) as troubled:
        since = len(troubled.sim.calls)
        of = collect(estate_of(troubled.sim), certificate, "verified")
        called = {call.function for call in troubled.sim.calls[since:]}
    assert sorted(bad(replace(of, now=NOW))) == [
        ("error", "member"),
        ("error", "repository"),
        ("error", "uuid"),
        ("error", "vm.cfg"),
    ]
    assert f"{troubled.sim.hosts[2].address}:{troubled.sim.hosts[2].port}" in texts(of, "member")
    assert f"'vault' {troubled.unmounted}" in texts(of, "repository")
    assert "is not mounted on any reachable host" in texts(of, "repository")
    assert f"ok 'MyRepo' {troubled.sim.repository_id}" in texts(of, "repository")
    assert f"{troubled.sim.repository_id}/VirtualMachines/{BROKEN}/vm.cfg" in texts(of, "vm.cfg")
    for directory in ("twin-one", "twin-two"):
        assert f"{troubled.sim.repository_id}/VirtualMachines/{directory}" in texts(of, "uuid")
    assert TWIN in texts(of, "uuid")
    assert not {name for name in called if name.startswith(("start", "stop", "configure", "set_"))}


def test_a_healthy_simulated_pool(personality: str) -> None:
    with simulate(hosts=2, personality=personality) as sim:
        of = collect(estate_of(sim), certificate, "verified")
        assert bad(replace(of, now=NOW)) == []
        assert [len(one.functions) for one in of.members] == [202, 202]
