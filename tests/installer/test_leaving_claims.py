"""Uninstalling takes the host off the claims of VMs, or is refused."""

from __future__ import annotations

from typing import Any, cast

import pytest

from libcloud_ovm3.errors import AgentFault, HostUnreachable, Ovm3Error, PreconditionFailed
from libcloud_ovm3.installer.host_files import read_module_state
from tests.installer.dying import DyingHost
from tests.installer.ssh.place import Place


def test_a_claim_that_names_the_host_keeps_its_module() -> None:
    """With force the host stays in it; that is said."""
    with Place.of("3.3.3", False, DyingHost) as place:
        before = place.disk()
        place.install()
        installed = place.disk()
        agent, asked = place.agent, list[Any]()
        real = agent.call

        def call(function: str, *given: Any, **how: Any) -> Any:
            if function == "libcloud_leave_claims":
                asked.append(given[2])
                real(function, *given, **how)  # the module knows it
                if given[2]:
                    return {"named": ["vm-a of /OVS/Repositories/1: the VM is on host h"]}
                return _refuse()
            return real(function, *given, **how)

        cast("Any", agent).call = call
        with pytest.raises(PreconditionFailed, match=r"nothing was changed: vm-a.*--force"):
            place.uninstall()
        assert place.disk() == installed
        said: list[str] = []
        place.uninstall(force=True, progress=said.append)
        assert [line for line in said if "stays in the claim vm-a" in line]
        assert (asked, place.disk()) == ([False, True], before)
        assert read_module_state(agent).kind == "absent"


def test_a_module_that_cannot_tell_is_removed_by_force_only() -> None:
    with Place.of("3.3.3", False, DyingHost) as place:
        place.install()
        installed, agent = place.disk(), place.agent
        real, error = agent.call, Ovm3Error("no response")

        def call(function: str, *given: Any, **how: Any) -> Any:
            if function == "libcloud_leave_claims":
                raise error
            return real(function, *given, **how)

        cast("Any", agent).call = call
        with pytest.raises(PreconditionFailed, match=r"cannot tell whether.*no response.*--force"):
            place.uninstall()
        assert place.disk() == installed
        said: list[str] = []
        error = AgentFault("x", code=1, kind="exceptions.Exception", text="no such method")
        place.uninstall(progress=said.append)
        assert [line for line in said if "from before claims" in line]


@pytest.mark.parametrize("kind", ["unreachable", "unexpected"])
def test_a_module_that_cannot_be_asked_is_removed_by_force_only(kind: str) -> None:
    """If the host has had claims. What was left before is not asked for again."""
    with Place.of("3.3.3", False, DyingHost) as place:
        place.install()
        token = place.root / "var/lib/libcloud-ovm3/claims/host"
        agent, installed = place.agent, place.disk()
        real = agent.call

        def call(function: str, *given: Any, **how: Any) -> Any:
            if function == "libcloud_version" and b"libcloud" in place.table.read_bytes():
                if kind == "unexpected":
                    return "nonsense"
                raise HostUnreachable("no response")
            return real(function, *given, **how)

        cast("Any", agent).call = call
        token.parent.mkdir(parents=True)
        token.write_text("token = 1\n")
        installed = place.disk()
        with pytest.raises(PreconditionFailed, match=r"nothing was changed: .*--force"):
            place.uninstall()
        assert place.disk() == installed
        said: list[str] = []
        place.uninstall(force=True, progress=said.append)
        assert [line for line in said if "this host stays in the claims" in line]
        assert token.exists()
        assert read_module_state(agent).kind == "absent"


def _refuse() -> Any:
    text = "nothing was changed: vm-a: the VM is on host h"
    raise AgentFault(text, code=1, kind="libcloud_ovm3_host.errors.Conflict", text=text)
