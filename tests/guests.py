"""The seeds of simulated guests, read back as cloud-init would find them; keys to log in with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pycdlib
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from libcloud_ovm3.simulator import Simulator

SEEDS = ".libcloud-ovm3/seeds"


def files_of(image: bytes) -> dict[str, str]:
    """The files of an ISO, by their names in Rock Ridge, which Linux shows."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    try:
        assert iso.pvd.volume_identifier.decode().rstrip() == "cidata"
        found = {}
        for child in iso.list_children(rr_path="/"):
            if child is not None and child.is_file():
                name, content = child.rock_ridge.name().decode(), io.BytesIO()
                iso.get_file_from_iso_fp(content, rr_path=f"/{name}")
                joliet = io.BytesIO()
                iso.get_file_from_iso_fp(joliet, joliet_path=f"/{name}")
                assert joliet.getvalue() == content.getvalue()
                found[name] = content.getvalue().decode()
        return found
    finally:
        iso.close()


def seeds_in(sim: Simulator, vm_id: str = "") -> list[Path]:
    """The seeds in the simulator's first repository: of one VM, or all."""
    return sorted((sim.repository_path / SEEDS).glob(f"{vm_id}*.iso"))


def seed_of(sim: Simulator, node: Any) -> dict[str, str]:
    """The files of a node's seed: ``user-data``, ``meta-data``, perhaps ``network-config``.

    Its public keys are in ``meta-data`` (YAML, ``public-keys``); the password's hash is in
    ``user-data``.
    """
    [file] = seeds_in(sim, getattr(node, "id", node))
    return files_of(file.read_bytes())


def meta_of(sim: Simulator, node: Any) -> dict[str, Any]:
    """The ``meta-data`` of a node's seed."""
    found = yaml.safe_load(seed_of(sim, node)["meta-data"])
    assert isinstance(found, dict)
    return found


def key_file(sim: Simulator, password: bytes = b"", public: bool = False) -> str:
    """The path of a file with one half of a key."""
    path = sim.root / f"key-{len(password)}-{public}"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        form = serialization.BestAvailableEncryption(password) if password else NoEncryption()
        path.write_bytes(
            key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            if public
            else key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, form)
        )
    return str(path)
