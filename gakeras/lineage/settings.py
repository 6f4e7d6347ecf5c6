"""The settings of a synthesis: frozen, validated, from a TOML file, the command line or keyword arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from gakeras.config import Backend, DataSettings, WorkerSettings, read_config, shipped_networks
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.fitness.options import Distillation, TrainingOptions
from gakeras.synthesis import Budget, Precision, Synthesis
from gakeras.synthesis.inheritance import Heir
from gakeras.validation import validated

_STRICT = ConfigDict(extra="forbid")
PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
BUILDERS = ("lenet5", "lenet5_stl10", "alexnet_cifar10")


@dataclass(frozen=True, config=_STRICT)
class AncestorSettings:
    """Where a config's ancestor comes from: a `.keras` file, or a network that is built and trained first.

    `path` is relative to the config. `build` is one of `gakeras.synthesis.ancestors`, a network
    that is shipped with the configs, or a genome as text (one block a line); it is trained
    from new weights as `training` says, or a genome's genes of learning do, on the training part alone.
    """

    path: str | None = None
    build: str | None = None
    training: TrainingOptions = field(default_factory=TrainingOptions)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.path is None) == (self.build is None):
            raise ValueError(
                f"either a path or the name of a network to build, received path={self.path}, "
                f"build={self.build}"
            )
        if self.build is not None and self.build not in BUILDERS:
            try:
                self.genome()
            except InputError as error:
                known = ", ".join((*BUILDERS, *shipped_networks()))
                raise ValueError(
                    f"build: one of {known}, or a genome ({error.expected}), received {error.received}"
                ) from None
        return self

    def genome(self) -> Genome | None:
        """Return the genome to build; None for a path or a network of the papers."""
        if self.build is None or self.build in BUILDERS:
            return None
        return Genome.parse(shipped_networks().get(self.build, self.build))


@dataclass(frozen=True, config=_STRICT)
class PublishedLineage:
    """A published table, printed beside ours: (generation, architectural efficiency, accuracy in %).

    `clusters` are cluster efficiencies by layer, by generation as text, as in Table 2.
    """

    title: str
    generations: tuple[tuple[int, float, float], ...]
    clusters: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class SynthesisSettings:
    """Everything that determines a synthesis, apart from the ancestor and the data themselves.

    Attributes:
        generations: How many at the most; the ancestor is generation 0.
        offspring: Networks of each generation.
        parents: How many parents an offspring has: the fittest of those there are.
        parents_from: `preceding`: of the preceding generation; `latest`: where that has too
            few, of those before it as well, the latest first.
        keep: The share of its parents' synapses that an offspring is expected to have, before
            dead ones are removed; a list has one for each generation, the last for all further
            ones. None: `drawing.environment` says it.
        split: The power of `keep` that is the share of the clusters; the rest is that of the synapses.
        drawing: How masks are drawn; its cap holds for generations that keep less than that.
        inherit: Whether an offspring starts with the weights of its parents, or with new ones.
        heir: Whose weights, where several parents have some.
        alpha: Whether parents weigh the same in mating, or by their validation accuracy.
        precision: What every trained offspring is rounded to.
        training: Of every offspring.
        distillation: How much the ancestor's answers count in the training of offspring, and in
            the last one; None for not at all.
        last: A further training of the smallest network within `max_drop`, with its mask, in
            the end; None for none.
        last_efficiencies: Where given, a last training for each: of the largest network within
            `max_drop` that has at least this architectural efficiency.
        max_drop: How far below the ancestor's validation accuracy the best of a generation may
            fall before the synthesis stops; None for no such end.
        target_efficiency: The architectural efficiency at which it stops; None for no such end.
        validation_share: Of the training examples, never trained on; it decides fitness and the end.
    """

    name: str = "synthesis"
    seed: Annotated[int, Field(ge=0)] = 0
    backend: Backend = "tensorflow"
    generations: PositiveInt = 12
    offspring: PositiveInt = 1
    parents: PositiveInt = 1
    parents_from: Literal["preceding", "latest"] = "preceding"
    keep: Share | tuple[Share, ...] | None = 0.67
    split: Annotated[float, Field(ge=0, le=1)] = 0.5
    drawing: Synthesis = field(default_factory=Synthesis)
    inherit: bool = True
    heir: Heir = "fittest"
    alpha: Literal["equal", "accuracy"] = "equal"
    precision: Precision = "float32"
    training: TrainingOptions = field(
        default_factory=lambda: TrainingOptions(epochs=2, learning_rate=1e-3, schedule="cosine")
    )
    distillation: Distillation | None = None
    last: TrainingOptions | None = None
    last_efficiencies: tuple[Annotated[float, Field(ge=1)], ...] | None = None
    max_drop: Annotated[float, Field(ge=0, le=1)] | None = 0.03
    target_efficiency: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    data: DataSettings | None = None
    ancestor: AncestorSettings | None = None
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    published: PublishedLineage | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        options = (self.training, self.last, self.ancestor.training if self.ancestor else None)
        if any(each.dtype_policy == "auto" for each in options if each is not None):
            raise ValueError("dtype_policy: one for all networks of a synthesis, received 'auto'")
        if self.keep == ():
            raise ValueError("keep: a share, or one for each generation, received an empty list")
        if self.parents_from == "preceding" and self.parents > self.offspring:
            raise ValueError(
                'parents: at most as many as offspring, or parents_from="latest", received '
                f"parents={self.parents}, offspring={self.offspring}"
            )
        return self

    def drawing_in(self, generation: int) -> Synthesis:
        """Return how the offspring of a generation, counted from 1, are drawn.

        >>> settings = SynthesisSettings(keep=(0.9, 0.5))
        >>> [round(settings.drawing_in(g).environment.share, 3) for g in (1, 2, 3)]
        [0.9, 0.5, 0.5]
        """
        if self.keep is None:
            return self.drawing
        shares = self.keep if isinstance(self.keep, tuple) else (self.keep,)
        share = shares[min(generation, len(shares)) - 1]
        cap = self.drawing.cap if self.drawing.cap is not None and share < self.drawing.cap else None
        return replace(self.drawing, environment=Budget.keeping(share, split=self.split), cap=cap)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; `synthesis_settings` reads them again."""
        plain: dict[str, Any] = TypeAdapter(SynthesisSettings).dump_python(self, mode="json")
        return plain


