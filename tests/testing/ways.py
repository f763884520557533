"""The ways to a simulated estate in one process, for fixtures: each yields an estate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock as mocking

from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.testing import SimulatedEstate, mount
from libcloud_ovm3.testing.mockhttp import OVM3MockHttp


def mounted(**options: Any) -> Iterator[SimulatedEstate]:
    with mocking.Mocker() as mocker, mount(mocker, **options) as estate:
        yield estate


def through_conn_class(
    monkeypatch: pytest.MonkeyPatch, **options: Any
) -> Iterator[SimulatedEstate]:
    with SimulatedEstate(listen=False, **options) as estate:
        monkeypatch.setattr(OVM3MockHttp, "estate", estate)
        monkeypatch.setattr(AgentConnection, "conn_class", OVM3MockHttp)
        yield estate
