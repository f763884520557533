"""Volumes, snapshots and images in Salt Cloud, through CloudClient."""

from __future__ import annotations

from typing import Any

import pytest

from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import Salt
from tests.salt.test_client import error_of
from tests.support import calls_of

pytestmark = pytest.mark.salt


def test_from_an_empty_disk_to_a_snapshot_and_back(sim: Simulator, salt: Salt) -> None:
    client = salt.client()

    def call(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, provider="lab", kwargs=kwargs)["lab"]["ovm3"]

    def act(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, names=["seed-1"], kwargs=kwargs)["lab"]["ovm3"]["seed-1"]

    made = call("create_volume", name="data", size="2")
    assert (made["name"], made["size_bytes"], made["state"]) == ("data", 2 << 30, "available")
    assert made["id"] in {one["id"] for one in call("list_volumes", ex_sizes="false")}
    assert act("attach_volume", volume=made["id"], device="xvdc") is True
    [attached] = [one for one in act("ex_list_volumes") if one["id"] == made["id"]]
    assert [(one["device"], one["where"]) for one in attached["attachments"]] == [
        ("xvdc", "live and defined")
    ]
    message = error_of(client.action, fun="destroy_volume", provider="lab",
                       kwargs={"volume": made["id"]})  # fmt: skip
    assert message.startswith("lab: ")
    assert "seed-1" in message
    assert call("detach_volume", volume=made["id"]) is True
    snapshot = call("create_volume_snapshot", volume=made["id"], name="before")
    assert (snapshot["name"], snapshot["volume_id"]) == ("before", made["id"])
    assert [one["id"] for one in call("list_volume_snapshots", volume=made["id"])] == [
        snapshot["id"]
    ]
    copy = call("create_volume", name="copy", snapshot=snapshot["id"])
    assert (copy["size_bytes"], copy["snapshot_of"]) == (2 << 30, made["id"])
    assert call("destroy_volume_snapshot", snapshot=snapshot["id"]) is True
    assert call("destroy_volume", volume=made["id"]) is True
    assert call("destroy_volume", volume=copy["id"]) is True
    left = {one["id"] for one in call("list_volumes")}
    assert not left & {made["id"], copy["id"]}
    message = error_of(client.action, fun="create_volume", provider="lab", kwargs={"name": "x"})
    assert message == "lab: size in GB None: expected a number above 0"


def test_images(sim: Simulator, salt: Salt) -> None:
    sim.add_vm("off")
    client = salt.client()

    def call(fun: str, **kwargs: str) -> Any:
        return client.action(fun=fun, provider="lab", kwargs=kwargs)["lab"]["ovm3"]

    made = client.action(fun="create_image", names=["off"], kwargs={"name": "golden"})
    image = made["lab"]["ovm3"]["off"]
    assert image["name"] == "golden"
    assert call("get_image", image_id=image["id"]) == image
    copied = call("copy_image", source_region=sim.repository_id, node_image=image["id"],
                  name="second", ex_repository=sim.repository_id)  # fmt: skip
    assert "second" in client.list_images("lab")["lab"]["ovm3"]
    assert call("delete_image", node_image=copied["id"]) is True
    assert call("delete_image", node_image=image["id"]) is True
    assert not {"golden", "second"} & set(client.list_images("lab")["lab"]["ovm3"])
    assert calls_of(sim, "copy_file") == ["copy_file", "copy_file"]
