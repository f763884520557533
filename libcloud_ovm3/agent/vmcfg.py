"""The vm.cfg file: assignments of Python literals. It is parsed and never executed. Pure.

Agents write it with Python 2 (2.4 on OVM 3.2.x, 2.6 on 3.3.x); people and other tools edit it.
What Python 2 reads differently from Python 3 is read as Python 2 reads it: ``512L``, ``0777``, and
strings as bytes, which are decoded as UTF-8 if they are valid UTF-8.
"""

from __future__ import annotations

import ast
import contextlib
import keyword
import math
import re
import threading
from collections.abc import Mapping
from typing import Any

from libcloud_ovm3.errors import InvalidArgument

_LIMIT = 1 << 20  # characters; real files have a few thousand

# One parse at a time: CPython up to 3.12 keeps the parser's recursion depth in shared state, and
# threads that parse side by side fail with "AST constructor recursion depth mismatch".
_PARSING = threading.Lock()

# Strings and comments, which are skipped, or an integer in Python 2's notation.
_TOKEN = re.compile(
    r"""
    \#[^\n]*
    | \"\"\"(?:\\.|[^\\])*?\"\"\" | '''(?:\\.|[^\\])*?'''
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    | (?<![\w.]) (?<![eE][-+]) (?P<number> 0[xX][0-9a-fA-F]+ | [0-9]+ ) [lL]? (?![\w.])
    """,
    re.VERBOSE | re.DOTALL,
)
# Escapes that only unicode strings have: in others Python 2 keeps the backslash.
_BACKSLASHED = re.compile(r"(?<!\\)(?:\\\\)*\\(?=[uUN])")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")

# A line as agents write it: printable ASCII, strings without escapes. Python 2 and 3 agree on it.
_PLAIN_TEXT = r"'[ -&(-\[\]-~]*'"
_PLAIN_LINE = re.compile(
    rf"([A-Za-z][A-Za-z0-9_]*) = (?:({_PLAIN_TEXT})|(0|[1-9][0-9]{{0,17}})|(True|False|None)"
    rf"|\[((?:{_PLAIN_TEXT}(?:, {_PLAIN_TEXT})*)?)\])(?:\n+|\Z)"
)
_WORDS = {"True": True, "False": False, "None": None}


def parse(text: str | bytes) -> dict[str, Any]:
    """Read the assignments of a vm.cfg, in their order; the last one, if a name has several.

    A value is a literal or a name that was assigned before. Comments, and strings that stand alone
    as comments, are skipped.

    :param text: The contents of the file.
    :return: The values by name.
    :raises InvalidArgument: The file contains anything else; the message gives the line. Half a
        file is never returned.
    """
    plain = _read_plain(text)
    return _read_any(text) if plain is None else plain


def _read_any(text: str | bytes) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for statement in _tree(text, "exec").body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Pass):
            continue
        if not isinstance(statement, ast.Assign):
            raise _not_a_value(statement)
        value = _value(statement.value, config)
        for target in statement.targets:
            if not isinstance(target, ast.Name):
                raise _not_a_value(statement)
            config[target.id] = value
    return config


def repeated(text: str | bytes) -> list[str]:
    """The names that are assigned more than once; :func:`parse` returns the last value.

    :raises InvalidArgument: The file is not valid Python.
    """
    assigned = [node for node in _tree(text, "exec").body if isinstance(node, ast.Assign)]
    names = [one.id for node in assigned for one in node.targets if isinstance(one, ast.Name)]
    return sorted({name for name in names if names.count(name) > 1})


def literal(text: str | bytes) -> Any:
    """Read one printed Python value, such as ``ovs-agent-db dump_db`` prints.

    :raises InvalidArgument: The text is not a literal.
    """
    return _value(_tree(text, "eval").body, {})


def text_of(config: Mapping[str, Any]) -> str:
    """Write a vm.cfg with these values: the agent's own syntax, one line per key, plain ASCII.

    :param config: The values by name.
    :raises InvalidArgument: A key is not a valid name, or a value is not a literal.
    """
    return "".join(f"{_key(key)} = {_literal(value)}\n" for key, value in config.items())


# ------------------------------------------------------------------ reading


