"""TLS as a server before RFC 5746 speaks it: no extension in its answer, RSA key exchange only.

No OpenSSL of today can be told to be that old, so the few messages are made here by hand: TLS 1.0
or 1.2, TLS_RSA_WITH_AES_128_CBC_SHA, one handshake a line.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .certificates import Certificate

_CIPHER = b"\x00\x2f"
_CHANGE, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23


class AncientTls:
    """In the place of an SSLContext: ``wrap_socket`` gives the line in clear.

    :ivar hellos: how many clients have begun a handshake.
    """

    def __init__(self, certificate: Certificate, minor: int = 3) -> None:
        self._der = ssl.PEM_cert_to_DER_cert(Path(certificate.pem).read_text())
        key = serialization.load_pem_private_key(Path(certificate.key).read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        self._version = bytes((3, minor))
        self.hellos = 0

    def wrap_socket(self, line: socket.socket, server_side: bool) -> socket.socket:
        assert server_side
        records = _Records(line, self._version)
        self._shake_hands(records)
        ours, theirs = socket.socketpair()
        for relay in (_decrypting, _encrypting):
            threading.Thread(target=relay, args=(records, theirs), daemon=True).start()
        return ours

    def _shake_hands(self, records: _Records) -> None:
        said = hello = records.message()
        self.hellos += 1
        mine = os.urandom(32)
        certificate = _sized(_sized(self._der))
        for kind, body in (
            (2, self._version + mine + b"\x00" + _CIPHER + b"\x00"),
            (11, certificate),
            (14, b""),
        ):
            said += records.send_message(kind, body)
        exchange = records.message()
        said += exchange
        premaster = self._key.decrypt(exchange[6:], padding.PKCS1v15())
        theirs = hello[6:38]
        master = self._prf(premaster, b"master secret" + theirs + mine, 48)
        keys = self._prf(master, b"key expansion" + mine + theirs, 104)
        assert records.receive() == (_CHANGE, b"\x01")
        records.reading = _Direction(keys[:20], keys[40:56], keys[72:88])
        expected = self._finished(master, b"client finished", said)
        finished = records.message()
        assert finished[4:] == expected, "the client's Finished"
        said += finished
        records.send(_CHANGE, b"\x01")
        records.writing = _Direction(keys[20:40], keys[56:72], keys[88:104])
        records.send_message(20, self._finished(master, b"server finished", said))

    def _finished(self, master: bytes, label: bytes, said: bytes) -> bytes:
        if self._version == b"\x03\x03":
            digest = hashlib.sha256(said).digest()
        else:
            digest = hashlib.md5(said).digest() + hashlib.sha1(said).digest()
        return self._prf(master, label + digest, 12)

    def _prf(self, secret: bytes, seed: bytes, length: int) -> bytes:
        if self._version == b"\x03\x03":
            return _expand(secret, seed, length, hashlib.sha256)
        half = (len(secret) + 1) // 2
        one = _expand(secret[:half], seed, length, hashlib.md5)
        other = _expand(secret[-half:], seed, length, hashlib.sha1)
        return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _expand(secret: bytes, seed: bytes, length: int, digest: Callable[..., Any]) -> bytes:
    made, chain = b"", seed
    while len(made) < length:
        chain = hmac.new(secret, chain, digest).digest()
        made += hmac.new(secret, chain + seed, digest).digest()
    return made[:length]


def _sized(content: bytes) -> bytes:
    return len(content).to_bytes(3, "big") + content


class _Direction:
    """Keys and state of one direction."""

    def __init__(self, mac: bytes, key: bytes, iv: bytes) -> None:
        self.mac, self.key, self.iv = mac, key, iv
        self.number = 0

    def code(self, kind: int, version: bytes, content: bytes) -> bytes:
        head = struct.pack(">QB", self.number, kind) + version + struct.pack(">H", len(content))
        self.number += 1
        return hmac.new(self.mac, head + content, hashlib.sha1).digest()


class _Records:
    """TLS records over a line."""

    def __init__(self, line: socket.socket, version: bytes) -> None:
        self.version = version
        self.reading: _Direction | None = None
        self.writing: _Direction | None = None
        self._line = line
        self._stream = line.makefile("rb")
        self._buffer = b""

    def receive(self) -> tuple[int, bytes]:
        """One record; an OSError when the line ends."""
        head = self._stream.read(5)
        if len(head) < 5:
            raise ConnectionError("the client has gone")
        content = self._stream.read(int.from_bytes(head[3:], "big"))
        if self.reading is not None:
            content = self._decrypted(self.reading, head[0], content)
        return head[0], content

    def message(self) -> bytes:
        """One handshake message, head and all."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + self._length():
            kind, content = self.receive()
            if kind != _HANDSHAKE:
                raise ConnectionError(f"a record of kind {kind}: {content!r}")
            self._buffer += content
        end = 4 + self._length()
        message, self._buffer = self._buffer[:end], self._buffer[end:]
        return message

    def _length(self) -> int:
        return int.from_bytes(self._buffer[1:4], "big")

    def send_message(self, kind: int, body: bytes) -> bytes:
        message = bytes((kind,)) + _sized(body)
        self.send(_HANDSHAKE, message)
        return message

    def send(self, kind: int, content: bytes) -> None:
        if self.writing is not None:
            content = self._encrypted(self.writing, kind, content)
        head = bytes((kind,)) + self.version + struct.pack(">H", len(content))
        self._line.sendall(head + content)

    def end(self) -> None:
        self._line.shutdown(socket.SHUT_RDWR)

    def _decrypted(self, way: _Direction, kind: int, content: bytes) -> bytes:
        last = content[-16:]
        if self.version == b"\x03\x03":
            way.iv, content = content[:16], content[16:]
        plain = Cipher(algorithms.AES(way.key), modes.CBC(way.iv)).decryptor().update(content)
        way.iv = last
        plain = plain[: -plain[-1] - 1]
        content, code = plain[:-20], plain[-20:]
        assert code == way.code(kind, self.version, content), "the record's MAC"
        return content

    def _encrypted(self, way: _Direction, kind: int, content: bytes) -> bytes:
        plain = content + way.code(kind, self.version, content)
        fill = 15 - len(plain) % 16
        plain += bytes([fill]) * (fill + 1)
        is_explicit = self.version == b"\x03\x03"
        iv = os.urandom(16) if is_explicit else way.iv
        coded = Cipher(algorithms.AES(way.key), modes.CBC(iv)).encryptor().update(plain)
        way.iv = coded[-16:]
        return iv + coded if is_explicit else coded


def _decrypting(records: _Records, clear: socket.socket) -> None:
    try:
        while (record := records.receive())[0] == _DATA:
            clear.sendall(record[1])
        clear.shutdown(socket.SHUT_WR)
    except OSError:
        clear.close()


def _encrypting(records: _Records, clear: socket.socket) -> None:
    try:
        while data := clear.recv(8192):
            records.send(_DATA, data)
        records.send(_ALERT, b"\x01\x00")  # close_notify
        records.end()
    except OSError:
        clear.close()
