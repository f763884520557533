"""State that survives a kill -9: JSON files under the root, each replaced atomically."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from libcloud_ovm3.simulator.errors import SimulatorError


def load(path: Path) -> dict[str, Any] | None:
    """The saved values, None if there is no file.

    :raises SimulatorError: The file is damaged.
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
    """Write the values so that a reader sees either the old ones or the new ones."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # left by a kill -9
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(values, default=str))
    os.replace(temporary, path)


def claim(root: Path) -> IO[str]:
    """Lock this root against other simulators while the returned file is open.

    :raises SimulatorError: Another simulator holds the lock.
    """
    file = (root / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SimulatorError(f"another simulator is running on {root}") from None
    return file
