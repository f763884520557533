"""Names that were chosen to do harm: each is an object of its own, exactly, or clearly refused, and
nothing outside the container is touched.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator

import pytest
from libcloud.storage.base import Container
from libcloud.storage.types import ObjectDoesNotExistError

from libcloud_ovm3 import OVM3StorageDriver
from libcloud_ovm3.errors import AgentFault, InvalidArgument, Ovm3Error
from libcloud_ovm3.estate.objects import FOLDERS
from libcloud_ovm3.simulator import Simulator
from tests.storage.stores import get, put, storage_for
from tests.support import fingerprints_of, simulate

# What a name is made of: each piece has done harm to some program.
PIECES = [
    "..", ".", "/", "//", "../", "./", "\\", "..\\", "~", "%", "%%", "%2e%2e%2f", "%2F", "%00",
    "%ZZ", "%25", "+", " ", "\t", "\n", "\r\n", "\x01", "\x7f", "\0", "\udc80", "\ud800",
    "\ufffe", "\uffff", "\ufeff", "\u202e", "\u2028", "é", "e\u0301", "Å", "A\u030a", "ß", "ss",
    "ﬁ", "İ", "i\u0307", "漢", "\U0001f600", "a", "A", "b", "-rf", "--", "|id", ";id", "$(id)",
    "`id`", "&", "<", ">", "]]>", "'", '"', "*", "?", "[a]", "{a,b}", ":", "C:", "CON", "nul",
    "lost+found", ".nfs0000", ".ovsmeta", ".libcloud-ovm3", "containers", "repository", "c-box",
    "data", "about", "uploads", "upload", "aside", "Templates", "ISOs", "VirtualDisks",
    "VirtualMachines", "Assemblies", ".ovsrepo", "x.raw", "x.iso", "0" * 32, "f" * 32,
    "." + "a" * 32, "x" * 99, "x" * 100, "x" * 200, "x" * 255, "é" * 128,
]  # fmt: skip
WHOLE = [
    "..", "/", "//x", ".", "../../../../etc/passwd", "/etc/passwd", "x" * 1024, "x" * 1025,
    "é" * 512, "é" * 513, "/" * 1024, "." * 1024, "%" * 1024, "\0", "a\0", "", "Templates/../x",
    "ISOs/.ovsmeta", "a&b.txt", "100%.txt", "50%25.txt", "two words.db", "new-folder/",
    "new-folder/tux-128x128.ico", "SI_1.db", "AT&T report (final) #2.pdf", "VirtualDisks//x",
    "Templates/", "ISOs/a/b/c.iso", "ISOs/" + "x" * 256, "x" * 100 + "%%" + "0" * 40,
]  # fmt: skip
SEED = 20261129
LOTS = 20
REFUSALS = (InvalidArgument, AgentFault)


def names(count: int) -> list[str]:
    """So many different names, with pairs that some file systems and programs take for one."""
    chance = random.Random(SEED)
    found = dict.fromkeys(WHOLE)
    while len(found) < count:
        name = "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        found[name] = None
        for other in (name.swapcase(), unicodedata.normalize("NFC", name),
                      unicodedata.normalize("NFD", name), name + "/", name.strip("/")):  # fmt: skip
            found[other] = None
    return list(found)[:count]


def may_be_refused(name: str, is_repository: bool) -> bool:
    """Whether docs/storage.md says that no object can be called so; all others must be taken."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return True
    if not 1 <= size <= 1024 or "\0" in name:
        return True
    return is_repository and name.partition("/")[0] in FOLDERS and "/" in name


@pytest.fixture(scope="module")
def lab() -> Iterator[Simulator]:
    with simulate(1, vms=0, host_module=True) as simulator:
        storage_for(simulator).create_container("box")
        put(storage_for(simulator), storage_for(simulator).get_container("box"), "first", b"1")
        yield simulator


def try_all(sim: Simulator, container_name: str, tried: list[str]) -> None:
    """Upload, list, read, overwrite and delete an object of each name, in lots."""
    driver = storage_for(sim)
    box = driver.get_container(container_name)
    before = fingerprints_of(sim.repository_path), set(sim.repository_path.parent.iterdir())
    taken = {}
    for number, name in enumerate(tried):
        content = str(number).encode()
        refusals = REFUSALS if may_be_refused(name, container_name != "box") else ()
        try:
            made = put(driver, box, name, content)
        except refusals:
            continue
        assert (made.name, made.size) == (name, len(content))
        taken[name] = content
    listed = {one.name: one for one in driver.iterate_container_objects(box)}
    assert set(taken) <= set(listed)
    for name, content in taken.items():
        assert get(driver, container_name, name) == content
    check_where(sim, container_name, before[0], taken)
    for name in taken:
        assert driver.delete_object(listed[name]) is True
    assert {n for n in set(listed) - set(taken) if n in tried} == set()
    after = fingerprints_of(sim.repository_path)
    assert {k: v for k, v in after.items() if "/about/" not in k} == {
        k: v for k, v in before[0].items() if "/about/" not in k
    }
    assert set(sim.repository_path.parent.iterdir()) == before[1]
    check_unknown(driver, box, [name for name in tried if name not in taken])


def check_where(
    sim: Simulator, container_name: str, before: dict[str, str], taken: dict[str, bytes]
) -> None:
    """What was written lies in the container's own directory, or is one of its files."""
    key = "c-box" if container_name == "box" else "repository"
    own = f".libcloud-ovm3/containers/{key}/"
    now = fingerprints_of(sim.repository_path)
    for path in now.keys() - before.keys():
        assert path.startswith(own) or path in taken
    for path, fingerprint in before.items():  # records of objects that were deleted are pruned
        assert now.get(path) == fingerprint or "/about/" in path


def check_unknown(driver: OVM3StorageDriver, box: Container, refused: list[str]) -> None:
    """What could not be uploaded is not there either, in whatever way it is asked for."""
    for name in refused:
        with pytest.raises((ObjectDoesNotExistError, Ovm3Error)):
            driver.get_object(box.name, name)


@pytest.mark.parametrize("container_name", ["box", "MyRepo"])
def test_hostile_names(lab: Simulator, container_name: str) -> None:
    """A telling part of them."""
    try_all(lab, container_name, WHOLE + names(len(WHOLE) + 60)[-40:])


@pytest.mark.soak
@pytest.mark.parametrize("lot", range(LOTS))
def test_ten_thousand_hostile_names(lab: Simulator, lot: int) -> None:
    """In both kinds of container, in turn."""
    try_all(lab, ("box", "MyRepo")[lot % 2], names(10_000)[lot::LOTS])
