"""The job that makes one plain Keras model of several members."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gakeras.durable import put_in_place
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.trainer import Trainer
from gakeras.graph import model_cost
from gakeras.growth.settings import StepTraining
from gakeras.growth.training import load_network, measure, open_examples
from gakeras.morphism.ensembles import mean_ensemble


def join_ensemble(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Join members, measure what they say together, and save them as one model.

    Args:
        payload: `members`, the paths of `.keras` files; `shares`, one for each; `training`
            (`StepTraining` as JSON), `data_dir`, `folds_file`, and `save_to`, a `.keras` file.

    Returns:
        Measures: parameters, FLOPs and scores. Artifacts: `model`.
    """
    examples, options = open_examples(payload), StepTraining(**payload["training"]).options
    path = Path(payload["save_to"])
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        models = [load_network(Path(member), with_optimizer=False) for member in payload["members"]]
        model = mean_ensemble(models, payload["shares"])
        head = examples.head(models[0])
        head.compile(model, options, with_metrics=True)
        cost = model_cost(model)
        measures: dict[str, Any] = {"parameters": cost.parameters, "flops": cost.flops}
        trainer = Trainer(model, options.batch_size, len(examples.train))
        scores, _ = measure(trainer, head, examples, measures)
        temporary = path.with_name(f".{path.name}.tmp.keras")
        model.save(temporary)
        put_in_place(temporary, path)
    finally:
        forget_models()
    return {"measures": measures | scores, "artifacts": {"model": str(path)}}
