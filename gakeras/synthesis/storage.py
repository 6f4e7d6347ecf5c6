"""Masks and weights on disk: what an unfinished family needs beside its ancestor's model."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gakeras.durable import put_in_place
from gakeras.errors import InputError
from gakeras.synthesis.masks import Masks


def save_masks(path: Path, masks: Masks) -> None:
    """Write masks, one bit a synapse, to an .npz file, whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    for name, mask in masks.items():
        arrays[f"bits:{name}"], arrays[f"shape:{name}"] = np.packbits(mask), np.array(mask.shape)
    temporary = path.with_name(f".{path.name}.tmp.npz")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    put_in_place(temporary, path)


def load_masks(path: Path) -> dict[str, np.ndarray]:
    """Read what `save_masks` wrote.

    Raises:
        InputError: for a file that is missing or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = [name.removeprefix("bits:") for name in arrays.files if name.startswith("bits:")]
            return {name: _unpacked(arrays[f"bits:{name}"], arrays[f"shape:{name}"]) for name in names}
    except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            "The masks cannot be read.",
            expected="a file written by `save_masks`",
            received=f"{path} ({type(error).__name__}: {error})",
        ) from error


def save_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name to an .npz file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp.npz")
    np.savez(temporary, **dict(weights))  # type: ignore[arg-type]
    put_in_place(temporary, path)


def load_weights(path: Path) -> dict[str, np.ndarray]:
    """Read what `save_weights` wrote.

    Raises:
        InputError: for a file that is missing or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, ValueError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            "The weights cannot be read.",
            expected="a file written by `save_weights`",
            received=f"{path} ({type(error).__name__}: {error})",
        ) from error


def save_answers(path: Path, outputs: np.ndarray) -> None:
    """Write the outputs of a network for all training examples to an .npy file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp.npy")
    np.save(temporary, outputs)
    put_in_place(temporary, path)


def _unpacked(bits: np.ndarray, shape: np.ndarray) -> np.ndarray:
    size = tuple(int(length) for length in shape)
    return np.unpackbits(bits, count=int(np.prod(size))).astype(bool).reshape(size)
