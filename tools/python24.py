"""What Python 2.4 would refuse or lack in these files: ``python2.7 tools/python24.py FILE...``

Grammar by tokens and by the syntax tree of Python 2.7; what was added later, by its name; the standard
library by vermin 1.5.2, the last one to run on 2.7, which knows little of the grammar. Exits with 1 if
anything is found. No 2.4 can be had to ask, so the names are what the "What's New" pages of 2.5, 2.6
and 2.7 list, and only as far as a name shows it: ``x.partition()`` is flagged whatever x is.
"""

from __future__ import print_function

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import tokenize

NODES = {
    ast.IfExp: 'conditional expression',
    ast.With: 'with statement',
    ast.Set: 'set literal',
    ast.SetComp: 'set comprehension',
    ast.DictComp: 'dict comprehension',
}
FUTURE = ('absolute_import', 'with_statement', 'print_function', 'unicode_literals')
BUILTINS = ('BaseException', 'BufferError', 'BytesWarning', 'GeneratorExit', 'ImportWarning',
            'UnicodeWarning', 'all', 'any', 'bin', 'bytearray', 'bytes', 'exit', 'format',
            'memoryview', 'next', 'quit')
METHODS = ('as_integer_ratio', 'bit_length', 'format', 'fromhex', 'is_alive', 'is_integer', 'is_set',
           'isdisjoint', 'kill', 'partition', 'rpartition', 'send_signal', 'terminate', 'throw',
           'total_seconds', 'viewitems', 'viewkeys', 'viewvalues')
ATTRIBUTES = ('__closure__', '__code__', '__defaults__', '__func__', '__globals__', '__self__',
              'daemon', 'dont_write_bytecode', 'maxsize')
ACCESSORS = ('deleter', 'getter', 'setter')
HOOKS = ('__bytes__', '__index__', '__missing__')
SETS = ('difference', 'difference_update', 'intersection', 'intersection_update', 'union')
# what takes these arguments only later
KEYWORDS = {
    'ServerProxy': 'use_datetime', 'NamedTemporaryFile': 'delete', 'copytree': 'ignore',
    'decode': 'encoding errors', 'deque': 'maxlen', 'encode': 'encoding errors',
    'enumerate': 'start', 'int': 'base', 'max': 'key default', 'min': 'key default',
    'open': 'closefd encoding errors newline', 'split': 'flags maxsplit',
    'sub': 'flags', 'subn': 'flags', 'urlopen': 'timeout', 'walk': 'followlinks',
    'HTTPConnection': 'timeout', 'HTTPSConnection': 'timeout',
}


def errors(source):
    """``[(line, what)]`` of one file, the standard library excepted."""
    try:
        tree = ast.parse(source)
    except SyntaxError as problem:
        return [(problem.lineno or 0, 'no Python 2.7 either: %s' % problem.msg)]
    lines = logical_lines(source)
    found = in_tokens(lines)
    for node in ast.walk(tree):
        found += in_grammar(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found += in_generator(node)
    run = ast.parse(without_newer_branches(source))
    for name in (in_names, in_calls, in_exceptions):
        found += name(run)
    return sorted(set(found))


def logical_lines(source):
    """The tokens of each logical line: ``[(type, text, (row, column), ...)]``."""
    lines, line = [], []
    for token in tokenize.generate_tokens(iter(source.splitlines(True) + ['']).next):
        if token[0] == tokenize.NEWLINE:
            lines.append(line)
            line = []
        elif token[0] not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT,
                              tokenize.ENDMARKER):
            line.append(token)
    return lines


# --- grammar ------------------------------------------------------------------------------------

def in_tokens(lines):
    found = []
    for line in lines:
        texts = [token[1] for token in line]
        row = line[0][2][0]
        if texts[0] == 'except' and 'as' in texts:
            found.append((row, 'except ... as'))
        if texts[0] == 'class' and texts[2:4] == ['(', ')']:
            found.append((row, 'class with empty brackets'))
        for kind, text, (row, _), _, _ in line:
            if kind == tokenize.NUMBER and text[:2].lower() in ('0o', '0b'):
                found.append((row, 'number written %s' % text))
            if kind == tokenize.STRING and 'b' in text[:2].lower().split('"')[0].split("'")[0]:
                found.append((row, 'bytes literal'))
    return found


