"""agent.tls over real sockets: who is accepted, and that nothing leaves before."""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path
from typing import Any

import libcloud.security
import pytest
import urllib3

from libcloud_ovm3 import errors
from libcloud_ovm3.agent.call_kinds import TimeLimits
from libcloud_ovm3.agent.connection import AgentConnection
from libcloud_ovm3.agent.tls import HostTrust, fingerprint

from .certificates import Certificate, make_authority, make_certificate
from .served import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated:DeprecationWarning"),
]


def assert_refused(server: Server, agent: AgentConnection, match: str | None = None) -> None:
    """The certificate is refused for reads and writes alike, and no byte of HTTP has come."""
    for function in ("list_vms", "start_vm"):
        with pytest.raises(errors.CertificateRejected, match=match) as caught:
            agent.call(function)
        error = caught.value
        assert isinstance(error, errors.HostUnreachable)
        assert (error.host, error.function) == (str(agent.address), function)
        assert f"ovm3 host certificate {agent.address}" in str(error)
    assert server.requests == []
    assert server.connections == 2


# ------------------------------------------------------------------ pins


def test_the_right_pin(serve: Any, connect: Any, certificates: list[Certificate]) -> None:
    server = serve()
    with warnings.catch_warnings():
        warnings.simplefilter("error", urllib3.exceptions.InsecureRequestWarning)
        for pins in (
            (certificates[0].fingerprint,),
            (certificates[1].fingerprint, certificates[0].fingerprint),
        ):
            assert connect(server, trust=HostTrust(pins=pins)).call("echo", "x") == "x"


def test_the_wrong_pin(serve: Any, connect: Any, certificates: list[Certificate]) -> None:
    server = serve()
    agent = connect(server, trust=HostTrust(pins=(certificates[1].fingerprint,)))
    assert_refused(server, agent, certificates[0].fingerprint)


def test_a_pin_is_needed_even_if_a_ca_would_accept(
    serve: Any, connect: Any, certificates: list[Certificate]
) -> None:
    server = serve()
    pins = (certificates[1].fingerprint,)
    trust = HostTrust(pins=pins, ca_cert=certificates[0].pem, server_name="ovm-1")
    assert_refused(server, connect(server, trust=trust), "pinned")


def test_pins_hold_with_verification_off(
    serve: Any, connect: Any, certificates: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libcloud.security, "VERIFY_SSL_CERT", False)
    server = serve()
    trust = HostTrust(pins=(certificates[1].fingerprint,), verify=False)
    assert_refused(server, connect(server, trust=trust), "pinned")


def test_a_pin_does_not_ask_for_dates_or_names(serve: Any, connect: Any, tmp_path: Path) -> None:
    expired = make_certificate(tmp_path, "another", days=-1)
    assert connect(serve(certificate=expired)).call("echo", "x") == "x"


def test_a_certificate_replaced_while_lines_are_kept(
    serve: Any, connect: Any, certificates: list[Certificate]
) -> None:
    server = serve()
    agent = connect(server)
    agent.call("echo", "x")
    server.present(certificates[1])
    assert agent.call("echo", "kept") == "kept"  # the old line, still the old host
    server.close_lines()
    with pytest.raises(errors.CertificateRejected, match=certificates[1].fingerprint):
        agent.call("start_vm")
    assert server.calls() == ["echo", "echo"]
    server.present(certificates[0])
    assert agent.call("echo", "back") == "back"


# ------------------------------------------------------------------ a CA


def trusting(certificate: Certificate, name: str | None, **kwargs: Any) -> HostTrust:
    return HostTrust(ca_cert=certificate.pem, server_name=name, **kwargs)


def test_self_signed_with_a_common_name_only(
    serve: Any, connect: Any, certificates: list[Certificate]
) -> None:
    server = serve()
    assert connect(server, trust=trusting(certificates[0], "ovm-1")).call("echo", 1) == 1


def test_the_name_must_be_right(serve: Any, connect: Any, certificates: list[Certificate]) -> None:
    server = serve()
    assert_refused(server, connect(server, trust=trusting(certificates[0], "ovm-2")), "ovm-2")


def test_without_a_name_the_address_is_expected(
    serve: Any, connect: Any, certificates: list[Certificate]
) -> None:
    server = serve()
    assert_refused(server, connect(server, trust=trusting(certificates[0], None)), "127.0.0.1")


def test_another_ca(serve: Any, connect: Any, certificates: list[Certificate]) -> None:
    server = serve()
    assert_refused(server, connect(server, trust=trusting(certificates[1], "ovm-1")), "verify")


