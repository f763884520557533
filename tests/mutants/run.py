"""``run.py FOLDER MODULE FUNCTION...``: call behaviours of ``tests.mutants.MODULE`` on a copy.

FOLDER has the copy: ``libcloud_ovm3_host/``, and packages of ``libcloud_ovm3``. Exits with 9 when a
behaviour is not what it should be (an assertion, or an error of ours); anything else is a mistake
of the test's.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

MISBEHAVED = 9
PATIENCE = 8  # seconds until something counts as hanging


def main(folder: str, module: str, *functions: str) -> int:
    root = str(Path(__file__).parents[2])
    sys.path[:0] = [folder, root]
    import libcloud_ovm3

    libcloud_ovm3.__path__.insert(0, folder)
    behaviours = importlib.import_module(f"tests.mutants.{module}")
    for name in functions:
        child = os.fork()  # what one of them upsets is not the next one's
        if child == 0:
            try:
                patience = getattr(behaviours, "PATIENCE", PATIENCE)
                status = alone(getattr(behaviours, name), patience)
            except BaseException:
                traceback.print_exc()
                status = 1
            sys.stdout.flush()
            os._exit(status)  # a hung thread of a mutant is not waited for
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            print(f"in {name}")  # noqa: T201
            return status
    return 0


def alone(behave: Callable[..., None], patience: int) -> int:
    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(patience)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        os.chdir(place)  # where a mutant's shell may touch what it likes
        try:
            behave(*grounds(behave, Path(place)))
        except (AssertionError, *errors_of_ours()) as problem:
            print(repr(problem))  # noqa: T201
            return MISBEHAVED
    return 0


def errors_of_ours() -> list[type[Exception]]:
    from libcloud_ovm3_host.errors import HostModuleError

    from libcloud_ovm3.errors import Ovm3Error

    return [Ovm3Error, HostModuleError]


def hangs(number: int, frame: object) -> None:
    raise AssertionError("it hangs")


def grounds(behave: Callable[..., None], place: Path) -> list[object]:
    """What it asks for: nothing, a host to try things on, or a directory."""
    wanted = list(inspect.signature(behave).parameters)
    if wanted == ["ground"]:
        from tests.mutants.ground import Ground

        return [Ground(place)]
    return [place for _ in wanted]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
