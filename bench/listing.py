"""list_nodes of running VMs on many hosts, and its two peers. Each answers how many VMs it saw."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import warnings
import xmlrpc.client
from collections.abc import Callable, Iterator
from typing import Any

import libcloud.security
from libcloud.common.xmlrpc import XMLRPCConnection
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState
from lxml import etree
from urllib3.exceptions import InsecureRequestWarning

from bench.server import Pool
from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.agent.connection import AgentConnection

_USER, _PASSWORD = "oracle", "password"
# What list_nodes asks: the host that was named for its pool, then every host these three.
_PER_HOST = ("discover_server", "list_vms", "discover_repository_db")


def requests_of(pool: Pool) -> list[tuple[str, str]]:
    """Host and function of every call of one listing."""
    every = [(address, function) for address in pool.addresses for function in _PER_HOST]
    return [(pool.addresses[0], "discover_server_pool"), *every]


def ours(pool: Pool) -> Callable[[], int]:
    """The driver, made once; its lines are kept open between listings."""
    driver = _driver(pool, OVM3NodeDriver)
    return lambda: len(driver.list_nodes(ex_strict=True))


def _driver(pool: Pool, cls: type[OVM3NodeDriver]) -> OVM3NodeDriver:
    return cls(
        _USER,
        _PASSWORD,
        host=pool.addresses[0],
        port=pool.port,
        ex_fingerprint=dict.fromkeys(pool.addresses, pool.pin),
    )


def asked_by_ours(pool: Pool) -> list[tuple[str, str]]:
    """Host and function of every call that our listing really makes.

    Of a driver that has been there before and so knows which hosts lack the host module.
    """
    asked: list[tuple[str, str]] = []

    class Watched(AgentConnection):
        def call(self, function: str, *arguments: Any, **options: Any) -> Any:
            asked.append((self.address.host, function))
            return super().call(function, *arguments, **options)

    class Driver(OVM3NodeDriver):
        connectionCls = Watched  # noqa: N815 (libcloud's name)

    driver = _driver(pool, Driver)
    driver.list_locations()
    asked.clear()
    driver.list_nodes(ex_strict=True)
    return asked


@contextlib.contextmanager
def floor(pool: Pool) -> Iterator[Callable[[], int]]:
    """The same requests on kept connections, hosts in turn, and bare lxml on the answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    bodies = {
        function: xmlrpc.client.dumps((), function).encode("ascii")
        for function in ("discover_server_pool", *_PER_HOST)
    }
    lines = {
        address: http.client.HTTPSConnection(address, pool.port, context=context)
        for address in pool.addresses
    }

    def ask() -> int:
        seen = 0
        for address, function in requests_of(pool):
            line = lines[address]
            line.request("POST", "/RPC2", bodies[function], {"Content-Type": "text/xml"})
            root = etree.fromstring(line.getresponse().read())
            if function == "list_vms":
                seen += len(root[0][0][0][0][0]) - 1  # without Domain-0
        return seen

    yield ask
    for line in lines.values():
        line.close()


def naive(pool: Pool) -> int:
    """What one would write first: libcloud's own XMLRPCConnection, one host after the other."""
    nodes = []
    with _unverified():
        lines = {
            address: XMLRPCConnection(secure=True, host=address, port=pool.port)
            for address in pool.addresses
        }
        for address, function in requests_of(pool):
            answer = lines[address].request(function, endpoint="/RPC2").object
            if function == "list_vms":
                nodes += [_node(struct) for struct in answer if struct["domid"] != "0"]
    return len(nodes)


def _node(struct: dict[str, str]) -> Node:
    state = NodeState.RUNNING if struct["status"] == "2" else NodeState.UNKNOWN
    return Node(struct["uuid"], struct["name"], state, [], [], None, extra=dict(struct))


@contextlib.contextmanager
def _unverified() -> Iterator[None]:
    """What one does first about self-signed certificates: libcloud's process-wide switch."""
    before = libcloud.security.VERIFY_SSL_CERT
    libcloud.security.VERIFY_SSL_CERT = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            yield
    finally:
        libcloud.security.VERIFY_SSL_CERT = before