def test_signed_by_a_ca(serve: Any, connect: Any, tmp_path: Path) -> None:
    authority, ca_file = make_authority(tmp_path)
    signed = make_certificate(tmp_path, "ovm-9", authority=authority)
    server = serve(certificate=signed)
    trust = HostTrust(ca_cert=ca_file, server_name="ovm-9")
    assert connect(server, trust=trust).call("echo", 1) == 1
    named = make_certificate(tmp_path, "ovm-9", san="localhost", authority=authority)
    trust = HostTrust(ca_cert=ca_file)
    assert connect(serve(certificate=named), host="localhost", trust=trust).call("echo", 1) == 1


def test_expired(serve: Any, connect: Any, tmp_path: Path) -> None:
    expired = make_certificate(tmp_path, "ovm-1", days=-1)
    server = serve(certificate=expired)
    assert_refused(server, connect(server, trust=trusting(expired, "ovm-1")), "expired")


@pytest.mark.parametrize("trust", [None, HostTrust(), HostTrust(server_name="ovm-1")])
def test_by_default_a_self_signed_certificate_is_refused(
    serve: Any, connect: Any, trust: HostTrust | None
) -> None:
    server = serve()
    assert_refused(server, connect(server, trust=trust), "verify")


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_widen_what_is_accepted(
    serve: Any,
    connect: Any,
    certificates: list[Certificate],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, certificates[0].pem)  # would accept the server
    wrong_pin = HostTrust(pins=(certificates[1].fingerprint,))
    for trust in (trusting(certificates[1], "ovm-1"), wrong_pin):
        server = serve()
        assert_refused(server, connect(server, trust=trust))


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_narrow_it_either(
    serve: Any,
    connect: Any,
    certificates: list[Certificate],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, certificates[1].pem)
    server = serve()
    for trust in (
        trusting(certificates[0], "ovm-1"),
        HostTrust(pins=(certificates[0].fingerprint,)),
        HostTrust(verify=False),
    ):
        assert connect(server, trust=trust).call("echo", 1) == 1