def synthesis_settings(
    values: Mapping[str, Any], *, origin: str = "settings", keywords: Iterable[str] = ()
) -> SynthesisSettings:
    """Validate settings given as nested plain values; an unknown key is refused with the nearest known one.

    Tables for trainings change what they name of the defaults.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.
    """
    nested = dict(values)
    if isinstance(nested.get("training"), Mapping):
        nested["training"] = asdict(SynthesisSettings().training) | nested["training"]
    return validated(SynthesisSettings, nested, origin=origin, keywords=keywords)


def load_synthesis(path: Path, overrides: Iterable[str] = ()) -> SynthesisSettings:
    """Read settings from a TOML file with `kind = "synthesis"`, with `key=value` overrides on top.

    Where these have a `drawing.environment`, it says what is kept, and `keep` cannot.

    Raises:
        InputError: The file is missing, does not parse, is for a search, or a setting is wrong.
    """
    values = read_config(
        path, overrides, kind="synthesis", beside="a .keras file, the directory of a search, "
    )
    return synthesis_settings(with_one_budget(values), origin=str(path))


def with_one_budget(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which an environment that is given is not overruled by what is usually kept.

    Raises:
        InputError: They have both.
    """
    drawing = values.get("drawing")
    if not isinstance(drawing, Mapping) or "environment" not in drawing:
        return values
    if values.get("keep") is not None:
        raise InputError(
            "One setting says what offspring keep.",
            expected="keep, or drawing.environment",
            received=f"keep={values['keep']}, drawing.environment={values['drawing']['environment']}",
        )
    return values | {"keep": None}


def as_written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a config may have them: with the environment only where no `keep` overrules it."""
    if settings.get("keep") is None:
        return dict(settings)
    drawing = {name: value for name, value in settings["drawing"].items() if name != "environment"}
    return {**settings, "drawing": drawing}
