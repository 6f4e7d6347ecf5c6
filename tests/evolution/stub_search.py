"""A search without training: workers that answer at once, in an order of the test's choosing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gakeras.encoding import SearchSpace
from gakeras.encoding.blocks import Shape
from gakeras.evolution import (
    Budget,
    Caps,
    Event,
    Finished,
    Fitness,
    Individual,
    Proposal,
    Proposer,
    SearchState,
    Variation,
    absorb,
    absorb_later,
    discard_worst,
    generational,
    make_toolbox,
    replace_generation,
    steady_state,
)
from gakeras.jobs import JobResult

Evaluate = Callable[[Proposal], JobResult]
Pick = Callable[[Sequence[Proposal]], Sequence[Proposal]]

ORDERS: dict[str, Pick] = {
    "first in, first out": lambda running: running[:1],
    "last in, first out": lambda running: running[-1:],
    "all at once": lambda running: running,
    "all at once, backwards": lambda running: running[::-1],
    "at random": lambda running: random.Random(len(running)).sample(running, min(2, len(running))),
}


def loss_of(proposal: Proposal) -> float:
    """Return a loss in [0, 1) that depends on the genome alone, as if it had been trained."""
    return int(proposal.genome.digest, 16) / 16 ** len(proposal.genome.digest)


def succeed(proposal: Proposal) -> JobResult:
    """Evaluate a proposal without training it."""
    return JobResult(f"evaluate-{proposal.number}", "ok", measures={"loss": loss_of(proposal)})


def fail(proposal: Proposal) -> JobResult:
    """Evaluate a proposal that diverges."""
    return JobResult(f"evaluate-{proposal.number}", "error", "the loss became NaN")


def assess(result: JobResult) -> Fitness | None:
    """Return the loss as fitness, None for a failure."""
    return Fitness([result.measures["loss"]]) if result.status == "ok" else None


@dataclass
class StubWorkers:
    """Workers of `slots` slots that evaluate with `evaluate` and finish in the order of `pick`."""

    slots: int = 1
    pick: Pick = ORDERS["first in, first out"]
    evaluate: Evaluate = succeed
    submitted: list[int] = field(default_factory=list)
    running: list[Proposal] = field(default_factory=list)

    def submit(self, proposal: Proposal) -> None:
        self.submitted.append(proposal.number)
        self.running.append(proposal)

    def collect(self, timeout: float | None) -> list[Finished]:
        if timeout == 0.0:
            return []
        done = list(self.pick(self.running))
        self.running = [proposal for proposal in self.running if proposal not in done]
        return [Finished(proposal.number, self.evaluate(proposal)) for proposal in done]


@dataclass
class Clock:
    """A clock that stands still until it is told otherwise."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Search:
    """The settings of a search over small tables or images, in one of the two loops."""

    loop: Literal["steady state", "generational"] = "steady state"
    space: SearchSpace = SearchSpace()
    input_shape: Shape = (12, 12)
    seed: int = 7
    min_population_size: int = 4
    population_size: int = 6
    caps: Caps = Caps()
    variation: Variation = Variation()

    @property
    def proposer(self) -> Proposer:
        toolbox = make_toolbox(self.space, self.input_shape, self.variation)
        return Proposer(
            self.seed,
            toolbox,
            self.variation,
            self.input_shape,
            10,
            self.min_population_size,
            self.caps,
            in_generations=self.loop == "generational",
        )

    def steps(self, state: SearchState, workers: StubWorkers, budget: Budget) -> Iterator[list[Event]]:
        """Return the generator of this search's loop."""
        settings = {"propose": self.proposer, "assess": assess, "workers": workers, "budget": budget}
        if self.loop == "steady state":
            return steady_state(state, replace=discard_worst(self.population_size), **settings)
        replace = replace_generation(self.population_size)
        return generational(state, replace=replace, generation_size=self.population_size, **settings)

    def run(self, state: SearchState, workers: StubWorkers, budget: Budget) -> list[Event]:
        """Run the search to its end and return all events."""
        return [event for batch in self.steps(state, workers, budget) for event in batch]

    def replay(self, events: Iterable[Event]) -> SearchState:
        """Return the state that recorded events lead to."""
        state = SearchState()
        for event in events:
            if isinstance(event, Proposal):
                state.add_proposal(event)
            elif isinstance(event, Finished) and self.loop == "steady state":
                absorb(state, event, assess=assess, replace=discard_worst(self.population_size))
            elif isinstance(event, Finished):
                replace = replace_generation(self.population_size)
                absorb_later(
                    state, event, assess=assess, replace=replace, generation_size=self.population_size
                )
        return state


TINY = Search(
    space=SearchSpace(
        max_dense_layers=1, dense_units=(1, 3), dense_activations=("relu",), dense_dropout=(0, 0)
    ),
    input_shape=(5,),
)
"""A search over three genomes in all."""


def losses(individuals: Iterable[Individual]) -> list[float]:
    """Return the losses of individuals in their order."""
    return [individual.loss for individual in individuals]
