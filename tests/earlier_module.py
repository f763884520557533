"""A host module from before API 1, as a test bed may still have it: other names, other numbers."""

from __future__ import annotations

from pathlib import Path

from libcloud_ovm3.installer import payload
from libcloud_ovm3.simulator import Simulator

EARLIER_NAMES = {"read_agent": "look", "file_holders": "holders", "autostart_guests": "comebacks"}


def put_earlier_module(sim: Simulator, host: int, api: int) -> None:
    """Turn the module that is installed on a simulated host into such a one; restart the agent.

    :param api: the number that it answers.
    """
    [version] = sim.dom0(host).rglob(f"{payload.FOLDER}/version.py")
    folder = version.parent
    _replace(version, "API = 3 ", f"API = {api} ")
    _replace(folder / "api.py", "'module': this.NAME, ", "")
    for name, earlier in EARLIER_NAMES.items():
        _replace(folder / "services.py", f"    '{name}': (", f"    '{earlier}': (")
    site = folder.parent
    contents = {name: (site / name).read_bytes() for name in payload.files()}
    (site / payload.MANIFEST).write_bytes(payload.manifest(contents))
    sim.restart_agent(host)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")
