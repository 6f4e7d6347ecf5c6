"""Settings from plain values: what a TOML file, `key=value` overrides or keyword arguments say, checked."""

from __future__ import annotations

import difflib
import inspect
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from gakeras.errors import InputError

Checked = TypeVar("Checked")


def validated(
    cls: type[Checked], values: Mapping[str, Any], *, origin: str, keywords: Iterable[str] = ()
) -> Checked:
    """Return the dataclass that nested plain values describe.

    An unknown key is refused with the nearest known one, or the nearest of `keywords`, the other
    names a caller takes.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.
    """
    adapter = TypeAdapter(cls)
    try:
        checked: Checked = adapter.validate_python(dict(values))
    except ValidationError as error:
        raise _input_error(cls, error, origin, keywords) from None
    try:
        json.dumps(adapter.dump_python(checked, mode="json"), allow_nan=False)
    except ValueError:
        raise InputError(
            f"The settings in {origin} are not valid.",
            expected="finite numbers",
            received="an infinite one",
            way_out="Leave a limit out to have none.",
        ) from None
    return checked


def argument_names(function: Callable[..., Any]) -> list[str]:
    """Return the names that a function takes, that of its further `**settings` left out.

    >>> argument_names(lambda x, *, workers=1, **settings: None)
    ['x', 'workers']
    """
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]


def with_arguments(
    function: Callable[..., Any], settings: Mapping[str, Any], values: Mapping[str, Any], *tables: str
) -> dict[str, Any]:
    """Return settings whose tables, as mappings, change what they name and leave the arguments of a function.

    Args:
        function: The one that was called.
        settings: What it was given beside its arguments.
        values: What these say, by table.
        *tables: Those that have arguments.

    Raises:
        InputError: A table is an object of settings that an argument contradicts.
    """
    merged = dict(settings)
    for table in tables:
        if isinstance(merged.get(table), Mapping):
            merged[table] = values[table] | merged[table]
        _check_agreement(function, table, merged.get(table), values[table])
    return merged


def _check_agreement(
    function: Callable[..., Any], table: str, given: Any, arguments: Mapping[str, Any]
) -> None:
    """Refuse an object of settings beside an argument that was changed and says otherwise.

    An object says everything of its table. An argument that has the default of `function` says nothing.

    Raises:
        InputError: They contradict each other.
    """
    usual = inspect.signature(function).parameters
    shared = {name: value for name, value in arguments.items() if name in usual}
    for name, value in shared.items() if is_dataclass(given) else ():
        said = getattr(given, name)
        if value not in (said, usual[name].default):
            raise InputError(
                f"An object of settings says all that its table {table!r} has.",
                expected=f"{name} there, or as an argument",
                received=f"{name}={value!r}, {table}.{name}={said!r}",
                way_out=f"Write {table} as a dictionary, which changes what it names.",
            )


def read_values(path: Path, overrides: Iterable[str] = (), *, expected: str) -> dict[str, Any]:
    """Return what a TOML file says, with `key=value` overrides on top.

    Keys of overrides are dotted, values are TOML, or else text: `training.epochs=5`,
    `space.pool_sizes=[2]`, `data.source=mnist`.

    Raises:
        InputError: The file is missing (with what was `expected`) or does not parse.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "A config is a TOML file.", expected=expected, received=f"{path}: {error.strerror}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "A config is a TOML file.", expected="valid TOML", received=f"{path}: {error}"
        ) from None
    return overridden(values, overrides)


def overridden(values: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return nested values with `key=value` overrides on top."""
    for override in overrides:
        _override(values, override)
    return values


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    *tables, last = (part.strip() for part in key.split("."))
    if not equals or not all([*tables, last]):
        raise _override_error(text)
    for table in tables:
        inner = values.setdefault(table, {})
        if isinstance(inner, str):  # a preset
            inner = values[table] = {"preset": inner}
        if not isinstance(inner, dict):
            raise _override_error(f"{text}, but {table} is {inner!r}")
        values = inner
    try:
        values[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = value.strip()


def _override_error(received: str) -> InputError:
    return InputError(
        "An override sets one value.", expected="key=value, such as training.epochs=5", received=received
    )


def _input_error(cls: Any, error: ValidationError, origin: str, keywords: Iterable[str]) -> InputError:
    complaints = [_complaint(cls, item, keywords) for item in error.errors()]
    return InputError(
        f"The settings in {origin} are not valid.",
        expected="; ".join(expected for expected, _ in complaints),
        received="; ".join(received for _, received in complaints),
    )


def _complaint(cls: Any, item: Any, keywords: Iterable[str]) -> tuple[str, str]:
    """Return what was expected and what was received; our own validators say both in one message."""
    location = ".".join(map(str, item["loc"]))
    if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        *tables, key = map(str, item["loc"])
        known = sorted({*_known_keys(cls, tables), *(() if tables else keywords)})
        nearest = difflib.get_close_matches(key, known, n=1)
        path = ".".join([*tables, *nearest])
        hint = f"a known key; the nearest is `{path}`" if nearest else f"one of {', '.join(known)}"
        return hint, f"unknown key `{location}`"
    expected, _, received = item["msg"].removeprefix("Value error, ").partition(", received ")
    received = received or f"{item['input']!r:.80}"
    return (f"{location}: {expected}" if location else expected), received


def _known_keys(cls: Any, tables: list[str]) -> list[str]:
    """Return the fields of a dataclass, or of the one inside it that a path of tables leads to."""
    for table in tables:
        inner = [part for part in _parts(get_type_hints(cls).get(table)) if is_dataclass(part)]
        cls = inner[0] if inner else cls
    return sorted(field.name for field in fields(cls))


def _parts(hint: Any) -> tuple[Any, ...]:
    """Return the types that a hint is made of: `A | None` gives A and None."""
    return get_args(hint) or (hint,)