def in_grammar(node):
    line = getattr(node, 'lineno', 0)
    if type(node) in NODES:
        return [(line, NODES[type(node)])]
    if isinstance(node, ast.TryFinally):
        # a statement with both is one inside the other to the tree, at the same place
        inner = node.body[0]
        if isinstance(inner, ast.TryExcept) and inner.lineno == line:
            return [(line, 'except and finally in one statement')]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return [(line, 'relative import')]
        if node.module == '__future__':
            return [(line, 'from __future__ import %s' % each.name)
                    for each in node.names if each.name in FUTURE]
    if isinstance(node, ast.ClassDef) and node.decorator_list:
        return [(line, 'class decorator')]
    if isinstance(node, ast.Call) and node.starargs is not None:
        star = (node.starargs.lineno, node.starargs.col_offset)
        if [each for each in node.keywords
                if (each.value.lineno, each.value.col_offset) > star]:
            return [(line, 'keyword after *arguments')]
    return []


def in_generator(function):
    """Until 2.5 yield was a statement, with a value, and in no try that has a finally."""
    found, statements, kept = [], set(), set()
    for node in own_nodes(function):
        if isinstance(node, ast.Expr):
            statements.add(node.value)
        if isinstance(node, ast.TryFinally):
            for statement in node.body:
                kept.update(own_nodes(statement))
    for node in own_nodes(function):
        if isinstance(node, ast.Yield):
            if node not in statements or node.value is None:
                found.append((node.lineno, 'yield as an expression or without a value'))
            if node in kept:
                found.append((node.lineno, 'yield in a try that has a finally'))
    return found


def own_nodes(node):
    """All nodes below, those of functions and classes inside excepted."""
    found = [node]
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            found += own_nodes(child)
    return found


# --- what 2.4 never runs ------------------------------------------------------------------------

def without_newer_branches(source):
    """The source without imports that an ImportError may answer, and without what is ``if PY3``.

    vermin names a module or function once in a file: a guarded import would hide one that is not.
    """
    starts = [(line[0][2], line[0][1]) for line in logical_lines(source)]
    rows = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if guarded_import(node):
            blank(rows, node.lineno, end(starts, node, ('except', 'else', 'finally')))
        elif isinstance(node, ast.If) and last_name(node.test) == 'PY3':
            blank(rows, node.body[0].lineno, end(starts, node, ()))
    return '\n'.join(rows) + '\n'


def guarded_import(node):
    return (isinstance(node, ast.TryExcept)
            and not [each for each in node.body
                     if not isinstance(each, (ast.Import, ast.ImportFrom))]
            and [each for each in node.handlers if 'ImportError' in names_in(each.type)])


def end(starts, node, goes_on):
    """The row of the first logical line after the block that begins with this node."""
    for (row, column), word in starts:
        if row > node.lineno and column <= node.col_offset and not (
                column == node.col_offset and word in goes_on):
            return row
    return sys.maxsize


def blank(rows, first, after):
    text = rows[first - 1]
    indent = text[:len(text) - len(text.lstrip())]
    for index in range(first - 1, min(after - 1, len(rows))):
        rows[index] = ''
    rows[first - 1] = indent + 'pass'


# --- names --------------------------------------------------------------------------------------

def in_names(tree):
    found = []
    ours = own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in BUILTINS and node.id not in ours:
                found.append((node.lineno, 'builtin %s' % node.id))
        elif isinstance(node, ast.Attribute):
            if node.attr in ATTRIBUTES:
                found.append((node.lineno, 'attribute %s' % node.attr))
            if last_name(node.value) == 'version_info':
                found.append((node.lineno, 'version_info.%s' % node.attr))
            if isinstance(node.value, ast.Call) and last_name(node.value.func) == 'getargspec':
                found.append((node.lineno, 'getargspec().%s' % node.attr))
        elif isinstance(node, ast.FunctionDef):
            if node.name in HOOKS:
                found.append((node.lineno, '%s is not called' % node.name))
            found += [(node.lineno, 'decorator .%s' % each.attr) for each in node.decorator_list
                      if isinstance(each, ast.Attribute) and each.attr in ACCESSORS]
    return found


