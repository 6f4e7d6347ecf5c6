"""How much of a full evaluation each candidate gets, as settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gakeras.evolution.ladder import Ladder, Stretch, race_ladder, rungs_ladder

PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Fidelity:
    """What is trained of a candidate before it is given up, and what of those that may win.

    `kind="full"`, the default, trains every candidate on all folds, as Vidnerova and Neruda (2018) do. With
    `race` the folds come one by one, and a candidate that is worse than the worst of a full
    population on the folds it has had is stopped.

    `kind="rungs"` trains on the first fold alone. After each number of epochs in `rungs` only
    the better share `keep` of all losses seen there goes on. The population is ranked by the
    loss of that one fold after all epochs. At the end the `num_finalists` best get all other
    folds, and then `num_final_folds` folds (all, if None) at the length of the final training,
    by which the winner is chosen. The cost of this is kept back from a budget of time; folds at
    the final length are left out, the same for all finalists, where it would be more than
    `finals_share` of the budget.

    Under both kinds, `dead_epochs` stops a network whose training loss on the first fold is
    still above `dead_share` times that of the best constant guess after so many epochs (None:
    after 2 under `rungs`, never under `full`; 0: never), once some network has come below that: data
    may have less to learn. Under a loss that the user has chosen nothing is known of chance, and
    nothing is stopped so.
    """

    kind: Literal["full", "rungs"] = "full"
    race: bool = False
    rungs: tuple[PositiveInt, ...] = (1, 3)
    keep: Share = 0.5
    num_finalists: PositiveInt = 3
    num_final_folds: Annotated[int, Field(ge=0)] | None = None
    finals_share: Share = 0.4
    dead_epochs: Annotated[int, Field(ge=0)] | None = None
    dead_share: Annotated[float, Field(gt=0)] = 0.955

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.race and self.kind == "rungs":
            raise ValueError(
                "race: only with kind='full', for rungs have their own rule, received kind='rungs'"
            )
        return self

    @property
    def is_plain(self) -> bool:
        """Whether every candidate is evaluated in one go, and is judged by all of its folds."""
        return self.kind != "rungs" and not self.race

    @property
    def dead_after(self) -> int:
        """The epochs after which a network that has not learnt is stopped; 0 for never."""
        if self.dead_epochs is None:
            return 2 if self.kind == "rungs" else 0
        return self.dead_epochs

    def ladder(self, num_folds: int, epochs: int, population_size: int) -> Ladder:
        """Return the steps of an evaluation."""
        if self.kind == "rungs":
            return rungs_ladder(self.rungs, epochs, self.keep)
        return race_ladder(num_folds, population_size) if self.race else Ladder((Stretch(),))
