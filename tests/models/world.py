"""Two hosts as xend.md describes them: what xend, its clients and the guests do, whatever a claim
says.

A host is ``(process, works, domains, saved)``:

- process: of the module, see life.py; OFF: the host is off
- works: what each ``xm`` of an operation is about: ``(kind, stage, lives)``. Stages: ``X``
  not yet at xend; ``Q`` waiting for xend's lock, neither listed nor in the log; ``B`` xend builds
  the domain; ``T`` memory is being sent. lives: the process of xm; xend goes on without it
- domains: each a letter and whose it is. ``L`` lives; ``l`` lives, from before xend's last start,
  so that its log has no line of it; ``S`` has shut down, its restart is coming; ``G`` not listed,
  its restart is coming (xend.md 1.6); ``D`` the same, and a destroy has succeeded meanwhile; ``b``
  gone, its backends are not; ``P`` lives, paused by the module; ``R`` a copy that is being
  received; ``r`` one that is left over;
  ``C`` a whole copy that waits for its devices: to see it is a paused domain. Whose: ``.`` this
  project's; another tool's: ``F``, ``f`` if it was there before a start of ours began, ``k`` if a
  claim has it
- saved: whose guest xendomains will restore, or ''
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Host = Any
Hosts = tuple[Host, Host]
Event = tuple[str, Hosts, bool]

LISTED = "LlSRrCP"
COPIES = "Rr"
OPEN = "LSGDRrCP"  # letters whose domid has no end in the log, or a restart without an outcome
COMING = "SGD"

OFF = ("off",)
IDLE: Host = (None, (), (), "")


def changed(hosts: Hosts, x: int, host: Host) -> Hosts:
    return (host, hosts[1]) if x == 0 else (hosts[0], host)


def swapped(domains: tuple[str, ...], old: str, new: str = "") -> tuple[str, ...]:
    """The domains with another one in place of one; backends of several count once."""
    left = list(domains)
    if old:
        left.remove(old)
    if new and not (new[0] == "b" and new in left):
        left.append(new)
    return tuple(sorted(left))


def is_listed(domains: tuple[str, ...]) -> bool:
    return any(each[0] in LISTED for each in domains)


def is_off(host: Host) -> bool:
    return bool(host[0] == OFF)


def own(domains: tuple[str, ...], letters: str) -> str:
    """The first domain with one of these letters that is not just another tool's, or ''."""
    return next((each for each in domains if each[0] in letters and each[1] in ".k"), "")


def of_guests(hosts: Hosts, x: int) -> Iterator[Event]:
    """What guests do, and what xend does about it."""
    process, works, domains, saved = hosts[x]

    def become(label: str, old: str, new: str, is_progress: bool = False) -> Event:
        host = (process, works, swapped(domains, old, new), saved)
        return label, changed(hosts, x, host), is_progress

    is_building = any(work[1] == "B" for work in works)
    for domain in domains:
        letter, whose = domain
        if letter in "Ll" and not (is_building and whose == "."):
            yield become("the guest reboots", domain, "S" + whose)
            yield become("the guest powers off", domain, "b" + whose)
        elif letter == "S":
            yield become("xend takes it off for its restart", domain, "G" + whose, True)
            yield become("restarting too fast", domain, "b" + whose)
        elif letter in "GD":  # no test of name or uuid there
            yield become("xend restarts it", domain, "L" + whose, True)
            yield become("failed to restart", domain, "b" + whose)
        elif letter == "b":
            yield become("its backends are gone", domain, "", True)
        elif letter == "C":
            yield become("the copy lives", domain, "L" + whose, True)
            yield become("the copy's devices fail", domain, "b" + whose)


def put(works: tuple[Any, ...], work: Any, following: Any) -> tuple[Any, ...]:
    """The works with another one, or none, in place of one."""
    left = list(works)
    left.remove(work)
    if following:
        left.append(following)
    return tuple(sorted(left))


def of_works(hosts: Hosts, x: int) -> Iterator[Event]:
    """What xm and xend do on behalf of operations."""
    for work in sorted(set(hosts[x][1])):
        yield from _of_work(hosts, x, work)


def _of_work(hosts: Hosts, x: int, work: Any) -> Iterator[Event]:
    process, works, domains, saved = hosts[x]
    kind, stage, lives = work

    def become(label: str, following: Any, after: tuple[str, ...], progress: bool = True) -> Event:
        host = (process, put(works, work, following), after, saved)
        return label, changed(hosts, x, host), progress

    if stage == "X":
        yield become(f"xm has asked xend to {kind}", (kind, "Q", lives), domains)
    elif kind == "migrate":
        yield from _migration(hosts, x, work)
    elif kind == "destroy":
        victim = next((each for each in domains if each[0] in LISTED), "")
        after = domains
        if victim:
            left = {"S": "D", "R": "", "r": ""}.get(victim[0], "b")
            after = swapped(domains, victim, left and left + victim[1])
        yield become("xend has destroyed it" if victim else "no such domain", None, after)
    elif stage == "B":
        yield become("it is built", None, domains)
        victim = own(domains, "Ll")
        if victim:
            after = swapped(domains, victim, "b" + victim[1])
            yield become("its devices fail", None, after, False)
    elif is_listed(domains):
        yield become("xend refuses: it exists", None, domains)
    else:
        yield become("xend builds it", ("create", "B", lives), swapped(domains, "", "L."))


