"""What a person says of a VM, true or not, and what follows from it. Decisions: taken_hosts.py.

A word that a host has nothing of the VM is true if nothing of it is there: no domain, no guest in
the gap of its reboot, no saved one, no process or ``xm``; a host that is off may have a saved one.
It counts when it arrives, as it names the version of the claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.models import world
from tests.models.world import Hosts, changed

if TYPE_CHECKING:
    from tests.models.life import Model
    from tests.models.rules import Claim

TRUE, OFF, ONE, ANY = "true", "of hosts that are off", "wrong of host 1", "any"

# label; the hosts then; which host writes a claim, and what
Said = tuple[str, Hosts, int | None, Any]


def steps(model: Model, claim: Claim, hosts: Hosts) -> Iterator[Said]:
    """What persons do to a VM that has a claim."""
    for x in (0, 1):
        process, works, domains, saved = hosts[x]
        by = 1 - x  # who settles on x has lost then
        may_write = hosts[by][0] is None and by not in model.bare
        if may_write and claim[1][x] and _may_be_said(model, hosts[x], x):
            yield f"host {x}: a person takes it out", hosts, by, model.rules.taken_out(claim, x)
        if claim[3] and not world.is_off(hosts[x]):  # xm destroy, of one of two
            for one in (each for each in domains if each[0] in "LlP"):
                left = world.swapped(domains, one, "b" + one[1])
                after = changed(hosts, x, (process, works, left, saved))
                yield f"host {x}: a person destroys one of two", after, None, None
        if x in model.bare and not works and not world.is_off(hosts[x]):
            yield from _bare(model, claim, hosts, x, may_write)


def _may_be_said(model: Model, host: world.Host, x: int) -> bool:
    process, works, domains, saved = host
    if model.words == ANY or (model.words == ONE and x == 1):
        return True
    if model.words == OFF and world.is_off(host):
        return True
    return bool(model.words and process in (None, world.OFF)) and not (works or domains or saved)


def _bare(model: Model, claim: Claim, hosts: Hosts, x: int, may_write: bool) -> Iterator[Said]:
    """A host without the module: a VM is put in, then started there, by one request, which may be
    late or lost; it is stopped at any time."""
    process, _, domains, saved = hosts[x]
    put = model.rules.put_in(claim, x)
    kind = "create" if put != claim else "destroy"
    after = changed(hosts, x, (process, ((kind, "X", 1),), domains, saved))
    if put == claim and claim[1][x]:
        yield f"host {x}: it is asked to stop it", after, None, None
    elif put != claim and may_write:
        yield f"host {x}: it is put in, to be started", after, 1 - x, put


def pause(hosts: Hosts, x: int) -> Iterator[tuple[str, Hosts]]:
    """The domain that gives way is paused, unless the agent cannot; then what it is now is written,
    if nobody else has written a version meanwhile."""
    (_, is_newest), works, domains, saved = hosts[x]
    one = next((each for each in domains if each[0] in "Ll"), "")
    for label, letter in (("it is paused", "P"), ("it cannot be paused", "")):
        after, following = domains, ("write", "present", "not paused")
        if one and letter:
            after, following = world.swapped(domains, one, letter + one[1]), ("write", "paused")
        is_written = is_newest and any(each[0] in "LlSP" for each in after)
        yield label, changed(hosts, x, (following if is_written else None, works, after, saved))
        if not one:
            return
