"""README's feature table: what the classes have, and nothing that they only refuse."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from libcloud.compute.base import NodeDriver

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("generate_features")


def test_the_table_is_not_stale_and_has_the_known_numbers() -> None:
    """Those of libvirt, vSphere and KubeVirt, and of the storage drivers, were counted by hand in
    libcloud 3.9.1."""
    command = [sys.executable, "tools/generate_features.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^`|]+ \|(?: ✓? ?\|){4}$", text, re.MULTILINE)
    ticks = [[cell.strip() for cell in row.split("|")[2:-1]] for row in rows]
    assert len(ticks) == 4 + 26 + 2
    [total] = re.findall(r"^\| \*\*of the 26 [^|]*\| (.*) \|$", text, re.MULTILINE)
    counts = [int(one) for one in total.split(" | ")]
    assert counts == [26, 5, 9, 14]
    # deploy_node and importing from a file are besides the 26
    assert [column.count("✓") for column in zip(*ticks, strict=True)] == [28, 5, 9, 15]
    [total] = re.findall(r"^\| \*\*of the 17 [^|]*\| (.*) \|$", text, re.MULTILINE)
    assert [int(one) for one in total.split(" | ")] == [17, 17, 14, 13, 14, 16]


def test_a_method_that_only_raises_does_not_count(tool: Any) -> None:
    class Driver(NodeDriver):
        def get_image(self, image_id: str) -> Any:
            """Not here."""
            raise NotImplementedError("no images")

        def list_key_pairs(self) -> list[Any]:
            return []

        def import_key_pair_from_string(self, name: str, key_material: str) -> Any:
            raise ValueError(name) if not name else KeyError(name)

    names = [name for group in tool.ROWS.values() for name in group]
    assert [name for name in names if tool.has(Driver, name)] == ["list_key_pairs"]
    Driver.features = {"create_node": ["password"]}
    assert tool.has(Driver, "deploy_node")


def test_a_new_method_of_the_base_class_needs_a_row(
    tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resize_node(self: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(NodeDriver, "resize_node", resize_node, raising=False)
    with pytest.raises(AssertionError, match=r"without a row in .*: resize_node"):
        tool.abstract()
