"""Search with a mutation of your own, by the library's loop, in this very process.

python examples/04_custom_operator.py --evaluations 20

Operators are functions in DEAP's toolbox. Here half of all mutations double the filters of one convolution,
and the rest are the library's. The loop asks whoever evaluates for three things, a number of slots, a way in
and a way out: `Here` has them, and trains with Keras where it stands.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import gakeras
from gakeras.encoding import Genome, SearchSpace, repair
from gakeras.evolution import (
    Budget,
    Finished,
    Fitness,
    Individual,
    Proposer,
    SearchState,
    Step,
    Variation,
    discard_worst,
    make_toolbox,
    steady_state,
)
from gakeras.evolution.mutation import mutate
from gakeras.jobs import JobResult

SPACE = SearchSpace(max_conv_layers=3, conv_filters=(2, 32), max_dense_layers=1, dense_units=(10, 60))
SHAPE, CLASSES = (8, 8, 1), 10


def double_filters(genome: Genome, rng: random.Random) -> tuple[Genome, str]:
    """Double the filters of one convolution; `repair` brings them back into the space."""
    places = [place for place, block in enumerate(genome.conv) if block.kind == "conv"]
    if not places:
        return genome, "doubleFilters"
    place = rng.choice(places)
    wider = replace(genome.conv[place], filters=2 * genome.conv[place].filters)
    conv = (*genome.conv[:place], wider, *genome.conv[place + 1 :])
    return repair(replace(genome, conv=conv), SPACE, SHAPE), "doubleFilters"


def mutate_or_double(genome: Genome, rng: random.Random) -> tuple[Genome, str]:
    """Mutate as the library does, or by the operator above."""
    if rng.random() < 0.5:
        return double_filters(genome, rng)
    return mutate(genome, SPACE, SHAPE, Variation(), rng)


class Here:
    """Evaluates on half of the digits, one network at a time, while the loop waits."""

    slots = 1

    def __init__(self, epochs: int) -> None:
        x, y = load_digits(return_X_y=True)
        self._parts = train_test_split(
            x.reshape(-1, *SHAPE) / 16, y, test_size=0.5, stratify=y, random_state=0
        )
        self._epochs, self._steps = epochs, []

    def submit(self, step: Step) -> None:
        self._steps.append(step)

    def collect(self, timeout: float | None) -> list[Finished]:
        step = self._steps.pop()
        return [Finished(step.number, JobResult(step.job_id, "ok", measures=self._train(step.genome)))]

    def _train(self, genome: Genome) -> dict[str, float]:
        x, x_val, y, y_val = self._parts
        model = gakeras.build_model(genome, SHAPE, outputs=CLASSES)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x, y, validation_data=(x_val, y_val), epochs=self._epochs, batch_size=64, verbose=0
        ).history
        return {
            "loss": history["val_loss"][-1],
            "accuracy": history["val_accuracy"][-1],
            "parameters": model.count_params(),
        }


def assess(result: JobResult) -> Fitness:
    return Fitness([result.measures["loss"]])


def show(individuals: Sequence[Individual]) -> None:
    for each in individuals:
        print(f"individual {each.id}: loss {each.loss:.3f}, accuracy {each.measures['accuracy']:.3f}")
        print(each.genome)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--population", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    toolbox = make_toolbox(SPACE, SHAPE, Variation())
    toolbox.register("mutate", mutate_or_double)
    propose = Proposer(
        run_seed=0,
        toolbox=toolbox,
        variation=Variation(),
        input_shape=SHAPE,
        outputs=CLASSES,
        min_population_size=arguments.population,
    )
    state = SearchState()
    loop = steady_state(
        state,
        propose=propose,
        replace=discard_worst(arguments.population),
        assess=assess,
        workers=Here(arguments.epochs),
        budget=Budget(max_evaluations=arguments.evaluations),
    )
    for events in loop:  # a journal would write them here, before they count
        for event in events:
            if isinstance(event, Finished):
                print(f"evaluated {event.number}: loss {event.result.measures['loss']:.3f}")
            else:
                print(f"proposed {event.number} by {', '.join(event.operators)}")
    show(state.population[:1])
