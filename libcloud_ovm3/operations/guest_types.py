"""What paravirtualized and HVM guests have in their vm.cfg, where no template says it. Pure."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.errors import InvalidArgument

_IS_HVM = {"pv": False, "xen_pvm": False, "hvm": True, "xen_hvm": True}

# The set that working clients send (agent-behaviour 6.1).
PARAVIRTUAL: dict[str, Any] = {
    "OVM_domain_type": "xen_pvm",
    "bootloader": "/usr/bin/pygrub",
    "bootargs": "",
    "extra": "",
    "guest_os_type": "Other Linux",
    "vfb": ["type=vnc,vncunused=1,vnclisten=127.0.0.1,keymap=en-us"],
}
_HVM: dict[str, Any] = {  # what a vm.cfg of the Manager has; no bootloader (agent-behaviour 6.3)
    "OVM_domain_type": "xen_hvm",
    "builder": "hvm",
    "guest_os_type": "Other Linux",
    "acpi": 1,
    "apic": 1,
    "pae": 1,
    "serial": "pty",
    "vnc": 1,
    "vncunused": 1,
    "vnclisten": "127.0.0.1",
    "keymap": "en-us",
}


def hvm(*, cd_first: bool = False) -> dict[str, Any]:
    """The options of an HVM guest.

    :param cd_first: whether it boots from a CD if there is one, else from its disk; False: the
        other way round (xend.md 8).
    """
    return {**_HVM, "boot": "dc" if cd_first else "cd"}


def is_hvm_wanted(domain_type: str | None) -> bool | None:
    """Whether an HVM guest is asked for; None: nothing is said.

    :raises InvalidArgument: it is no domain type that can be created.
    """
    if domain_type is None:
        return None
    wanted = _IS_HVM.get(str(domain_type).lower())
    if wanted is None:
        raise InvalidArgument(
            f"ex_domain_type {domain_type!r}: expected 'pv' or 'hvm' (or 'xen_pvm', 'xen_hvm')"
        )
    return wanted
