"""What a model card says of the ensemble of a growth."""

from __future__ import annotations

from gakeras.exporting.card import Section
from gakeras.exports import data_section, versions_section
from gakeras.growth.ensembles import Ensemble
from gakeras.growth.history import GrownNetwork
from gakeras.growth.runs import GrowthRun


def ensemble_sections(run: GrowthRun, ensemble: Ensemble, best: GrownNetwork) -> dict[str, Section]:
    """Return the sections of a card; `best` is the network that the ensemble is compared with."""
    parts = zip(ensemble.members, ensemble.shares, strict=True)
    return {
        "What it is": {
            "found by": f"gakeras, the growth {run.plan.name!r}, an ensemble of {len(ensemble.members)}",
            "members and their shares": ", ".join(f"{number}: {share:.4f}" for number, share in parts),
            "FLOPs of one example": ensemble.flops,
            "seed": str(run.plan.seed),
            "backend": run.plan.backend,
        },
        "Scores": [
            ("network", "validation accuracy", "validation loss", "test accuracy"),
            (
                f"the best alone, {best.number}",
                f"{best.accuracy:.4f}",
                f"{best.loss:.4f}",
                _accuracy(best.test.get("accuracy")),
            ),
            (
                "this ensemble",
                f"{ensemble.accuracy:.4f}",
                f"{ensemble.loss:.4f}",
                _accuracy(ensemble.test_accuracy),
            ),
        ],
        "Data": data_section(run),
        "Versions": versions_section(run),
    }


def _accuracy(tested: float | None) -> str:
    return "no test set" if tested is None else f"{tested:.4f}"
