"""Config files of the three kinds of runs, and the commands that take them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gakeras.config.shipped import shipped_configs
from gakeras.errors import InputError
from gakeras.validation import read_values

COMMANDS = {"search": "search", "synthesis": "synthesize", "growth": "grow"}
"""The command that begins a run, by its kind."""


def read_config(path: Path, overrides: Iterable[str], *, kind: str, beside: str = "") -> dict[str, Any]:
    """Return what a config for one kind of run says, with `key=value` overrides on top.

    Args:
        path: Of a TOML file; without the key `kind` it is for a search.
        overrides: As `gakeras.validation.read_values` takes them.
        kind: Of the run.
        beside: What else could be named in the place of the file, for the message.

    Raises:
        InputError: The file is missing, does not parse, or is for another kind of run.
    """
    shipped = ", ".join(sorted(shipped_configs(kind)))
    expected = f"{beside}a readable file, or one of the shipped configs: {shipped}"
    values = read_values(path, overrides, expected=expected)
    received = values.pop("kind", "search")
    if received != kind:
        command = COMMANDS.get(received)
        raise InputError(
            "A config says what it is for.",
            expected=f"the config of a {kind}",
            received=f"{path}, kind = {received!r}",
            way_out=f"Use `gakeras {command} {path}`, or one of {shipped}." if command else "",
        )
    return values
