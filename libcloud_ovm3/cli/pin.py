"""``ovm3 host certificate``: shows the certificate that a host presents."""

from __future__ import annotations

import click

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.agent.tls import fingerprint
from libcloud_ovm3.agent.tlsadvice import USUAL, needed, python_options, shown, switches
from libcloud_ovm3.cli.certificates import read_certificate
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.diagnostics.collect import Certificate


@click.command(epilog=examples("ovm3 host certificate ovm-1.example.com"))
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds to wait for the host.")
def pin(host: str, timeout: float) -> None:
    """Show the certificate that HOST presents, and how to pin it. No password is sent."""
    with reported():
        address, timeout = parse_address(host), parse_seconds(timeout, "--timeout")
        facts = shown(address, timeout)
        der, options = facts.certificate, needed(address, timeout)
        show(f"TLS          {facts.protocol}, {facts.cipher}")
        for line in _certificate_lines(read_certificate(facts)):
            show(line)
        show(f"SHA-256      {_as_openssl_prints(fingerprint(der))}")
        show("Compare the fingerprint with `openssl x509 -in /etc/ovs-agent/cert/certificate.pem "
             "-noout -fingerprint -sha256` on the host itself. If they match, use:")  # fmt: skip
        more = "".join(f" {switch}" for switch in switches(options, USUAL))
        show(f"command line --host {address} --fingerprint {fingerprint(der)}{more}")
        more = "".join(f", {option}" for option in python_options(options, USUAL))
        show(f'Python       ex_fingerprint={{"{address.host}": "{fingerprint(der)}"}}{more}')


def _certificate_lines(certificate: Certificate) -> list[str]:
    if certificate.not_before is None or certificate.not_after is None:
        return [f"certificate  cannot be parsed: {certificate.error}"]
    return [
        f"subject      {certificate.subject}",
        f"issuer       {certificate.issuer}",
        f"valid        {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
    ]


def _as_openssl_prints(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()
