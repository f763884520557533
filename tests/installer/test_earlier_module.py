"""A host with an earlier module: the installer says so and replaces it; its records are kept."""

from __future__ import annotations

import uuid

import pytest

from libcloud_ovm3.agent.hostmodule import HostModule
from libcloud_ovm3.installer import payload
from tests.earlier_module import put_api_2, put_earlier_module
from tests.installer.dying import DyingHost
from tests.installer.ssh.place import Place


@pytest.mark.parametrize("api", [1, 2])
def test_it_is_replaced(api: int) -> None:
    with Place.of("3.3.3", False, DyingHost) as place:
        place.install()
        installed = place.disk()
        put_earlier_module(place.sim, 0, api)
        state = place.check()
        assert (state.verdict, state.api) == ("ok", 0)
        assert "older than API 1" in state.text
        done = place.install()
        assert done.changed
        assert (done.state.verdict, done.state.api) == ("ok", payload.api())
        assert place.disk() == installed


def test_what_is_recorded_on_the_host_survives() -> None:
    user, bridge = str(uuid.uuid4()), "guests.20"
    with Place.of("3.2.1", False, DyingHost) as place:
        place.install()
        module = HostModule(place.agent.connection)
        assert module.take_bridge("me", uuid.uuid4().hex, user, bridge, "bond0", 20)
        put_api_2(place.sim, 0)
        assert (place.check().verdict, place.check().api) == ("ok", 2)
        assert place.install().state.api == 3
        place.uninstall()
        assert list((place.root / "var/lib/libcloud-ovm3/bridges" / bridge).iterdir())
        place.install()
        assert [one.user for one in module.bridges()[-1].users] == [user]
        assert module.release_bridge("me", uuid.uuid4().hex, user, bridge).removed
