"""The tasks of peers.py, each in a process of its own: search, train or evaluate, and write the answer down.

    python peer_tasks.py BENCH_AS_JSON TASK_AS_JSON

What has an answer on disk is never done again; a lock lets one task at a time work on a core.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock
from peer_answers import Answers, Json
from peer_outcomes import Outcome

from gakeras.config import Settings
from gakeras.run import RunDirectory


@dataclass(frozen=True)
class Bench:
    """What all tasks share: where results are, the config, the data, threads, and settings on top.

    `answers_file` is that of `out` where none is named. With `only_show` nothing is done that has not been.
    """

    out: str
    config: str
    answers_file: str | None = None
    data: str | None = None
    limit: int | None = None
    threads: int = 1
    core: int | None = None
    changes: tuple[str, ...] = ()
    budgets: tuple[float, ...] = (480.0,)
    only_show: bool = False

    @property
    def answers(self) -> Answers:
        """The answers there are."""
        return Answers(Path(self.answers_file or Path(self.out) / "answers.jsonl"))

    def begin(self) -> None:
        """Say in the file of answers what it is about, or stop where it is about something else."""
        config = tomllib.loads(Path(self.config).read_text(encoding="utf-8"))
        self.answers.begin(
            {
                "config": Path(self.config).stem,
                "config_digest": _digest(config),
                "data": Path(self.data).name if self.data else None,
                "limit": self.limit,
                "threads": self.threads,
                "changes": list(self.changes),
            }
        )

    def answer(self, task: Json) -> Json | None:
        """Return the answer to a task, done in another process where it is missing; None where it failed."""
        found = self.answers.find(task)
        if found is None and not self.only_show:
            from gakeras.workers.supervisor import keras_environment

            name = f"{task['kind']} {task['label']} {task['seed']}"
            print(name, flush=True)
            environment = os.environ | keras_environment("tensorflow", threads=self.threads)
            command = [sys.executable, __file__, json.dumps(asdict(self)), json.dumps(task)]
            done = subprocess.run(command, env=environment, check=False)
            if done.returncode:
                print(f"{name} ended with {done.returncode}, and is tried again next time", flush=True)
            found = self.answers.find(task)
        return found

    def search(self, system: str, budget: float, seed: int, *, is_anytime: bool) -> Outcome | None:
        """Return what a system finds with a budget; an anytime one runs once, with the largest of all."""
        longest = max(self.budgets)
        if not is_anytime or budget >= longest:
            answer = self.answer(search_task(system, budget, seed) | self._own_space(system, budget, seed))
            return None if answer is None else Outcome.from_json(answer)
        whole = self.search(system, longest, seed, is_anytime=True)
        if whole is None or not whole.curve:
            return whole
        return replace(whole.at(budget), read_from=longest)

    def settings(self, system: str, seed: int, budget: float, final: Json | None = None) -> Settings:
        """Return the settings of a system's search, perhaps with changes of the final training."""
        from peer_systems import merge, settings_of, systems_of

        changes: Json = {"data": {"source": self.data, "limit": self.limit}} if self.data else {}
        if self.limit is not None:
            merge(changes, {"data": {"limit": self.limit}})
        for line in self.changes:
            merge(changes, tomllib.loads(line))
        merge(changes, {"final": final or {}})
        config = Path(self.config)
        return settings_of(systems_of(config)[system], config, seed, budget, self.threads, changes)

    def _own_space(self, system: str, budget: float, seed: int) -> Json:
        """Return the digest of a space that is not the config's: another version may have another one."""
        from gakeras.config import load_config

        space = self.settings(system, seed, budget).space
        if space == load_config(Path(self.config)).space:
            return {}
        return {"space_digest": _digest(asdict(space))}

    def run_folder(self, system: str, budget: float, seed: int, *, is_anytime: bool) -> Path:
        """Return the run directory of a search of gakeras; one that is anytime goes on with any budget."""
        length = "" if is_anytime else f"-{budget:g}"
        return Path(self.out) / "runs" / f"{system.replace(' ', '_')}{length}-{seed}"


def _digest(values: Json) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def search_task(system: str, budget: float, seed: int) -> Json:
    """Return the task of a search."""
    return {
        "kind": "search",
        "label": f"{system} {budget:g}",
        "system": system,
        "budget": budget,
        "seed": seed,
    }


def train_task(recipe: str, genome: Json, seed: int, repeat: int, how: Json) -> Json:
    """Return the task of a final training; `how` has `training` and perhaps `stop_after` or `find_epoch_of`.

    Genes of learning are kept by a system's own recipe alone: the common one is the same for all.
    """
    if recipe == "common":
        genome = {name: part for name, part in genome.items() if name != "learning"}
    label = f"{recipe} {_digest(genome)} {repeat}"
    return {"kind": "train", "label": label, "genome": genome, "seed": seed, "repeat": repeat, **how}


