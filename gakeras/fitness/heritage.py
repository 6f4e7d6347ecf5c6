"""What one evaluation takes from the checkpoints of its parents, and leaves to its children, fold by fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.data import DataInfo, folds_digest
from gakeras.encoding import Genome
from gakeras.fitness.checkpoints import Checkpoint, Training, load_checkpoint, save_checkpoint
from gakeras.fitness.inheritance import Relative, inherit
from gakeras.graph.rebuilding import read_weights, write_weights


@dataclass(frozen=True)
class Heritage:
    """The parents' folders of weights by their numbers, and the folder for its own.

    Fold f reads and writes weights of fold f alone, under the digests of folds and data.
    """

    genome: Genome
    info: DataInfo
    fold_digest: str
    parents: Mapping[int, Path]
    folder: Path

    def take(self, model: keras.Model, fold: int) -> dict[str, Any]:
        """Give a freshly initialized model its parents' weights of a fold.

        Return the `age` that these have, in epochs, and under `inherited` the number of the individual for
        every layer that took any.

        Raises:
            JobFailed: The weights of a parent are missing, or of another fold or other data.
        """
        known = {number: load_checkpoint(path, self._training(fold)) for number, path in self.parents.items()}
        parents = [Relative(parent.genome, parent.weights) for parent in known.values()]
        child = inherit(self.genome, self.info.input_shape, read_weights(model), parents)
        write_weights(model, child.weights)
        inherited = {layer: list(known)[source] for layer, source in child.sources.items()}
        return {"age": max((known[number].age for number in inherited.values()), default=0)} | {
            "inherited": inherited
        }

    def leave(self, model: keras.Model, fold: int, age: int) -> None:
        """Keep a fold's trained weights for the children of this individual."""
        save_checkpoint(Checkpoint(self.genome, read_weights(model), self._training(fold), age), self.folder)

    def _training(self, fold: int) -> Training:
        return Training(fold, self.fold_digest, self.info.digest)


def heritage_of(
    payload: Mapping[str, Any], genome: Genome, info: DataInfo, folds: np.ndarray
) -> Heritage | None:
    """Return the heritage that a payload names under `heritage`, None where there is none."""
    named = payload.get("heritage")
    if named is None:
        return None
    parents = {int(number): Path(path) for number, path in named["parents"].items()}
    return Heritage(genome, info, folds_digest(folds), parents, Path(named["folder"]))
