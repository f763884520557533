"""``ovm3 host certificate``: shows the certificate that a host presents."""

from __future__ import annotations

import click

from libcloud_ovm3.agent.address import parse_address
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.agent.tls import fingerprint
from libcloud_ovm3.agent.tlsadvice import USUAL, needed, python_options, shown, switches
from libcloud_ovm3.cli.certificates import ON_THE_HOST, certificate_lines, read_certificate
from libcloud_ovm3.cli.estate_add import host_text
from libcloud_ovm3.cli.examples import examples
from libcloud_ovm3.cli.options import reported
from libcloud_ovm3.cli.output import show
from libcloud_ovm3.cli.sections import Command


@click.command(cls=Command, epilog=examples("ovm3 host certificate ovm-1.example.com"))
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds to wait for the host.")
def certificate(host: str, timeout: float) -> None:
    """Show the certificate that HOST presents, and how to pin it. No password is sent."""
    with reported(is_read=True):
        address, timeout = parse_address(host), parse_seconds(timeout, "--timeout")
        facts = shown(address, timeout)
        der, options = facts.certificate, needed(address, timeout)
        show(f"TLS          {facts.protocol}, {facts.cipher}")
        for line in certificate_lines(read_certificate(facts)):
            show(line)
        show(f"Compare the fingerprint with `{ON_THE_HOST}` on the host itself, also as")
        show(f"`ssh root@{address.host} {ON_THE_HOST}`. If they match, use:")
        more = "".join(f" {switch}" for switch in switches(options, USUAL))
        show(f"command line --host {address} --fingerprint {fingerprint(der)}{more}")
        more = "".join(f", {option}" for option in python_options(options, USUAL))
        show(f"estate       ovm3 estate add NAME {address} --fingerprint {fingerprint(der)}")
        show(f"saved estate {host_text(address)}: {fingerprint(der)}")
        show("             under pins in the file that `ovm3 estate show` names")
        show(f'Python       ex_fingerprint={{"{address.host}": "{fingerprint(der)}"}}{more}')
