"""Changing the file: in one step, by one client at a time, keeping what it was."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file.changing import add_estate, remove_estate, use_estate
from libcloud_ovm3.estates_file.reading import estates_path, find_estate, read_estates

ENTRY: dict[str, Any] = {"hosts": ["ovm-1"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "new"))
    return tmp_path / "new" / "libcloud-ovm3"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_life(folder: Path) -> None:
    assert add_estate("lab", ENTRY, "pw", is_default=False), "the first is the default"
    assert not add_estate("prod", {"hosts": ["ovm-2"]}, None, is_default=False)
    assert files(folder) == ["estates.lock", "estates.yaml", "estates.yaml.bak", "lab.password"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert find_estate("lab").complete({})["secret"] == "pw"
    use_estate("prod")
    assert read_estates().default == "prod"
    assert remove_estate("prod") == (None, ())
    assert read_estates().default is None
    assert remove_estate("lab") == (folder / "lab.password", ())
    assert "lab.password" not in files(folder)
    assert read_estates().estates == {}


@pytest.mark.parametrize("named", ["lab.password", "../lab.password"])
def test_a_password_file_of_the_user_s_own_is_kept(folder: Path, named: str) -> None:
    """Also one that has the name of those that are made, in an entry that was written by hand."""
    own = folder / named
    folder.mkdir(parents=True)
    own.write_text("pw\n")
    add_estate("lab", {**ENTRY, "password_file": named}, None, is_default=False)
    assert remove_estate("lab") == (None, (own,))
    assert own.read_text() == "pw\n"


@pytest.mark.parametrize("change", ["another password", "a link"])
def test_one_that_was_put_in_the_place_of_ours_is_kept(folder: Path, change: str) -> None:
    add_estate("lab", ENTRY, "pw", is_default=False)
    own = folder / "lab.password"
    if change == "a link":
        own.rename(folder / "elsewhere")
        own.symlink_to("elsewhere")
    else:
        own.write_text("mine\n")
    before = own.read_text()
    assert remove_estate("lab") == (None, (own,))
    assert own.read_text() == before


@pytest.mark.parametrize(
    "other",
    [
        {"password_file": "lab.password"},
        {"password_file": "../libcloud-ovm3/lab.password"},
        {"password_files": {"ovm-2": "lab.password"}},
    ],
)
def test_a_password_file_that_another_estate_has_too(folder: Path, other: dict[str, Any]) -> None:
    add_estate("lab", ENTRY, "pw", is_default=False)
    add_estate("nowhere", {**ENTRY, "password_file": "~no-such-user/x"}, None, is_default=False)
    add_estate("other", {**ENTRY, **other}, None, is_default=False)
    own = folder / "lab.password"
    assert remove_estate("lab") == (None, (own,))
    assert own.read_text().startswith("pw\n")
    with pytest.raises(InvalidArgument, match=r"lab\.password has the password of .* other"):
        add_estate("lab", ENTRY, "new", is_default=False)
    assert (folder / "lab.password").read_text().startswith("pw\n")
    assert list(read_estates().estates) == ["nowhere", "other"]


@pytest.mark.parametrize("name", ["lab", "Lab", "LAB"])
def test_names_differ_in_more_than_their_case(folder: Path, name: str) -> None:
    """Or two would share a password file on a disk that ignores case."""
    add_estate("lab", ENTRY, "pw", is_default=False)
    with pytest.raises(InvalidArgument, match=r"there is an estate 'lab' in .*remove lab`"):
        add_estate(name, ENTRY, "new", is_default=False)
    assert (folder / "lab.password").read_text().startswith("pw\n")
    assert files(folder) == ["estates.lock", "estates.yaml", "lab.password"]


def test_a_file_of_that_name_is_not_overwritten(folder: Path) -> None:
    """Whoever has written it may have this password nowhere else."""
    folder.mkdir(parents=True)
    own = folder / "lab.password"
    own.write_text("mine\n")
    with pytest.raises(InvalidArgument, match=r"lab\.password exists, and would be overwritten"):
        add_estate("lab", ENTRY, "pw", is_default=False)
    assert own.read_text() == "mine\n"
    assert read_estates().estates == {}


@pytest.mark.parametrize("password", ["a\x0cb", "a\x1cb\x85c", "a\u2028b", "a\rb", " ü ", "\t"])
def test_a_password_is_read_as_it_was_given(folder: Path, password: str) -> None:
    add_estate("lab", ENTRY, password, is_default=False)
    assert find_estate("lab").complete({})["secret"] == password


@pytest.mark.parametrize("password", ["a\nb", "a\r", "\ufeffa", "a\udce4"])
def test_a_password_that_a_file_cannot_have_is_refused(folder: Path, password: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be saved") as refused:
        add_estate("lab", ENTRY, password, is_default=False)
    assert password not in str(refused.value)
    assert files(folder) == ["estates.lock"]


def test_one_that_adds_what_another_one_removes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the file and the password another client must not come."""
    add_estate("lab", ENTRY, "old", is_default=False)
    unlink, adding = Path.unlink, []

    def unlink_late(path: Path, **options: Any) -> None:
        if path.name == "lab.password":
            adding.append(other.submit(add_estate, "lab", ENTRY, "new", False))
            wait(adding, timeout=0.2)
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", unlink_late)
    with ThreadPoolExecutor(1) as other:
        remove_estate("lab")
    assert adding[0].result()
    assert find_estate("lab").complete({})["secret"] == "new"


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("lab", ENTRY, "there is an estate 'lab' .*`ovm3 estate remove lab`"),
        ("../x", ENTRY, "not a valid name"),
        ("x", {**ENTRY, "password": "hidden"}, "must not stand"),
    ],
)
def test_what_is_not_added_changes_nothing(
    folder: Path, name: str, entry: dict[str, Any], message: str
) -> None:
    add_estate("lab", ENTRY, None, is_default=False)
    before = estates_path().read_bytes()
    with pytest.raises(InvalidArgument, match=message):
        add_estate(name, entry, "pw", is_default=True)
    assert estates_path().read_bytes() == before
    assert files(folder) == ["estates.lock", "estates.yaml"]


