"""A host with a module from before API 1: the installer says so and replaces it."""

from __future__ import annotations

import pytest

from libcloud_ovm3.installer import payload
from tests.earlier_module import put_earlier_module
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
