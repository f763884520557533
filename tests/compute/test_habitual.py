"""Arguments of libcloud's other drivers: accepted while empty, refused before anything is sent."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.compute import drivers
from libcloud.compute.base import NodeDriver, NodeSize

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import InvalidArgument, NameTaken
from libcloud_ovm3.simulator import Simulator
from tests.support import driver_for, fingerprints_of, simulate

SUPPORTED = (
    *("ex_hosts_off", "ex_start", "ex_networks", "networks", "ex_description"),
    *("ex_cpus", "ex_memory_mb", "ex_disk_gb", "ex_domain_type", "ex_iso", "ex_volumes"),
    *("ex_idempotency_key", "ex_metadata", "ex_progress", "ex_tags", "ex_unguarded"),
    *("ex_keyname", "ex_network_format", "ex_userdata"),
)
KEYWORDS = [
    name
    for name, parameter in inspect.signature(OVM3NodeDriver.create_node).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in SUPPORTED
]
OPTIONS = "api_name api_version backoff path project region retry_delay".split()
NOT_HABITUAL = {"ex_create_attr"}  # of one family of drivers: a dict with that provider's own keys


@pytest.fixture(scope="module")
def pool() -> Iterator[tuple[Simulator, OVM3NodeDriver]]:
    """One host for all tests that change nothing."""
    with simulate(hosts=1, vms=0) as sim:
        yield sim, driver_for(sim)


def test_what_four_of_libcloud_s_drivers_have_in_common_is_known() -> None:
    counted: Counter[str] = Counter()
    seen = set()
    for module in pkgutil.iter_modules(drivers.__path__):
        found = importlib.import_module(f"libcloud.compute.drivers.{module.name}")
        for _, driver in inspect.getmembers(found, inspect.isclass):
            create = vars(driver).get("create_node") if issubclass(driver, NodeDriver) else None
            if create and create not in seen:
                seen.add(create)
                counted.update(inspect.signature(create).parameters.keys())
    assert len(seen) > 35
    common = {name for name, number in counted.items() if number >= 4} - {"self", "kwargs"}
    ours = set(inspect.signature(OVM3NodeDriver.create_node).parameters)
    assert common - ours == NOT_HABITUAL


def test_all_are_optional_and_by_keyword_only() -> None:
    assert len(KEYWORDS) >= 6
    parameters = inspect.signature(OVM3NodeDriver.create_node).parameters
    assert all(parameters[name].default is None for name in KEYWORDS)
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def test_create_node_takes_what_says_nothing() -> None:
    with simulate(hosts=1, vms=0) as sim:
        driver = driver_for(sim)
        empty: list[object] = [None, "", [], {}, False, (), " None ", "false"]
        given: dict[str, Any] = {
            name: empty[number % len(empty)] for number, name in enumerate(KEYWORDS)
        }
        given |= {"networks": [], "ex_networks": None, "ex_keyname": "", "ex_userdata": False}
        node = driver.create_node("web", "tiny", driver.list_images()[0], **given)
        assert node.extra["nics"] == []
        assert (node.size.id, node.size.ram) == ("tiny", 512)


@pytest.mark.parametrize("name", KEYWORDS)
def test_create_node_refuses_what_says_something(pool: Any, name: str) -> None:
    sim, driver = pool
    image = driver.list_images()[0]
    before = fingerprints_of(sim.repository_path)
    sim.calls.clear()
    for value in ("pa55word", ["pa55word"], {"pa55word": 1}, True, "true"):
        why = "not supported: use ex_networks=" if name == "ex_network" else "not supported yet"
        with pytest.raises(InvalidArgument, match=f"{name}: {why}") as refused:
            driver.create_node("web", "tiny", image, **{name: value})
        assert "pa55word" not in str(refused.value), "it may be a secret"
    assert sim.calls == []
    assert fingerprints_of(sim.repository_path) == before


def test_networks_by_both_names_are_refused(pool: Any) -> None:
    sim, driver = pool
    sim.calls.clear()
    for own in ("xenbr0", []):
        with pytest.raises(InvalidArgument, match="ex_networks and networks: expected one of"):
            driver.create_node("web", "tiny", "x/Templates/y.raw", networks=["a"], ex_networks=own)
    assert sim.calls == []


@pytest.mark.parametrize("size", ["huge", "", None, 512, {"ram": 512}])
def test_a_size_that_is_none_is_refused(pool: Any, size: Any) -> None:
    sim, driver = pool
    sim.calls.clear()
    with pytest.raises(InvalidArgument, match=r"expected a NodeSize, or one of tiny, small"):
        driver.create_node("web", size, "x/Templates/y.raw")
    for disk in ("10", True, -1, float("nan")):
        odd = NodeSize("odd", "odd", 512, disk, None, 0.0, driver)
        with pytest.raises(InvalidArgument, match="disk in GB"):
            driver.create_node("web", odd, "x/Templates/y.raw")
    assert sim.calls == []


def test_unknown_arguments_are_a_type_error_before_anything_is_sent(pool: Any) -> None:
    sim, driver = pool
    sim.calls.clear()
    with pytest.raises(TypeError, match="ex_keyname_"):
        driver.create_node("web", "tiny", "x/Templates/y.raw", ex_keyname_=None)
    with pytest.raises(TypeError, match="ex_filter"):
        driver.list_nodes(ex_filter=None)
    with pytest.raises(TypeError, match="positional"):
        driver.list_nodes(True)
    assert sim.calls == []


@pytest.mark.parametrize(
    ("method", "arguments", "text"),
    [
        ("stop_node", {"ex_force": "maybe"}, "ex_force 'maybe': expected True or False"),
        ("stop_node", {"ex_timeout": "soon"}, "ex_timeout 'soon': expected seconds"),
        ("reboot_node", {"ex_minimum_age": "old"}, "ex_minimum_age 'old': expected seconds"),
        ("list_nodes", {"ex_strict": "very"}, "ex_strict 'very': expected True or False"),
    ],
)
def test_strings_that_are_not_understood(
    pool: Any, method: str, arguments: dict[str, Any], text: str
) -> None:
    sim, driver = pool
    sim.calls.clear()
    node = [] if method == "list_nodes" else ["0004fb00-0006-0000-0000-000000000001"]
    with pytest.raises(InvalidArgument, match=text):
        getattr(driver, method)(*node, **arguments)
    with pytest.raises(InvalidArgument, match="ex_allow_same_name 'x'"):
        driver.create_node("web", "tiny", "x/Templates/y.raw", ex_allow_same_name="x")
    with pytest.raises(InvalidArgument, match="ex_start 'x'"):
        driver.create_node("web", "tiny", "x/Templates/y.raw", ex_start="x")
    assert sim.calls == []


def test_false_as_a_string_is_false() -> None:
    """``bool("false")`` is True: it would power the guest off, or take a name twice."""
    with simulate(hosts=1) as sim:
        driver = driver_for(sim)
        node = driver.list_nodes(ex_strict="false")[0]
        with pytest.raises(NameTaken):
            driver.create_node(
                node.name, "tiny", driver.list_images()[0], ex_allow_same_name="false"
            )
        driver.stop_node(node, ex_force="false", ex_timeout="300")
        [stop] = [call for call in sim.calls if call.function == "stop_vm"]
        assert stop.arguments[-1] is False


def options_of(**more: Any) -> OVM3NodeDriver:
    return OVM3NodeDriver("oracle", "pw", host="ovm-1", ex_fingerprint="ab" * 32, **more)


def test_the_constructor_takes_what_says_nothing() -> None:
    for value in (None, "", False, {}):
        assert options_of(**dict.fromkeys(OPTIONS, value)).key == "oracle"


@pytest.mark.parametrize("name", OPTIONS)
def test_the_constructor_refuses_what_says_something(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name}: not supported yet"):
        options_of(**{name: "eu-1"})


def test_the_constructor_knows_no_other_argument() -> None:
    with pytest.raises(TypeError, match="regoin"):
        options_of(regoin=None)
