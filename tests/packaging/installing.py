"""New virtual environments, and pip in them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
# What a program that knows only names does.
BY_NAME = """
import sys, libcloud
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider
assert "libcloud_ovm3" not in sys.modules
driver = get_driver("Ovm3")
assert driver.__name__ == "OVM3NodeDriver"
assert driver is libcloud.get_driver(libcloud.DriverType.COMPUTE, Provider.OVM3)
print("found in", sys.modules["libcloud_ovm3"].__file__)
"""


def run(*command: object, cwd: Path | None = None) -> tuple[str, str]:
    """Run a command that must succeed; what it writes to stdout and stderr."""
    hidden = ("PYTHONPATH", "LIBCLOUD_OVM3_NO_HOOK")
    environment = {name: text for name, text in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(one) for one in command],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        cwd=cwd or "/",
        env=environment,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout, done.stderr


def dependencies(folder: Path) -> Path:
    """A folder with links to everything that is installed for the tests but this package."""
    folder.mkdir()
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if "ovm3" not in one.name and one.suffix != ".pth":
            (folder / one.name).symlink_to(one)
    return folder


class Environment:
    """A new virtual environment, which has the dependencies in a folder."""

    def __init__(self, folder: Path, dependencies: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        [self.packages] = folder.glob("lib/python*/site-packages")
        (self.packages / "dependencies.pth").write_text(f"{dependencies}\n")

    def pip(self, *arguments: object) -> None:
        """Run the tests' pip for this environment."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        run(*pip, "--python", self.python, *arguments)

    def install(self, *arguments: object) -> None:
        """Install something, without its dependencies."""
        self.pip("install", "--quiet", "--no-deps", *arguments)

    def run(self, program: str, *options: str) -> str:
        """Run a Python program, which must write nothing to stderr."""
        written, errors = run(self.python, *options, "-c", program)
        assert errors == ""
        return written

    def files_of_ours(self) -> set[str]:
        """The names of what is in site-packages because of this package."""
        return {one.name for one in self.packages.iterdir() if "ovm3" in one.name}
