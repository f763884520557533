"""Programs such as Salt pass texts: each argument takes one or refuses it clearly."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import libcloud.security
import pytest

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning
from tests.agent.certificates import make_certificate
from tests.support import quietly

A, B = "AA:" * 31 + "AA", "bb" * 32
NAMED = {"ex_hosts": "ovm-1, ovm-2", "ex_fingerprint": f"ovm-1={A},ovm-2=SHA256 Fingerprint={B}"}


@pytest.fixture(scope="module")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_certificate(tmp_path_factory.mktemp("authority")).pem


@pytest.fixture(autouse=True)
def few_authorities(monkeypatch: pytest.MonkeyPatch, one_authority: str) -> None:
    """OpenSSL takes 20 ms to read those of a system, and nothing is sent here."""
    monkeypatch.setattr(libcloud.security, "CA_CERTS_PATH", one_authority)


def make(**options: Any) -> OVM3NodeDriver:
    usual = {"key": "oracle", "secret": "pw", "host": "ovm-1"}
    return OVM3NodeDriver(**{**usual, **options})


def trust(driver: OVM3NodeDriver) -> Any:
    return driver._estate.agent(driver._access.hosts[-1]).connection.trust


# Argument -> (text, how to see what became of it, what that is).
TAKEN: dict[str, tuple[str, Any, Any]] = {
    "key": ("root", lambda d: d.key, "root"),
    "secret": ("other", lambda d: d.secret, "other"),
    "secure": ("true", lambda d: d._access.is_secure, True),
    "host": ("ovm-3:77", lambda d: d.connection.port, 77),
    "port": ("8443", lambda d: d.connection.port, 8443),
    "ca_cert": ("PEM", lambda d: d._access.trust.ca_cert, "PEM"),
    "verify_ssl": ("yes", lambda d: d._access.trust.verify, True),
    "key_file": ("PEM", lambda d: trust(d).key_file, "PEM"),
    "cert_file": ("PEM", lambda d: trust(d).cert_file, "PEM"),
    "timeout": ("7", lambda d: d.connection.limits.read, 7.0),
    "proxy_url": ("http://p:1", lambda d: d._access.proxy_url, "http://p:1"),
    "ex_hosts": ("ovm-2 ovm-3,ovm-4", lambda d: [h.host for h in d._access.hosts],
                 ["ovm-1", "ovm-2", "ovm-3", "ovm-4"]),
    "ex_fingerprint": (f"{A},{B}", lambda d: trust(d).pins, ("aa" * 32, B)),
    "ex_tls_server_name": ("ovm-1=cn", lambda d: trust(d).server_name, "cn"),
    "ex_tls_minimum": ("TLSv1", lambda d: trust(d).minimum, "TLSv1"),
    "ex_timeouts": ("read=30, write=60", lambda d: (d._access.limits.read, d._access.limits.write),
                    (30.0, 60.0)),
    "ex_strict": ("on", lambda d: d.ex_strict, True),
    "ex_second_look": ("0", lambda d: d._access.second_look, 0.0),
    "ex_read_only": ("1", lambda d: d.ex_read_only, True),
    "ex_tls_weak_keys": ("True", lambda d: trust(d).weak_keys, True),
    "ex_tls_legacy_renegotiation": ("true", lambda d: trust(d).legacy_renegotiation, True),
    "ex_host_module": ("off", lambda d: d._estate.use_module, False),
    "ex_ssh_port": ("2222", lambda d: d._access.ssh_port, 2222),
    "ex_traffic_labels": ("guest=bond0, public=bond1", lambda d: d._estate.traffic_labels,
                          {"guest": "bond0", "public": "bond1"}),
    "ex_default_network": ("xenbr0", lambda d: d._estate.default_network, "xenbr0"),
    "ex_public_networks": ("public, xenbr1", lambda d: d._estate.public_networks,
                           ("public", "xenbr1")),
    "ex_watch_dhcp": ("yes", lambda d: d._estate.watches_dhcp, True),
    "ex_keys_repository": ("MyRepo", lambda d: d._estate.keys_repository, "MyRepo"),
    "ex_containers_repository": ("MyRepo", lambda d: d._access.containers_repository, "MyRepo"),
}  # fmt: skip
# Argument -> (text, what the error says).
REFUSED = {
    "ca_cert": ("/missing", "ca_cert '/missing': No such file"),
    "cert_file": ("/missing", "cert_file '/missing': No such file"),
    "key_file": ("/", "key_file '/': Is a directory"),
    "secure": ("maybe", "secure 'maybe': expected True or False"),
    "host": ("ovm-1,ovm-2", "host 'ovm-1,ovm-2': expected"),
    "port": ("agent", "port 'agent': expected a number"),
    "verify_ssl": ("x", "verify_ssl 'x': expected"),
    "timeout": ("soon", "'soon': expected seconds"),
    "proxy_url": ("proxy:3128", "proxy_url: expected http://HOST:PORT"),
    "ex_hosts": ("ovm-1,https://x", "URLs"),
    "ex_fingerprint": ("ovm-1=ab", "fingerprint 'ab': expected"),
    "ex_tls_server_name": ("ovm-1=", "ex_tls_server_name 'ovm-1=': expected a mapping"),
    "ex_tls_minimum": ("TLS1", "ex_tls_minimum 'TLS1': expected"),
    "ex_timeouts": ("30", "ex_timeouts '30': expected a mapping, or a text such as a=1,b=2"),
    "ex_strict": ("x", "ex_strict 'x'"),
    "ex_second_look": ("x", "ex_second_look 'x': expected seconds"),
    "ex_clock": ("12:00", "ex_clock '12:00': expected a Clock"),
    "ex_read_only": ("x", "ex_read_only 'x'"),
    "ex_tls_weak_keys": ("x", "ex_tls_weak_keys 'x'"),
    "ex_tls_legacy_renegotiation": ("x", "ex_tls_legacy_renegotiation 'x'"),
    "ex_passwords": ("ovm-1=hidden", "ex_passwords: expected a mapping .*, not a text"),
    "ex_host_module": ("x", "ex_host_module 'x'"),
    "ex_ssh_port": ("ssh", "port 'ssh': expected a number"),
    "ex_traffic_labels": ("bond0", "ex_traffic_labels 'bond0': expected a mapping"),
    "ex_default_network": ("guest:1", "ex_default_network 'guest:1': expected a VLAN number"),
    "ex_public_networks": ("a/b", "ex_public_networks 'a/b': expected the name of a bridge"),
    "ex_watch_dhcp": ("x", "ex_watch_dhcp 'x'"),
    "ex_keys_repository": ("a\nb", "ex_keys_repository 'a\\\\nb': expected the id or the alias"),
    "ex_containers_repository": (
        "a\nb",
        "ex_containers_repository .*: expected the id",
    ),
    "ex_estate": ("lab", "no estate 'lab' in .*: it has none"),
}
HABITUAL = ("api_name", "api_version", "backoff", "path", "project", "region", "retry_delay")
REFUSED.update({name: ("x", f"{name}: not supported yet") for name in HABITUAL})
ARGUMENTS = set(inspect.signature(OVM3NodeDriver).parameters)


def test_every_argument_is_here() -> None:
    assert {*TAKEN, *REFUSED} == ARGUMENTS
    assert ARGUMENTS - set(REFUSED) == {"key", "secret"}, "any text may be one"


@pytest.mark.parametrize("name", TAKEN)
def test_a_text_is_taken(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, see, expected = TAKEN[name]
    if text == "PEM":
        monkeypatch.chdir(tmp_path)
        made = make_certificate(tmp_path)
        Path("PEM").write_text(Path(made.pem).read_text() + Path(made.key).read_text())
    assert see(make(**{name: text})) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_is_refused(name: str) -> None:
    text, message = REFUSED[name]
    with pytest.raises(InvalidArgument, match=message) as caught:
        make(**{name: text})
    assert "hidden" not in str(caught.value)


ODD = (
    7, -1, 0, 1.5, float("nan"), float("inf"), True, [1], ["x"], [None], [[]], {"a": 1}, {1: 2},
    {(1,): []}, {"x": [[]]}, object(), b"x", "\0", "a\0b", "\ud800", "=", "a=", "=b", ",", ", ,",
    "x" * 70000, ("a",), {"a"}, 10**400, "9" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_what_no_argument_can_be_is_refused_and_breaks_nothing(name: str) -> None:
    """It is taken, or it is an InvalidArgument, which is what programs catch."""
    refused = 0
    for value in ODD:
        try:
            quietly(make, **{name: value})
        except InvalidArgument:
            refused += 1
    assert refused >= 5


@pytest.mark.parametrize("url", ["hidden", "http://u:hidden/x@p:1", "http://u:x@p:hidden"])
def test_the_password_of_a_proxy_is_not_in_the_error(url: str) -> None:
    with pytest.raises(InvalidArgument, match="proxy_url: expected") as caught:
        make(proxy_url=url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(ARGUMENTS - {"key", "secret", "host", "ex_read_only"}))
def test_an_empty_text_and_none_mean_not_given(name: str) -> None:
    usual = make()._access
    facts = {field.name for field in dataclasses.fields(usual)} - {"passwords", "clock"}
    for nothing in ("", None):
        given = make(**{name: nothing})._access
        for fact in facts:
            assert getattr(given, fact) == getattr(usual, fact), fact


def test_pins_by_host_in_one_text() -> None:
    driver = make(host=None, **NAMED)
    pins = [driver._estate.agent(host).connection.trust.pins for host in driver._access.hosts]
    assert pins == [("aa" * 32,), (B,)]


@pytest.mark.parametrize("name", ["secure", "verify_ssl"])
def test_false_as_a_text_is_loud(name: str) -> None:
    with pytest.warns(Ovm3Warning):
        make(**{name: "False"})
