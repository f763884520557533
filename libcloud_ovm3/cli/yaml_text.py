"""YAML for ``-o yaml``. Imported only when it is wanted, because of PyYAML."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import yaml


def yaml_text(value: Any, is_plain: Callable[[str], bool]) -> str:
    """Return a value as YAML.

    :param is_plain: whether a character can be written as it is; if one cannot, YAML's escapes
        stand for all that are not ASCII.
    """
    options: dict[str, Any] = {"Dumper": _Dumper, "sort_keys": False, "width": sys.maxsize}
    text: str = yaml.dump(value, allow_unicode=True, **options)
    if all(one == "\n" or is_plain(one) for one in text):
        return text
    escaped: str = yaml.dump(value, allow_unicode=False, **options)
    return escaped


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and quotes a text that YAML 1.2 would take for a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_NUMBER = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+|0o[0-7]+")
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
