"""A mutant: our own file with one weakness put in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.run import MISBEHAVED

ROOT = Path(__file__).parents[2]
RUN = Path(__file__).with_name("run.py")


@dataclass(frozen=True)
class Mutant:
    """
    :param weakness: its name in :mod:`.weaknesses`
    :param file: ours, from the root of the project
    :param old: text that stands there exactly once
    :param new: what stands there in the mutant
    :param behaviour: ``module.function`` of this folder: what the mutant fails at, and we do not
    """

    weakness: str
    file: str
    old: str
    new: str
    behaviour: str

    def __str__(self) -> str:
        return f"{self.weakness}-{self.behaviour.partition('.')[2]}"

    def applied(self, folder: Path) -> Path:
        """A copy of our files with the weakness in it."""
        copy_ours(folder)
        source = ROOT / self.file
        text = source.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{self.file}: not there exactly once: {self.old!r}"
        place = {"hostside": "libcloud_ovm3_host", "libcloud_ovm3": ""}[self.file.split("/")[0]]
        target = folder / place / Path(*Path(self.file).parts[1:])
        target.write_text(text.replace(self.old, self.new), encoding="utf-8")
        return folder


def copy_ours(folder: Path) -> Path:
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "hostside", folder / "libcloud_ovm3_host", ignore=leave)
    for package in ("estate", "installer", "operations", "storage"):
        shutil.copytree(ROOT / "libcloud_ovm3" / package, folder / package, ignore=leave)
    return folder


def behaves(folder: Path, *behaviours: str) -> bool:
    """Whether the copy in that folder does what these say."""
    module = behaviours[0].partition(".")[0]
    functions = [name.partition(".")[2] for name in behaviours]
    process = subprocess.run(
        [sys.executable, "-B", RUN, folder, module, *functions],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert process.returncode in (0, MISBEHAVED), process.stdout + process.stderr
    print(process.stdout)  # noqa: T201
    return process.returncode == 0
