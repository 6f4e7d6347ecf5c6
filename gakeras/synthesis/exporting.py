"""The export job: a network of the family as a small plain Keras model on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.durable import put_in_place
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.options import TrainingOptions
from gakeras.graph import model_cost
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.births import load_ancestor
from gakeras.synthesis.compaction import compact, masked_weights, shrink
from gakeras.synthesis.storage import load_masks, load_weights
from gakeras.synthesis.upbringing import open_nursery

_NUM_COMPARED = 256


def export_network(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Compact a network and save it as a `.keras` file that loads with Keras alone, compiled anew.

    Args:
        payload: `model`, the ancestor's path; `weights` and `masks`, the network's; `training`,
            for the optimizer; `data_dir`, `folds_file`; `save_to`, the path of the file.

    Returns:
        Measures: `file_bytes`, `parameters`, `multiply_accumulates`, and `max_difference`, the
        largest difference of an output from the masked network's on 256 training examples, in float32.
        Artifacts: `model`.
    """
    path = Path(payload["save_to"])
    try:
        nursery = open_nursery(load_ancestor(Path(payload["model"])), payload)
        model, masks = nursery.model, load_masks(Path(payload["masks"]))
        write_weights(model, masked_weights(load_weights(Path(payload["weights"])), masks))
        small = compact(model, masks)
        examples = np.asarray(nursery.data.x[:_NUM_COMPARED])
        difference = np.abs(model.predict_on_batch(examples) - small.predict_on_batch(examples)).max()
        options = TrainingOptions(**payload["training"])
        if options.dtype_policy != "float32":
            small = shrink(
                model, nursery.graph, nursery.channels, read_weights(model), options.dtype_policy
            ).model
        nursery.head.compile(small, options, with_metrics=True)
        small.optimizer.build(small.trainable_variables)  # or loading warns that its state is missing
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp.keras")
        small.save(temporary)
        put_in_place(temporary, path)
        cost = model_cost(small)
    finally:
        forget_models()
    measures = {
        "file_bytes": path.stat().st_size,
        "parameters": cost.parameters,
        "multiply_accumulates": cost.multiply_accumulates,
        "max_difference": float(difference),
    }
    return {"measures": measures, "artifacts": {"model": str(path)}}
