"""Each construct that Python 2.4 refuses or lacks is found; what it has is not. Runs on 2.7."""

import os
import subprocess
import sys

import pytest

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools')
sys.path.insert(0, TOOLS)

import python24  # noqa: E402

GRAMMAR = [
    ('a = b if c else d', 'conditional expression'),
    ('a = lambda b: (1 if b else 2)', 'conditional expression'),
    ('with a:\n    b()', 'with statement'),
    ('with a as b, c as d:\n    pass', 'with statement'),
    ('a = {1, 2}', 'set literal'),
    ('a = {b for b in c}', 'set comprehension'),
    ('a = {b: 1 for b in c}', 'dict comprehension'),
    ('try:\n    a()\nexcept IOError as b:\n    pass', 'except ... as'),
    ('try:\n    a()\nexcept (IOError,\n        OSError) as b:\n    pass', 'except ... as'),
    ('try:\n    a()\nexcept b:\n    pass\nfinally:\n    c()', 'except and finally'),
    ('try:\n    a()\nexcept b:\n    pass\nelse:\n    d()\nfinally:\n    c()', 'except and finally'),
    ("a = b''", 'bytes literal'),
    ("a = ('x'\n     bR'y')", 'bytes literal'),
    ('a = 0o17', 'number written 0o17'),
    ('a = 0B1', 'number written 0B1'),
    ('class A():\n    pass', 'empty brackets'),
    ('@a\nclass B(object):\n    pass', 'class decorator'),
    ('a(*b, c=1)', 'keyword after *arguments'),
    ('a(1, *b, c=1, **d)', 'keyword after *arguments'),
    ('from . import a', 'relative import'),
    ('from ..a import b', 'relative import'),
    ('from __future__ import absolute_import', 'absolute_import'),
    ('from __future__ import unicode_literals', 'unicode_literals'),
    ('def a():\n    b = yield 1', 'yield as an expression'),
    ('def a():\n    yield', 'without a value'),
    ('def a():\n    b((yield 1))', 'yield as an expression'),
    ('def a():\n    try:\n        yield 1\n    finally:\n        b()', 'yield in a try'),
    ('def a():\n    try:\n        if c:\n            yield 1\n    finally:\n        b()',
     'yield in a try'),
    ('a = = b', 'no Python 2.7 either'),
]
NAMES = [
    ('a = any(b)', 'builtin any'),
    ('a = next(b)', 'builtin next'),
    ('a = bytes(b)', 'builtin bytes'),
    ('try:\n    a()\nexcept BaseException:\n    raise', 'BaseException'),
    ('exit(1)', 'builtin exit'),
    ("a = 'b.c'.partition('.')", '.partition()'),
    ("a = b.rpartition('.')", '.rpartition()'),
    ("a = '{0}'.format(b)", '.format()'),
    ("a = b.startswith(('c', 'd'))", '.startswith(tuple)'),
    ("C = ('c', 'd')\na = b.endswith(C)", '.endswith(tuple)'),
    ('a = (1, 2).index(1)', 'tuple.index()'),
    ('C = (1, 2)\na = C.count(1)', 'tuple.count()'),
    ('a = b.union(c, d)', '.union() of several'),
    ('a = b.isdisjoint(c)', '.isdisjoint()'),
    ('a.kill()', '.kill()'),
    ('a.throw(b)', '.throw()'),
    ('a = max(b, key=c)', 'max(key=)'),
    ('for a in enumerate(b, 1):\n    pass', 'enumerate() with a start'),
    ('for a in enumerate(b, start=1):\n    pass', 'enumerate(start=)'),
    ("a = int(b, base=8)", 'int(base=)'),
    ("a = b.decode('utf-8', errors='replace')", 'decode(errors=)'),
    ("a = re.sub('b', 'c', d, flags=re.I)", 'sub(flags=)'),
    ('for a in os.walk(b, followlinks=True):\n    pass', 'walk(followlinks=)'),
    ('a = open(b, encoding=c)', 'open(encoding=)'),
    ('a = sys.version_info.major', 'version_info.major'),
    ('a = inspect.getargspec(b).args', 'getargspec().args'),
    ('a = b.__code__', 'attribute __code__'),
    ('a.daemon = True', 'attribute daemon'),
    ('a = sys.maxsize', 'attribute maxsize'),
    ('class A(dict):\n    def __missing__(self, key):\n        return 1', '__missing__'),
    ('class A(object):\n    @b.setter\n    def b(self, value):\n        pass', 'decorator .setter'),
    ('class A(ValueError):\n    def __init__(self):\n        super(A, self).__init__()', 'super()'),
    ('try:\n    a()\nexcept socket.error:\n    if error().errno == 4:\n        pass', 'errno of a'),
    ('try:\n    a()\nexcept (IOError, select.error):\n    b = error().errno', 'errno of a'),
]
LIBRARY = [
    ('import json', "'json' module"),
    ('import hashlib', "'hashlib' module"),
    ('import argparse', "'argparse' module"),
    ('from functools import partial', "'functools' module"),
    ('from collections import namedtuple', "'collections.namedtuple'"),
    ('import subprocess\nsubprocess.check_output(a)', "'subprocess.check_output'"),
    ('import os\nos.path.relpath(a)', "'os.path.relpath'"),
    ('import os\nos.closerange(3, 9)', "'os.closerange'"),
    ('import os\na = os.SEEK_SET', "'os.SEEK_SET'"),
    ('import socket\nsocket.create_connection(a)', "'socket.create_connection'"),
    ('import struct\na = struct.Struct(b)', "'struct.Struct'"),
    # a guarded import must not hide the other one
    ('try:\n    import json\nexcept ImportError:\n    json = None\nimport json', "'json' module"),
]
CLEAN = [
    """
import os, sys
from subprocess import (Popen,
                        PIPE)
A = ('b', 'c')
def f(a, (b, c), *d, **e):
    try:
        try:
            g(1, h=2, *d)
        finally:
            i()
    except (IOError, OSError):
        raise ValueError('%s' % sys.exc_info()[1])
    except KeyError, problem:
        print >>sys.stderr, problem
    else:
        yield a
    for x in sorted([y for y in d], key=lambda z: z[0]):
        yield x
    k.update((1, 2)); k.append(b and c or d)
    raise IOError, 'm'
@staticmethod
def n():
    os.kill(1, 0755)
    return set(o for o in A), u'p', r'b', "b'", 'as', (q.startswith('r') or q.index('s'))
class T(object):
    u = property(n)
class V(W, object): pass
class X: pass
from __future__ import division
""".replace('from __future__ import division\n', ''),
    # what is looked for where it may be missing, and what only Python 3 runs
    """
try:
    from hashlib import (
        md5, sha1,
    )
    import json
except ImportError:
    from md5 import new as md5
if PY3:
    a = bytes(b)
    c = {
        'd': next(e),
    }
else:
    a = str(b)
try:
    from xmlrpc.client import Binary
except (ImportError, AttributeError):
    from xmlrpclib import Binary
f = 1
""",
    # its own things of those names
    """
def next(a):
    return a
any = next(1)
b = any
try:
    c()
except OSError:
    d = error().errno
def e():
    try:
        f()
    finally:
        def g():
            yield 1
""",
]