def _migration(hosts: Hosts, x: int, sending: Any) -> Iterator[Event]:
    process, works, domains, saved = hosts[x]
    kind, stage, lives = sending
    target = hosts[1 - x]
    source = "" if stage == "Q" and is_off(target) else own(domains, "Ll")
    copy = next((each for each in target[2] if each[0] == "R"), "")

    def become(label: str, work: Any, after: tuple[str, ...], there: Any, progress: bool) -> Event:
        both = changed(hosts, x, (process, put(works, sending, work), after, saved))
        return label, changed(both, 1 - x, (target[0], target[1], there, target[3])), progress

    if stage == "Q" and not source:
        yield become("nothing to migrate", None, domains, target[2], True)
    elif stage == "Q":
        there = swapped(target[2], "", "R" + source[1])
        yield become("xend sends its memory", (kind, "T", lives), domains, there, True)
    elif copy:
        ended = swapped(target[2], copy)
        yield become("the migration fails", None, domains, ended, True)
        left = swapped(target[2], copy, "r" + copy[1])
        yield become("it fails, a copy is left over", None, domains, left, False)
        if source:
            done = swapped(target[2], copy, "C" + copy[1])
            gone = swapped(domains, source, "b" + source[1])
            yield become("its memory has been sent", None, gone, done, True)
    else:
        yield become("the migration fails", None, domains, target[2], True)


def of_xendomains(hosts: Hosts, x: int) -> Iterator[Event]:
    process, works, domains, saved = hosts[x]
    if saved and not is_listed(domains) and not is_off(hosts[x]):
        host = (process, works, swapped(domains, "", "L" + saved), "")
        yield "xendomains restores it", changed(hosts, x, host), True


def _cut(hosts: Hosts, x: int) -> Hosts:
    """What x was sending or receiving is cut off: a copy on the other host is left over."""
    other = hosts[1 - x]
    is_sending = any(work[1] == "T" for work in hosts[x][1])
    if not is_sending or not any(each[0] == "R" for each in other[2]):
        return hosts
    there = tuple(sorted("r" + each[1] if each[0] == "R" else each for each in other[2]))
    return changed(hosts, 1 - x, (other[0], other[1], there, other[3]))


def rebooted(hosts: Hosts, x: int, is_orderly: bool) -> Hosts:
    """Nothing survives but what xendomains has saved."""
    _, _, domains, saved = hosts[x]
    living = sorted(each[1] for each in domains if each[0] in "LlP")
    if is_orderly and living:
        saved = saved or living[0]
    return changed(_cut(hosts, x), x, (None, (), (), saved))


def of_xend(hosts: Hosts, x: int) -> Iterator[Event]:
    """xend is killed and starts again: its threads are gone, guests run on, xm gets an error."""
    process, works, _, saved = hosts[x]
    after = _cut(hosts, x)
    domains = []
    for letter, whose in after[x][2]:
        if letter not in "GD":
            domains.append({"L": "l", "C": "l", "R": "r"}.get(letter, letter) + whose)
    works = tuple(work for work in works if work[1] == "X")
    if process is not None and process[0] in ("start", "settle"):
        process = (*process[:2], True)  # who looks finds that this is another xend
    yield "xend restarts", changed(after, x, (process, works, tuple(sorted(domains)), saved)), False


def of_kills(hosts: Hosts, x: int) -> Iterator[Event]:
    process, works, domains, saved = hosts[x]
    if process not in (None, OFF):
        yield "the process is killed", changed(hosts, x, (None, works, domains, saved)), False
    for work in sorted(set(works)):
        if work[2]:
            left = put(works, work, None if work[1] == "X" else (*work[:2], 0))
            label = f"xm ({work[0]}) is killed"
            yield label, changed(hosts, x, (process, left, domains, saved)), False


def of_others(hosts: Hosts, x: int) -> Iterator[Event]:
    """Another tool starts the VM. xend refuses if it lists it."""
    process, works, domains, saved = hosts[x]
    if not is_listed(domains) and not is_off(hosts[x]):
        host = (process, works, swapped(domains, "", "LF"), saved)
        yield "another tool starts it", changed(hosts, x, host), False
