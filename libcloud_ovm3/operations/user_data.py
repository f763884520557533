"""User data of cloud-init: what a user gives, and ours beside it. Pure.

cloud-init tells kinds of user data apart by how the text begins; what begins otherwise it ignores,
with a warning in the guest that nobody sees. So that is refused here.
"""

from __future__ import annotations

import email
import email.message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from libcloud_ovm3.errors import InvalidArgument

CLOUD_CONFIG = "cloud-config"
LONGEST = 512 * 1024  # bytes
# How a text begins -> the subtype of ``text/`` that a part of it has.
_KINDS = {
    "## template: jinja": "jinja2",
    "#cloud-config-archive": "cloud-config-archive",
    "#cloud-config-jsonp": "cloud-config-jsonp",
    "#cloud-config": CLOUD_CONFIG,
    "#cloud-boothook": "cloud-boothook",
    "#include-once": "x-include-once-url",
    "#include": "x-include-url",
    "#part-handler": "part-handler",
    "#upstart-job": "upstart-job",
    "#!": "x-shellscript",
}
_MIME = "mime-version:"
_MIME_WITHIN = 4096  # characters from the beginning, as cloud-init looks for it


def checked_user_data(value: object) -> str:
    """The user data that somebody gives. The errors never quote it: it may hold a password.

    :raises InvalidArgument: It is no text, too long, of no kind that cloud-init knows, or says that
        it is YAML or MIME and is not.
    """
    if not isinstance(value, str):
        raise InvalidArgument("ex_userdata: expected a text")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise InvalidArgument("ex_userdata: expected a text that is Unicode") from None
    if "\0" in value:
        raise InvalidArgument("ex_userdata: expected a text without NUL characters")
    if size > LONGEST:
        raise InvalidArgument(f"ex_userdata: {size} bytes: expected {LONGEST} at most")
    if not is_mime(value) and _kind_of(value) is None:
        raise InvalidArgument(
            f"ex_userdata: not of a kind that cloud-init knows: expected a MIME message, or a text "
            f"that begins with one of {', '.join(sorted(_KINDS))}"
        )
    configs_in(value)
    return value


def is_mime(text: str) -> bool:
    """Whether cloud-init takes a text for a MIME message."""
    return _MIME in text[:_MIME_WITHIN].lower()


def _kind_of(text: str) -> str | None:
    return next((kind for begin, kind in _KINDS.items() if text.startswith(begin)), None)


def configs_in(text: str) -> list[dict[str, Any]]:
    """The cloud-configs in it, as far as they can be read without the guest.

    :raises InvalidArgument: One is no YAML, or no mapping.
    """
    if not is_mime(text):
        return [_parsed(text)] if _kind_of(text) == CLOUD_CONFIG else []
    try:
        message = email.message_from_string(text)
        parts = [one for one in message.walk() if not one.is_multipart()]
    except RecursionError:
        raise InvalidArgument("ex_userdata: a MIME message with too many levels") from None
    if message.defects or (len(parts) == 1 and not message.get("Content-Type")):
        raise InvalidArgument("ex_userdata: a MIME message that is damaged")
    return [
        _parsed(_content(part))
        for part in parts
        if part.get_content_subtype() == CLOUD_CONFIG
        or (part.get_content_maintype() == "text" and _kind_of(_content(part)) == CLOUD_CONFIG)
    ]


def _content(part: email.message.Message) -> str:
    data = part.get_payload(decode=True)
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""


def _parsed(text: str) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - imported when it is needed

    try:
        found = yaml.safe_load(text)
    except Exception as error:  # also KeyError and more, of a tag such as !!bool; it quotes values
        mark = getattr(error, "problem_mark", None)
        last = len(text.splitlines())  # the end of a text is on the line behind it
        where = f" in line {min(mark.line + 1, last)}" if mark is not None else ""
        raise InvalidArgument(f"ex_userdata: not valid YAML{where}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidArgument("ex_userdata: expected a cloud-config that is a mapping")
    return found


def merged(theirs: str, ours: str) -> str:
    """Both in one MIME message, theirs first.

    :param ours: A cloud-config that says by ``merge_how`` that it only adds to theirs.
    """
    message = MIMEMultipart()
    for name, text in (("user-data", theirs), ("libcloud-ovm3", ours)):
        if is_mime(text):
            message.attach(email.message_from_string(text))
            continue
        part = MIMEText(text, _kind_of(text) or "plain", "utf-8")
        part.add_header("Content-Disposition", "attachment", filename=name)
        message.attach(part)
    return message.as_string()
