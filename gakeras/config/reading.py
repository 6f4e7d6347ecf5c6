"""From plain values, a TOML file or keyword arguments to validated settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gakeras.config.kinds import read_config
from gakeras.config.settings import USUAL_CAPS, Settings
from gakeras.encoding import SearchSpace
from gakeras.errors import InputError
from gakeras.evolution import Variation
from gakeras.fitness.options import TrainingOptions
from gakeras.validation import overridden, validated

PRESETS: dict[str, dict[str, Callable[[], SearchSpace | Variation]]] = {
    "space": {"default": SearchSpace.wide, "paper": SearchSpace.paper, "plain": SearchSpace},
    "variation": {"default": Variation, "paper": Variation.paper},
}


def settings_from(
    values: Mapping[str, Any], *, origin: str = "settings", keywords: Iterable[str] = ()
) -> Settings:
    """Validate settings given as nested plain values.

    `space` and `variation` may name a preset (`"default"`, `"paper"`, for `space` also `"plain"`), or be
    a table that has a `preset` beside its own values. Without one it begins with `SearchSpace()`, the plain
    space, as tables of old configs and journals do. `fidelity` may name its kind, as text or as `preset`. An
    unknown key is refused with the nearest known one, or the nearest of `keywords`, the other names a caller
    takes.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.
    """
    nested = dict(values)
    match nested.get("fidelity"):
        case str(kind):
            nested["fidelity"] = {"kind": kind}
        case {"preset": kind, **others}:  # an override beside text
            nested["fidelity"] = {"kind": kind, **others}
    for key in PRESETS:
        if key in nested:
            nested[key] = _with_preset(nested[key], key)
    return validated(Settings, nested, origin=origin, keywords=keywords)


def training_options(**values: Any) -> TrainingOptions:
    """Return validated training options. Raises `InputError` as `settings_from` does."""
    return validated(TrainingOptions, values, origin="the arguments")


def load_config(path: Path, overrides: Iterable[str] = ()) -> Settings:
    """Read settings from a TOML file, with `key=value` overrides on top.

    Keys of overrides are dotted, values are TOML, or else text: `training.epochs=5`,
    `space.pool_sizes=[2]`, `data.source=mnist`. One changes what it names: a space or caps that
    the file does not have are the usual ones in all else.

    Raises:
        InputError: The file is missing, does not parse, or a setting is wrong.
    """
    usual = {"space": "default", "caps": asdict(USUAL_CAPS)}
    values = usual | read_config(path, (), kind="search")
    return settings_from(overridden(values, overrides), origin=str(path))


def _with_preset(value: Any, key: str) -> Any:
    table = {"preset": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        return value
    if "preset" not in table:
        return value
    preset = table["preset"]
    if preset not in PRESETS[key]:
        raise InputError(
            "A preset is a table that is ready to use, or to change.",
            expected=f"the {key} or its preset one of {', '.join(PRESETS[key])}",
            received=f"{key} = {preset!r}",
        )
    changes = {name: item for name, item in table.items() if name != "preset"}
    chosen = PRESETS[key][preset]()
    plain: dict[str, Any] = TypeAdapter(type(chosen)).dump_python(chosen, mode="json")
    return plain | changes