def test_libclouds_own_choice_is_taken_where_nothing_is_said(
    serve: Any, connect: Any, certificates: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setattr(libcloud.security, "CA_CERTS_PATH", certificates[0].pem)
    assert connect(server, trust=HostTrust(server_name="ovm-1")).call("echo", 1) == 1
    monkeypatch.setattr(libcloud.security, "VERIFY_SSL_CERT", False)
    assert connect(server, trust=HostTrust()).call("echo", 1) == 1


def test_a_ca_that_was_named_is_checked_whatever_libclouds_switch_says(
    serve: Any, connect: Any, certificates: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libcloud.security, "VERIFY_SSL_CERT", False)
    server = serve()
    assert_refused(server, connect(server, trust=trusting(certificates[1], "ovm-1")), "verify")


@pytest.mark.parametrize("problem", ["missing", "no certificate"])
@pytest.mark.parametrize("what", ["ca_cert", "cert_file"])
def test_files_that_cannot_be_used(
    serve: Any, connect: Any, tmp_path: Path, what: str, problem: str
) -> None:
    path = tmp_path / "file.pem"
    if problem != "missing":
        path.write_text("no certificate")
    server = serve()
    agent = connect(server, trust=HostTrust(**{what: str(path)}))
    for _ in range(2):
        with pytest.raises(errors.InvalidArgument, match=r"file\.pem"):
            agent.call("start_vm")
    assert server.connections == 0


def test_the_cas_of_the_system_are_checked_with_the_same_context(
    serve: Any, connect: Any, certificates: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests 2.32.0 to 2.32.2 would put a context of their own in the place of ours."""

    def old(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    server = serve(prepare=old)
    monkeypatch.setattr(libcloud.security, "CA_CERTS_PATH", None)
    monkeypatch.setenv("SSL_CERT_FILE", certificates[0].pem)  # as if the system trusted it
    assert connect(server, trust=HostTrust(server_name="ovm-1")).call("echo", 1) == 1
    trust = HostTrust(server_name="ovm-1", minimum="TLSv1.3")
    with pytest.raises(errors.HostUnreachable):
        connect(server, trust=trust).call("start_vm")
    misnamed = connect(server, trust=HostTrust(server_name="ovm-2"))
    with pytest.raises(errors.CertificateRejected):
        misnamed.call("start_vm")
    assert len(server.requests) == 1


# ------------------------------------------------------------------ no verification


def test_verification_off_works_and_is_loud(serve: Any, connect: Any) -> None:
    agent = connect(serve(), trust=HostTrust(verify=False))
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        assert agent.call("echo", "x") == "x"
    assert HostTrust().verify is True


def test_plain_http_to_a_tls_agent_and_back(serve: Any, connect: Any) -> None:
    """No silent change of the scheme, either way."""
    server = serve()
    with pytest.raises(errors.Ovm3Error):
        connect(server, secure=False).call("list_vms")
    assert server.requests == []
    plain = serve(certificate=None)
    limits = TimeLimits(connect=0.3)
    agent = connect(plain, secure=True, trust=HostTrust(verify=False), limits=limits)
    with pytest.raises(errors.HostUnreachable):
        agent.call("start_vm")
    assert plain.requests == []


# ------------------------------------------------------------------ old agents


def old(context: ssl.SSLContext) -> None:
    """What an agent on Enterprise Linux 5 speaks: TLS 1.0 and nothing else."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1


@pytest.fixture
def old_server(serve: Any, tmp_path: Path) -> Server:
    return serve(certificate=make_certificate(tmp_path, use_rsa=True), prepare=old)


@pytest.mark.parametrize("minimum", [None, "TLSv1.2", "TLSv1.3"])
def test_tls_1_0_is_refused(old_server: Server, connect: Any, minimum: str | None) -> None:
    options = {} if minimum is None else {"minimum": minimum}
    pins = (old_server.certificate.fingerprint,)
    agent = connect(old_server, trust=HostTrust(pins=pins, **options))
    with pytest.raises(errors.HostUnreachable):
        agent.call("list_vms")
    assert old_server.requests == []


def test_tls_1_0_with_the_opt_in(
    old_server: Server, connect: Any, certificates: list[Certificate]
) -> None:
    certificate = old_server.certificate
    for trust in (
        HostTrust(pins=(certificate.fingerprint,), minimum="TLSv1"),
        HostTrust(ca_cert=certificate.pem, server_name="ovm-1", minimum="TLSv1"),
        HostTrust(verify=False, minimum="TLSv1"),
    ):
        assert connect(old_server, trust=trust).call("echo", "old") == "old"
    assert len(old_server.requests) == 3
    for trust in (
        HostTrust(pins=(certificates[0].fingerprint,), minimum="TLSv1"),
        HostTrust(minimum="TLSv1"),
    ):
        with pytest.raises(errors.CertificateRejected):
            connect(old_server, trust=trust).call("echo", "old")
    assert len(old_server.requests) == 3


def test_the_opt_in_does_not_hinder_new_agents(serve: Any, connect: Any) -> None:
    def modern(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3

    server = serve(prepare=modern)
    pins = (server.certificate.fingerprint,)
    agent = connect(server, trust=HostTrust(pins=pins, minimum="TLSv1"))
    assert agent.call("echo", "new") == "new"


# ------------------------------------------------------------------ our own certificate


def test_client_certificates(serve: Any, connect: Any, tmp_path: Path) -> None:
    authority, ca_file = make_authority(tmp_path)
    ours = make_certificate(tmp_path, "manager", authority=authority)

    def demand(context: ssl.SSLContext) -> None:
        context.load_verify_locations(ca_file)
        context.verify_mode = ssl.CERT_REQUIRED

    server = serve(prepare=demand)
    pins = (server.certificate.fingerprint,)
    client = {"cert_file": ours.pem, "key_file": ours.key}
    assert connect(server, trust=HostTrust(pins=pins, **client)).call("echo", 1) == 1
    assert connect(server, trust=HostTrust(verify=False, **client)).call("echo", 1) == 1
    trust = HostTrust(ca_cert=server.certificate.pem, server_name="ovm-1", **client)
    assert connect(server, trust=trust).call("echo", 1) == 1
    assert len(server.requests) == 3
    with pytest.raises(errors.Ovm3Error):  # TLS 1.3 tells us only after the request
        connect(server, trust=HostTrust(pins=pins)).call("echo", 1)
    assert len(server.requests) == 3


# ------------------------------------------------------------------ what was settled on


def test_facts_of_a_line(serve: Any, connect: Any, tmp_path: Path) -> None:
    def modern(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3

    server = serve(prepare=modern)
    agent = connect(server)
    assert agent.tls_facts() is None
    agent.call("echo", 1)
    facts = agent.tls_facts()
    assert (facts.protocol, facts.cipher, facts.cipher_bits) == (
        "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256,
    )  # fmt: skip
    assert fingerprint(facts.certificate) == server.certificate.fingerprint
    assert facts.has_forward_secrecy


def test_no_facts_without_tls(serve: Any, connect: Any) -> None:
    agent = connect(serve(certificate=None))
    agent.call("echo", 1)
    assert agent.tls_facts() is None
