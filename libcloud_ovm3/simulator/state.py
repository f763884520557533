"""What must survive a kill -9: plain JSON files under the root, each replaced in one step."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from libcloud_ovm3.simulator.errors import SimulatorError


def load(path: Path) -> dict[str, Any] | None:
    """The saved values, or None when there are none.

    :raises SimulatorError: the file is not ours
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise SimulatorError(f"{path} is damaged: {error}") from None
    if not isinstance(values, dict):
        raise SimulatorError(f"{path} is damaged: not an object")
    return values


def save(path: Path, values: dict[str, Any]) -> None:
    """Write the values so that a reader, or a later life, sees the old ones or the new ones."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # what a kill -9 may have left
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(values, default=str))
    os.replace(temporary, path)


def claim(root: Path) -> IO[str]:
    """Keep every other simulator off this root for as long as the returned file is open.

    :raises SimulatorError: another one has it
    """
    file = (root / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SimulatorError(f"another simulator is running on {root}") from None
    return file
