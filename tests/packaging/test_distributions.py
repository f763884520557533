"""The wheel and the sdist in dist/, as `make dist` has built them: complete, and installed."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from .installing import BY_NAME, DIST, ROOT, Environment, dependencies, run

pytestmark = pytest.mark.dist

OURS = {
    "libcloud_ovm3",
    "libcloud_ovm3.pth",
    "libcloud_ovm3_hook.py",
    "libcloud_ovm3_pytest.py",
}
COLLECTIONS = "ansible_collections"  # a folder that other packages may share
DIST_INFO = "libcloud_ovm3-0.1.0.dist-info"
NAMED_PAGE = "from libcloud_ovm3.pages import page; print(page('a-host-is-dead.md'))"
BARE_SETUP = "from setuptools import setup\nsetup()\n"


def built(pattern: str) -> Path:
    found = list(DIST.glob(pattern))
    assert len(found) == 1, f"{pattern} in {DIST}: {found}; run `make dist`"
    return found[0]


@pytest.fixture(scope="module")
def wheel() -> Path:
    return built("*.whl")


@pytest.fixture(scope="module")
def sdist() -> Path:
    return built("*.tar.gz")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dependencies(tmp_path_factory.mktemp("libraries") / "packages")


@pytest.fixture
def environment(tmp_path: Path, libraries: Path) -> Environment:
    return Environment(tmp_path / "venv", libraries)


@pytest.fixture
def tree(tmp_path: Path, sdist: Path) -> Path:
    """The sdist, unpacked."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [folder] = (tmp_path / "unpacked").iterdir()
    return folder


