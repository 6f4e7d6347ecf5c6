"""Which short training ranks networks as the recommended one does: winners of searches, trained by each.

    python tests/benchmarks/training_ranks.py docs/results/peers_fashion_mnist.jsonl \
        --data PATH/fashion_mnist.npz --out RESULTS

The networks that the answers of peers.py have final trainings of, all or those named, are trained on the
first fold of a seed that no search had: 4,000 of the first 6,000 training images, measured on 2,000. The test
set is not touched. One training each, one thread; what is done has a file in RESULTS and is not done again,
so the script may be started several times, with other networks. Prints the table and how every training
ranks the networks beside the recommended one, and writes `training_ranks.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from final_recipes import RECIPES, data_of, row_of
from peer_answers import Answers
from peer_systems import recipes
from scipy.stats import spearmanr

from gakeras.encoding import Genome

SEED = 7
RECOMMENDED = recipes()["fashion_mnist"]
TRAININGS: dict[str, dict[str, Any]] = {
    "8 epochs": RECIPES["Adam, 8 epochs"],
    "16 epochs, varied": RECOMMENDED | {"epochs": 16},
    "recommended": RECOMMENDED,
}
"""That of the searches of peers.py; the recommended one, shortened; and the recommended one."""


def main() -> None:
    """Do what is missing and print what there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("answers", type=Path, help="what peers.py has written")
    parser.add_argument("--data", required=True, help="an .npz of Fashion-MNIST")
    parser.add_argument("--limit", type=int, default=6000, help="so many training images")
    parser.add_argument("--networks", nargs="+", help="digests, as labels of final trainings have them")
    parser.add_argument("--trainings", nargs="+", default=list(TRAININGS), choices=TRAININGS)
    parser.add_argument("--out", type=Path, required=True, help="a directory for results")
    options = parser.parse_args()
    genomes, answers = genomes_of(Answers(options.answers)), options.out / "answers"
    run = data_of(options.out, options.data, options.limit, SEED)
    for training in options.trainings:
        for digest in options.networks or genomes:
            row_of(run, answers, digest, genomes[digest], training, TRAININGS[training])
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(answers.glob("*.json"))]
    (options.out / "training_ranks.json").write_text(json.dumps(rows), encoding="utf-8")
    print(table(rows))
    print(ranks(rows))


def genomes_of(answers: Answers) -> dict[str, Genome]:
    """Return the networks that were trained in the end, by their digests."""
    tasks = [line.get("task", {}) for line in answers.lines()]
    trained = [task for task in tasks if task.get("kind") == "train"]
    return {task["label"].split()[1]: Genome.from_json(task["genome"]) for task in trained}


def table(rows: list[dict[str, Any]]) -> str:
    """Return a row a network: loss and accuracy by every training, the best by the last one first."""
    found = {(row["network"], row["recipe"]): row for row in rows}
    networks = {row["network"]: row for row in rows}

    def last_loss(network: str, training: str) -> float:
        row = found.get((network, training))
        return float("inf") if row is None else row["val_loss"]

    def cell(network: str, training: str) -> str:
        row = found.get((network, training))
        return "-" if row is None else f"{row['val_loss']:.3f}, {row['val_metric']:.4f}"

    lines = [
        f"| network | parameters | MFLOPs | {' | '.join(TRAININGS)} |",
        "|---" * (3 + len(TRAININGS)) + "|",
    ]
    for name in sorted(networks, key=lambda name: [last_loss(name, each) for each in reversed(TRAININGS)]):
        size = f"{networks[name]['parameters']:,} | {networks[name]['flops'] / 1e6:.1f}"
        lines.append(f"| {name} | {size} | {' | '.join(cell(name, each) for each in TRAININGS)} |")
    return "\n".join(lines)


def ranks(rows: list[dict[str, Any]]) -> str:
    """Return how the loss by each training goes with loss and accuracy by the recommended one (Spearman)."""
    lines = ["| loss by | networks | with the loss | with the accuracy | CPU s |", "|---|---|---|---|---|"]
    goals = {row["network"]: row for row in rows if row["recipe"] == "recommended"}
    for training in TRAININGS:
        those = [row for row in rows if row["recipe"] == training and row["network"] in goals]
        if len(those) < 3:
            continue
        own = [row["val_loss"] for row in those]
        loss = spearmanr(own, [goals[row["network"]]["val_loss"] for row in those]).statistic
        accuracy = spearmanr(own, [-goals[row["network"]]["val_metric"] for row in those]).statistic
        seconds = sum(row["cpu_seconds"] for row in those) / len(those)
        lines.append(f"| {training} | {len(those)} | {loss:.2f} | {accuracy:.2f} | {seconds:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
