"""Salt without a master: a folder with its configuration, the program ``salt-cloud``, CloudClient.

Only what has the marker ``salt`` may call these: Salt is in environments of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from libcloud_ovm3.simulator import Simulator
from tests.support import pins_of

PROFILE = {"provider": "lab", "image": "oracle-linux-6", "size": "small", "deploy": False}


def address(sim: Simulator) -> str:
    """The first host, with its port."""
    return f"{sim.hosts[0].address}:{sim.hosts[0].port}"


def provider_for(sim: Simulator, **more: Any) -> dict[str, Any]:
    """The configuration of a provider for the whole pool of a simulator; None leaves a key out."""
    usual = {
        "driver": "ovm3",
        "host": address(sim),
        "user": sim.user,
        "password": sim.password,
        "ex_fingerprint": pins_of(sim),
        "ex_second_look": "0",
    }
    return {key: value for key, value in {**usual, **more}.items() if value is not None}


class Salt:
    """A private configuration of Salt, with providers by their aliases and profiles."""

    def __init__(
        self,
        folder: Path,
        providers: dict[str, dict[str, Any]],
        profiles: dict[str, dict[str, Any]] | None = None,
        **cloud: Any,
    ) -> None:
        root = folder / "root"
        root.mkdir(parents=True)
        common = {
            "root_dir": str(root),
            "pki_dir": str(root / "pki"),
            "sock_dir": str(root / "run"),
            "cachedir": str(root / "cache"),
            "extension_modules": str(root / "extmods"),
            "log_file": str(root / "log"),
        }
        self.folder = folder
        self.write("cloud", {**common, **cloud})
        self.write("master", common)
        states = {"file_roots": {"base": [str(folder / "states")]}}
        self.write("minion", {**common, **states, "id": "local", "file_client": "local"})
        self.write("cloud.providers.d/ovm3.conf", providers)
        self.write("cloud.profiles.d/ovm3.conf", profiles or {"small": PROFILE})

    def write(self, name: str, content: Any) -> Path:
        """Write a file of the configuration: a text as it is, everything else as YAML."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return file

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of Salt's programs."""
        return subprocess.run(
            [Path(sys.executable).parent / program, "-c", self.folder, "--out=json", *arguments],
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def cloud(self, *arguments: str) -> Any:
        """Run ``salt-cloud``, which must succeed; what it returns."""
        done = self.run("salt-cloud", *arguments, "-y")
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def fails(self, *arguments: str) -> str:
        """Run ``salt-cloud``, which must fail; what it writes to stderr."""
        done = self.run("salt-cloud", *arguments, "-y")
        assert done.returncode != 0, (arguments, done.stdout, done.stderr)
        return done.stderr

    def call(self, *arguments: str) -> Any:
        """Run ``salt-call --local``; what it returns."""
        done = self.run("salt-call", "--local", *arguments)
        return json.loads(done.stdout)["local"]

    def client(self) -> Any:
        """Salt's own interface for programs, in this process."""
        from salt.cloud import CloudClient

        return CloudClient(path=str(self.folder / "cloud"))
