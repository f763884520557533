"""Behaviours of the functions that set files aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.mutants.ground import REPOSITORY, Ground, answers, operation

FILE = REPOSITORY + "/VirtualDisks/file"


def made(ground: Ground, content: str = "data") -> Path:
    file = ground.root / FILE[1:]
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    return file


def kept(ground: Ground, by: int = 1) -> Path:
    folder = ground.repository / ".libcloud-ovm3/aside" / operation(by)
    found = list(folder.glob("*/VirtualDisks/file"))
    return found[0] if found else folder / ("0" * 32) / "VirtualDisks/file"


def listed(ground: Ground) -> list[Any]:
    class Agent:
        def get_services(self, version: Any = None) -> dict[str, Any]:
            return {"discover_repositories": lambda name: "<listing/>"}

    ground.dom0.agent_modules = lambda: [Agent]
    answer = answers(ground.call, "repository", REPOSITORY.rpartition("/")[2], "")
    found: list[Any] = answer["aside"]
    return found


def nothing_is_laid_over_something(ground: Ground) -> None:
    made(ground, "first")
    answers(ground.write, "set_aside", FILE)
    file = made(ground, "second")
    ground.write_refused("Exists", "set_aside", FILE)
    ground.write_refused("Exists", "put_back", FILE)
    assert (file.read_text(), kept(ground).read_text()) == ("second", "first")


def links_are_not_followed(ground: Ground) -> None:
    file = made(ground)
    (file.parent / "link").symlink_to("file")
    ground.write_refused("NotAllowed", "set_aside", FILE[:-4] + "link")
    folder = kept(ground).parents[3]
    folder.mkdir(parents=True)
    kept(ground).parents[2].symlink_to(ground.outside)
    ground.write_refused("NotAllowed", "set_aside", FILE)
    assert "secret" not in repr(listed(ground))
    assert [sorted(entry) for entry in listed(ground)] == [["operation", "error"]]
    kept(ground).parents[2].unlink()
    kept(ground).parents[2].mkdir()
    kept(ground).parents[1].symlink_to(ground.outside)
    assert "secret" not in repr(listed(ground))
    assert (file.parent / "link").is_symlink()
    assert file.read_text() == "data"


def a_repeated_request_is_recognised(ground: Ground) -> None:
    file = made(ground)
    for function, is_there in (("set_aside", False), ("put_back", True)):
        for _ in range(2):
            answers(ground.write, function, FILE)
            assert file.exists() is is_there
            assert kept(ground).exists() is not is_there


def all_that_lies_there_is_named(ground: Ground) -> None:
    for by in (1, 2):
        made(ground)
        ground.write("set_aside", FILE, by=by)
    (kept(ground).parents[3] / "odd").mkdir()
    found = listed(ground)
    assert [entry.get("path") for entry in found] == [FILE, FILE, None]
    assert [entry["operation"] for entry in found] == [operation(1), operation(2), "odd"]
    assert ["error" in entry for entry in found] == [False, False, True]


def the_hosts_log_knows(ground: Ground) -> None:
    made(ground)
    for function in ("set_aside", "put_back", "set_aside", "delete_aside"):
        answers(ground.write, function, FILE)
        assert function in ground.said[-1]
        assert operation(1) in ground.said[-1]
        assert "VirtualDisks/file" in ground.said[-1]
