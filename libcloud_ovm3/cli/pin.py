"""``ovm3 pin``: shows the certificate that a host presents."""

from __future__ import annotations

from datetime import datetime

import click
from cryptography import x509

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.tls import fingerprint
from libcloud_ovm3.agent.tlsadvice import USUAL, needed, python_options, shown, switches
from libcloud_ovm3.cli.options import reported
from libcloud_ovm3.cli.output import show


@click.command()
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds to wait for the host.")
def pin(host: str, timeout: float) -> None:
    """Show the certificate that HOST presents, and how to pin it. No password is sent."""
    with reported():
        address = parse_address(host)
        facts = shown(address, timeout)
        der, options = facts.certificate, needed(address, timeout)
        show(f"TLS          {facts.protocol}, {facts.cipher}")
        for line in _certificate_lines(der):
            show(line)
        show(f"SHA-256      {_as_openssl_prints(fingerprint(der))}")
        show("Compare the fingerprint with `openssl x509 -in /etc/ovs-agent/cert/certificate.pem "
             "-noout -fingerprint -sha256` on the host itself. If they match, use:")  # fmt: skip
        more = "".join(f" {switch}" for switch in switches(options, USUAL))
        show(f"command line --host {address} --fingerprint {fingerprint(der)}{more}")
        more = "".join(f", {option}" for option in python_options(options, USUAL))
        show(f'Python       ex_fingerprint={{"{address.host}": "{fingerprint(der)}"}}{more}')


def _certificate_lines(der: bytes) -> list[str]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        return [
            f"subject      {certificate.subject.rfc4514_string()}",
            f"issuer       {certificate.issuer.rfc4514_string()}",
            f"valid        {_day(certificate.not_valid_before_utc)} to "
            f"{_day(certificate.not_valid_after_utc)}",
        ]
    except ValueError as error:  # old, invalid certificates: the fingerprint is what matters
        return [f"certificate  cannot be parsed: {error}"]


def _as_openssl_prints(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
