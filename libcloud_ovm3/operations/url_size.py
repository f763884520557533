"""How large the file is that a URL leads to, as its server says (HEAD)."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from libcloud_ovm3.agent.redact import redact
from libcloud_ovm3.errors import InvalidArgument, PreconditionFailed

SCHEMES = ("http", "https", "ftp")  # what Python's urllib2, which agents have, can fetch
LIMIT = 20.0  # seconds
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(source: object) -> bool:
    """Whether a text is a URL, and not the path of a file.

    :raises InvalidArgument: it is no text.
    """
    if not isinstance(source, str) or not source:
        raise InvalidArgument(f"source {source!r}: expected a URL or the path of a file")
    return _URL.match(source) is not None


def require_url(url: str) -> None:
    """Whether a host may be asked to fetch this URL.

    :raises InvalidArgument: it may not.
    """
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme.lower() in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidArgument(
            f"URL {redact(url)!r}: expected http://, https:// or ftp:// and a host, with %XX for "
            f"blanks and for characters that are not ASCII"
        )


def size_of_url(url: str) -> int:
    """The size in bytes that the server reports.

    :raises PreconditionFailed: it reports none, or cannot be asked from here.
    """
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (require_url was called)
    request.add_header("Accept-Encoding", "identity")
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as response:  # noqa: S310
            length = response.headers.get("Content-Length") or ""
    except (OSError, ValueError) as error:  # also of a server that does not answer
        raise _unknown(url, str(error)) from None
    if not re.fullmatch("[0-9]{1,18}", length) or int(length) == 0:
        raise _unknown(url, "its server does not say (no Content-Length)")
    return int(length)


def _unknown(url: str, why: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"the size of {redact(url)} is not known: {why}. An agent does not report when it has "
        f"fetched a file, so the size is needed to tell: ex_size_bytes gives it. Nothing was sent"
    )
