"""Which module this is, and what the agent's modules can do."""

import inspect
import sys

from libcloud_ovm3_host import version as this
from libcloud_ovm3_host.compat import PY3, describe, error, to_text

_SERVICES = 'libcloud_ovm3_host.services'
_LAYERS = 10  # nested wrappers that are followed around one function


def version(dom0):
    """``{module, api, python}``: the number that decides whether client and module fit.

    ``module`` is always :data:`version.NAME`: a response without it is from an older module,
    whose numbers mean something else.
    """
    python = '.'.join([str(part) for part in sys.version_info[:3]])
    return {'module': this.NAME, 'api': this.API, 'python': python}


def capabilities(dom0):
    """This module's ``{functions: [names], chunk_bytes, page_entries, document_bytes}``."""
    from libcloud_ovm3_host import services  # which imports this file
    names = [this.PREFIX + name for name in services.SERVICES]
    return {'functions': sorted(names), 'chunk_bytes': this.CHUNK_BYTES,
            'page_entries': this.PAGE_ENTRIES, 'document_bytes': this.DOCUMENT_BYTES}


def get_api_services(dom0):
    """Every function of every module of the agent with its arguments.

    A list of ``{module, class, functions: [{name, arguments, more}]}``; an argument is ``{name}``
    or ``{name, default}``.
    A module or a function that cannot be inspected has ``error`` beside what is known of it.
    """
    return [_module(kind) for kind in dom0.agent_modules()]


def _module(kind):
    entry = {'module': to_text(getattr(kind, '__module__', '')),
            'class': to_text(getattr(kind, '__name__', repr(kind))), 'functions': []}
    try:
        functions = kind().get_services()
        entry['functions'] = [_function(name, functions[name]) for name in sorted(functions)]
    except Exception:  # another module's failure: the other modules are still reported
        entry['error'] = to_text(describe(error()))
    return entry


def _function(name, function):
    entry = {'name': to_text(name), 'arguments': [], 'more': False}
    try:
        function, left_out = _innermost(function)
        names, more, defaults = _signature(function)
    except TypeError:  # a builtin, or not a function
        entry['error'] = to_text(describe(error()))
        return entry
    defaults = list(defaults or ())
    first_default = len(names) - len(defaults)
    for position in range(left_out, len(names)):
        argument = {'name': to_text('%s' % (names[position],))}
        if position >= first_default:
            argument['default'] = to_text(repr(defaults[position - first_default]))
        entry['arguments'].append(argument)
    entry['more'] = more is not None
    return entry


def _signature(function):
    """``(names, name of *args or None, defaults)``; raises TypeError."""
    if PY3:
        names, more, _, defaults = inspect.getfullargspec(function)[:4]
    else:
        names, more, _, defaults = inspect.getargspec(function)
    return names, more, defaults


def _innermost(function):
    """``(function, number of leading arguments that no caller passes)``, found through wrappers.

    The agent wraps each function in one that takes ``*args`` and logs (agent-behaviour.md 2), which
    hides the arguments. The wrapped function is named by ``__wrapped__``, or is the only function
    in the wrapper's closure. Where neither is the case, the outermost function is described.
    """
    bound = False
    for _ in range(_LAYERS):
        if getattr(function, '__module__', '') == _SERVICES and hasattr(function, 'function'):
            return function.function, 1  # this module's: its first argument is the host
        if inspect.ismethod(function):
            bound = True
            function = getattr(function, 'im_func', None) or getattr(function, '__func__')
        inner = _wrapped(function)
        if inner is None:
            break
        function = inner
    return function, int(bound)


def _wrapped(function):
    """The function that this one wraps, or None."""
    if hasattr(function, '__wrapped__'):
        return function.__wrapped__
    if _signature(function)[1] is None:  # no *args: it hides no arguments
        return None
    cells = getattr(function, 'func_closure', None) or getattr(function, '__closure__', None)
    held = []
    for cell in cells or ():
        value = _content(cell)
        if inspect.isfunction(value) or inspect.ismethod(value):
            held.append(value)
    if len(held) == 1:
        return held[0]
    return None


def _content(cell):
    """The content of a closure's cell. Python 2.4 has no attribute for it; a function built around
    the cell returns it."""
    def taken():
        return held
    held = None
    code = getattr(taken, 'func_code', None) or getattr(taken, '__code__')
    try:
        return type(taken)(code, globals(), 'taken', None, (cell,))()
    except NameError:  # an empty cell
        return None