def named(samples):
    return pytest.mark.parametrize('source, expected', samples, ids=[word for _, word in samples])


@named(GRAMMAR + NAMES)
def test_found_by_grammar_or_name(source, expected):
    found = python24.errors(source + '\n')
    assert [what for _, what in found if expected in what], found


def test_the_line_is_named():
    assert python24.errors('a = 1\n\n\nb = c if d else e\n') == [(4, 'conditional expression')]


def test_found_in_the_library():
    files = dict([('%d' % number, source + '\n') for number, (source, _) in enumerate(LIBRARY)])
    found = python24.in_library(files)
    for number, (_, expected) in enumerate(LIBRARY):
        assert [what for name, _, what in found if name == str(number) and expected in what], expected


def test_what_2_4_has_is_not_found():
    for source in CLEAN:
        assert python24.errors(source) == []
    files = dict([(str(number), source) for number, source in enumerate(CLEAN)])
    assert python24.in_library(files) == []


def test_an_import_that_meets_our_own_file():
    files = {'a/select.py': '', 'a/b.py': 'import os, select\n', 'c.py': 'import select\n'}
    assert python24.hidden_imports(files) == [('a/b.py', 1, 'import select finds our own file')]


@pytest.mark.parametrize('source, status, said', [
    ('import os\n', 0, ''),
    ('a = any(b)\n', 1, ':1: builtin any'),
    ('import json\n', 1, ":1: 'json' module (2.6)"),
    ('a = = b\n', 1, ':1: no Python 2.7 either'),
])
def test_from_the_command_line(tmpdir, source, status, said):
    path = tmpdir.join('sample.py')
    path.write(source)
    process = subprocess.Popen([sys.executable, os.path.join(TOOLS, 'python24.py'), str(path)],
                               stdout=subprocess.PIPE)
    output = process.communicate()[0]
    assert (process.returncode, said in output) == (status, True), output


def test_no_files_are_no_success():
    with pytest.raises(SystemExit):
        python24.main([])