def _read_plain(text: str | bytes) -> dict[str, Any] | None:
    """The fast path, for a file in which every line is plain; None: use :func:`_read_any`.

    It is several times as fast, and must never read what :func:`_read_any` refuses or reads
    otherwise (tests/agent/test_vmcfg.py compares the two). It gives up at the first other line, so
    no file takes long.
    """
    try:
        source = text if isinstance(text, str) else text.decode("ascii")
    except UnicodeDecodeError:
        return None
    if len(source) > _LIMIT:
        return None
    config: dict[str, Any] = {}
    at = 0
    while at < len(source):
        line = _PLAIN_LINE.match(source, at)
        if line is None:
            return None
        name, string, number, word, strings = line.groups()
        if keyword.iskeyword(name):
            return None
        if string is not None:
            config[name] = string[1:-1]
        elif number is not None:
            config[name] = int(number)
        elif word is not None:
            config[name] = _WORDS[word]
        else:
            config[name] = strings[1:-1].split("', '") if strings else []
        at = line.end()
    return config


def _parse(source: str, mode: str) -> Any:
    """Parse it, again if another library's thread disturbed it (see ``_PARSING``)."""
    for _ in range(9):
        with contextlib.suppress(SystemError):
            return ast.parse(source, mode=mode)
    return ast.parse(source, mode=mode)


def _tree(text: str | bytes, mode: str) -> Any:
    # In Python 2 a string is bytes. One character per byte keeps that; _text decodes them.
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    source = text.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    if len(source) > _LIMIT:
        raise InvalidArgument(
            f"vm.cfg has {len(source)} bytes, more than {_LIMIT}: not a valid vm.cfg"
        )
    source = _TOKEN.sub(_as_python_3, source)
    try:
        with _PARSING:
            return _parse(source.strip() if mode == "eval" else source, mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        what = getattr(error, "msg", None) or str(error) or "too deeply nested"
        raise InvalidArgument(f"vm.cfg{where}: {what}") from None


def _as_python_3(token: re.Match[str]) -> str:
    number = token["number"]
    if number is None:
        return token[0] if _is_unicode(token) else _BACKSLASHED.sub(r"\\\g<0>", token[0])
    is_octal = len(number) > 1 and number.isdigit() and number.startswith("0")
    return f"0o{number[1:]}" if is_octal else number


def _is_unicode(token: re.Match[str]) -> bool:
    """Whether a string has the prefix u, or r, with which a backslash is always a backslash."""
    return token.string[token.start() - 1 : token.start()] in ("u", "U", "r", "R")


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    try:
        return _value_of(node, known)
    except RecursionError:
        raise InvalidArgument(f"vm.cfg, line {node.lineno}: too deeply nested") from None


def _value_of(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.List):
        return [_value_of(item, known) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value_of(item, known) for item in node.elts)
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        keys = (_constant(key) for key in node.keys if isinstance(key, ast.Constant))
        return dict(zip(keys, (_value_of(value, known) for value in node.values), strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value_of(node.operand, known)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]  # maxmem = memory
    raise _not_a_value(node)


def _constant(node: ast.Constant) -> Any:
    value = node.value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return _text(value)
    if (
        value is None
        or isinstance(value, int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    raise _not_a_value(node)


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value  # not UTF-8: u'D\xe9p\xf4t', or a file in Latin-1


def _not_a_value(node: ast.stmt | ast.expr) -> InvalidArgument:
    if isinstance(node, ast.Name):
        return InvalidArgument(f"vm.cfg, line {node.lineno}: {node.id!r} is not defined")
    return InvalidArgument(f"vm.cfg, line {node.lineno}: expected name = value, found code")


# ------------------------------------------------------------------ writing


def _key(key: object) -> str:
    if not isinstance(key, str) or not _NAME.fullmatch(key) or keyword.iskeyword(key):
        raise InvalidArgument(f"vm.cfg: {key!r} is not a valid option name")
    return key


def _literal(value: Any) -> str:
    try:
        return _literal_of(value)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"vm.cfg cannot contain this value: {error}") from None


def _literal_of(value: Any) -> str:
    if isinstance(value, str):
        # As Python 2 prints its bytes: it rejects a file with other characters, or misreads them.
        return repr(value.encode("utf-8"))[1:]
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal_of, value)) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_literal_of(item)}, " for item in value) + ")"
    if isinstance(value, dict):
        items = (f"{_literal_of(key)}: {_literal_of(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    raise ValueError(f"a {type(value).__name__} is not a literal")
