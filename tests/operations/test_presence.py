"""What a look at the hosts makes of live domains that may be somebody else's; no simulator."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.config import VMConfig
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.errors import PreconditionFailed
from libcloud_ovm3.estate.definitions import Definition
from libcloud_ovm3.estate.hosts import HostView
from libcloud_ovm3.estate.states import State
from libcloud_ovm3.estate.vms import VM
from libcloud_ovm3.operations.preconditions import verified_domain
from libcloud_ovm3.operations.presence import read_presence

REPOSITORY, DIRECTORY = "0a" * 16, "0b" * 16
OWN_ID, OTHER_ID = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
DISK = f"/OVS/Repositories/{REPOSITORY}/VirtualDisks/one.img"
DOMAIN_0 = {"name": "Domain-0", "domid": "0", "uuid": str(uuid.UUID(int=0))}
CONFIG: dict[str, Any] = {"name": "own", "uuid": OWN_ID, "disk": [f"file:{DISK},xvda,w"]}
NAMELESS = {key: value for key, value in CONFIG.items() if key != "uuid"}


def domain(name: str | None, vm_id: str | None, path: str | None = DISK) -> dict[str, Any]:
    devices = {"vbd": [{"dev": "xvda:disk", "uname": f"file:{path}"}]} if path else {"vif": []}
    found = {"name": name, "domid": "7", "uuid": vm_id, "state": "-b----", "status": "2"}
    return {k: v for k, v in {**found, "device": devices}.items() if v is not None}


def host(*domains: dict[str, Any], config: Any = None) -> HostView:
    """One host whose agent lists these, and has this vm.cfg."""
    xen = SimpleNamespace(
        list_vms=lambda: [DOMAIN_0, *domains], get_vm_config=lambda *_: config or CONFIG
    )
    server = Server(uuid="0" * 32, hostname="ovm-1")
    agent: Any = SimpleNamespace(xen=xen)
    return HostView(Address("127.0.0.2", 8899), agent, server, (), ())


def definition(config: dict[str, Any]) -> Definition:
    return Definition(REPOSITORY, DIRECTORY, VMConfig(config))


# Of a definition with a uuid: a domain without one that has its name. Of one without: whoever has
# its name, unless the disks agree.
DOUBTFUL = [
    (CONFIG, domain("own", None)),
    (CONFIG, domain("migrating-own", None)),
    (CONFIG, domain(DIRECTORY, None)),
    (NAMELESS, domain("own", None)),
    (NAMELESS, domain("own", OTHER_ID, "/OVS/else.img")),
    (NAMELESS, domain("own", OTHER_ID, None)),
]


@pytest.mark.parametrize(("config", "seen"), DOUBTFUL)
def test_what_may_be_it_is_not_absent(config: dict[str, Any], seen: dict[str, Any]) -> None:
    look = read_presence([host(seen)], definition(config), [OWN_ID])
    assert look.live == ()
    assert len(look.doubtful) == 1
    assert not look.is_absent
    assert "it may be" in look.described()


@pytest.mark.parametrize("seen", [domain("other", OTHER_ID), domain("own", OTHER_ID, None)])
def test_what_is_another_s_is_absent(seen: dict[str, Any]) -> None:
    assert read_presence([host(seen)], definition(CONFIG), [OWN_ID]).is_absent


@pytest.mark.parametrize(("config", "seen"), DOUBTFUL)
def test_nothing_is_sent_beside_what_may_be_it(
    config: dict[str, Any], seen: dict[str, Any]
) -> None:
    own = domain("own", OWN_ID)
    for seen_there in ([seen], [seen, own], [own, seen]):
        with pytest.raises(PreconditionFailed, match="domain 7 is named"):
            verified_domain(host(*seen_there, config=config), definition(config), [OWN_ID])


def test_a_vm_cfg_that_was_changed_or_has_gone() -> None:
    own, ours = domain("own", OWN_ID), definition(CONFIG)
    assert verified_domain(host(own), ours, [OWN_ID]) is not None
    assert verified_domain(host(), ours, [OWN_ID]) is None
    for changed in ({"name": "else"}, {"uuid": OTHER_ID}):
        with pytest.raises(PreconditionFailed, match="changed in the meantime"):
            verified_domain(host(own, config={**CONFIG, **changed}), ours, [OWN_ID])
    with pytest.raises(PreconditionFailed, match="can no longer be read"):
        verified_domain(host(own, config="no struct"), ours, [OWN_ID])


def test_a_name_that_is_another_s_uuid() -> None:
    """The agent may find a domain by its uuid, too, in whichever spelling."""
    for name in (OTHER_ID, OTHER_ID.replace("-", "")):
        config = {**CONFIG, "name": name}
        seen = host(domain(name, OWN_ID), domain("other", OTHER_ID), config=config)
        with pytest.raises(PreconditionFailed, match="might reach the wrong"):
            verified_domain(seen, definition(config), [OWN_ID, OTHER_ID])


def test_no_name_of_a_vm_is_free() -> None:
    """Neither what people call it, nor what xend does."""
    known = definition({**CONFIG, "OVM_simple_name": "shown"})
    vm = VM(OWN_ID, State.STOPPED, (), (known,))
    assert vm.names == {"shown", "own"}
