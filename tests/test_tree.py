"""The tests' tree mirrors the code's: whoever knows where code is knows where its tests are."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "libcloud_ovm3"
# Tests of what is outside the package, or of several parts of it at once.
OTHERS = {
    "ansible": "the Ansible collection",
    "bench": "the performance figures' own arithmetic",
    "bridges": "the host module on bridges of the kernel, which only root can make",
    "clients": "other people's programs with the storage driver",
    "conformance": "libcloud's own test suites",
    "faults": "what was found by trying: each a test from outside, through the driver",
    "filesystems": "the host module on file systems that only root can mount",
    "guest": "a real guest of Debian in QEMU",
    "hostside": "the host module, also on Python 2.7",
    "installer/ssh": "the installer over a real sshd",
    "models": "every order of what may happen to a VM, by the host module's own decisions",
    "mutants": "our own files with known weaknesses put in",
    "packaging": "registration without an import, wheels and installing them",
    "system": "several hosts and several clients at once",
    "testing/samples": "small suites as users have them, shown in docs/testing-with-ovm3.md",
    "tools": "what the Makefile runs",
}
FOLDERS = sorted({file.parent.relative_to(TESTS).as_posix() for file in TESTS.rglob("test_*.py")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_of_tests_is_a_package_or_named_here(folder: str) -> None:
    assert folder == "." or folder in OTHERS or (PACKAGE / folder / "__init__.py").exists()


def test_each_package_has_tests() -> None:
    packages = {
        file.parent.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("__init__.py")
    }
    assert packages - set(FOLDERS) <= {"agent/documents", "salt/clouds"}  # beside them


def test_what_is_named_here_exists() -> None:
    assert set(OTHERS) <= set(FOLDERS)