@pytest.mark.parametrize("change", [use_estate, remove_estate])
def test_an_estate_that_does_not_exist(change: Any) -> None:
    add_estate("lab", ENTRY, None, is_default=False)
    with pytest.raises(InvalidArgument, match=r"no estate 'x' in .*: it has lab"):
        change("x")


def test_what_was_written_by_hand_is_kept_beside_it(folder: Path) -> None:
    add_estate("lab", ENTRY, None, is_default=False)
    by_hand = "# mine\nestates:\n  lab: {hosts: [ovm-1], timeouts: {write: 7}}\n"
    estates_path().write_text(by_hand)
    add_estate("prod", ENTRY, None, is_default=False)
    assert find_estate("lab").entry["timeouts"] == {"write": 7}
    assert (folder / "estates.yaml.bak").read_text() == by_hand


def test_a_file_that_is_not_understood_is_not_written(folder: Path) -> None:
    add_estate("lab", ENTRY, None, is_default=False)
    by_hand = "estates:\n  lab: {hosts: [ovm-1], colour: red}\n"
    estates_path().write_text(by_hand)
    for change in (
        lambda: add_estate("x", ENTRY, "pw", is_default=True),
        lambda: use_estate("lab"),
    ):
        with pytest.raises(InvalidArgument, match="unknown key 'colour'"):
            change()
    assert estates_path().read_text() == by_hand


def test_a_symbolic_link_stays_one(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "estates.yaml"
    real.parent.mkdir()
    real.touch(mode=0o600)
    folder.mkdir(parents=True)
    estates_path().symlink_to(real)
    add_estate("lab", ENTRY, "pw", is_default=False)
    assert estates_path().is_symlink()
    assert "lab" in real.read_text()
    assert find_estate("lab").complete({})["secret"] == "pw"
    assert "lab.password" not in files(real.parent), "it may be published from there"
    assert remove_estate("lab").deleted == folder / "lab.password"
    assert files(folder) == ["estates.yaml"]


def test_a_write_that_fails_leaves_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_estate("lab", ENTRY, None, is_default=False)
    before = estates_path().read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"No space .*estates\.yaml"):
        use_estate("lab")
    assert estates_path().read_bytes() == before
    assert files(folder) == ["estates.lock", "estates.yaml"]


def test_a_folder_that_is_not_writable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the system says beforehand, and where it only finds out."""
    expected = f"estates cannot be saved in {folder}: "
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: Path(path) != folder.parent.parent)
        with pytest.raises(OSError, match=f"^{expected}Permission denied: make this folder"):
            add_estate("lab", ENTRY, "pw", is_default=False)
    assert not folder.parent.exists()
    folder.mkdir(parents=True)
    (folder / "estates.lock").mkdir()
    with pytest.raises(OSError, match=f"^{expected}Is a directory: make this folder"):
        use_estate("lab")


def test_a_password_is_not_left_without_its_estate(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was saved, so a second try must not meet a file that nobody knows."""
    replace = os.replace

    def fail(source: Any, target: Any) -> None:
        if Path(target).name == "estates.yaml":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        add_estate("lab", ENTRY, "pw", is_default=False)
    assert files(folder) == ["estates.lock"]


def test_several_at_once_lose_nothing() -> None:
    names = [f"estate-{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        defaults = list(pool.map(lambda name: add_estate(name, ENTRY, None, False), names))
    assert sorted(read_estates().estates) == sorted(names)
    assert defaults.count(True) == 1
