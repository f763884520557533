"""django-storages and django-dbbackup, with the settings that docs/storage.md shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import storage_for
from tests.support import pins_of

pytestmark = pytest.mark.clients

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text(encoding="utf-8")
[SETTINGS] = re.findall(r"^```py\n(INSTALLED_APPS.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SITE = """
SECRET_KEY = "tests"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
DBBACKUP_HOSTNAME = "web"
"""


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(hosts=2, vms=1, host_module=True, speed=100) as simulator:
        storage_for(simulator).create_container("django")
        yield simulator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with these settings."""
    made = tmp_path_factory.mktemp("site")
    (made / "site_settings.py").write_text(SETTINGS + SITE)
    without_region = SETTINGS.replace('        "region": "lab",\n', "")
    assert without_region != SETTINGS
    (made / "by_environment.py").write_text(without_region + SITE)
    return made


@pytest.fixture
def site(sim: Simulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, which this process has loaded, and the estate that it names."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "site_settings")
    first = sim.hosts[0]
    entry = {"hosts": [f"{first.address}:{first.port}"], "pins": pins_of(sim)}
    if not list(folder.glob("*/estates.yaml")):
        add_estate("lab", entry, sim.password, is_default=False)
    import django

    django.setup()
    return folder


def manage(*arguments: str, **environment: str) -> str:
    """Run a command of Django as a user does; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env={**os.environ, **environment, "PYTHONPATH": str(Path.cwd())},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_files_of_a_site(site: Path, sim: Simulator) -> None:
    """All that Django does with a storage."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage as storage

    large = bytes(range(256)) * (3 << 12)  # 3 MiB
    assert storage.save("a.txt", ContentFile(b"first\nsecond\n")) == "a.txt"
    other = storage.save("a.txt", ContentFile(b"other"))
    assert re.fullmatch(r"a_\w{7}\.txt", other), "the first one is not replaced"
    assert storage.save("d/b ä.txt", ContentFile(b"in a folder")) == "d/b ä.txt"
    assert storage.save("large.bin", ContentFile(large)) == "large.bin"
    assert storage.save("empty", ContentFile(b"")) == "empty"
    assert (storage.exists("a.txt"), storage.exists("b.txt")) == (True, False)
    assert (storage.size("large.bin"), storage.size("empty")) == (3 << 20, 0)
    with storage.open("large.bin") as opened:
        assert opened.read() == large
    with storage.open("a.txt") as opened:
        assert opened.readlines() == [b"first\n", b"second\n"]
    assert storage.open("empty").read() == b""
    assert storage.open("d/b ä.txt").read() == b"in a folder"
    folders, files = storage.listdir("/")
    assert (folders, sorted(files)) == (["d"], sorted(["a.txt", other, "large.bin", "empty"]))
    assert storage.listdir("d") == ([], ["b ä.txt"])
    with urllib.request.urlopen(storage.url("d/b ä.txt")) as answer:
        assert answer.read() == b"in a folder"
    with pytest.raises(FileNotFoundError):
        storage.open("missing").read()
    with storage.open("a.txt", "wb") as opened:
        opened.write(b"written over")
    assert storage.open("a.txt").read() == b"written over"
    for name in ("a.txt", other, "large.bin", "empty", "d/b ä.txt", "missing"):
        storage.delete(name)
    assert storage.listdir("/") == ([], [])
    theirs = storage_for(sim).get_container("django")
    assert (theirs.list_objects(), theirs.driver.ex_list_uploads(theirs)) == ([], [])


def rows() -> list[Any]:
    """What the database of the site has."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM people ORDER BY name")
        found = [name for (name,) in cursor.fetchall()]
    connection.close()
    return found


def test_backups_of_a_database(site: Path, sim: Simulator) -> None:
    """Made and restored by the programs of django-dbbackup, which find the estate in both ways."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE people (name TEXT)")
        cursor.executemany("INSERT INTO people VALUES (%s)", [("Ada",), ("Grace é",)])
    connection.close()
    manage("dbbackup", "--noinput")
    by_environment = {"DJANGO_SETTINGS_MODULE": "by_environment", "OVM3_ESTATE": "lab"}
    [name] = re.findall(r"^\S*default-web-\S+", manage("listbackups", **by_environment), re.M)
    there = [one.name for one in storage_for(sim).get_container("django").list_objects()]
    assert there == [name, f"{name}.metadata"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM people")
    connection.close()
    assert rows() == []
    manage("dbrestore", "--noinput", **by_environment)
    assert rows() == ["Ada", "Grace é"]
    call_command("dbbackup", "--noinput", "--clean", "--compress")
    there = [one.name for one in storage_for(sim).get_container("django").list_objects()]
    of_each = [one for one in there if not one.endswith(".metadata")]
    assert (len(there), [one.rpartition(".")[2] for one in of_each]) == (4, ["sqlite3", "gz"])
