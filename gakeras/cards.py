"""What a model card says of the winner of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gakeras.evolution import Individual
from gakeras.exporting.card import Section
from gakeras.exports import data_facts, data_section, versions_section
from gakeras.fitness.objectives import decimals, fold_losses, fold_metrics, scores_on, spread_text
from gakeras.fitness.options import training_as_done
from gakeras.journal import Record
from gakeras.run import RunDirectory

if TYPE_CHECKING:
    from gakeras.data import DataInfo


def search_sections(
    run: RunDirectory, best: Individual, training: Record, info: DataInfo | None = None
) -> dict[str, Section]:
    """Return the sections of a card.

    Args:
        run: The search.
        best: The individual that was trained.
        training: The journal's record of the training that gave the model.
        info: The data of the training, where they are others than those of the search.
    """
    metric = run.metric
    losses, metrics = fold_losses(best.measures), fold_metrics(best.measures)
    scores = [
        (f"fold {n}", decimals(loss), decimals(value))
        for n, (loss, value) in enumerate(zip(losses, metrics, strict=True))
    ]
    means = [f"{decimals(sum(each) / len(each))}{spread_text(each, '+-')}" for each in (losses, metrics)]
    measures, options = training["result"]["measures"], training_as_done(training["key"], best.genome)
    part = "training examples" if options.get("validation_share") else "all training examples"
    return {
        "What it is": {
            "found by": f"gakeras, the search {run.settings.name!r}, individual {best.id}",
            "seed": str(run.settings.seed),
            "parameters": best.parameters,
            "FLOPs of one example": best.flops,
            "backend": run.settings.backend,
        },
        "Network": str(best.genome),
        "Cross-validation": [("validation", "loss", metric), *scores, ("mean and deviation", *means)],
        f"This model, trained on {part}": _final_scores(measures, metric)
        | {_WORDS.get(name, name): value for name, value in options.items() if value is not None},
        **({} if info is None else {"Data of this model": data_facts(info)}),
        "Data" if info is None else "Data of the search": data_section(run),
        "Versions": versions_section(run),
    }


def _final_scores(measures: Mapping[str, Any], metric: str) -> dict[str, object]:
    return {
        f"{part} {label}": decimals(value)
        for part in ("test", "train")
        for label, value in zip((metric, "loss"), scores_on(part, measures) or (), strict=False)
    }


_WORDS = {"stop_after": "stopped after epoch", "validation_share": "held out"}
