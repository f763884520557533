"""The package that is installed beside Salt or Ansible.

Tests take that of the checkout, whose files for hosts are elsewhere; the installed one has them.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

import libcloud_ovm3

INSTALLED = Path(sysconfig.get_path("purelib"), "libcloud_ovm3")


def take_its_host_module() -> None:
    """Let simulated hosts have the host module, where only the installed package has it."""
    if (INSTALLED / "_hostside").is_dir() and str(INSTALLED) not in libcloud_ovm3.__path__:
        libcloud_ovm3.__path__.append(str(INSTALLED))
