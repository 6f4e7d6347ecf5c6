"""How a network is trained, as genes on its genome: values that are mutated and crossed like blocks."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass as plain_dataclass
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding.checks import check_at_least_one, check_flags
from gakeras.errors import InputError

Optimizer = Literal["adam", "adamw", "nadam", "adamax", "rmsprop", "sgd", "adagrad", "adadelta", "lion"]
Schedule = Literal["constant", "cosine"]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]

_PARTS = ("shift", "crop", "erase")
"""Genes that are a part of an image's height and width."""


@plain_dataclass(frozen=True, slots=True)
class Learning:
    """The genes of learning; None is what the run has for all its networks, and 0 or False none of it.

    Images may be flipped left to right, shifted by at most `shift` of their height and width,
    cropped by at most `crop` of them, and made zero in a rectangle of at most `erase` of them, at
    random in training.

    >>> print(Learning(optimizer="adam", learning_rate=0.002, flip=True))
    learning optimizer=adam learningrate=0.002 flip
    """

    kind: ClassVar[str] = "learning"

    optimizer: Optimizer | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    schedule: Schedule | None = None
    flip: bool | None = None
    shift: float | None = None
    crop: float | None = None
    erase: float | None = None

    def __post_init__(self) -> None:
        for name, known in (("optimizer", Optimizer), ("schedule", Schedule)):
            value = getattr(self, name)
            if value is not None and value not in get_args(known):
                raise _unknown(name, f"one of {', '.join(get_args(known))}", value)
        if self.batch_size is not None:
            check_at_least_one("Learning", batch_size=self.batch_size)
        if self.flip is not None:
            check_flags("Learning", flip=self.flip)
        for name in ("learning_rate", *_PARTS):
            if type(getattr(self, name)) is int:  # equal genes are written alike
                object.__setattr__(self, name, float(getattr(self, name)))
        rate = self.learning_rate
        if rate is not None and not (_is_number(rate) and 0 < rate < math.inf):
            raise _unknown("learning_rate", "a number above 0", rate)
        for name in _PARTS:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 <= value < 1):
                raise _unknown(name, "a part of the image, from 0 to less than 1", value)

    @property
    def genes(self) -> dict[str, Any]:
        """The genes that are not left to the run."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def __str__(self) -> str:
        words = [
            name.replace("_", "") if value is True else f"{name.replace('_', '')}={value}"
            for name, value in self.genes.items()
        ]
        return " ".join(["learning", *words])


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LearningSpace:
    """The choices and ranges of the genes of learning; a gene without choices is off, as all are by default.

    Learning rates are drawn evenly on a logarithmic scale, and rounded to two digits. `flip` is
    the probability with which a random genome has it, `shift`, `crop` and `erase` are ranges; these
    four are for images alone.
    """

    optimizers: tuple[Optimizer, ...] = ()
    learning_rate: tuple[Rate, Rate] | None = None
    batch_sizes: tuple[PositiveInt, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    flip: Share = 0.0
    shift: tuple[Part, Part] = (0.0, 0.0)
    crop: tuple[Part, Part] = (0.0, 0.0)
    erase: tuple[Part, Part] = (0.0, 0.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("learning_rate", *_PARTS):
            bounds = getattr(self, name)
            if bounds and bounds[0] > bounds[1]:
                raise ValueError(f"{name}: the smallest value comes first, received {bounds}")
        return self

    def open_genes(self, *, images: bool) -> tuple[str, ...]:
        """Return the genes that are not off, augmentation for images alone."""
        is_open = {
            "optimizer": bool(self.optimizers),
            "learning_rate": self.learning_rate is not None,
            "batch_size": bool(self.batch_sizes),
            "schedule": bool(self.schedules),
            "flip": images and self.flip > 0,
            "shift": images and self.shift[1] > 0,
            "crop": images and self.crop[1] > 0,
            "erase": images and self.erase[1] > 0,
        }
        return tuple(gene for gene, on in is_open.items() if on)

    def draw(self, gene: str, rng: random.Random) -> Any:
        """Draw the value of a gene that is not off."""
        match gene:
            case "optimizer":
                return rng.choice(self.optimizers)
            case "learning_rate" if self.learning_rate:
                return _rounded(10 ** rng.uniform(*map(math.log10, self.learning_rate)), self.learning_rate)
            case "batch_size":
                return rng.choice(self.batch_sizes)
            case "schedule":
                return rng.choice(self.schedules)
            case "flip":
                return self.flip == 1 or rng.random() < self.flip
        return round(rng.uniform(*getattr(self, gene)), 2)

    def sample(self, rng: random.Random, *, images: bool) -> Learning:
        """Draw every gene that is not off."""
        return Learning(**{gene: self.draw(gene, rng) for gene in self.open_genes(images=images)})

    def clip(self, learning: Learning, *, images: bool) -> Learning:
        """Return the nearest genes of this space: numbers clipped, choices kept or the first, others off."""
        genes = {gene: self._clipped(gene, learning) for gene in self.open_genes(images=images)}
        return Learning(**genes)

    def _clipped(self, gene: str, learning: Learning) -> Any:
        value = getattr(learning, gene)
        match gene:
            case "optimizer":
                return value if value in self.optimizers else self.optimizers[0]
            case "batch_size":
                return min(self.batch_sizes, key=lambda size: abs(size - (value or 0)))
            case "schedule":
                return value if value in self.schedules else self.schedules[0]
            case "flip":
                return self.flip == 1 or bool(value)
            case "learning_rate" if self.learning_rate:
                return _rounded(value or self.learning_rate[0], self.learning_rate)
        smallest, largest = getattr(self, gene)
        return min(max(smallest, value or 0.0), largest)

    def step(self, learning: Learning, gene: str, step: float, rng: random.Random) -> Learning:
        """Return the genes with one changed: a number moved by `step`, anything else drawn anew.

        A learning rate moves by `step` powers of ten, a shift, a crop or an
        erased rectangle by `step` tenths of the image.
        """
        value = getattr(learning, gene)
        if gene == "learning_rate" and self.learning_rate and value:
            changed: Any = _rounded(value * 10**step, self.learning_rate)
        elif gene in _PARTS:
            smallest, largest = getattr(self, gene)
            changed = min(max(smallest, round((value or 0.0) + step / 10, 2)), largest)
        elif gene == "flip":
            changed = not value if self.flip < 1 else value
        else:
            choices = {
                "optimizer": self.optimizers,
                "batch_size": self.batch_sizes,
                "schedule": self.schedules,
            }.get(gene, ())
            others = [choice for choice in choices if choice != value]
            changed = rng.choice(others) if others else value
        return replace(learning, **{gene: changed})


def _rounded(rate: float, bounds: tuple[float, float]) -> float:
    return min(max(bounds[0], float(f"{rate:.2g}")), bounds[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown(name: str, expected: str, value: object) -> InputError:
    return InputError(
        f"A genome's learning does not know this `{name}`.", expected=expected, received=f"{name}={value!r}"
    )
