"""Journals of searches that nobody ran of any length, with any text, and runs that end otherwise."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from gakeras.config import Settings, settings_from
from gakeras.encoding import Genome, genome_cost, random_genome
from gakeras.journal import JournalWriter

SHAPE, OUTPUTS, NUM_FOLDS = (28, 28), 10, 3
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\"{{ 7 * 7 }}"


def made_settings(**changes: Any) -> Settings:
    """Return the settings of a search on small images, with two baselines."""
    final = {"baselines": ["fashion_baseline", "fashion_baseline_dropout"]}
    return settings_from({"name": "made", "max_evaluations": 1000, "final": final} | changes)


def make_journal(
    run_dir: Path,
    num_evaluations: int,
    *,
    settings: Settings | None = None,
    seed: int = 1,
    failed_share: float = 0.1,
    num_workers: int = 4,
    text: str = "a",
    is_trained: bool = True,
) -> Path:
    """Write a journal into a new directory and return its path; `text` is wherever text may be."""
    settings = settings or made_settings()
    run_dir.mkdir(parents=True)
    path = run_dir / "journal.jsonl"
    rng = random.Random(seed)
    with JournalWriter(path) as journal:
        journal.append([_header(settings, text)])
        journal.append(_search(settings, num_evaluations, rng, failed_share, num_workers, text))
        if is_trained:
            journal.append(_trained(name, repeat, text) for repeat in range(2) for name in ("best", text))
    return path


def end_otherwise(path: Path, number: int, status: str, *, is_cut: bool = True) -> None:
    """Rewrite a journal so that a task has ended with another status; by default it is the last record."""
    lines = path.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    place = next(i for i, r in enumerate(records) if (r["type"], r.get("number")) == ("finished", number))
    other = {"status": status, "reason": "made so", "measures": {}, "artifacts": {}}
    lines[place] = json.dumps(records[place] | other)
    path.write_text("\n".join(lines[: place + 1 if is_cut else None]) + "\n")


def _header(settings: Settings, text: str) -> dict[str, Any]:
    return {
        "type": "header",
        "schema": 1,
        "kind": "search",
        "versions": {"python": "3.11", "gakeras": None, text: text},
        "settings": settings.to_json(),
        "data": {"task": {"kind": "multiclass", "outputs": OUTPUTS}, "input_shape": list(SHAPE)},
        "data_digest": text,
        "fold_digest": text,
    }


def _search(
    settings: Settings,
    num_evaluations: int,
    rng: random.Random,
    failed_share: float,
    num_workers: int,
    text: str,
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    succeeded: list[int] = []
    free = [0.0] * num_workers
    number = 0
    for _ in range(num_evaluations):
        verdict = "oversized" if rng.random() < 0.2 else None
        genome = random_genome(settings.space, SHAPE, rng)
        parents = rng.sample(succeeded[-30:], 2) if len(succeeded) > 20 else []
        records.append(_proposed(number, genome, parents, verdict, text, min(free)))
        if verdict:
            number += 1
            records.append(_proposed(number, genome, parents, None, text, min(free)))
        worker, seconds = free.index(min(free)), rng.uniform(1, 20)
        start = free[worker]
        free[worker] += seconds
        failed = rng.random() < failed_share
        records.append(_finished(number, genome, rng, worker, start, free[worker], failed, text))
        if not failed:
            succeeded.append(number)
        number += 1
    return records


def _proposed(
    number: int, genome: Genome, parents: list[int], verdict: str | None, text: str, elapsed: float
) -> dict[str, Any]:
    return {
        "type": "proposed",
        "number": number,
        "genome": genome.to_json(),
        "parents": parents,
        "operators": ["crossover", "changeLayerSize", text] if parents else ["random"],
        "verdict": verdict,
        "reason": text if verdict else None,
        "elapsed": elapsed,
    }


def _finished(
    number: int,
    genome: Genome,
    rng: random.Random,
    worker: int,
    start: float,
    end: float,
    failed: bool,
    text: str,
) -> dict[str, Any]:
    cost = genome_cost(genome, SHAPE, OUTPUTS)
    loss = rng.lognormvariate(-1 - number / 100, 0.5)  # it falls, so that the winner has ancestors
    folds = [
        {"fold": fold, "epochs": [{"epoch": 0, "val_loss": loss + rng.random() / 10, "val_metric": 0.9}]}
        for fold in range(NUM_FOLDS)
    ]
    measures = {"parameters": cost.parameters, "flops": cost.flops, "folds": folds}
    return {
        "type": "finished",
        "number": number,
        "elapsed": end,
        "job_id": str(number),
        "status": "error" if failed else "ok",
        "reason": text if failed else None,
        "measures": {} if failed else measures,
        "worker": f"{text}/{worker}",
        "host": text,
        "start": 1e9 + start,
        "end": 1e9 + end,
    }


def _trained(name: str, repeat: int, text: str) -> dict[str, Any]:
    measures = {"parameters": 10, "flops": 20, "test_metric": 0.9 + repeat / 100, "test_loss": 0.3}
    key = {"name": name, "repeat": repeat, "digest": text, "training": {"optimizer": text}, "data_dir": text}
    return {"type": "trained", "key": key, "result": {"job_id": name, "status": "ok", "measures": measures}}
