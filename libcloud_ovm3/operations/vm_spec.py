"""What a new VM is to be, as the user says it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from libcloud_ovm3.agent.option_values import quoted
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estate.creating import is_creating_mark
from libcloud_ovm3.estate.vm_metadata import VMMetadata
from libcloud_ovm3.operations.guest_config import GuestConfig
from libcloud_ovm3.operations.guest_types import is_hvm_wanted
from libcloud_ovm3.operations.new_cards import CardSpec
from libcloud_ovm3.operations.user_progress import require_progress

if TYPE_CHECKING:
    from libcloud_ovm3.operations.plan_vm import VMPlan

_LONGEST_KEY = 255  # characters
_NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")  # control characters, surrogates, line separators


@dataclass(frozen=True)
class VMSpec:
    """What a new VM is to be.

    :ivar require: called with what was planned, before anything is created; raises if that will not
        do. None: nothing else is required.
    :ivar image_id: of a template or an ISO, ``<repository id>/<relative path>``.
    :ivar iso_id: of an ISO for a CD drive, or its path on the hosts; None: none.
    :ivar volume_ids: existing volumes that it has from the beginning.
    :ivar disk_gb: the smallest size of the first disk that is acceptable; 0: the template's own.
    :ivar description: "": none.
    :ivar domain_type: ``pv`` or ``hvm``; None: that of the template, of a disk image ``pv``.
    :ivar host_id: where to start it; None: on the host with the most free memory.
    :ivar allow_same_name: whether another VM may have the same name.
    :ivar start: whether it is started.
    :ivar metadata: what is recorded of it, with tags.
    :ivar progress: is told how many bytes of its disks are copied, and of how many; None: nobody.
    :ivar key: the same for all calls that mean this VM (:mod:`.same_key`); "": none do.
    :ivar cards: its network cards; None: those of the template, else one on the default network.
    :ivar guest: what its guest is told, besides its addresses.
    """

    name: str
    image_id: str
    memory_mb: int
    vcpus: int
    disk_gb: int = 0
    description: str = ""
    domain_type: str | None = None
    iso_id: str | None = None
    volume_ids: tuple[str, ...] = ()
    host_id: str | None = None
    require: Callable[[VMPlan], None] | None = field(default=None, compare=False)
    allow_same_name: bool = False
    start: bool = True
    metadata: VMMetadata = field(default_factory=VMMetadata)
    progress: Callable[[int, int], object] | None = None
    key: str = ""
    cards: tuple[CardSpec, ...] | None = None
    guest: GuestConfig = field(default_factory=GuestConfig)


def check(spec: VMSpec) -> None:
    """Check what can be checked before anything is read.

    :raises InvalidArgument: a value is wrong.
    """
    require_name(spec.name)
    require_description(spec.description)
    _require_plain("ex_idempotency_key", spec.key)
    if len(spec.key) > _LONGEST_KEY:
        raise InvalidArgument(f"ex_idempotency_key: expected at most {_LONGEST_KEY} characters")
    require_progress(spec.progress)
    is_hvm_wanted(spec.domain_type)
    for what, number in (
        ("size.ram (or ex_memory_mb)", spec.memory_mb),
        ("the size's CPUs (or ex_cpus)", spec.vcpus),
    ):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InvalidArgument(f"{what} {number!r}: expected a whole number, 1 or more")
    disk_gb = spec.disk_gb
    if not isinstance(disk_gb, int | float) or isinstance(disk_gb, bool) or not disk_gb >= 0:
        raise InvalidArgument(f"disk in GB {disk_gb!r}: expected a number, 0 or more")


def require_name(name: str) -> None:
    """:raises InvalidArgument: it cannot be the display name of a VM."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgument(f"name {name!r}: expected a non-empty string")
    _require_plain("name", name)


def require_description(text: str) -> None:
    """:raises InvalidArgument: it cannot be the description of a VM."""
    _require_plain("ex_description", text)
    if is_creating_mark(text):
        raise InvalidArgument(
            f"ex_description {text!r}: this is how a node is marked that is being created; use "
            f"other words"
        )


def checked_key(key: str | None) -> str:
    """An idempotency key; "" if it is not given (None).

    :raises InvalidArgument: it is the empty text: a variable that is not set would make a VM that
        nothing protects from being made again.
    """
    if key == "":
        raise InvalidArgument(
            "ex_idempotency_key '': expected a text of your own for this node, or None"
        )
    return "" if key is None else key


def _require_plain(what: str, text: str) -> None:
    """Check that a text stays as it is in a vm.cfg, and on a line of a list."""
    if not isinstance(text, str):
        raise InvalidArgument(f"{what} {quoted(text)}: expected a text")
    is_odd = any(unicodedata.category(character) in _NOT_IN_NAMES for character in text)
    if text != text.strip() or is_odd:
        raise InvalidArgument(
            f"{what} {quoted(text)}: leading or trailing blanks and control characters are not "
            f"allowed"
        )
