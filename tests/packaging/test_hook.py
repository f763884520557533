"""libcloud_ovm3_hook: registers with libcloud, whatever loads it, and disturbs nobody else."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import pickle
import subprocess
import sys
import textwrap
import threading
import zipfile
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

import libcloud_ovm3_hook as hook
from libcloud_ovm3.estates_file.changing import add_estate
from tests.support import pins_of, simulate

ROOT = Path(__file__).parents[2]
PTH = ROOT / "libcloud_ovm3.pth"
SOURCE = "DRIVERS = {}\nexecuted = 'yes'\n"
OURS = {"ovm3": hook.DRIVER}


@pytest.fixture
def name(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that takes the place of libcloud.compute.providers, and the hook waiting for it."""
    name = f"providers_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.setitem(hook._ADD, name, hook.add_driver)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    others = [one for one in sys.meta_path if one is not hook._finder]
    monkeypatch.setattr(sys, "meta_path", others)
    monkeypatch.delenv(hook.OFF, raising=False)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    hook.install()
    return name


def load(name: str) -> Any:
    return importlib.import_module(name)


# ------------------------------------------------------------------ loading


def test_a_module_is_registered_and_keeps_its_own_loader(name: str, tmp_path: Path) -> None:
    module = load(name)
    assert module.DRIVERS == OURS
    genuine = PathFinder.find_spec(name, [str(tmp_path)])
    assert genuine is not None
    assert type(module.__loader__) is type(genuine.loader)
    assert module.__loader__ == module.__spec__.loader == genuine.loader
    assert module.__spec__ == genuine
    assert module.__file__ == str(tmp_path / f"{name}.py")


def test_reload_registers_again(name: str) -> None:
    module = load(name)
    module.DRIVERS["ovm3"] = "another"
    again = importlib.reload(module)
    assert again is module
    assert module.DRIVERS == OURS


def test_a_module_that_is_forgotten_and_imported_again(name: str) -> None:
    first = load(name)
    del sys.modules[name]
    assert load(name) is not first
    assert load(name).DRIVERS == OURS


def test_from_a_zip_file(name: str, tmp_path: Path) -> None:
    """Whose loader is one object for all its modules."""
    (tmp_path / f"{name}.py").unlink()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(f"{name}.py", SOURCE)
        archive.writestr("other_of_the_zip.py", SOURCE)
    sys.path.insert(0, str(tmp_path / "all.zip"))
    module = load(name)
    assert module.DRIVERS == OURS
    other = load("other_of_the_zip")
    assert other.DRIVERS == {}
    assert module.__loader__ is other.__loader__