def own_names(tree):
    """What the file itself gives these names to."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split('.')[0])
    return names


def in_calls(tree):
    found = []
    tuples = tuple_names(tree)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = last_name(call.func)
        for keyword in call.keywords:
            if keyword.arg in KEYWORDS.get(name, '').split():
                found.append((call.lineno, '%s(%s=)' % (name, keyword.arg)))
        if name == 'enumerate' and len(call.args) > 1:
            found.append((call.lineno, 'enumerate() with a start'))
        if isinstance(call.func, ast.Attribute):
            found += in_method(call, name, tuples)
    return found


def in_method(call, name, tuples):
    what = None
    of = call.func.value
    if name in METHODS and last_name(of) != 'os':
        what = '.%s()' % name
    elif name in ('startswith', 'endswith') and call.args and is_tuple(call.args[0], tuples):
        what = '.%s(tuple)' % name
    elif name in ('index', 'count') and is_tuple(of, tuples):
        what = 'tuple.%s()' % name
    elif name in SETS and len(call.args) > 1:
        what = '.%s() of several' % name
    if what is None:
        return []
    return [(call.lineno, what)]


def tuple_names(tree):
    return set([target.id for node in ast.walk(tree)
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
                for target in node.targets if isinstance(target, ast.Name)])


def is_tuple(node, tuples):
    return isinstance(node, ast.Tuple) or (isinstance(node, ast.Name) and node.id in tuples)


def in_exceptions(tree):
    """Exceptions were classes of the old kind; socket.error and select.error were no OSError."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = ' '.join([last_name(base) for base in node.bases])
            if 'Error' in bases or 'Exception' in bases:
                found += [(each.lineno, 'super() in an exception') for each in ast.walk(node)
                          if isinstance(each, ast.Call) and last_name(each.func) == 'super']
        elif isinstance(node, ast.ExceptHandler):
            if set(['socket', 'select']).intersection(names_in(node.type)):
                found += [(each.lineno, 'errno of a socket.error or select.error')
                          for each in ast.walk(node)
                          if isinstance(each, ast.Attribute) and each.attr == 'errno']
    return found


def names_in(node):
    if node is None:
        return []
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def last_name(node):
    """``c`` of ``a.b.c`` and of ``c``; '' of anything else."""
    return getattr(node, 'attr', None) or getattr(node, 'id', '')


# --- several files ------------------------------------------------------------------------------

def hidden_imports(files):
    """Inside a package ``import x`` meets the package's own x first."""
    found = []
    for name, source in files.items():
        folder = os.path.dirname(name)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found += [(name, node.lineno, 'import %s finds our own file' % each.name)
                          for each in node.names
                          if os.path.join(folder, each.name.split('.')[0] + '.py') in files]
    return found


def in_library(files):
    """``[(name, line, what)]`` by vermin, of ``{name: source}``."""
    folder = tempfile.mkdtemp()
    try:
        paths = {}
        for number, name in enumerate(sorted(files)):
            path = os.path.join(folder, '%d.py' % number)
            paths[path] = name
            with open(path, 'w') as handle:
                handle.write(without_newer_branches(files[name]))
        process = subprocess.Popen(
            [sys.executable, '-c', 'from vermin import main; main()', '--format', 'parsable',
             '--no-config-file', '--ignore', '--no-parse-comments'] + sorted(paths),
            stdout=subprocess.PIPE)
        output = process.communicate()[0]
    finally:
        shutil.rmtree(folder)
    return judged(output, paths)


def judged(output, paths):
    """Not by the exit code: it is 1 for files without any requirement, too."""
    found, seen = [], set()
    for line in output.splitlines():
        path, row, _, version, _, what = line.split(':', 5)
        if path in paths and not row:
            seen.add(path)
        if path in paths and row and lacking(version):
            found.append((paths[path], int(row), '%s (%s)' % (what, version)))
    if seen != set(paths):
        raise SystemExit('vermin said nothing about %s' % sorted(set(paths) - seen))
    return found


def lacking(version):
    """Whether 2.4 is older than vermin's ``2.5``, ``!2`` (never in 2), ``~2`` or '' (always)."""
    if version.startswith('!'):
        return True
    return version[:1].isdigit() and tuple(map(int, version.split('.'))) > (2, 4)


def main(names):
    if not names:
        raise SystemExit(__doc__)
    files = dict([(name, open(name).read()) for name in names])
    found = []
    for name, source in files.items():
        found += [(name, line, what) for line, what in errors(source)]
    if not [each for each in found if 'no Python 2.7' in each[2]]:
        found += in_library(files) + hidden_imports(files)
    for name, line, what in sorted(found):
        print('%s:%d: %s' % (name, line, what))
    return int(bool(found))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
