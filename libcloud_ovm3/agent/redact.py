"""Takes secrets out of text that is meant for logs and errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "******"  # as the agent itself writes it (agent-behaviour 2)

# Functions whose very arguments are secret.
_SECRET_CALL = re.compile(
    r"(<methodName>update_agent_password</methodName>).*?(</methodCall>|\Z)", re.DOTALL
)
# <name>vncpasswd</name><value><string>…, also admin_passwd and whatever else is called a password
_MEMBER = re.compile(
    r"(<name>[^<]*passw(?:or)?d[^<]*</name>\s*<value>\s*(?:<string>\s*)?)[^<]+", re.IGNORECASE
)
# vncpasswd=… inside a vfb string, 'vncpasswd': '…' inside a printed dict
_SETTING = re.compile(r"(passw(?:or)?d=)[^,<>&\s'\"\]]+", re.IGNORECASE)
_PRINTED = re.compile(r"(passw(?:or)?d['\"]\s*[:,]\s*u?(['\"])).*?(?=\2)", re.IGNORECASE)
_URL = re.compile(r"(://[^/:@\s<>'\"]*:)[^/@\s<>'\"]+(?=@)")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without passwords: those given, and those that stand where passwords stand.

    :param secrets: texts to hide wherever they occur, such as the agent's password.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _SECRET_CALL.sub(rf"\1{HIDDEN}\2", text)
    for pattern in (_MEMBER, _SETTING, _PRINTED, _URL):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
