"""Storage drivers for simulators, and what their tests share."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3 import OVM3NodeDriver, OVM3StorageDriver
from libcloud_ovm3.simulator import Simulator
from tests.support import clock_of, pins_of


def storage_for(sim: Simulator, **options: Any) -> OVM3StorageDriver:
    """A storage driver for the whole pool of a simulator, by its first host."""
    first = sim.hosts[0]
    defaults: dict[str, Any] = {
        "host": first.address,
        "port": first.port,
        "ex_fingerprint": pins_of(sim),
        "ex_clock": clock_of(sim),
    }
    return OVM3StorageDriver(sim.user, sim.password, **{**defaults, **options})


def put(driver: OVM3StorageDriver, container: Any, name: str, content: bytes, **more: Any) -> Any:
    """Upload bytes."""
    return driver.upload_object_via_stream(iter([content]), container, name, **more)


def get(driver: OVM3StorageDriver, container: str, name: str) -> bytes:
    """The content of an object."""
    return b"".join(driver.download_object_as_stream(driver.get_object(container, name)))


def storage_beside(compute: OVM3NodeDriver, pins: dict[str, str]) -> OVM3StorageDriver:
    """A storage driver with the arguments of a compute driver, in a process of its own."""
    access = compute._access
    first = access.hosts[0]
    return OVM3StorageDriver(
        access.user,
        access.passwords.of(first),
        host=first.host,
        port=first.port,
        ex_fingerprint=pins,
        ex_clock=access.clock,
    )


def put_beside(
    compute: OVM3NodeDriver, pins: dict[str, str], container: str, name: str, content: bytes
) -> None:
    """Upload with such a driver."""
    driver = storage_beside(compute, pins)
    put(driver, driver.get_container(container), name, content)


def delete_beside(compute: OVM3NodeDriver, pins: dict[str, str], container: str, name: str) -> None:
    """Delete with such a driver."""
    driver = storage_beside(compute, pins)
    driver.delete_object(driver.get_object(container, name))


def upload_file(how: tuple[Any, ...], path: str, container: str, name: str) -> None:
    """Upload a file, in a process of its own.

    :param how: user, password, host, port and pins.
    """
    user, password, host, port, pins = how
    driver = OVM3StorageDriver(user, password, host=host, port=port, ex_fingerprint=pins)
    driver.upload_object(path, driver.get_container(container), name)
