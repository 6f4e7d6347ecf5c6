"""Models as files: one that a run is given is checked and copied to it, one that it saved is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gakeras.durable import put_in_place
from gakeras.errors import InputError

if TYPE_CHECKING:
    import keras

GivenModel = Path | Callable[[Path], None] | None
"""A `.keras` file to be copied, a function that writes one, or None where settings name one to build."""


def check_model_path(path: Path, noun: str, example: str) -> Path:
    """Return the path of a `.keras` file that is there, or say what is wrong with it.

    `noun` is what the model is in its run, as a subject; `example` a name for its file.
    """
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(
            f"{noun} is a model, or the path of one.",
            expected="a .keras file",
            received=f"{path}, " + ("which is not there" if path.suffix == ".keras" else "another sort"),
            way_out=f"Save a model with `model.save('{example}.keras')`.",
        )
    return path


def check_model(model: Any, rule: str, expected: str) -> Callable[[Path], None]:
    """Return what saves a model; refuse one that is none, is not built, or cannot be followed."""
    if not hasattr(model, "get_config") or not hasattr(model, "save"):
        raise InputError(rule, expected=expected, received=f"a {type(model).__name__}")
    from gakeras.graph import read_graph, trace_channels

    trace_channels(read_graph(model))
    save: Callable[[Path], None] = model.save
    return save


def load_saved(path: Path) -> keras.Model:
    """Return the model of a `.keras` file that a run has written, in this process."""
    import keras

    return keras.saving.load_model(path)


def put_model(model: GivenModel, target: Path) -> None:
    """Write a given model to its place in a run's directory, whole or not at all."""
    if model is None:
        return
    temporary = target.with_name(f".{target.name}.tmp.keras")
    if isinstance(model, Path):
        shutil.copyfile(model, temporary)
    else:
        model(temporary)
    put_in_place(temporary, target)
