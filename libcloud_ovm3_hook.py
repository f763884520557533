"""Registers the drivers ``ovm3`` when a program imports libcloud, without importing this package.

``libcloud_ovm3.pth``, next to this module in ``site-packages``, calls :func:`install` at every
start of the interpreter. So this module is a top-level one that imports almost nothing: neither
libcloud nor ``libcloud_ovm3`` is loaded before a program asks for it (docs/registration.md).

As it is loaded before pytest is, pytest would warn at every start that it cannot rewrite its
assertions, of which there are none: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False  # importing typing for it would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

PROVIDER = "ovm3"
DRIVER = ("libcloud_ovm3.compute.driver", "OVM3NodeDriver")
STORAGE_DRIVER = ("libcloud_ovm3.storage.driver", "OVM3StorageDriver")
OFF = "LIBCLOUD_OVM3_NO_HOOK"


def add_driver(providers: ModuleType) -> None:
    """Add the driver to libcloud's table of compute drivers, if it is not there yet.

    By name, as libcloud does with its own drivers: it is imported when it is asked for
    (``set_driver`` would import it at once, and fails the second time).

    :param providers: The module ``libcloud.compute.providers``.
    """
    providers.DRIVERS.setdefault(PROVIDER, DRIVER)


def add_storage_driver(providers: ModuleType) -> None:
    """The same for libcloud's table of storage drivers.

    :param providers: The module ``libcloud.storage.providers``.
    """
    providers.DRIVERS.setdefault(PROVIDER, STORAGE_DRIVER)


def add_constant(types: ModuleType) -> None:
    """Add the constant ``Provider.OVM3``, if it is not there yet.

    :param types: The module ``libcloud.compute.types`` or ``libcloud.storage.types``.
    """
    if not hasattr(types.Provider, "OVM3"):
        types.Provider.OVM3 = PROVIDER


_ADD: dict[str, Callable[[ModuleType], None]] = {
    "libcloud.compute.providers": add_driver,
    "libcloud.compute.types": add_constant,
    "libcloud.storage.providers": add_storage_driver,
    "libcloud.storage.types": add_constant,
}


def install() -> None:
    """Register the drivers now if libcloud is loaded, and whenever libcloud is loaded from now on.

    Calling it again has no effect. It does nothing if the environment variable
    ``LIBCLOUD_OVM3_NO_HOOK`` is set to anything but an empty text.
    """
    if os.environ.get(OFF) or _finder in sys.meta_path:
        return
    sys.meta_path.insert(0, _finder)
    for name in _ADD:
        if name in sys.modules:
            _add(name, sys.modules[name])


def command() -> None:
    """Run ``ovm3``, the console script: from here Ctrl-C ends it in order, even while it loads."""
    try:
        from libcloud_ovm3.cli import main  # noqa: PLC0415 (loads libcloud)
    except KeyboardInterrupt:
        sys.exit(130)  # nothing has begun yet
    main()


def _add(name: str, module: ModuleType) -> None:
    try:  # noqa: SIM105 (contextlib takes longer to import than this module)
        _ADD[name](module)
    except (AttributeError, TypeError):
        # A libcloud of another shape. The program that imports it may not even use this driver;
        # libcloud_ovm3.register() raises the error.
        pass


class _Finder:
    """Finds these modules by asking all other finders, and nothing else.

    It stays in ``sys.meta_path`` afterwards, so that ``importlib.reload`` registers again.
    """

    def __init__(self) -> None:
        self._asking: set[tuple[int, str]] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _ADD:
            return None
        this = (get_ident(), name)
        if this in self._asking:  # a finder of another package that also asks all others
            return None
        self._asking.add(this)
        try:
            return self._ask_others(name, path, target)
        finally:
            self._asking.discard(this)

    def _ask_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(name, spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Stands for a module's own loader until the module is executed, and then registers."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module has its own loader and no trace of this one.
        if module.__loader__ is self:
            module.__loader__ = self._loader
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = self._loader
        self._loader.exec_module(module)
        _add(self._name, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # create_module, get_source, is_package, …

    def __reduce__(self) -> Any:
        return _itself, (self._loader,)  # pickled and copied as the loader that it stands for


def _itself(loader: Any) -> Any:
    return loader


_finder = _Finder()
