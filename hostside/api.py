"""Which module this is, and what the agent's modules can do."""

import inspect
import sys

from libcloud_ovm3_host import version as this
from libcloud_ovm3_host.compat import PY3, describe, error, to_text

_OURS = 'libcloud_ovm3_host.services'
_LAYERS = 10  # more wrappers than this around one function are no wrappers


def version(dom0):
    """``{module, api, python}``: the number that decides whether client and module fit.

    ``module`` is always :data:`version.NAME`: an answer without it is an older module's, whose
    numbers were counted in another way.
    """
    return {'module': this.NAME, 'api': this.API, 'python': '.'.join([str(part) for part in sys.version_info[:3]])}


def capabilities(dom0):
    """What this module has: ``{functions: [names], chunk_bytes, page_entries, document_bytes}``."""
    from libcloud_ovm3_host import services  # which imports this file
    names = [this.PREFIX + name for name in services.SERVICES]
    return {'functions': sorted(names), 'chunk_bytes': this.CHUNK_BYTES,
            'page_entries': this.PAGE_ENTRIES, 'document_bytes': this.DOCUMENT_BYTES}


def get_api_services(dom0):
    """Every function of every module of the agent with its arguments.

    A list of ``{module, class, functions: [{name, arguments, more}]}``; an argument is ``{name}``
    or ``{name, default}``.
    A module or a function that cannot be looked at has ``problem`` beside what is known of it.
    """
    return [_module(kind) for kind in dom0.agent_modules()]


def _module(kind):
    seen = {'module': to_text(getattr(kind, '__module__', '')),
            'class': to_text(getattr(kind, '__name__', repr(kind))), 'functions': []}
    try:
        functions = kind().get_services()
        seen['functions'] = [_function(name, functions[name]) for name in sorted(functions)]
    except Exception:  # whatever somebody else's module does: the others are still told
        seen['error'] = to_text(describe(error()))
    return seen


def _function(name, function):
    seen = {'name': to_text(name), 'arguments': [], 'more': False}
    try:
        function, left_out = _innermost(function)
        names, more, defaults = _signature(function)
    except TypeError:  # built in, or no function at all
        seen['error'] = to_text(describe(error()))
        return seen
    defaults = list(defaults or ())
    first_default = len(names) - len(defaults)
    for position in range(left_out, len(names)):
        argument = {'name': to_text('%s' % (names[position],))}
        if position >= first_default:
            argument['default'] = to_text(repr(defaults[position - first_default]))
        seen['arguments'].append(argument)
    seen['more'] = more is not None
    return seen


def _signature(function):
    """``(names, name of *args or None, defaults)``; raises TypeError."""
    if PY3:
        names, more, _, defaults = inspect.getfullargspec(function)[:4]
    else:
        names, more, _, defaults = inspect.getargspec(function)
    return names, more, defaults


def _innermost(function):
    """``(function, how many first arguments no caller gives)``, looked for through wrappers.

    The agent wraps each function in one that takes ``*args`` and logs (agent-behaviour.md 2), which
    hides the arguments. What is wrapped is named by ``__wrapped__``, or is the only function that
    the wrapper holds. Where neither is so, the outermost is what is told of.
    """
    bound = False
    for _ in range(_LAYERS):
        if getattr(function, '__module__', '') == _OURS and hasattr(function, 'function'):
            return function.function, 1  # one of ours, which is given the host first
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
    if _signature(function)[1] is None:  # it takes no *args, so it hides nothing
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
    """What a closure's cell holds. Python 2.4 does not say; a function made around it does."""
    def taken():
        return held
    held = None
    code = getattr(taken, 'func_code', None) or getattr(taken, '__code__')
    try:
        return type(taken)(code, globals(), 'taken', None, (cell,))()
    except NameError:  # an empty one
        return None
