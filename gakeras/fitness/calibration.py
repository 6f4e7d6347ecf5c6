"""The calibration job: what an epoch takes on this worker, before anything has been evaluated."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data import open_data
from gakeras.encoding import Genome, genome_cost, num_activations
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.network import compiled_model, set_statistics
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Trainer

NUM_STEPS = 6

IMAGE_NETWORKS = (
    "conv #8 kernelsize=3 activation=relu padding=same\npool poolsize=2 padding=same",
    "conv #24 kernelsize=3 activation=relu padding=same\ndense #16 activation=relu",
    "dense #300 activation=relu",
)
TABLE_NETWORKS = (
    "dense #16 activation=relu",
    "dense #300 activation=relu",
    "dense #300 activation=relu\ndense #300 activation=relu",
)


def calibrate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Time a few steps of three small networks, and return what an epoch of a fold would take.

    Args:
        payload: `training` (`TrainingOptions` as JSON), `data_dir`, `num_folds`, and `num_examples` in all of
            the folds.

    Returns:
        Measures: `timings`, the fields of a `Timing` for each network.
    """
    options = TrainingOptions(**payload["training"])
    if options.dtype_policy == "auto":
        options = replace(options, dtype_policy="float32")
    data = open_data(Path(payload["data_dir"]))
    texts = IMAGE_NETWORKS if len(data.info.input_shape) > 1 else TABLE_NETWORKS
    num_train = round(payload["num_examples"] * (1 - 1 / payload["num_folds"]))
    num_timed = min(NUM_STEPS * options.batch_size, num_train)
    indices = np.arange(num_timed)
    held_out = indices[: max(1, num_timed // (payload["num_folds"] - 1))]
    timings = []
    try:
        for genome in map(Genome.parse, texts):
            trainer = Trainer(compiled_model(genome, data.info, options), options.batch_size, num_train)
            set_statistics(trainer.model, data.x, data.y)
            seconds = []
            for examples in (indices[: options.batch_size], indices):
                start = time.process_time()
                trainer.train_epoch(data.x, data.y, examples, seed=0)
                trainer.predict(data.x, held_out)
                seconds.append(time.process_time() - start)
            cost = genome_cost(genome, data.info.input_shape, data.info.task.outputs)
            timings.append(
                {
                    "macs": cost.flops / 2,
                    "activations": num_activations(genome, data.info.input_shape, data.info.task.outputs),
                    "parameters": cost.parameters,
                    "epoch_seconds": seconds[1] * num_train / num_timed,
                    "tracing_seconds": max(0.0, seconds[0] - seconds[1]),
                }
            )
    finally:
        forget_models()
    return {"measures": {"timings": timings}, "artifacts": {}}
