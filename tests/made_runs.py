"""Journals of syntheses and growths that nobody ran: their own rules, with measures that are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gakeras.growth import growth_settings
from gakeras.growth import records as growth_records
from gakeras.growth.population import Population, Trained, Training, next_trainings
from gakeras.jobs import JobResult
from gakeras.journal import JournalWriter
from gakeras.lineage import records, synthesis_settings
from gakeras.lineage.family import Birth, Family, Grown, next_births

LAYERS = ("conv_1/kernel", "conv_2/kernel", "output/kernel")
PUBLISHED = {
    "title": "a paper",
    "generations": [[1, 1.0, 99.0], [3, 5.0, 98.0]],
    "clusters": {"b": [1, 2, 3]},
}


def make_synthesis(
    run_dir: Path, *, text: str = "a", has_test: bool = True, fails: bool = False, **settings: Any
) -> Path:
    """Write the journal of a synthesis; `text` is wherever text may be, and every third network may fail."""
    few: dict[str, Any] = {"epochs": 1}
    defaults = {"name": text, "generations": 4, "offspring": 3, "max_drop": None, "last": few}
    plan = synthesis_settings(defaults | settings)
    family, lines = Family(), [_header("synthesis", plan.to_json(), text)]
    while births := next_births(family, plan):
        for birth in births:
            family.propose(birth)
            lines.append(records.record_of(birth, len(lines)))
        for birth in births:
            event = Grown(birth.number, _grown(birth, text, has_test, fails))
            family.absorb(event)
            lines.append(records.record_of(event, len(lines)))
    return _write(run_dir, lines)


def make_growth(
    run_dir: Path,
    *,
    text: str = "a",
    has_test: bool = True,
    fails: bool = False,
    has_ensemble: bool = True,
    **settings: Any,
) -> Path:
    """Write the journal of a growth; `text` is wherever text may be, and every third training may fail."""
    defaults = {"name": text, "iterations": 3, "last_steps": 20}
    plan = growth_settings(defaults | settings)
    population, lines = Population(), [_header("growth", plan.to_json(), text)]
    while trainings := next_trainings(population, plan):
        for training in trainings:
            population.propose(training)
            lines.append(growth_records.record_of(training, len(lines)))
        for training in trainings:
            event = Trained(training.number, _trained(training, text, has_test, fails))
            population.absorb(event)
            lines.append(growth_records.record_of(event, len(lines)))
    if has_ensemble:
        members = [member.number for member in population.final()]
        ensemble = {
            "members": members,
            "shares": [1 / len(members)] * len(members),
            "flops": 5000,
            "loss": 0.2,
            "accuracy": 0.95,
            "test_loss": 0.3 if has_test else None,
            "test_accuracy": 0.94 if has_test else None,
        }
        lines.append({"type": "joined", "key": text, "ensemble": ensemble, "result": {}})
    return _write(run_dir, lines)


def torn(journal: Path, keep: Callable[[Sequence[bytes]], int] = lambda lines: len(lines) - 1) -> Path:
    """Cut a journal, as if its next line were just being written."""
    lines = journal.read_bytes().splitlines(keepends=True)
    number = keep(lines)
    journal.write_bytes(b"".join(lines[:number]) + lines[number][:9])
    return journal


def _header(kind: str, settings: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "type": "header",
        "schema": 1,
        "kind": kind,
        "versions": {"python": "3.11", "gakeras": None, text: text},
        "settings": settings,
        "data": {"task": {"kind": "multiclass", "outputs": 10}, "input_shape": [28, 28]},
        "data_digest": text,
        "fold_digest": text,
    }


def _write(run_dir: Path, lines: Sequence[Any]) -> Path:
    run_dir.mkdir(parents=True)
    with JournalWriter(run_dir / "journal.jsonl") as journal:
        journal.append(lines)
    return run_dir / "journal.jsonl"


def _scores(part: str, accuracy: float) -> dict[str, float]:
    names = ("accuracy", "precision", "recall")
    return {f"{part}_{name}": accuracy for name in names} | {f"{part}_loss": 1 - accuracy}


def _grown(birth: Birth, text: str, has_test: bool, fails: bool) -> JobResult:
    times = {"start": 10.0 * birth.number, "end": 10.0 * birth.number + 5, "cpu_seconds": 4.0}
    if fails and birth.number % 3 == 2:
        return JobResult(str(birth.number), "error", text, **times)
    generation = birth.generation
    synapses = 10_000 // 2**generation - birth.number
    measures = {
        **_scores("val", 0.99 - generation / 100 - birth.number / 1000),
        **(_scores("test", 0.98 - generation / 100) if has_test else {}),
        "synapses": synapses,
        "efficiency": 10_000 / synapses,
        "clusters": {
            kind: {layer if text == "a" else layer + text: 1.0 + generation * place
                   for place, layer in enumerate(LAYERS)}
            for kind in ("filter", "kernel")
        },
        "parameters": 2 * synapses,
        "multiply_accumulates": 30 * synapses,
        "sparse_bytes": 5 * synapses,
    }  # fmt: skip
    return JobResult(str(birth.number), "ok", None, measures, **times)


def _trained(training: Training, text: str, has_test: bool, fails: bool) -> JobResult:
    times = {"start": 10.0 * training.number, "end": 10.0 * training.number + 5, "cpu_seconds": 4.0}
    if fails and training.number % 3 == 2:
        return JobResult(
            str(training.number), "error", text, {"flops": 1000, "trained_examples": 10}, **times
        )
    accuracy = 0.9 + training.age / 1e5 + training.network / 1e4
    measures = {
        "transforms": [{"kind": "widen", "layer": f"{text}_{n}", "units": 9} for n in training.mutations],
        "parameters": 100 * (1 + training.network),
        "flops": 1000 * (1 + training.network),
        "trained_examples": 32 * training.steps,
        "validated_examples": 10,
        "loss": 0.5,
        "train_accuracy": accuracy,
        **_scores("val", accuracy),
        **(_scores("test", accuracy - 0.01) if has_test else {}),
    }
    return JobResult(str(training.number), "ok", None, measures, **times)
