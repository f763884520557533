"""list_nodes on many hosts, and its peers. Each contender returns the number of VMs it found."""

from __future__ import annotations

import ast
import base64
import contextlib
import http.client
import ssl
import warnings
import xmlrpc.client
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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
# What list_nodes calls on every host.
_PER_HOST = ("discover_server_pool", "discover_server", "list_vms", "discover_repository_db")


def requests_of(pool: Pool) -> list[tuple[str, str]]:
    """Host and function of every call of one listing without the host module."""
    return [(address, function) for address in pool.addresses for function in _PER_HOST]


def ours(pool: Pool) -> Callable[[], int]:
    """This driver, created once; its connections stay open between listings."""
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


class Call(NamedTuple):
    """One agent call of a listing."""

    host: str
    function: str
    arguments: tuple[Any, ...]


def calls_of_ours(pool: Pool) -> list[Call]:
    """Every call that one listing of this driver makes.

    The driver has listed before, so it knows which hosts lack the host module.
    """
    calls: list[Call] = []

    class RecordingConnection(AgentConnection):
        def call(self, function: str, *arguments: Any, **options: Any) -> Any:
            calls.append(Call(self.address.host, function, arguments))
            return super().call(function, *arguments, **options)

    class RecordingDriver(OVM3NodeDriver):
        connectionCls = RecordingConnection  # noqa: N815 (libcloud's name)

    driver = _driver(pool, RecordingDriver)
    driver.list_locations()
    calls.clear()
    driver.list_nodes(ex_strict=True)
    return calls


@contextlib.contextmanager
def floor(pool: Pool) -> Iterator[Callable[[], int]]:
    """The same requests over kept connections, host by host, and bare lxml on the responses."""
    with _connections(pool) as connections:

        def parse_all() -> int:
            found = 0
            for address, function in requests_of(pool):
                root = etree.fromstring(_post(connections[address], function))
                if function == "list_vms":
                    found += len(root[0][0][0][0][0]) - 1  # without Domain-0
            return found

        yield parse_all


@contextlib.contextmanager
def module_floor(pool: Pool) -> Iterator[Callable[[], int]]:
    """The same for hosts with the host module: the calls of this driver, repeated with their
    arguments; the responses parsed by bare lxml, the vm.cfg files in them by ``ast.parse``.
    """
    calls = calls_of_ours(pool)
    with _connections(pool) as connections:

        def parse_all() -> int:
            found = 0
            for host, function, arguments in calls:
                root = etree.fromstring(_post(connections[host], function, *arguments))
                members = _members(root[0][0][0][0])
                if "answers" in members:
                    list_vms = _members(_members(members["answers"])["list_vms"])
                    found += len(list_vms["answer"][0]) - 1  # without Domain-0
                for file in members["vm_cfg"][0] if "vm_cfg" in members else ():
                    ast.parse(base64.b64decode(_members(file[0])["content"].text))
                    found += 1
            return found

        yield parse_all


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


def _members(struct: etree._Element) -> dict[str, etree._Element]:
    return {member[0].text: member[1][0] for member in struct}


def naive(pool: Pool) -> int:
    """The simplest client: libcloud's own XMLRPCConnection, one host after the other."""
    nodes = []
    with _unverified():
        connections = {
            address: XMLRPCConnection(secure=True, host=address, port=pool.port)
            for address in pool.addresses
        }
        for address, function in requests_of(pool):
            value = connections[address].request(function, endpoint="/RPC2").object
            if function == "list_vms":
                nodes += [_node(struct) for struct in value if struct["domid"] != "0"]
    return len(nodes)


def _node(struct: dict[str, str]) -> Node:
    state = NodeState.RUNNING if struct["status"] == "2" else NodeState.UNKNOWN
    return Node(struct["uuid"], struct["name"], state, [], [], None, extra=dict(struct))


@contextlib.contextmanager
def _unverified() -> Iterator[None]:
    """The usual treatment of self-signed certificates: libcloud's process-wide switch."""
    before = libcloud.security.VERIFY_SSL_CERT
    libcloud.security.VERIFY_SSL_CERT = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            yield
    finally:
        libcloud.security.VERIFY_SSL_CERT = before
