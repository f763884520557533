"""The modules on a host's disk, loaded as the agent loads them (agent-behaviour.md 15.5).

Several hosts share one process and have modules with the same names. Therefore nothing is put into
``sys.modules`` or onto ``sys.path``: each host has its own import function, which its modules find
in their ``__builtins__``. Modules that the disk lacks come from this Python.
"""

from __future__ import annotations

import builtins
import functools
import os
import threading
import traceback
import types
import xmlrpc.client
from pathlib import Path
from typing import Any

from libcloud_ovm3.simulator import hostdisk
from libcloud_ovm3.simulator.agent import functions
from libcloud_ovm3.simulator.dom0 import hostview
from libcloud_ovm3.simulator.errors import AgentFault, ForeignFault, Stopped
from libcloud_ovm3.simulator.host import SimulatedHost

API_VERSION = 3
# Never taken from this Python, even if it has them.
FROM_DISK = ("agent", "libcloud_ovm3_host", "xen")


class Importer:
    """The imports of one host: first from its disk, then from this Python."""

    def __init__(self, packages: Path) -> None:
        self._packages = str(packages)
        self._modules: dict[str, types.ModuleType] = {}
        self._lock = threading.RLock()
        self._builtins = dict(vars(builtins)) | {"__import__": self._import}

    def load(self, name: str) -> types.ModuleType:
        """Load a module by its full name.

        :raises ImportError: There is no such module.
        :raises Exception: Whatever the module raises when it is executed.
        """
        with self._lock:
            if name in self._modules:
                return self._modules[name]
            parent, _, last = name.rpartition(".")
            above = self.load(parent) if parent else None
            module = self._execute(name)
            if above is not None:
                setattr(above, last, module)
            return module

    def _execute(self, name: str) -> types.ModuleType:
        relative = name.replace(".", "/")
        folder = os.path.join(self._packages, relative)
        package = os.path.isdir(folder)
        relative += "/__init__.py" if package else ".py"
        path = os.path.join(self._packages, relative)
        try:
            with open(path, "rb") as file:
                code = _compiled(file.read(), relative)
        except OSError:
            raise ImportError(f"No module named {name.rpartition('.')[2]}") from None
        module = types.ModuleType(name)
        vars(module).update(__file__=path, __builtins__=self._builtins)
        vars(module).update({"__path__": [folder]} if package else {})
        self._modules[name] = module
        try:
            exec(code, vars(module))  # noqa: S102 - that is what an agent does
        except BaseException:
            del self._modules[name]
            raise
        return module

    def _import(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        top = name.partition(".")[0]
        here = os.path.join(self._packages, top)
        from_disk = top in self._modules or top in FROM_DISK
        from_disk = from_disk or os.path.isdir(here) or os.path.isfile(f"{here}.py")
        if level or not from_disk:
            return __import__(name, globals, locals, fromlist, level)
        module = self.load(name)
        for each in fromlist or ():
            if each != "*" and not hasattr(module, each) and hasattr(module, "__path__"):
                self.load(f"{name}.{each}")
        return module if fromlist else self.load(top)


@functools.lru_cache(maxsize=500)
def _compiled(source: bytes, name: str) -> types.CodeType:
    """Cached: hosts have the same files, and agents are started often."""
    return compile(source, name, "exec", dont_inherit=True)


class AgentCode:
    """The modules that a host's agent has loaded at its last start.

    Their classes are instantiated for each use. What an agent does with a class that fails to list
    its services is not shown; here the agent does not start.

    :ivar native: The agent's own functions that its table of modules lists.
    :raises Exception: Whatever the table, a module or a class raises.
    """

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._importer = Importer(hostdisk.packages(host))
        simulated = self._importer.load("agent.lib.simulated")
        vars(simulated).update(root=str(hostdisk.tree(host)), perform=self._perform)
        table = self._importer.load("agent.target.api")
        self._kinds: list[Any] = list(table.MODULES)
        hostview.install(host, self._importer.load, self._kinds)
        names = {name for kind in self._kinds for name in self._services(kind)}
        self.native = names & set(functions.FUNCTIONS)

    def load(self, name: str) -> types.ModuleType:
        """A module as the agent has it, e.g. one of the host module's."""
        return self._importer.load(name)

    def _services(self, kind: Any) -> dict[str, Any]:
        services: dict[str, Any] = kind().get_services(API_VERSION)
        return services

    def find(self, name: str) -> Any:
        """A function of another module than the agent's own, None if there is none."""
        for kind in self._kinds:
            services = self._services(kind)
            if name in services:
                return services[name]
        return None

    def call(self, function: Any, arguments: list[Any]) -> Any:
        """Call such a function.

        :raises AgentFault: What it raised, as the agent encodes it.
        """
        try:
            return function(*arguments)
        except Stopped:
            raise
        except xmlrpc.client.Fault as fault:  # the stock dispatcher sends these unchanged
            raise ForeignFault(str(fault.faultString), int(fault.faultCode)) from fault
        except Exception as error:
            raise _as_fault(error) from error

    def _perform(self, name: str, *arguments: Any) -> Any:
        """Call one of the agent's own functions for a module in the same process."""
        host = self._host
        act = functools.partial(functions.perform, host, name, list(arguments))
        try:
            return host.call_inside(name, act)
        except Stopped:
            raise
        except Exception as error:
            raise _python_error(_as_fault(error), host.settings.version) from error


def start(host: SimulatedHost) -> bool:
    """Load the modules if the host has a tree.

    :returns: False if the agent does not start with them; the reason is in ``ovs-agent.log``.
    """
    if not hostdisk.exists(host):
        host.code = None
        return True
    try:
        host.code = AgentCode(host)
    except Exception:
        host.code = None
        host.log("ERROR", "ovs-agent", f"not started: {traceback.format_exc()}")
        return False
    return True


def _as_fault(error: Exception) -> AgentFault:
    """The fault that the agent sends for an exception."""
    fault = getattr(error, "fault", error)  # of _python_error
    if isinstance(fault, AgentFault):
        return fault
    return AgentFault(_python2_name(error), str(error))


def _python2_name(error: Exception) -> str:
    """The name of the exception's class in Python 2."""
    kind = type(error)
    if kind.__module__ != "builtins":
        return f"{kind.__module__}.{kind.__name__}"
    for older in (OSError, ImportError):  # Python 3 has subclasses of these
        if isinstance(error, older):
            return f"exceptions.{older.__name__}"
    return f"exceptions.{kind.__name__}"


def _python_error(fault: AgentFault, version: str) -> Exception:
    """The exception that a module sees for a fault: a builtin type with its Python 2 name."""
    name = fault.kind.rpartition(".")[2]
    base = getattr(builtins, name, Exception)
    if not (isinstance(base, type) and issubclass(base, Exception)):
        base = Exception
    word = fault.in_dialect(version).removesuffix(f":{fault.text}")
    meta = type("meta", (type,), {"__str__": lambda kind: word})
    methods = {"__init__": lambda error: None, "__str__": lambda error: fault.text}
    error: Exception = meta(name, (base,), methods)()
    error.fault = fault  # type: ignore[attr-defined]
    return error
