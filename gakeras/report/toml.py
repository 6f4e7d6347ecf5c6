"""Settings as a TOML file that a run can be started from again."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any


def to_toml(values: Mapping[str, Any]) -> str:
    """Return nested plain values as TOML; what is None is left out, for TOML has no null.

    >>> print(to_toml({"seed": 3, "max_seconds": None, "training": {"epochs": 5}}))
    seed = 3
    <BLANKLINE>
    [training]
    epochs = 5
    """
    return "\n".join(_table(values, ())).strip()


def unsaid(values: Mapping[str, Any], read: Callable[[dict[str, Any]], Mapping[str, Any]]) -> list[str]:
    """Return the settings that are otherwise when read again from TOML: those without a value.

    Args:
        values: Settings as plain values.
        read: Validates plain values, and returns all settings as plain values.

    >>> unsaid({"max_drop": None}, lambda values: {"max_drop": 0.03} | values)
    ['max_drop']
    """
    return _differences(values, read(tomllib.loads(to_toml(values))), ())


def _differences(values: Mapping[str, Any], others: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    found = []
    for key, value in values.items():
        other = others.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found += _differences(value, other, (*path, key))
        elif value != other:
            found.append(".".join((*path, key)))
    return found


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_quote_key(key)} = {_value(value)}" for key, value in values.items() if _is_plain(value)]
    if path and lines:
        lines = ["", f"[{'.'.join(map(_quote_key, path))}]", *lines]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _table(value, (*path, key))
    return lines


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, Mapping)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's strings, numbers and booleans are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def _quote_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else _value(key)
