"""Show that no test depends on another: each file alone, everything in reverse order, and then each
test with fixtures of its own, as when another worker runs the tests before it.

``python tools/alone.py [FILE ...]``; without files, all of them. Ends with 1 and the list of
what failed if anything did. Takes long: a process for each file.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHORT = (
    "not soak and not long and not tables and not sshd and not dist and not salt and not clients "
    "and not browser and not guest"
)
NO_TESTS = 5  # pytest's exit status when none of the tests of a file were taken
ROOT = Path(__file__).parents[1]
PYTHON_2 = ("tests/tools/test_python24.py",)  # in `make test-py2`


def main(files: list[str]) -> int:
    """Run them all; the exit status."""
    found = files or sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("tests/**/test_*.py"))
    found = [file for file in found if file not in PYTHON_2]
    failed = [file for file in found if not _passes(file)]
    if not _passes("--reverse", "-n", "2", *(files or ["tests"])):
        failed.append("in reverse order")
    if not _passes("--apart", "-n", "2", *(files or ["tests"])):
        failed.append("each test apart")
    said = "\n".join(failed) or f"{len(found)} files pass alone, in reverse order, each test apart"
    sys.stdout.write(f"{said}\n")
    return bool(failed)


def _passes(*arguments: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-m", SHORT, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, NO_TESTS):
        sys.stdout.write(done.stdout)
    return done.returncode in (0, NO_TESTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
