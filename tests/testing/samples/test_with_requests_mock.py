"""Tests of a program that creates VMs, in one process, with requests-mock."""

import pytest
import requests

from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.testing import mount


def create_web(driver):
    small = next(size for size in driver.list_sizes() if size.id == "small")
    return driver.create_node("web", size=small, image=driver.list_images()[0])


@pytest.fixture
def estate(requests_mock):
    with mount(requests_mock, hosts=2) as estate:
        yield estate


def test_it_has_a_disk_of_its_own(estate):
    web = create_web(estate.driver())
    assert web.extra["memory_mb"] == 1024
    disk = f"VirtualDisks/{web.extra['directory']}.raw"
    assert disk in estate.files("VirtualDisks")
    estate.driver().destroy_node(web)
    assert disk not in estate.files("VirtualDisks")


def test_a_copy_that_never_ends(estate):
    estate.fail("copy_file", "hang")  # the driver's time limit passes in simulated time
    with pytest.raises(OperationIncomplete, match="may be left") as lost:
        create_web(estate.driver())
    assert lost.value.node_name == "web"
    assert lost.value.node_id in lost.value.left


def test_other_addresses_are_mocked_as_usual(estate, requests_mock):
    requests_mock.get("https://inventory.example.com/web", json={"owner": "ops"})
    assert requests.get("https://inventory.example.com/web").json() == {"owner": "ops"}
    assert len(estate.driver().list_nodes()) == 2