def test_a_frozen_module_whose_loader_is_a_class(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of PyInstaller and of CPython itself: nothing of it may be changed."""

    class Frozen:
        @classmethod
        def find_spec(cls, wanted: str, path: Any = None, target: Any = None) -> Any:
            return importlib.util.spec_from_loader(wanted, cls) if wanted == name else None

        @staticmethod
        def create_module(spec: Any) -> Any:
            return None

        @staticmethod
        def exec_module(module: Any) -> None:
            exec(SOURCE, module.__dict__)

    before = dict(vars(Frozen))
    monkeypatch.setattr(sys, "meta_path", [hook._finder, Frozen, *sys.meta_path[1:]])
    module = load(name)
    assert module.DRIVERS == OURS
    assert module.__loader__ is Frozen
    assert dict(vars(Frozen)) == before


def test_a_loader_of_the_old_kind_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def find_spec(self, wanted: str, path: Any = None, target: Any = None) -> Any:
            return importlib.util.spec_from_loader(wanted, self) if wanted == name else None

        def load_module(self, wanted: str) -> Any:
            raise AssertionError("not called: find_spec only")

    old = Old()
    monkeypatch.setattr(sys, "meta_path", [hook._finder, old])
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is old


def test_a_spec_that_is_only_looked_at(name: str) -> None:
    """What runpy, inspect, pkgutil and pickle do with a loader."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    loader: Any = spec.loader
    assert loader.get_source(name) == SOURCE
    assert loader.is_package(name) is False
    assert loader.get_code(name).co_filename == loader.path == spec.origin
    for one in (pickle.loads(pickle.dumps(loader)), copy.copy(loader)):
        assert type(one).__name__ == "SourceFileLoader"
        assert (one.name, one.path) == (name, spec.origin)
    assert name not in sys.modules


def test_an_import_that_is_put_off(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.executed == "yes"
    assert module.DRIVERS == OURS


def test_a_loader_that_another_package_wraps_again(name: str) -> None:
    """As tracing tools do; theirs stays in its place."""

    class Wraps:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def create_module(self, spec: Any) -> Any:
            return None

        def exec_module(self, module: Any) -> None:
            self.inner.exec_module(module)

    spec = importlib.util.find_spec(name)
    assert spec is not None
    spec.loader = wrapper = Wraps(spec.loader)  # type: ignore[assignment]
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.DRIVERS == OURS
    assert module.__loader__ is module.__spec__.loader is wrapper


def test_threads_that_import_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text(f"import threading\n{SOURCE}count = []\ncount.append(1)")
    together, found = threading.Barrier(8), []

    def run() -> None:
        together.wait()
        module = load(name)
        found.append((module.DRIVERS, id(module), len(module.count)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8
    assert all(one == found[0] for one in found)
    assert found[0][0] == OURS


# ------------------------------------------------------------------ errors, and other hooks


def test_errors_of_the_module_are_its_own(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise ValueError('its own')")
    with pytest.raises(ValueError, match="its own"):
        load(name)
    assert name not in sys.modules
    (tmp_path / f"{name}.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError):
        load(name)


@pytest.mark.parametrize("source", ["", "DRIVERS = None", "DRIVERS = []", "DRIVERS = ()"])
def test_a_libcloud_of_another_shape_can_be_imported(
    name: str, tmp_path: Path, source: str
) -> None:
    (tmp_path / f"{name}.py").write_text(source)
    module = load(name)
    with pytest.raises((AttributeError, TypeError)):
        hook.add_driver(module)  # so register() says it


class AsksAllOthers:
    """A finder of another package, as they are usually written."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        self.asked.append(name)
        for other in sys.meta_path:
            if other is not self and (spec := other.find_spec(name, path, target)):
                return spec
        return None


@pytest.mark.parametrize("is_first", [True, False])
def test_beside_a_finder_that_asks_all_others(name: str, is_first: bool) -> None:
    sys.meta_path.insert(0 if is_first else 1, AsksAllOthers())  # type: ignore[arg-type]
    assert load(name).DRIVERS == OURS


def test_a_finder_of_the_old_kind_is_passed_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [hook._finder, object(), *sys.meta_path[1:]])
    assert load(name).DRIVERS == OURS


def test_nobody_is_asked_about_other_modules(name: str) -> None:
    other = AsksAllOthers()
    sys.meta_path.append(other)  # type: ignore[arg-type]
    assert hook._finder.find_spec("json") is None
    assert hook._finder.find_spec(f"{name}.sub") is None
    assert other.asked == []


# ------------------------------------------------------------------ installing


def test_installed_once_however_often_it_is_called(name: str) -> None:
    for _ in range(3):
        hook.install()
    assert sys.meta_path.count(hook._finder) == 1  # type: ignore[arg-type]
    assert sys.meta_path[0] is hook._finder


def test_a_libcloud_that_is_loaded_already(name: str) -> None:
    sys.meta_path.remove(hook._finder)  # type: ignore[arg-type]
    module = load(name)
    assert module.DRIVERS == {}
    hook.install()
    assert module.DRIVERS == OURS


@pytest.mark.parametrize(("value", "is_on"), [("1", False), ("yes", False), ("", True)])
def test_switched_off(name: str, monkeypatch: pytest.MonkeyPatch, value: str, is_on: bool) -> None:
    sys.meta_path.remove(hook._finder)  # type: ignore[arg-type]
    monkeypatch.setenv("LIBCLOUD_OVM3_NO_HOOK", value)
    hook.install()
    assert ("ovm3" in load(name).DRIVERS) is is_on


def test_what_is_there_already_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("DRIVERS = {'ovm3': ('libcloud.its_own', 'Driver')}")
    assert load(name).DRIVERS == {"ovm3": ("libcloud.its_own", "Driver")}


# ------------------------------------------------------------------ the .pth file, in new processes


def python(program: str, *options: str, folder: Path = ROOT, **environment: str) -> str:
    """Run a program after ``site`` has read the .pth file as it does at every start.

    Nothing may be written to stderr.
    """
    start = f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport site\n"
    start += f"site.addpackage({str(ROOT)!r}, {PTH.name!r}, set())\n"
    done = subprocess.run(
        [sys.executable, *options, "-c", start + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
        env={**environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_nothing_is_loaded_until_it_is_used() -> None:
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import site, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = python("print(*sys.modules)", "-S").split()
    more = set(loaded) - set(started.stdout.split())
    more.discard("encodings.utf_8_sig")  # Python 3.13 reads every .pth file with it
    assert more == {"__future__", "libcloud_ovm3_hook"}
    program = """
        import libcloud
        from libcloud.compute.types import Provider
        from libcloud.compute.providers import get_driver
        assert Provider.OVM3 == "ovm3"
        assert not any(one.startswith("libcloud_ovm3.") for one in sys.modules)
        one = get_driver("ovm3")
        assert one.__name__ == "OVM3NodeDriver"
        for same in ("OVM3", "Ovm3", Provider.OVM3):
            assert get_driver(same) is one, same
            assert libcloud.get_driver(libcloud.DriverType.COMPUTE, same) is one, same
        import importlib, libcloud.compute.providers as providers, libcloud.compute.types as types
        importlib.reload(types)
        importlib.reload(providers)
        assert types.Provider.OVM3 == "ovm3"
        import libcloud_ovm3
        libcloud_ovm3.register()
        assert list(providers.DRIVERS).count("ovm3") == 1
        assert providers.get_driver(types.Provider.OVM3) is one
    """
    assert python(program) == ""


def test_by_the_package_alone_and_switched_off() -> None:
    program = """
        import libcloud.compute.providers as providers
        assert "ovm3" not in providers.DRIVERS
        import libcloud_ovm3
        assert providers.get_driver(providers.Provider.OVM3) is libcloud_ovm3.OVM3NodeDriver
    """
    assert python(program, LIBCLOUD_OVM3_NO_HOOK="1") == ""


@pytest.mark.parametrize(
    "module", [None, "import", "raise OSError('disk')", "", "install = None", "import gone_module"]
)
def test_a_start_with_a_broken_or_missing_module(tmp_path: Path, module: str | None) -> None:
    """After an uninstall that left the .pth, for example."""
    if module is not None:
        (tmp_path / "libcloud_ovm3_hook.py").write_text(module)
    assert python("print('started')", "-S", "-I", folder=tmp_path) == "started\n"


def test_the_file_is_one_statement_and_comments() -> None:
    lines = PTH.read_text(encoding="ascii").splitlines()
    statements = [line for line in lines if not line.startswith("#")]
    assert len(statements) == 1
    assert statements[0].startswith("import ")  # or site would take it for a path
    assert sorted(["__editable__.libcloud_ovm3-0.1.0.pth", PTH.name])[1] == PTH.name


# ------------------------------------------------------------------ the page's example


def test_the_script_that_imports_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "registration.md").read_text(encoding="utf-8")
    script = page.partition("```py\n")[2].partition("```")[0]
    assert "import libcloud_ovm3" not in script
    assert 0 < len([line for line in script.splitlines() if line]) <= 6
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(hosts=1) as sim:
        sim.add_vm("db-7")
        [host] = sim.hosts
        entry = {"hosts": [f"{host.address}:{host.port}"], "pins": pins_of(sim)}
        add_estate("lab", entry, sim.password, is_default=False)
        assert "db-7 stopped" in python(script, XDG_CONFIG_HOME=str(tmp_path))


def test_ctrl_c_while_the_command_loads_ends_it_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        """A finder: Ctrl-C is pressed while it looks for the package of the command."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "libcloud_ovm3.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "libcloud_ovm3.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        hook.command()
    assert ended.value.code == 130
