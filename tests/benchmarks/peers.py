"""Who finds the best network for so many CPU-seconds: gakeras, random search, Optuna, KerasTuner, people.

    python tests/benchmarks/peers.py configs/peers_images.toml --data PATH/fashion_mnist.npz \
        --limit 6000 --budgets 480 1500 --seeds 0 1 2 --threads 1 --recipe fashion_mnist --out RESULTS

Needs the extra `bench`. The same images, folds, training, threads and CPU-seconds for all, one task after
another, each in a process of its own. The winner of each is trained from scratch, `--repeats` times: as the
config's [final] says, which is all that a search knows of; as its own system recommends, where it does; and,
with `--recipe`, as gakeras recommends for such data (peer_recipes.toml). The test set is read then, and only
then.

Every task that is done has a line in RESULTS/answers.jsonl, or the file named by `--answers`, and is not
done again, so the benchmark may be stopped at any time, and go on elsewhere with that file; searches of
gakeras go on where they were killed, from their journals. A system that does the same whatever its budget is
run once, with the largest, and smaller budgets are read from its curve. Where cores are named by `--core`,
one task at a time runs on each: start the script once for every core, with other seeds or systems.

    --objectives    fronts of loss and parameters beside Optuna's NSGA-II, by hypervolume
    --levers        each lever of the search alone, and all of them, beside full evaluations
    --honesty       fitness in the search beside accuracy after training from scratch
    --show          the tables of what is there, nothing is run
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peer_answers import Json
from peer_outcomes import Outcome, write_json
from peer_studies import front_table, honesty_table, lever_table
from peer_systems import FRONTS, LEVERS, SYSTEMS, recipes, systems_of
from peer_tasks import Bench, train_task


def main() -> None:
    """Do what is missing and print the tables."""
    options = parsed(sys.argv[1:])
    bench = Bench(
        str(Path(options.out).absolute()),
        str(Path(options.config).absolute()),
        str(Path(options.answers).absolute()) if options.answers else None,
        options.data,
        options.limit,
        options.threads,
        options.core,
        tuple(options.set),
        tuple(sorted(options.budgets)),
        options.show,
    )
    known = LEVERS if options.levers else FRONTS if options.objectives else systems_of(Path(bench.config))
    if not set(options.systems) <= set(known):
        raise SystemExit(f"--systems: any of {', '.join(known)}, received {', '.join(options.systems)}")
    bench.begin()
    if options.levers:
        print(lever_table(bench, options.systems or list(LEVERS), options.seeds, options.sample))
    elif options.objectives:
        print(front_table(bench, options.systems or list(FRONTS), options.seeds))
    elif options.honesty:
        print(honesty_table(bench, options.seeds, options.sample))
    else:
        recipe_for = dict.fromkeys(options.recipe_for or known, options.recipe)
        print(peer_table(bench, options.systems, options.seeds, options.repeats, recipe_for))


def peer_table(
    bench: Bench,
    names: Sequence[str],
    seeds: Sequence[int],
    repeats: int,
    recipe_for: Mapping[str, str | None],
) -> str:
    """Return a row a system and budget, means over seeds; curves and all figures go to `peers.json`."""
    systems = systems_of(Path(bench.config))
    chosen = names or [*SYSTEMS, *(name for name in systems if name.startswith("human"))]
    rows: list[Json] = []
    for seed in seeds:
        for budget in reversed(bench.budgets):
            for name in chosen:
                if name.startswith("human") and budget != bench.budgets[-1]:
                    continue
                outcome = bench.search(name, budget, seed, is_anytime=systems[name].is_anytime)
                if outcome is not None:
                    rows.append(measured(bench, name, budget, seed, outcome, repeats, recipe_for.get(name)))
                write_json(Path(bench.out) / "peers.json", rows)
    lines = [
        "| system | CPU s allowed | seeds | trials | CPU s | search loss | test accuracy | min..max "
        "| as it recommends | as gakeras recommends | min..max | parameters | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for budget in bench.budgets:
        for name in chosen:
            of_it = [row for row in rows if (row["system"], row["budget"]) == (name, budget)]
            lines += [table_row(name, budget, of_it)] if of_it else []
    return "\n".join(lines)


def measured(
    bench: Bench, name: str, budget: float, seed: int, outcome: Outcome, repeats: int, recipe: str | None
) -> Json:
    """Train the winner of a search and return all that is known about it."""
    trainings: dict[str, Json] = {"common": {"training": _final(bench, seed, {})}}
    if outcome.own:
        trainings["own"] = outcome.own
    if recipe:
        trainings["recipe"] = {"training": _final(bench, seed, recipes()[recipe])}
    scores: dict[str, list[Json]] = {"common": [], "own": [], "recipe": []}
    if outcome.trained is not None:
        scores["own"].append(outcome.trained)
    for how, training in trainings.items() if outcome.genome else ():
        tasks = [train_task(how, outcome.genome, seed, n, training) for n in range(repeats)]  # type: ignore[arg-type]
        scores[how] += [answer for task in tasks if (answer := bench.answer(task)) is not None]
    return {"system": name, "budget": budget, "seed": seed, **outcome.to_json(), "scores": scores}


def _final(bench: Bench, seed: int, changes: Json) -> Json:
    return asdict(bench.settings("gakeras full", seed, 1.0, changes).final.training)


def _size(row: Json) -> int | None:
    """Return the parameters of a winner, which all its trainings have."""
    return next((score["parameters"] for scores in row["scores"].values() for score in scores), None)


def table_row(name: str, budget: float, rows: Sequence[Json]) -> str:
    """Return the line of a system under one budget."""
    common, own, recipe = (
        [accuracy for row in rows if (accuracy := _mean(_accuracies(row, how))) is not None]
        for how in ("common", "own", "recipe")
    )
    sizes = [size for row in rows if (size := _size(row)) is not None]
    losses = [row["loss"] for row in rows if row["loss"] is not None]
    notes = sorted({row["reason"] for row in rows if row["reason"]})
    read_from = {row["read_from"] for row in rows if row["read_from"]}
    notes += [f"read from the run with {value:g}" for value in sorted(read_from)]
    cells = [
        name,
        f"{budget:g}" if not name.startswith("human") else "-",
        str(len(rows)),
        f"{statistics.fmean(row['trials'] for row in rows):.0f}",
        f"{statistics.fmean(row['cpu_seconds'] for row in rows):.0f}",
        _shown(_mean(losses)),
        *_mean_and_range(common),
        _shown(_mean(own)),
        *_mean_and_range(recipe),
        f"{statistics.fmean(sizes):,.0f}" if sizes else "-",
        "; ".join(notes),
    ]
    return "| " + " | ".join(cells) + " |"


def _mean_and_range(values: Sequence[float]) -> tuple[str, str]:
    return _shown(_mean(values)), f"{min(values):.4f}..{max(values):.4f}" if values else "-"


def _accuracies(row: Json, recipe: str) -> list[float]:
    return [score["test_metric"] for score in row["scores"][recipe]]


def _mean(values: Iterable[float]) -> float | None:
    given = list(values)
    return statistics.fmean(given) if given else None


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def parsed(arguments: list[str]) -> Any:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", help="the settings that all share: data, folds, space, training, final")
    parser.add_argument("--data", help="the source of the data, in place of the config's")
    parser.add_argument("--limit", type=int, help="so many training examples")
    parser.add_argument(
        "--budgets", type=float, nargs="+", default=[480.0], help="CPU-seconds of each search"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--systems", nargs="+", default=[], help="or levers, or fronts; by default all")
    parser.add_argument("--repeats", type=int, default=3, help="final trainings of each winner")
    parser.add_argument("--sample", type=int, help="individuals trained again (--honesty 20, --levers 5)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--set", action="append", default=[], help="a setting, as a line of TOML")
    parser.add_argument("--recipe", choices=recipes(), help="the final training that gakeras recommends")
    parser.add_argument("--recipe-for", nargs="+", default=[], help="systems it is for; by default all")
    parser.add_argument("--answers", help="the file of answers, in place of OUT/answers.jsonl")
    parser.add_argument("--out", required=True, help="a directory for results")
    study = parser.add_mutually_exclusive_group()
    for name in ("objectives", "levers", "honesty"):
        study.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--show", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
