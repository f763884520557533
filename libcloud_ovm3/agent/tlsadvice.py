"""Why a TLS handshake failed, and which option may allow it.

Only reasons that OpenSSL itself reports are used, and options that are already set are never
suggested: any other hint would be misleading.
"""

from __future__ import annotations

import dataclasses
import ssl
from typing import NamedTuple

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.tls import HostTrust, NeverSent, TlsFacts, presented
from libcloud_ovm3.errors import HostUnreachable
from libcloud_ovm3.progress import sending

# To see what any host supports. No secret is sent over such a connection.
ANY = HostTrust(verify=False, minimum="TLSv1", weak_keys=True, legacy_renegotiation=True)
USUAL = HostTrust(verify=False)
_LADDER = (
    USUAL,
    HostTrust(verify=False, legacy_renegotiation=True),
    HostTrust(verify=False, weak_keys=True),
    HostTrust(verify=False, minimum="TLSv1"),
    HostTrust(verify=False, weak_keys=True, legacy_renegotiation=True),
    HostTrust(verify=False, minimum="TLSv1", legacy_renegotiation=True),
)

_HANDSHAKE = "TLS handshake"  # how the log names it
_OLD = ("TLSv1", "TLSv1.1")  # minimums that also allow small keys and SHA-1

_TOO_OLD = {
    "NO_PROTOCOLS_AVAILABLE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "VERSION_TOO_LOW",
    "WRONG_SSL_VERSION",
}
_TOO_WEAK = {
    "BAD_DH_VALUE",
    "CA_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
    "UNKNOWN_DIGEST",
    "WRONG_CURVE",
    "WRONG_SIGNATURE_TYPE",
}
_VERIFY_TOO_WEAK = (66, 67, 68)  # X509_V_ERR_EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK
_NO_TLS = {
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}
_NOTHING_IN_COMMON = {
    "HANDSHAKE_FAILURE",
    "NO_CIPHERS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
}
_WANTS_CLIENT_CERTIFICATE = {
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_UNKNOWN_CA",
}
_CUT = {"UNEXPECTED_EOF_WHILE_READING"}


class Advice(NamedTuple):
    """The reason of a failure, and what to do about it.

    :ivar why: The reason in words; "" if OpenSSL's own text is sufficient.
    :ivar remedy: The options with which it may work; None if there are none.
    """

    why: str
    remedy: HostTrust | None = None

    def text(self, trust: HostTrust) -> str:
        """The text to append to OpenSSL's own in an error; it is "" or begins with "; "."""
        options = "" if self.remedy is None else _difference(trust, self.remedy)
        return "".join(f"; {part}" for part in (self.why, options) if part)


def advice(error: BaseException, trust: HostTrust) -> Advice:
    """The advice for a failed connection.

    :param error: The exception, or one that it caused.
    :param trust: The options that were in use.
    """
    found = _of_ssl(error)
    if found is None:
        return Advice("")
    return _of_reason(getattr(found, "reason", None) or "", getattr(found, "verify_code", 0), trust)


def afterwards(error: BaseException, trust: HostTrust) -> str:
    """The text of the advice (:meth:`Advice.text`) for a connection that TLS ended later.

    With TLS 1.3 a client learns only then that its certificate is missing.
    """
    found = _of_ssl(error)
    if found is None or getattr(found, "reason", "") not in _WANTS_CLIENT_CERTIFICATE:
        return ""
    return advice(error, trust).text(trust)


