"""A clean environment for every test here, and servers to talk to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from libcloud.common.base import Connection
from libcloud.http import LibcloudConnection
from libcloud.utils.loggingconnection import LoggingConnection

from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust

from .certificates import Certificate, make_certificate
from .served import Server

PASSWORD = "Wéird & <pass>word/@1"


@pytest.fixture(autouse=True)
def no_real_limits() -> None:
    """Here the driver's own limits are what is tested."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxies, no CA bundles, no netrc, no debug log: but for those that a test sets."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("LIBCLOUD_"):
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    # What libcloud.enable_debug() changes is set back afterwards (3.8 has no reset_debug yet).
    monkeypatch.setattr(LoggingConnection, "log", None)
    monkeypatch.setattr(Connection, "conn_class", LibcloudConnection)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[Certificate]:
    """Two certificates as agents have them."""
    folder = tmp_path_factory.mktemp("certificates")
    return [make_certificate(folder, f"ovm-{number}") for number in (1, 2)]


@pytest.fixture
def serve(certificates: list[Certificate]) -> Iterator[Callable[..., Server]]:
    """Starts servers: ``serve(script)`` with TLS, ``serve(script, certificate=None)`` without."""
    with ExitStack() as stack:

        def start(*args: Any, **kwargs: Any) -> Server:
            kwargs.setdefault("certificate", certificates[0])
            return stack.enter_context(Server(*args, **kwargs))

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., AgentConnection]]:
    """Makes connections to servers, by default with the server's own pin."""
    made: list[AgentConnection] = []

    def connection(server: Server, **kwargs: Any) -> AgentConnection:
        secure = server.certificate is not None
        if secure and "trust" not in kwargs:
            kwargs["trust"] = HostTrust(pins=(server.certificate.fingerprint,))
        kwargs.setdefault("limits", TimeLimits(connect=60, read=60, write=60, long=60))
        kwargs.setdefault("host", server.host)
        made.append(
            AgentConnection(
                kwargs.pop("user_id", "oracle"),
                kwargs.pop("key", PASSWORD),
                secure=kwargs.pop("secure", secure),
                port=server.port,
                **kwargs,
            )
        )
        return made[-1]

    yield connection
    for each in made:
        if each.connection is not None:
            each.connection.session.close()
