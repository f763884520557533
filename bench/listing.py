"""list_nodes of running VMs on many hosts, and its two peers. Each answers how many VMs it saw."""

from __future__ import annotations

import ast
import base64
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

from bench.answers import REPOSITORY
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
    """The same requests over kept connections, host by host, and bare lxml on the responses."""
    with _connections(pool) as connections:

        def ask() -> int:
            found = 0
            for address, function in requests_of(pool):
                root = etree.fromstring(_post(connections[address], function))
                if function == "list_vms":
                    found += len(root[0][0][0][0][0]) - 1  # without Domain-0
            return found

        yield ask


@contextlib.contextmanager
def module_floor(pool: Pool) -> Iterator[Callable[[], int]]:
    """The same for hosts with the host module; the vm.cfg files are read by ``ast.parse``."""
    with _connections(pool) as connections:

        def ask() -> int:
            found = 0
            for address in pool.addresses:
                answer = _post(connections[address], "libcloud_read_agent", _PER_HOST)
                root = etree.fromstring(answer)
                list_vms = _member(_member(root[0][0][0][0], "answers"), "list_vms")
                found += len(_member(list_vms, "answer")[0]) - 1  # without Domain-0
            first = connections[pool.addresses[0]]
            root = etree.fromstring(_post(first, "libcloud_repository", REPOSITORY, ""))
            for file in _member(root[0][0][0][0], "vm_cfg")[0]:
                ast.parse(base64.b64decode(_member(file[0], "content").text))
                found += 1
            return found

        yield ask


@contextlib.contextmanager
def _connections(pool: Pool) -> Iterator[dict[str, http.client.HTTPSConnection]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connections = {
        address: http.client.HTTPSConnection(address, pool.port, context=context)
        for address in pool.addresses
    }
    yield connections
    for connection in connections.values():
        connection.close()


def _post(connection: http.client.HTTPSConnection, function: str, *arguments: Any) -> bytes:
    body = xmlrpc.client.dumps(arguments, function).encode("ascii")
    connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
    return connection.getresponse().read()


def _member(struct: etree._Element, name: str) -> etree._Element:
    return next(member[1][0] for member in struct if member[0].text == name)


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
