"""How many calls one agent works on at the same time, which no source says: it is tried."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from libcloud_ovm3.errors import Ovm3Error

if TYPE_CHECKING:
    from libcloud_ovm3.estate.hosts import HostView

IN_FLIGHT = 2  # what two calls prove: one block is on its way while the next one is prepared
_SECONDS = 2  # that one of two calls waits for the other one

_known: dict[str, int] = {}  # by address, in this process: an agent does not change while it runs
_lock = threading.Lock()


def calls_at_once(host: HostView) -> int:
    """How many calls to send to a host at the same time: 1 unless two were seen to meet there.

    Two calls, once per host and process; on an agent that takes one at a time they last some
    seconds.
    """
    address = str(host.address)
    with _lock:
        if address not in _known:
            _known[address] = IN_FLIGHT if _meet(host) else 1
        return _known[address]


def _meet(host: HostView) -> bool:
    token, module = uuid.uuid4().hex, host.module3

    def meet(_: int) -> bool:
        return module is not None and module.meet(token, _SECONDS)

    with ThreadPoolExecutor(2) as pool:
        try:
            return all(list(pool.map(meet, range(2))))  # both, or the other would be left waiting
        except Ovm3Error:  # then one after the other, which says what is wrong
            return False
