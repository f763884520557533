"""When xend may be restarted: only if no guest is changing state."""

from __future__ import annotations

import pytest

from libcloud_ovm3.installer.xend import find_obstacles, pending_restarts

NOW = 1_400_000_000.0
DOM0 = {"name": "Domain-0", "uuid": "0" * 32, "domid": "0", "state": "r-----", "status": "2"}


def guest(name: str = "db", domid: str = "7", **more: str) -> dict[str, str]:
    usual = {"name": name, "uuid": f"u-{name}", "domid": domid, "state": "-b----", "status": "2",
             "start_time": str(NOW - 3600)}  # fmt: skip
    return {**usual, **more}


def problems(*after: dict[str, str], before: list[dict[str, str]] | None = None) -> list[str]:
    return find_obstacles(list(after) if before is None else before, list(after), "", NOW)


def test_guests_that_are_running() -> None:
    assert problems(DOM0, guest(), guest("web", "8", state="r-----")) == []
    assert problems(DOM0, guest(state="------")) == []
    assert problems(DOM0) == []


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (guest("migrating-db"), "saved or migrated"),
        (guest(state="---s--", status="0"), "stopped or crashed"),
        (guest(state="-b----", status="0"), "stopped or crashed"),  # letters may be old
        (guest(state="-b-s--"), "stopped or crashed"),
        (guest(state="----c-", status="5"), "stopped or crashed"),
        (guest(state="", status=""), "stopped or crashed"),
        (guest(state="------", status="1"), "being built"),
        (guest(state="--p---", status="1"), "paused"),
        (guest(start_time=str(NOW - 59)), "started 59 s ago"),
        (guest(start_time=str(NOW + 100)), "started -100 s ago"),
        (guest(start_time=""), "start time cannot be read"),
    ],
)
def test_a_guest_that_is_changing_state(what: dict[str, str], why: str) -> None:
    [problem] = problems(DOM0, what)
    assert why in problem


def test_the_list_of_guests_changed() -> None:
    for before in ([DOM0], [DOM0, guest(domid="6")], [DOM0, guest(), guest("web")]):
        assert problems(DOM0, guest(), before=before) == [
            "the list of guests changed within a few seconds"
        ]


def shutdown(name: str, domid: int, reason: str) -> str:
    return f"[2014-05-01 12:00:00 3000] WARNING (XendDomainInfo:2000) Domain has shutdown: name={name} id={domid} reason={reason}."  # noqa: E501


def test_a_guest_in_its_reboot_gap() -> None:
    log = "\n".join(["x", shutdown("db", 7, "reboot"), "y"])
    assert pending_restarts(log, [DOM0]) == [("db", "7")]
    [problem] = find_obstacles([DOM0], [DOM0], log, NOW)
    assert "db (domain 7)" in problem
    assert pending_restarts(shutdown("db", 7, "crash"), []) == [("db", "7")]
    assert pending_restarts(shutdown("db", 7, "poweroff"), []) == []
    assert pending_restarts(shutdown("db", 7, "poweroff"), [], {"web"}) == []
    assert pending_restarts(shutdown("db", 7, "poweroff"), [], {"db"}) == [("db", "7")]
    assert pending_restarts(shutdown("db", 7, "halt"), [], {"db"}) == []  # always destroyed
    assert pending_restarts("", []) == []


def test_how_a_reboot_ends() -> None:
    log = shutdown("db", 7, "reboot") + "\n"
    assert pending_restarts(log + "INFO Adding Domain: 8", [guest(domid="8")]) == []
    assert pending_restarts(log + "ERROR Failed to restart domain 7.", []) == []
    assert pending_restarts(log + "ERROR VM db restarting too fast (3 s).", []) == []
    later = log + "Adding Domain: 8\n" + shutdown("db", 8, "poweroff")
    assert pending_restarts(later, []) == []


def test_what_ends_another_guests_reboot() -> None:
    """Another guest's domain that is added in the gap proves nothing about this one."""
    log = shutdown("db", 7, "reboot") + "\n"
    assert pending_restarts(log + "Adding Domain: 8", [guest("web", "8")]) == [("db", "7")]
    assert pending_restarts(log + "Adding Domain: 8", []) == [("db", "7")]
    assert pending_restarts(log + "Failed to restart domain 70.", []) == [("db", "7")]
    assert pending_restarts(log + "VM db2 restarting too fast", []) == [("db", "7")]
    both = log + shutdown("web", 3, "reboot") + "\nAdding Domain: 9"
    assert pending_restarts(both, [guest("web", "9")]) == [("db", "7")]
    again = log + "Adding Domain: 8\n" + shutdown("db", 8, "reboot")
    assert pending_restarts(again, []) == [("db", "8")]
