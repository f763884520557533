"""Whether a VM can be on a host: each rule by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import Hardware, Processor, Server
from libcloud_ovm3.agent.vm_claims import VMClaim
from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.estate import fitting, xend_memory
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.domains import Domain, VncEndpoint, read_domains
from libcloud_ovm3.estate.fitting import Fit, Found
from libcloud_ovm3.estate.guards import Guard
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM, EstateSnapshot, LiveDomain
from libcloud_ovm3.simulator.xend.starting import memory_needed_mb

POOL, OTHER = "0004fb00-0002-0000-0000-00000000000a", "0004fb00-0002-0000-0000-00000000000b"
HVM = VMConfig({"builder": "hvm", "memory": 1024, "vcpus": 2})
PV = VMConfig({"memory": 1024, "vcpus": 2})
NOTHING: Found = ([], [])


def host(number: int, **server: Any) -> HostView:
    known = {"uuid": f"{number:032x}", "hostname": f"ovm-{number}", "pool_uuid": POOL, **server}
    return HostView(Address(f"10.0.0.{number}", 8899), None, Server(**known), (), ())  # type: ignore[arg-type]


ONE, TWO = host(1), host(2)
FAULT = AgentFault("no", code=1, kind="", text="no", host="h", function="f")


def domain(name: str = "x", **known: Any) -> Domain:
    return replace(read_domains([{"name": name, "domid": "7"}]).domains[0], **known)


def vm(*live: tuple[HostView, Domain], state: State = State.RUNNING, **guard: Any) -> VM:
    known = Guard("f", (), **guard) if guard else None
    definition = Definition("r", "d", VMConfig({"name": "x"}), guard=known)
    return VM("id", state, tuple(LiveDomain(*one) for one in live), (definition,))


def hardware(free_mb: int | None = None, *cpus: tuple[str, str, str]) -> Hardware:
    processors = tuple(
        Processor(vendor_id=vendor, family=family, model_name=name) for vendor, family, name in cpus
    )
    return Hardware(free_pages=None if free_mb is None else free_mb * 256, processors=processors)


def told(found: Found) -> tuple[str, str]:
    return "; ".join(found[0]), "; ".join(found[1])


# ------------------------------------------------------------------ memory


NUMBERS = st.integers(1, 10**6)


@given(
    st.fixed_dictionaries(
        {"memory": NUMBERS, "vcpus": st.integers(1, 128)},
        optional={
            "maxvcpus": st.integers(0, 128),
            "videoram": st.integers(0, 64),
            "builder": st.sampled_from(["hvm", "linux"]),
        },
    )
)
def test_what_a_start_needs_is_what_xend_asks_for(options: Mapping[str, Any]) -> None:
    assert xend_memory.needed_mb(VMConfig(options)) == memory_needed_mb(dict(options))


def test_memory_of_which_nobody_knows_how_much() -> None:
    assert xend_memory.needed_mb(VMConfig({})) is None
    assert xend_memory.needed_on_source_mb(VMConfig({})) is None
    assert fitting.by_memory(VMConfig({}), None, ONE, hardware(1))[0] == []
    assert "unknown; it needs 1024 MB" in told(fitting.by_memory(PV, None, ONE, FAULT))[0]
    assert "whether ovm-1" in told(fitting.by_source_memory(PV, None, ONE, FAULT))[1]


@pytest.mark.parametrize(
    ("config", "free", "against", "unknown"),
    [
        (PV, 1024, "", ""),
        (PV, 1023, "it needs 1024 MB of memory, and ovm-1 (10.0.0.1:8899) has 1023 MB free", ""),
        (HVM, 1037, "it needs 1038 MB", ""),  # 1024 + 4 + 2 + 8
        (HVM, 1038, "", "1042 MB if its Xen uses VT-d"),
        (HVM, 1042, "", ""),
    ],
)
def test_memory_of_the_target(config: VMConfig, free: int, against: str, unknown: str) -> None:
    found = told(fitting.by_memory(config, None, ONE, hardware(free)))
    assert against in found[0]
    assert unknown in found[1]
    assert (bool(found[0]), bool(found[1])) == (bool(against), bool(unknown))
    live = fitting.by_memory(config, 2 * 1024, ONE, hardware(free))
    assert live[0], "what it has, not what its vm.cfg says"


def test_memory_of_the_source() -> None:
    assert fitting.by_source_memory(PV, None, ONE, hardware(6)) == NOTHING  # 2 + 4
    assert "needs 6 MB" in told(fitting.by_source_memory(PV, None, ONE, hardware(5)))[0]


# ------------------------------------------------------------------ the two hosts


def test_the_pool_and_the_release() -> None:
    old, new = host(1, ovm_version="3.2.9-517"), host(2, ovm_version="3.2.11-1")
    assert fitting.by_pool(old, new) == NOTHING, "3.2.11 is later than 3.2.9"
    assert "an earlier release (3.2.9-517)" in told(fitting.by_pool(new, old))[0]
    assert told(fitting.by_pool(ONE, TWO)) == (
        "",
        "whether the release of the target is not an earlier one: a host says none",
    )
    assert "in different server pools" in told(fitting.by_pool(ONE, host(2, pool_uuid=OTHER)))[0]
    outside = fitting.by_pool(host(1, pool_uuid=None), host(2, pool_uuid=None))[0]
    assert [one.split(" ")[0] for one in outside] == ["ovm-1", "ovm-2"]


INTEL, AMD = ("GenuineIntel", "6", "Nehalem"), ("AuthenticAMD", "21", "Opteron")


def test_the_family_of_the_cpus_counts_and_the_model_is_said() -> None:
    def found(*two: Any) -> tuple[str, str]:
        return told(fitting.by_processors(ONE, TWO, two))

    assert found(hardware(1, INTEL, INTEL), hardware(1, INTEL)) == ("", "")
    assert (
        "another family (AuthenticAMD family 21)" in found(hardware(1, INTEL), hardware(1, AMD))[0]
    )
    newer = ("GenuineIntel", "6", "Haswell")
    against, unknown = found(hardware(1, INTEL), hardware(1, newer))
    assert (against, "(Nehalem) have, and not those of ovm-2" in unknown) == ("", True)
    for unread in (hardware(1), FAULT):
        assert found(hardware(1, INTEL), unread) == (
            "",
            "whether ovm-1 (10.0.0.1:8899) and ovm-2 (10.0.0.2:8899) have CPUs of one family",
        )


def test_hvm_guests_need_hardware_for_it() -> None:
    able = host(1, vmm_capabilities=("xen-3.0-x86_64", "hvm-3.0-x86_64"))
    unable = host(1, vmm_capabilities=("xen-3.0-x86_64",))
    assert fitting.by_virtualization(HVM, able) == NOTHING
    assert fitting.by_virtualization(PV, unable) == NOTHING
    assert "cannot run these" in told(fitting.by_virtualization(HVM, unable))[0]
    assert "it does not say" in told(fitting.by_virtualization(HVM, ONE))[1]


# ------------------------------------------------------------------ the guest


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_a_console_that_listens_everywhere_can_be_moved(listen: str) -> None:
    assert fitting.by_screen(PV, domain(vnc=VncEndpoint(listen, 5900))) == NOTHING


def test_a_console_that_listens_elsewhere() -> None:
    assert fitting.by_screen(PV, domain()) == NOTHING, "it has none"
    for local in (VMConfig({"vfb": ["type=vnc"]}), VMConfig({"vfb": ["type=vnc,vnclisten=::1"]})):
        against, unknown = told(fitting.by_screen(local, domain()))
        assert (against, "is no obstacle" in unknown) == ("", True)
    found = fitting.by_screen(PV, domain(vnc=VncEndpoint("10.0.0.1", 5900)))
    assert "listens on 10.0.0.1, an address that the other host does not have" in told(found)[0]


@pytest.mark.parametrize(
    ("age", "against"),
    [(60, ""), (59.9, "was started 60 s ago by the clock"), (-7, "7 s after the present time")],
)
def test_the_age_by_the_clock_of_the_target(age: float, against: str) -> None:
    found = told(fitting.by_age(domain(start_time=1000.0), 1000 + age, ONE, 60))
    assert against in found[0]
    assert (bool(found[0]), found[1]) == (bool(against), "")


def test_an_age_that_nobody_knows() -> None:
    for found in (
        fitting.by_age(domain(), 1.0, ONE, 60),
        fitting.by_age(domain(start_time=1.0), FAULT, ONE, 60),
    ):
        assert told(found) == ("", "how old the guest is by the clock of ovm-1 (10.0.0.1:8899)")


def test_what_cannot_be_moved_by_its_options() -> None:
    def image(**keys: Any) -> Domain:
        return domain(parts=[{}, keys])

    assert fitting.by_mobility(PV, image(nomigrate="0", pci=[])) == NOTHING
    assert fitting.by_mobility(PV, domain(parts=None)) == NOTHING
    assert "nomigrate=1" in told(fitting.by_mobility(PV, image(nomigrate="1")))[0]
    assert "nomigrate=1" in told(fitting.by_mobility(VMConfig({"nomigrate": 1}), image()))[0]
    assert "PCI devices" in told(fitting.by_mobility(PV, image(pci=[["dev", "1"]])))[1]


def test_a_domain_of_its_name_on_the_host() -> None:
    its, other = domain("x", uuid="a"), domain("x", uuid="b")
    there = replace(TWO, domains=(other, domain("y")))
    assert "has its name for xend, 'x': live domain b" in told(fitting.by_names(vm(), there))[0]
    own = replace(TWO, domains=(its,))
    assert fitting.by_names(vm((own, its)), own) == NOTHING


@pytest.mark.parametrize(
    ("state", "against"),
    [
        (State.PAUSED, "is paused"),
        (State.STOPPED, "is stopped"),
        (State.MIGRATING, "is migrating"),
        (State.UNKNOWN, "is unknown"),
    ],
)
def test_only_what_runs_is_moved(state: State, against: str) -> None:
    [reason] = fitting.why_not_migratable(vm((ONE, domain()), state=state), TWO)
    assert against in reason


# ------------------------------------------------------------------ claims, and other migrations


def test_claims_that_a_host_needs() -> None:
    module: Any = object()
    able = replace(TWO, module=module, module_api=3, claims=2)
    older = replace(able, claims=1)
    guarded = vm((ONE, domain()), claim=None)
    assert fitting.by_claims(vm((ONE, domain())), [ONE, TWO], moves=True) == NOTHING, "no guard"
    assert fitting.by_claims(guarded, [able], moves=True) == NOTHING
    assert fitting.by_claims(guarded, [older]) == NOTHING
    assert "knows no migrations" in told(fitting.by_claims(guarded, [older], moves=True))[0]
    assert (
        "ovm-1 (10.0.0.1:8899) has not: it has no host module"
        in (told(fitting.by_claims(guarded, [ONE]))[0])
    )
    assert "cannot be read: torn" in told(fitting.by_claims(vm(error="torn"), [able]))[0]


def claim(kind: str, **known: str) -> VMClaim:
    return replace(VMClaim("f", 1, kind, (), *("",) * 13), **known)


def test_a_claim_that_does_not_say_where_a_vm_is() -> None:
    module: Any = object()
    able = replace(TWO, module=module, module_api=3, claims=2)
    for kind, unknown in (
        ("free", ""),
        ("on", ""),
        ("doubt", "its hosts look"),
        ("moving", "look"),
    ):
        against, said = told(fitting.by_claims(vm(claim=claim(kind)), [able]))
        assert (against, unknown in said, bool(said)) == ("", True, bool(unknown))
    torn = vm(claim=claim("doubt", error="on ovm-1"))
    assert "two domains of it were seen on ovm-1" in told(fitting.by_claims(torn, [able]))[0]


def test_one_migration_at_a_time_out_of_a_host_and_into_one() -> None:
    def found(*others: VM, source: HostView = ONE, target: HostView = TWO) -> tuple[str, str]:
        known = {str(number): replace(one, id=str(number)) for number, one in enumerate(others)}
        return told(
            fitting.by_migrations(
                vm((ONE, domain())), EstateSnapshot((), (), (), known), source, target
            )
        )

    out = vm((ONE, domain("migrating-x")), (TWO, domain("x")), state=State.MIGRATING)
    assert found(vm((ONE, domain()))) == ("", "")
    assert found(out)[0].count("wait for that") == 2
    assert "ovm-1 (10.0.0.1:8899) is moving away, or saving" in found(out)[0]
    assert "ovm-2 (10.0.0.2:8899) is receiving" in found(out)[0]
    assert found(out, source=TWO, target=ONE) == ("", "")
    assert "is receiving" in found(vm(claim=claim("moving", target=TWO.server.uuid.upper())))[0], (
        "not seen by xend yet"
    )
    two = {"MAX_CONCURRENT_MIGRATION_OUT": "2", "MAX_CONCURRENT_MIGRATION_IN": "2"}
    assert found(out, source=host(1, capabilities=two), target=host(2, capabilities=two))[0] == ""


def test_each_text_is_said_once() -> None:
    found = fitting.joined("start", [(["a"], ["u"]), (["b", "a"], ["u"])])
    assert found == Fit("start", ("a", "b"), ("u",))
    assert (found.fits, Fit("start").fits) == (False, True)