def tracked() -> set[str]:
    """The files that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def gone(environment: Environment) -> None:
    """Nothing is left of this package, and Python starts without a word."""
    assert environment.files_of_ours() == set()
    left = (environment.packages / COLLECTIONS).rglob("*")
    assert [one for one in left if not one.is_dir()] == [], "pip leaves folders only"
    assert environment.run("print('started')") == "started\n"
    program = "from libcloud.compute.providers import DRIVERS; print('ovm3' in DRIVERS)"
    assert environment.run(program) == "False\n"


# ------------------------------------------------------------------ what they contain


def test_the_sdist_has_every_file(tree: Path) -> None:
    files = {str(one.relative_to(tree)) for one in tree.rglob("*") if one.is_file()}
    assert tracked() - files == set()
    assert not [name for name in files if name.endswith((".pyc", ".orig")) or ".venv" in name]


def test_the_wheel_has_what_is_used_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = archive.read(f"{DIST_INFO}/RECORD").decode()
        pth = archive.read("libcloud_ovm3.pth")
        metadata = archive.read(f"{DIST_INFO}/METADATA").decode()
    assert {name.partition("/")[0] for name in names} == OURS | {DIST_INFO, COLLECTIONS}
    folders = {
        COLLECTIONS: COLLECTIONS,
        "libcloud_ovm3": "libcloud_ovm3",
        "docs": "libcloud_ovm3/_docs",
        "hostside": "libcloud_ovm3/_hostside",
    }
    used = {
        f"{folders[name.partition('/')[0]]}/{name.partition('/')[2]}"
        for name in tracked()
        if name.partition("/")[0] in folders
        and not (name.startswith("docs/") and not name.endswith(".md"))  # of the web site only
    }
    assert used == {
        name for name in names if name.startswith(("libcloud_ovm3/", f"{COLLECTIONS}/"))
    }
    assert pth == (ROOT / "libcloud_ovm3.pth").read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(pth).digest()).decode().rstrip("=")
    assert f"libcloud_ovm3.pth,sha256={digest},{len(pth)}" in record.splitlines()
    assert "Requires-Dist: requests!=2.32.0,!=2.32.1,!=2.32.2,>=2.31.0" in metadata


def test_the_file_of_the_collection_has_every_file() -> None:
    file, below = built("ansible/*.tar.gz"), f"{COLLECTIONS}/libcloud_ovm3/ovm3/"
    with tarfile.open(file) as archive:
        names = {one.name for one in archive.getmembers() if one.isfile()}
    ours = {name.removeprefix(below) for name in tracked() if name.startswith(below)}
    assert names - {"FILES.json", "MANIFEST.json"} == ours - {"galaxy.yml"}
    assert file.name in (ROOT / "docs" / "ansible.md").read_text(encoding="utf-8")


def test_the_install_lines_name_the_files(wheel: Path, sdist: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "operator-guide.md").read_text(encoding="utf-8")
    for text, file in ((readme, wheel), (readme, sdist), (guide, wheel)):
        assert f"'{file.name}[cli]'" in text


def test_the_tests_of_an_unpacked_sdist(tree: Path) -> None:
    """All are found, and those that read the tree pass in it."""
    pytest_here = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tree)
    found, _ = run(*pytest_here, "-q", "--collect-only", cwd=tree)
    counts = dict(re.findall(r"^(tests/\S+\.py): (\d+)$", found, re.MULTILINE))
    there = {str(one.relative_to(tree)) for one in tree.glob("tests/**/test_*.py")}
    assert there - set(counts) <= {one for one in there if "python24" in one or "hostside" in one}
    assert sum(map(int, counts.values())) > 3000
    some = ("tests/test_tree.py", "tests/test_docs.py::test_links", "tests/packaging/test_hook.py")
    run(*pytest_here, "-m", "not dist", *some, cwd=tree)
    where = "import libcloud_ovm3; print(libcloud_ovm3.__file__)"
    assert str(tree) in run(sys.executable, "-c", where, cwd=tree)[0]


# ------------------------------------------------------------------ installing and removing


def test_the_wheel_is_installed_and_removed(environment: Environment, wheel: Path) -> None:
    environment.install(wheel)
    assert environment.files_of_ours() == OURS | {DIST_INFO}
    named = environment.run(NAMED_PAGE).strip()
    assert named == str(environment.packages / "libcloud_ovm3" / "_docs" / "a-host-is-dead.md")
    assert Path(named).read_bytes() == (ROOT / "docs" / "a-host-is-dead.md").read_bytes()
    for options in ((), ("-I",), ("-E",)):
        assert str(environment.packages) in environment.run(BY_NAME, *options)
    assert environment.run("print('started')", "-S") == "started\n"
    _, verbose = run(environment.python, "-v", "-c", "pass")
    assert "libcloud_ovm3_hook" in verbose
    assert "Traceback" not in verbose
    environment.pip("uninstall", "--quiet", "--yes", "libcloud-ovm3")
    gone(environment)


def test_the_sdist_is_installed_and_removed(environment: Environment, sdist: Path) -> None:
    environment.install(sdist)
    assert environment.files_of_ours() == OURS | {DIST_INFO}
    assert str(environment.packages) in environment.run(BY_NAME)
    environment.pip("uninstall", "--quiet", "--yes", "libcloud-ovm3")
    gone(environment)


@pytest.mark.parametrize("mode", ["lenient", "strict"])
def test_an_editable_install(environment: Environment, tree: Path, mode: str) -> None:
    environment.install("--config-settings", f"editable_mode={mode}", "--editable", tree)
    assert {"libcloud_ovm3.pth", DIST_INFO} <= environment.files_of_ours()
    assert "libcloud_ovm3" not in environment.files_of_ours()
    named = Path(environment.run(NAMED_PAGE).strip())  # strict: a link in the build directory
    assert named.read_bytes() == (tree / "docs" / "a-host-is-dead.md").read_bytes()
    for options in ((), ("-I",)):
        assert str(tree) in environment.run(BY_NAME, *options)
    environment.pip("uninstall", "--quiet", "--yes", "libcloud-ovm3")
    gone(environment)


def test_over_a_version_without_the_hook_and_back(
    environment: Environment, tree: Path, wheel: Path
) -> None:
    (tree / "setup.py").write_text(BARE_SETUP)
    (tree / "libcloud_ovm3" / "_version.py").write_text('__version__ = "0.0.9"\n')
    environment.install(tree)
    assert "libcloud_ovm3.pth" not in environment.files_of_ours()
    for file, is_found in ((wheel, True), (tree, False)):
        environment.install(file)
        program = "from libcloud.compute.providers import DRIVERS; print('ovm3' in DRIVERS)"
        assert environment.run(program) == f"{is_found}\n"
    assert "libcloud_ovm3.pth" not in environment.files_of_ours()


def test_the_plugin_of_pytest(environment: Environment, wheel: Path, tmp_path: Path) -> None:
    """The suites that the page shows, with nothing but the wheel; no warning at pytest's start."""
    environment.install(wheel)
    suites = tmp_path / "suites"
    shutil.copytree(ROOT / "tests" / "testing" / "samples", suites)
    (suites / "pytest.ini").write_text("[pytest]\n")
    pytest_there = (environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    written, _ = run(*pytest_there, "-W", "error", suites, cwd=suites)
    assert "10 passed" in written
    (suites / "test_lazy.py").write_text(
        "import sys\n"
        "def test_nothing_is_loaded():\n"
        "    loaded = set(sys.modules) & {'libcloud', 'libcloud_ovm3', 'cryptography'}\n"
        "    assert 'libcloud_ovm3_pytest' in sys.modules\n"
        "    assert not loaded\n"
    )
    run(*pytest_there, "-W", "error", suites / "test_lazy.py", cwd=suites)


def test_what_somebody_deleted_by_hand(environment: Environment, wheel: Path) -> None:
    environment.install(wheel)
    shutil.rmtree(environment.packages / "libcloud_ovm3")
    assert environment.run("import libcloud; print('started')") == "started\n"
    (environment.packages / "libcloud_ovm3_hook.py").unlink()
    assert environment.run("import libcloud; print('started')") == "started\n"


def test_the_oldest_build_backend(tmp_path: Path, tree: Path) -> None:
    """The setuptools that pyproject.toml admits; pip builds with the newest."""
    tools = tmp_path / "tools"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--target", tools, "setuptools==68.0.0", "wheel==0.40.0")
    for kind in ("wheel", "editable"):
        folder = tmp_path / kind
        folder.mkdir()
        program = f"import sys; sys.path.insert(0, {str(tools)!r})\n"
        program += "import setuptools; assert setuptools.__version__ == '68.0.0'\n"
        program += f"from setuptools.build_meta import build_{kind} as build\n"
        run(sys.executable, "-c", f"{program}build({str(folder)!r})", cwd=tree)
        [file] = folder.glob("*.whl")
        with zipfile.ZipFile(file) as archive:
            assert "libcloud_ovm3.pth" in archive.namelist()
            assert "libcloud_ovm3.pth," in archive.read(f"{DIST_INFO}/RECORD").decode()
