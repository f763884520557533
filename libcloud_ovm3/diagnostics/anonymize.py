"""Removes identifying data from responses; the structure remains. No I/O.

What is not known to be a word of the agent, of xend or of the system is replaced by a pseudonym:
always by the same one within one :class:`Anonymizer`, so that it still shows which VM runs where
and which uuid or disk occurs twice. Pseudonyms are numbered, not computed from the original, so
that they cannot be reversed. Passwords are removed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from lxml import etree

from libcloud_ovm3.agent.documents import elements
from libcloud_ovm3.agent.redact import HIDDEN, redact, redact_options
from libcloud_ovm3.diagnostics.allowed_words import (
    AGENTS_OWN,
    GIVEN_NAMES,
    KEYS,
    NAMES,
    NUMBERS,
    PATHS,
    is_public,
)
from libcloud_ovm3.errors import MalformedResponse

_SECRET = re.compile("passw|secret|credential|private|token", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")
_SHORT = 4  # digits: a name that is a number, and that xend may take for a domain id
_LONG_NUMBER = 10**5  # a larger number under an unknown key may be identifying
_ENDINGS = (".img", ".raw", ".iso", ".cfg", ".vmdk", ".qcow2", ".vhd", ".tgz", ".ova", ".chk")
_HEX = "[0-9a-fA-F]"
_ID = (
    rf"(?<!{_HEX})(?:{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
    rf"|(?:{_HEX}{{2}}:){{15}}{_HEX}{{2}}|3?{_HEX}{{32}})(?!{_HEX})"
)
_IDS = re.compile(_ID)
# In this order: what matches two of them is the first.
_PIECE = re.compile(
    rf"(?P<id>{_ID})"
    rf"|(?P<mac>(?<!{_HEX})(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}(?!{_HEX}))"
    r"|(?P<ip>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)"
    rf"|(?<![\w:])(?:{_HEX}{{0,4}}:){{2,7}}{_HEX}{{0,4}}(?![\w:]))"
    r"""|(?P<path>/[^,'"<>\r\n\t]*)"""
    r"|(?P<word>\w+(?:[.-]\w+)*)"
)
_ADDRESS_LIKE = re.compile(r"\d{1,3}([.-]\d{1,3}){3}(?!\d)")  # as in host names
_OF_EVERY_HOST = ("127.0.0.1", "::1", "169.254.0.1", "169.254.0.0")  # the last two: control0's
_VLAN = re.compile("([A-Za-z0-9_]+)[.]([1-9][0-9]{0,3})")  # a bridge: 0a0a0a00.120
_LOCATION = re.compile(r"([^/:,\s]+):(/.*)")  # server:/path


class Anonymizer:
    """Replaces identifying data; the same original always by the same pseudonym.

    :param secrets: texts to remove wherever they occur, such as the agent's password.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._pseudonyms: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    # -------------------------------------------------------------- values

    def value(self, value: Any, key: str = "", is_known: bool = True) -> Any:  # noqa: PLR0911 (one per type)
        """Anonymize a response or a part of one.

        :param key: the name of the struct member whose value it is.
        :param is_known: False: below a key that is not the agent's.
        """
        if _SECRET.search(key):
            return HIDDEN
        if isinstance(value, dict):
            return {
                k if k in KEYS else self._replace("key", k, lambda n: f"key-{n}"): self.value(
                    v, k, is_known and k in KEYS
                )
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, key, is_known) for item in value]
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, bytes):
            return b""
        if isinstance(value, int) and not isinstance(value, bool):
            return self._int(value, key, is_known)
        return 0.0 if isinstance(value, float) and not is_known else value

    def _int(self, value: int, key: str, is_known: bool) -> int:
        if key.lower() in NAMES:
            mapped = self.name(str(value))
            return int(mapped) if mapped.isdigit() else 0
        return value if is_known or abs(value) < _LONG_NUMBER else 0

    def _string(self, text: str, key: str) -> str:
        if text.lstrip().startswith("<"):
            return self.document(text)
        if key in NUMBERS and _NUMBER.fullmatch(text.strip()):
            return text
        is_path = text.startswith("/") or ":/" in text
        if key.lower() not in NAMES or is_path:
            return self.text(text)
        return self.name(text, is_given=key.lower() in GIVEN_NAMES)

    def document(self, text: str) -> str:
        """Anonymize an XML document; one that cannot be parsed becomes an empty text."""
        try:
            root = elements.parse(text.encode("utf-8", "replace").decode("utf-8"))
        except MalformedResponse:
            return ""
        for element in root.iter():
            self._element(element)
        return '<?xml version="1.0" ?>' + etree.tostring(root, encoding="unicode")

    def _element(self, element: etree._Element) -> None:
        tag = str(element.tag)
        if element.text is not None and element.text.strip():
            element.text = self._leaf(element.text.strip(), tag)
        if element.tail is not None and element.tail.strip():
            element.tail = self.text(element.tail)
        for name, content in element.attrib.items():
            element.set(str(name), self._leaf(str(content), tag if name == "Name" else str(name)))

    def _leaf(self, text: str, tag: str) -> str:
        if _SECRET.search(tag):
            return HIDDEN
        if tag in AGENTS_OWN:
            return text
        return self._string(text, tag)

    # -------------------------------------------------------------- texts

    def text(self, text: str) -> str:
        """Anonymize any text: ids, addresses, paths and words one by one."""
        text = redact_options(redact(text, self._secrets))
        location = _LOCATION.fullmatch(text)
        if location is not None and not is_public(location[1]):
            return f"{self.name(location[1])}:{self.path(location[2])}"
        return _PIECE.sub(self._piece, text)

    def _piece(self, found: re.Match[str]) -> str:
        text = found[0]
        if found.lastgroup == "id":
            return self.id(text)
        if found.lastgroup == "mac":
            return self.mac(text)
        if found.lastgroup == "ip":
            return self.ip(text)
        if found.lastgroup == "path":
            return self.path(text)
        return text if self._is_public(text) else self.name(text)

    @staticmethod
    def _is_public(text: str) -> bool:
        parts = re.split("[.-]", text)
        return all(map(is_public, parts)) and not _ADDRESS_LIKE.search(text)

    def path(self, text: str) -> str:
        """Anonymize a path, step by step."""
        return "/".join(self.name(step) for step in text.split("/"))

    def name(self, text: str, is_given: bool = False) -> str:  # noqa: PLR0911 (one per form)
        """Anonymize a name that somebody chose, as a whole.

        Numbers of up to four digits remain, as xend confuses them with domain ids. File extensions
        remain, and so do the forms that xend gives to names, and the VLAN in that of a bridge.

        :param is_given: it is where only a chosen name can be, whatever word it is.
        """
        text = redact(text, self._secrets)
        if not text.strip() or text == HIDDEN:
            return text
        if not is_given and (text in PATHS or _is_device(text)):
            return text
        if text.isdigit() and text.isascii() and len(text) <= _SHORT:
            return text
        for prefix in ("migrating-", "Domain-"):
            if text.startswith(prefix) and (prefix == "migrating-" or _IDS.fullmatch(text[7:])):
                return prefix + self.name(text[len(prefix) :])
        if text in ("Domain-0", "Domain-Unnamed", "none"):
            return text
        if _is_address(text):
            return self.ip(text)
        for ending in _ENDINGS:
            if text.lower().endswith(ending) and len(text) > len(ending):
                return self.name(text[: -len(ending)]) + text[-len(ending) :]
        vlan = _VLAN.fullmatch(text)
        if vlan:
            return f"{self.name(vlan[1])}.{vlan[2]}"
        if _IDS.search(text):
            pieces = re.split(f"({_ID})", text)
            return "".join(
                self.id(piece) if number % 2 else self._rest(piece)
                for number, piece in enumerate(pieces)
            )
        form = (lambda n: f"9{n:07d}") if text.isdigit() else (lambda n: f"name-{n}")
        return self._replace("name", text, form)

    def _rest(self, text: str) -> str:
        return re.sub(r"[^\W_]+", lambda m: m[0] if is_public(m[0]) else self.name(m[0]), text)

    # -------------------------------------------------------------- ids and addresses

    def id(self, text: str) -> str:
        """Anonymize a uuid or WWID in the same notation; the Manager's type prefix remains."""
        lead = text[:1] if len(text) == 33 else ""
        digits = re.sub("[:-]", "", text[len(lead) :]).lower()
        if not digits.strip("0"):
            return text
        kind = digits[:16] if re.fullmatch("0004fb0000[0-9]{2}0000", digits[:16]) else "0" * 16
        new = self._replace("id", digits, lambda n: f"{kind}aced{n:012x}")
        if ":" in text:
            new = ":".join(new[i : i + 2] for i in range(0, 32, 2))
        elif "-" in text:
            new = "-".join((new[:8], new[8:12], new[12:16], new[16:20], new[20:]))
        return lead + (new.upper() if text.isupper() else new)

    def mac(self, text: str) -> str:
        """Anonymize a MAC address, in the same case."""
        digits = re.sub("[:-]", "", text).lower()
        if not digits.strip("0") or not digits.strip("f"):
            return text
        new = self._replace("mac", digits, lambda n: f"02ace0{n:06x}")
        new = text[2].join(new[i : i + 2] for i in range(0, 12, 2))
        return new.upper() if text.isupper() else new

    def ip(self, text: str) -> str:
        """Replace an IP address by one of 127.1.0.0/16 and up.

        Masks, wildcards, and the address and network of control0 remain.
        """
        if not _is_address(text):
            return re.sub(r"\w+", lambda m: m[0] if is_public(m[0]) else self.name(m[0]), text)
        address = ipaddress.ip_address(text)
        if text in _OF_EVERY_HOST or address.is_unspecified or text.startswith("255."):
            return text
        return self._replace(
            "ip", str(address), lambda n: f"127.{1 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"
        )

    def map_address(self, address: str, new: str) -> None:
        """Set the pseudonym of an IP address or a host name in advance."""
        kind = "ip" if _is_address(address) else "name"
        self._pseudonyms[kind, address] = new

    def _replace(self, kind: str, original: str, form: Callable[[int], str]) -> str:
        if (kind, original) not in self._pseudonyms:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._pseudonyms[kind, original] = form(self._counts[kind])
        return self._pseudonyms[kind, original]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_device(text: str) -> bool:
    """``eth0``, ``bond0.160``; not plain words, which may be names."""
    head, dot, vlan = text.partition(".")
    has_both = head[:1].isalpha() and any(letter.isdigit() for letter in head)
    return is_public(head) and has_both and (not dot or bool(re.fullmatch("[0-9]{1,4}", vlan)))
