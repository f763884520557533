"""Answers in this process: no socket, no TLS. ``requests-mock`` is where they come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import requests

from libcloud_ovm3.agent.tls import NeverSent
from libcloud_ovm3.simulator import Hanging, Response, SimulatorError
from libcloud_ovm3.testing.simulated import SimulatedEstate

_PORTS = {"https": 443, "http": 80}
# requests-mock does not tell what was mounted before.
_MOUNTED: WeakKeyDictionary[Any, list[SimulatedEstate]] = WeakKeyDictionary()


class NotConnected(NeverSent, requests.ConnectionError):
    """The host cannot be reached, so nothing was sent: for the driver, and for other clients."""


def mount(requests_mock: Any, hosts: int = 3, **options: Any) -> SimulatedEstate:
    """Simulated hosts whose answers come from this process, through ``requests-mock``.

    Requests to other addresses are not affected: other mocks get them.

    :param requests_mock: The fixture ``requests_mock``, or a started ``requests_mock.Mocker``.
    :param hosts: How many hosts: 127.0.0.2, 127.0.0.3, ..., on port 8899.
    :param options: As of :class:`.SimulatedEstate`.
    :returns: The estate; close it, or use it in a ``with`` block.
    :raises SimulatorError: ``requests_mock`` is something else, such as the module of that name; or
        another estate that is mounted there has one of these addresses: of two, the later one would
        get the requests of both.
    """
    if not hasattr(requests_mock, "add_matcher"):
        raise SimulatorError(
            f"mount: expected the fixture requests_mock or a started requests_mock.Mocker, "
            f"not {requests_mock!r}"
        )
    estate = SimulatedEstate(hosts, listen=False, **options)
    mounted = [one for one in _MOUNTED.get(requests_mock, ()) if one.is_open]
    taken = {(host.address, host.port) for one in mounted for host in one.hosts}
    for host in estate.hosts:
        if (host.address, host.port) in taken:
            estate.close()
            raise SimulatorError(
                f"{host.address}:{host.port} belongs to another estate that is mounted there: pass "
                f"addresses=, such as ['ovm-1:{host.port}'], or close the other one"
            )
    _MOUNTED[requests_mock] = [*mounted, estate]
    requests_mock.add_matcher(lambda request: _matched(estate, request))
    return estate


def _matched(estate: SimulatedEstate, request: Any) -> Any:
    """What requests-mock takes from a matcher: a response, or None for a request to others."""
    from requests_mock import create_response  # noqa: PLC0415 (not needed without requests-mock)

    body = request.body or b""
    answer = answer_to(
        estate,
        request.url,
        {name: _text(value) for name, value in request.headers.items()},
        body.encode() if isinstance(body, str) else body,
        request.method,
        request.timeout,
    )
    if answer is None:
        return None
    return create_response(
        request,
        status_code=answer.status,
        reason=answer.reason,
        headers=answer.headers,
        content=answer.body,
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def answer_to(
    estate: SimulatedEstate,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    method: str = "POST",
    limits: Any = None,
) -> Response | None:
    """The answer of the host that a URL names; None if it is none of this estate's.

    :param limits: The client's time limits in seconds, as ``requests`` has them: one, or a pair for
        connecting and for the response. They pass in simulated time.
    :raises requests.RequestException: As if there were a network.
    """
    parts = urlsplit(url)
    connect, read = limits if isinstance(limits, tuple) else (limits, limits)
    port = parts.port or _PORTS[parts.scheme]
    path = parts.path or "/"
    try:
        return estate.simulator.respond(parts.hostname or "", port, path, headers, body, method)
    except Hanging as error:
        estate.wait(read or 0)
        raise requests.ReadTimeout(str(error)) from error
    except ConnectionResetError as error:
        raise requests.ConnectionError(str(error)) from error
    except TimeoutError as error:
        estate.wait(connect or 0)
        raise NotConnected(str(error)) from error
    except ConnectionRefusedError as error:
        raise NotConnected(str(error)) from error