def _of_reason(reason: str, verify_code: int, trust: HostTrust) -> Advice:
    action = "rejects the" if trust.cert_file else "requires a"
    wants_certificate = f"the host {action} client certificate (cert_file, key_file)"
    if reason == "UNSAFE_LEGACY_RENEGOTIATION_DISABLED":
        why = (
            "the host does not support secure renegotiation (RFC 5746), so an attacker in "
            "the network could insert a call before this client's"
        )
        found = Advice(why, dataclasses.replace(trust, legacy_renegotiation=True))
    elif reason in _TOO_WEAK or verify_code in _VERIFY_TOO_WEAK:
        why = "its key, signature or key exchange is weaker than what is considered secure"
        found = Advice(why, _weaker(trust))
    elif reason in _TOO_OLD:
        found = Advice(f"it does not support {trust.minimum} or later", _older(trust))
    elif reason in _NOTHING_IN_COMMON:
        why = f"no TLS version, cipher or type of key is common to both; or {wants_certificate}"
        found = Advice(why, _weaker(trust) or _older(trust))
    elif reason in _NO_TLS:
        found = Advice("TLS is not used there: the agent has ssl=disable, or it is not an agent")
    elif reason in _WANTS_CLIENT_CERTIFICATE:
        found = Advice(wants_certificate)
    elif reason in _CUT:
        why = "it closed the connection during the TLS handshake without a reason"
        is_all = trust.minimum == "TLSv1" and trust.legacy_renegotiation
        more = "" if is_all else " (`ovm3 host certificate` tries older TLS versions)"
        found = Advice(why + more)
    else:
        found = Advice("")
    return found


def shown(address: Address, timeout: float) -> TlsFacts:
    """The TLS parameters and the certificate of a host, with any TLS version.

    Nothing but a handshake is sent.

    :param timeout: Seconds for connecting, and for the handshake.
    :raises HostUnreachable: It cannot be reached, or does not support TLS.
    """
    with sending(_HANDSHAKE, str(address), changes=False):
        try:
            facts = presented(address, ANY, timeout)
        except NeverSent as error:
            text = f"{address}: cannot be reached: {error}{advice(error, ANY).text(ANY)}"
            raise HostUnreachable(text, host=str(address)) from error
    if not facts.certificate:
        raise HostUnreachable(f"{address}: it presented no certificate", host=str(address))
    return facts


def needed(address: Address, timeout: float) -> HostTrust:
    """The fewest options with which a host can be called, determined by a few handshakes.

    Only what the host says is a reason for weaker ones (some just end the connection): a handshake
    that times out is none.

    :raises HostUnreachable: It cannot be reached any more, or not even with all of them.
    """
    with sending(_HANDSHAKE, str(address), changes=False):
        for trust in _LADDER:
            try:
                presented(address, trust, timeout)
            except NeverSent as error:
                last = error
                if not isinstance(error.__cause__, ssl.SSLError | ConnectionResetError):
                    break
            else:
                return trust
        text = f"{address}: {last}{advice(last, ANY).text(ANY)}"
        raise HostUnreachable(text, host=str(address)) from last


def _of_ssl(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _weaker(trust: HostTrust) -> HostTrust | None:
    if trust.weak_keys or trust.minimum in _OLD:
        return None
    return dataclasses.replace(trust, weak_keys=True)


def _older(trust: HostTrust) -> HostTrust | None:
    if trust.minimum == "TLSv1":
        return None
    return dataclasses.replace(trust, minimum="TLSv1.2" if trust.minimum == "TLSv1.3" else "TLSv1")


def _difference(trust: HostTrust, remedy: HostTrust) -> str:
    """What :func:`advice` adds, as options of the driver and of the command line."""
    options, on_command_line = python_options(remedy, trust), switches(remedy, trust)
    return f"{', '.join(options)} may help (ovm3: {' '.join(on_command_line)})"


def python_options(wanted: HostTrust, base: HostTrust) -> list[str]:
    """The driver's arguments for the options that differ from ``base``."""
    options = []
    if wanted.minimum != base.minimum:
        options.append(f"ex_tls_minimum={wanted.minimum!r}")
    if wanted.weak_keys and not base.weak_keys:
        options.append("ex_tls_weak_keys=True")
    if wanted.legacy_renegotiation and not base.legacy_renegotiation:
        options.append("ex_tls_legacy_renegotiation=True")
    return options


def switches(wanted: HostTrust, base: HostTrust) -> list[str]:
    """The command line options for the same."""
    options = []
    if wanted.minimum != base.minimum:
        options.append(f"--tls-minimum {wanted.minimum}")
    if wanted.weak_keys and not base.weak_keys:
        options.append("--tls-weak-keys")
    if wanted.legacy_renegotiation and not base.legacy_renegotiation:
        options.append("--tls-legacy-renegotiation")
    return options
