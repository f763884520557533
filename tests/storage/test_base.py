"""How the storage driver is found, and which estate it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import libcloud
import pytest
from libcloud.storage.providers import get_driver
from libcloud.storage.types import Provider

import libcloud_ovm3
import libcloud_ovm3_hook
from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.support import pins_of, simulate


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A pool that is the estate ``lab``."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with simulate(1, vms=0, host_module=True) as sim:
        address = f"{sim.hosts[0].address}:{sim.hosts[0].port}"
        entry = {"hosts": [address], "pins": pins_of(sim), "containers_repository": "MyRepo"}
        add_estate("lab", entry, sim.password, is_default=True)
        yield sim


def test_it_is_found_by_its_name() -> None:
    for found in (
        get_driver("ovm3"),
        get_driver("OVM3"),
        get_driver(Provider.OVM3),  # type: ignore[attr-defined]
        libcloud.get_driver(libcloud.DriverType.STORAGE, "ovm3"),
    ):
        assert found is OVM3StorageDriver
    libcloud_ovm3.register()
    assert libcloud.get_driver(libcloud.DriverType.COMPUTE, "ovm3") is OVM3NodeDriver
    with pytest.raises(AttributeError):
        _ = libcloud_ovm3.OVM3OtherDriver  # type: ignore[attr-defined]


def test_the_hook_registers_it_without_an_import() -> None:
    """As the ``.pth`` file does at the start of Python."""
    program = f"""
import sys
sys.path.insert(0, {str(Path(libcloud_ovm3_hook.__file__).parent)!r})
import libcloud_ovm3_hook
libcloud_ovm3_hook.install()
from libcloud.storage.providers import get_driver
from libcloud.storage.types import Provider
assert not [one for one in sys.modules if one.startswith('libcloud_ovm3.')]
assert get_driver(Provider.OVM3).__name__ == 'OVM3StorageDriver'
"""
    subprocess.run([sys.executable, "-S", "-c", _with_packages(program)], check=True, timeout=300)


def _with_packages(program: str) -> str:
    """Without the ``.pth`` files of this environment."""
    return f"import sys; sys.path[:] = {sys.path!r}\n{program}"


def test_what_clients_can_pass(lab: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and secret are completed by the estate that ``region`` or the environment names."""
    monkeypatch.delenv("OVM3_ESTATE", raising=False)
    with pytest.raises(InvalidArgument, match="no host is given"):
        OVM3StorageDriver(lab.user, lab.password)
    by_region = OVM3StorageDriver("", "", region="lab")
    assert by_region.create_container("box").extra["repository"] == "MyRepo"
    monkeypatch.setenv("OVM3_ESTATE", "lab")
    for driver in (OVM3StorageDriver(lab.user, lab.password), OVM3StorageDriver()):
        assert [one.name for one in driver.list_containers()] == ["MyRepo", "box"]
    with pytest.raises(InvalidArgument, match="no estate 'other'"):
        OVM3StorageDriver("", "", region="other")
    monkeypatch.setenv("OVM3_ESTATE", "other")
    first = lab.hosts[0]
    by_host = OVM3StorageDriver(
        lab.user,
        lab.password,
        host=first.address,
        port=first.port,
        ex_fingerprint=pins_of(lab),
        region="",
    )
    assert by_host.list_containers()
    assert OVM3StorageDriver("", "", ex_estate="lab").list_containers()
    for wrong in ({"region": 7}, {"region": "lab", "host": first.address}):
        with pytest.raises(InvalidArgument, match="region"):
            OVM3StorageDriver(lab.user, lab.password, **wrong)


def test_the_compute_driver_takes_no_estate_of_the_environment(
    lab: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVM3_ESTATE", "lab")
    with pytest.raises(InvalidArgument, match="no host is given"):
        OVM3NodeDriver(lab.user, lab.password)
    with pytest.raises(InvalidArgument, match="region: not supported"):
        OVM3NodeDriver(lab.user, lab.password, region="lab")
