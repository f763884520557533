"""vm.cfg as the agent's Python 2 writes and reads it: texts are bytes of UTF-8."""

from __future__ import annotations

from pathlib import Path

import pytest

from libcloud_ovm3.simulator import vmcfg

CONFIG = {"OVM_simple_name": "Dépôt てす", "disk": ["file:/é,xvda,w"], "memory": 3, "hap": False}


def test_texts_are_written_as_python_2_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "vm.cfg"
    vmcfg.write(path, CONFIG)
    assert path.read_bytes().isascii()
    assert "'D\\xc3\\xa9p\\xc3\\xb4t " in path.read_text(encoding="ascii")
    assert vmcfg.read(path) == CONFIG


@pytest.mark.parametrize("text", ["'D\\xc3\\xa9p'", "'Dép'", "u'D\\xe9p'", '"Dép"'])
def test_each_way_of_writing_a_letter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vm.cfg"
    path.write_text(f"name = {text}\n", encoding="utf-8")
    assert vmcfg.read(path) == {"name": "Dép"}
