"""Takes secrets out of text that is meant for logs and errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote
from xml.sax.saxutils import escape

HIDDEN = "******"  # as the agent itself writes it (agent-behaviour 2)

# The value of an option whose name contains "passw", up to the comma that ends it: options of a vfb
# or of a disk stand in one text, and a password may hold any other character.
_OPTION = re.compile(r"(passw[^=,]*=\s*)[^,]*", re.IGNORECASE)

# Functions whose very arguments are secret, called by us or (second form) through dispatch.
_SECRET_CALL = re.compile(
    r"(>update_agent_password</(?:methodName|string|value)>).*?(</methodCall>|\Z)", re.DOTALL
)
# <name>vncpasswd</name><value><string>…, also admin_passwd and whatever else is called a password
_MEMBER = re.compile(
    r"(<name>[^<]{0,99}passw(?:or)?d[^<]{0,99}</name>\s*<value>\s*(?:<\w+>\s*)?)[^<]+",
    re.IGNORECASE,
)
# vncpasswd=… inside a vfb string, where a comma ends it; 'vncpasswd': '…' inside a printed dict.
# What stands escaped (&amp;) is part of it: rather hide too much than half a password.
_VFB = re.compile(r"(vncpasswd=)[^,<>\n'\"\]]+", re.IGNORECASE)
_SETTING = re.compile(r"(passw(?:or)?d=)[^,<>\s'\"\]]+", re.IGNORECASE)
_PRINTED = re.compile(r"(passw(?:or)?d['\"]\s*[:,]\s*u?(['\"]))(?:\\.|(?!\2).)*", re.IGNORECASE)
# What base64 carries may hold anything (a vm.cfg has its VNC password in it): only its length is
# told. Also where the XML stands escaped inside a text; up to the end where the answer was cut.
_TAG = r"(?:<|&(?:amp;)*lt;)%s(?:\w{1,20}:)?base64"
_BASE64 = re.compile(
    "(" + _TAG % "" + r"(?:\s[^<>&]*)?(?:>|&(?:amp;)*gt;))(.*?)(?=" + _TAG % "/" + r"|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_DIGIT = re.compile("[A-Za-z0-9+/]")
_URL = re.compile(r"(://[^/:@\s<>'\"]*:)[^/\s<>'\"]+(?=@)")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without passwords: those given, and those that stand where passwords stand; and
    without what base64 carries.

    :param secrets: texts to hide wherever they occur, such as the agent's password.
    """
    for form in sorted({f for secret in secrets for f in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    text = _BASE64.sub(lambda found: f"{found[1]}{_length(found[2])}", text)
    text = _SECRET_CALL.sub(rf"\1{HIDDEN}\2", text)
    for pattern in (_MEMBER, _VFB, _SETTING, _PRINTED, _URL):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def redact_options(text: str) -> str:
    """The text of comma-separated options without the values of those that hold passwords."""
    return _OPTION.sub(rf"\g<1>{HIDDEN}", text)


def _length(base64: str) -> str:
    """How many bytes base64 text stands for, as far as it is there."""
    return f"{len(_DIGIT.findall(base64)) * 3 // 4} bytes"


def _forms(secret: str) -> Iterable[str]:
    """How a secret may stand in a text: as it is, escaped for XML once and twice, in a URL."""
    escaped = escape(secret)
    forms = (secret, escaped, escape(escaped), quote(secret), quote(secret, safe=""))
    return (form for form in forms if form)
