"""Whether anything answers at an address: over real sockets on loopback."""

from __future__ import annotations

import errno
import socket

import pytest

from libcloud_ovm3.agent import liveness
from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.liveness import LivenessOptions, is_behind_proxy, sign_of_life
from libcloud_ovm3.errors import HostUnreachable

IP = "127.0.0.77"


def test_a_port_that_accepts_and_one_that_refuses() -> None:
    with socket.create_server((IP, 0)) as server:
        port = server.getsockname()[1]
        assert sign_of_life(IP, port, 60) == f"accepts connections to TCP port {port} of {IP}"
    assert "its kernel is running" in (sign_of_life(IP, port, 60) or "")


def test_a_port_that_does_not_respond() -> None:
    with socket.create_server((IP, 0), backlog=0) as server:
        place = server.getsockname()
        with socket.create_connection(place):  # the queue is full now
            assert sign_of_life(IP, place[1], 0.2) is None


@pytest.mark.parametrize("reason", [errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT])
def test_errors_of_the_network_that_mean_silence(
    reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(OSError(reason, "none"), monkeypatch)
    assert sign_of_life(IP, 22, 1) is None


@pytest.mark.parametrize("reason", [errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE])
def test_errors_that_only_a_running_host_causes(
    reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(OSError(reason, "reset"), monkeypatch)
    assert sign_of_life(IP, 22, 1) is not None


@pytest.mark.parametrize("reason", [errno.ENETUNREACH, errno.EACCES, errno.EMFILE, errno.EINVAL])
def test_errors_of_this_machine_say_nothing(reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(OSError(reason, "local"), monkeypatch)
    with pytest.raises(HostUnreachable, match=f"{IP}:22: cannot be checked: .*local"):
        sign_of_life(IP, 22, 1)


@pytest.mark.parametrize("reason", [errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
@pytest.mark.parametrize(
    ("ip", "kind", "other"), [("2001:db8::7", "IPv6", "IPv4"), ("192.0.2.7", "IPv4", "IPv6")]
)
def test_no_route_of_this_kind(
    ip: str, kind: str, other: str, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(OSError(reason, "reason"), monkeypatch)
    expected = f"has no {kind} route to it .*reason.*name the host by an {other} address"
    with pytest.raises(HostUnreachable, match=expected):
        sign_of_life(ip, 22, 1)


def fail_with(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise error

    monkeypatch.setattr(liveness, "connect", connect)


def test_a_name_that_cannot_be_resolved() -> None:
    assert liveness.numeric_addresses("127.0.0.5") == ("127.0.0.5",)
    assert liveness.numeric_addresses("::1") == ("::1",)
    with pytest.raises(HostUnreachable, match="cannot be resolved"):
        liveness.numeric_addresses("x" * 64 + ".invalid")


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address("192.0.2.7", 8899)
    assert not is_behind_proxy(address, LivenessOptions())
    assert is_behind_proxy(address, LivenessOptions(proxy_url="http://proxy:3128"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert is_behind_proxy(address, LivenessOptions())
    monkeypatch.setenv("NO_PROXY", "192.0.2.0/24")
    assert not is_behind_proxy(address, LivenessOptions())