def evaluate_task(genome: Json, seed: int) -> Json:
    """Return the task of a full evaluation, from other initial weights than the search's."""
    return {"kind": "evaluate", "label": _digest(genome), "genome": genome, "seed": seed, "repeat": 1}


def do_search(bench: Bench, task: Json) -> Json:
    """Search, from where a run was killed if its system can go on."""
    from peer_systems import systems_of

    from gakeras.beginning import create_run
    from gakeras.data import load_source
    from gakeras.journal import has_begun
    from gakeras.run import open_run

    system = systems_of(Path(bench.config))[task["system"]]
    settings = bench.settings(task["system"], task["seed"], task["budget"])
    where = bench.run_folder(task["system"], task["budget"], task["seed"], is_anytime=system.is_anytime)
    if system.resumes and has_begun(where / "journal.jsonl"):
        run = open_run(where)
    else:
        shutil.rmtree(where, ignore_errors=True)
        assert settings.data is not None, "the config, or --data, names the data"
        run = create_run(where, settings, load_source(settings.data.source, limit=settings.data.limit))
    return system.search(run, settings, task["budget"]).to_json()


def do_train(bench: Bench, task: Json) -> Json:
    """Train a genome's network on all training examples, and measure it on the test set."""
    from gakeras.fitness.final import train

    run = _shared_run(bench, task["seed"])
    training = task["training"]
    if "find_epoch_of" in task:
        training = training | {"epochs": _best_epoch(run, task, task["find_epoch_of"])}
    payload = {
        "genome": task["genome"],
        "training": training,
        "stop_after": task.get("stop_after"),
        "repeat": task["repeat"],
        "run_seed": task["seed"],
        "data_dir": str(run.data),
    }
    measures = train(payload)["measures"]
    return {name: value for name, value in measures.items() if name != "epochs"} | {
        "epochs": len(measures["epochs"])
    }


def do_evaluate(bench: Bench, task: Json) -> Json:
    """Evaluate a genome on all folds for all epochs of the search."""
    from gakeras.fitness.evaluation import evaluate
    from gakeras.fitness.objectives import fold_losses

    run = _shared_run(bench, task["seed"])
    settings = bench.settings("gakeras full", task["seed"], 1.0)
    payload = {
        "genome": task["genome"],
        "run_seed": task["seed"],
        "repeat": task["repeat"],
        "folds": list(range(settings.num_folds)),
        "from_epoch": 0,
        "to_epoch": settings.training.epochs,
        "training": asdict(settings.training),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
    }
    return {"loss": statistics.fmean(fold_losses(evaluate(payload)["measures"]))}


def _shared_run(bench: Bench, seed: int) -> RunDirectory:
    """Return a run directory that has the data and the folds of a seed, and no search."""
    from gakeras.beginning import create_run
    from gakeras.data import load_source
    from gakeras.journal import has_begun
    from gakeras.run import open_run

    where = Path(bench.out) / f"data-{seed}"
    with FileLock(where.with_suffix(".lock")):
        if has_begun(where / "journal.jsonl"):
            return open_run(where)
        shutil.rmtree(where, ignore_errors=True)
        settings = bench.settings("gakeras full", seed, 1.0)
        assert settings.data is not None, "the config, or --data, names the data"
        return create_run(where, settings, load_source(settings.data.source, limit=settings.data.limit))


def _best_epoch(run: RunDirectory, task: Json, epochs: int) -> int:
    """Return after how many epochs the loss on a held-out fifth is lowest, as KerasTuner's tutorial does."""
    import numpy as np

    from gakeras.data import open_data
    from gakeras.encoding import Genome
    from gakeras.fitness.network import compiled_model, set_statistics
    from gakeras.fitness.options import TrainingOptions

    data, options = open_data(run.data), TrainingOptions(**task["training"])
    x, y = np.asarray(data.x), np.asarray(data.y)
    num_train = len(x) - len(x) // 5
    model = compiled_model(Genome.from_json(task["genome"]), run.info, options)
    set_statistics(model, x, y, np.arange(num_train))
    history = model.fit(
        x[:num_train], y[:num_train], validation_data=(x[num_train:], y[num_train:]),
        epochs=epochs, batch_size=options.batch_size, verbose=0,
    )  # fmt: skip
    return int(np.argmin(history.history["val_loss"])) + 1


def main(bench: Bench, task: Json) -> None:
    """Do a task unless its answer is there by now, and write the answer down."""
    import time

    if bench.core is not None:
        os.sched_setaffinity(0, {bench.core})
    core = "" if bench.core is None else f"-{bench.core}"
    with FileLock(Path(bench.out) / f"core{core}.lock"):
        if bench.answers.find(task) is not None:
            return
        do: Any = {"search": do_search, "train": do_train, "evaluate": do_evaluate}[task["kind"]]
        start = time.process_time()
        answer = do(bench, task)
        bench.answers.add(task, {"process_cpu_seconds": time.process_time() - start} | answer)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    shared = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    main(Bench(**shared), json.loads(sys.argv[2]))
