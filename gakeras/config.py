"""The settings of a run: frozen, validated, from a TOML file, the command line or keyword arguments."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding import Genome, SearchSpace
from gakeras.errors import InputError
from gakeras.evolution import Caps, Variation
from gakeras.fitness.options import Optimizer, TrainingOptions

_STRICT = ConfigDict(extra="forbid")
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Preset = Literal["default", "paper"]


@dataclass(frozen=True, config=_STRICT)
class DataSettings:
    """Where the data come from: the name of a set, or the path of an `.npz` (see `gakeras.load_source`)."""

    source: str = "digits"
    limit: PositiveInt | None = None


@dataclass(frozen=True, config=_STRICT)
class FinalSettings:
    """The final training of the winner and, the same way, of the networks it is compared with."""

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    optimizer: Optimizer = "rmsprop"
    learning_rate: PositiveFloat | None = None
    repeats: PositiveInt = 1
    baselines: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingOptions:
        """The same as training options."""
        return TrainingOptions(self.epochs, self.batch_size, self.optimizer, self.learning_rate)


@dataclass(frozen=True, config=_STRICT)
class WorkerSettings:
    """Who trains: the executor, how many at once, and how each worker is kept in check.

    `job_module` is the module that says how each kind of job is done (see `gakeras.kinds`).
    """

    executor: str = "process"
    workers: PositiveInt | None = None
    threads_per_worker: PositiveInt = 1
    timeout_seconds: PositiveFloat | None = None
    max_jobs_per_child: PositiveInt | None = None
    job_module: str = "gakeras.kinds"


@dataclass(frozen=True, config=_STRICT)
class PublishedTable:
    """A published table of test accuracies, printed beside ours."""

    title: str
    rows: dict[str, tuple[float, float, float, float]]


@dataclass(frozen=True, config=_STRICT)
class Settings:
    """Everything that determines a search, apart from the data themselves.

    `population_size`, `min_population_size` and `algorithm` are those of Algorithm 1 of
    Vidnerova and Neruda (2018); with `algorithm = "generational"` a generation has
    `population_size` offspring. `max_first_failures` evaluations that all fail end the run.
    """

    name: str = "search"
    seed: Annotated[int, Field(ge=0)] = 0
    task: Literal["auto", "classification", "regression"] = "auto"
    backend: Literal["tensorflow", "jax", "torch"] = "tensorflow"
    algorithm: Literal["steady_state", "generational"] = "steady_state"
    population_size: PositiveInt = 20
    min_population_size: PositiveInt | None = None
    num_elite: Annotated[int, Field(ge=0)] = 1
    max_evaluations: PositiveInt | None = None
    max_seconds: PositiveFloat | None = None
    num_folds: Annotated[int, Field(ge=2)] = 5
    max_first_failures: PositiveInt = 8
    data: DataSettings | None = None
    space: SearchSpace = field(default_factory=SearchSpace)
    variation: Variation = field(default_factory=Variation)
    caps: Caps = field(default_factory=lambda: Caps(max_parameters=2_000_000, max_flops=60_000_000))
    training: TrainingOptions = field(default_factory=TrainingOptions)
    final: FinalSettings = field(default_factory=FinalSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    networks: dict[str, str] = field(default_factory=dict)
    published: PublishedTable | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_evaluations is None and self.max_seconds is None:
            raise ValueError("a search needs a budget: max_evaluations, max_seconds, or both")
        if self.first_population > self.population_size:
            raise ValueError(
                f"min_population_size must be at most population_size, received "
                f"{self.min_population_size} > {self.population_size}"
            )
        for name in self.final.baselines:
            self.network(name)
        return self

    @property
    def first_population(self) -> int:
        """How many random individuals must have been accepted before the first mating."""
        return self.min_population_size or self.population_size

    def network(self, name: str) -> Genome:
        """Return a network of this config, or one that is shipped, by its name."""
        networks = shipped_networks() | self.networks
        if name not in networks:
            raise ValueError(f"there is no network {name!r}; there are {', '.join(sorted(networks))}")
        return Genome.parse(networks[name])

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; `settings_from` reads them again."""
        plain: dict[str, Any] = TypeAdapter(Settings).dump_python(self, mode="json")
        return plain


def settings_from(values: Mapping[str, Any], *, origin: str = "settings") -> Settings:
    """Validate settings given as nested plain values.

    `space` and `variation` may name a preset, `"paper"` or `"default"`, or be a table that
    has a `preset` beside its own values. An unknown key is refused with the nearest known one.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.
    """
    nested = dict(values)
    for key, cls in (("space", SearchSpace), ("variation", Variation)):
        if key in nested:
            nested[key] = _with_preset(nested[key], cls)
    try:
        settings: Settings = TypeAdapter(Settings).validate_python(nested)
    except ValidationError as error:
        raise _input_error(error, origin) from None
    return settings


def load_config(path: Path, overrides: Iterable[str] = ()) -> Settings:
    """Read settings from a TOML file, with `key=value` overrides on top.

    Keys of overrides are dotted, values are TOML, or else text: `training.epochs=5`,
    `space.pool_sizes=[2]`, `data.source=mnist`. A relative data path in the file is
    relative to the file.

    Raises:
        InputError: The file is missing, does not parse, or a setting is wrong.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        shipped = ", ".join(sorted(shipped_configs()))
        raise InputError(
            "A config is a TOML file.",
            expected=f"a readable file, or one of the shipped configs: {shipped}",
            received=f"{path}: {error.strerror}",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "A config is a TOML file.", expected="valid TOML", received=f"{path}: {error}"
        ) from None
    for override in overrides:
        _override(values, override)
    return settings_from(values, origin=str(path))


def find_config(name: str) -> Path:
    """Return the path of a config: an existing file, or a shipped one by its name, such as `digits`."""
    path = Path(name)
    if not path.exists() and name in shipped_configs():
        return shipped_configs()[name]
    return path


def shipped_configs() -> dict[str, Path]:
    """Return the configs that come with gakeras, by name."""
    return {path.stem: path for path in _configs_dir().glob("*.toml") if path.stem != "networks"}


def shipped_networks() -> dict[str, str]:
    """Return the hand-made and published networks that come with gakeras, as text by name."""
    text = (_configs_dir() / "networks.toml").read_text(encoding="utf-8")
    networks: dict[str, str] = tomllib.loads(text)["networks"]
    return networks


def _configs_dir() -> Path:
    installed = Path(str(resources.files("gakeras"))) / "configs"
    return installed if installed.is_dir() else installed.parents[1] / "configs"


def _with_preset(value: Any, cls: type[SearchSpace] | type[Variation]) -> Any:
    if isinstance(value, str):
        value = {"preset": value}
    if not isinstance(value, Mapping) or value.get("preset", "default") == "default":
        return {k: v for k, v in value.items() if k != "preset"} if isinstance(value, Mapping) else value
    changes = {key: item for key, item in value.items() if key != "preset"}
    if value["preset"] != "paper" or set(changes) - set(cls.__dataclass_fields__):
        return value  # for validation to complain about
    plain: dict[str, Any] = TypeAdapter(cls).dump_python(cls.paper(), mode="json")
    return plain | changes


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(
            "An override sets one value.", expected="key=value, such as training.epochs=5", received=text
        )
    *tables, last = key.strip().split(".")
    for table in tables:
        inner = values.get(table, {})
        values[table] = {"preset": inner} if isinstance(inner, str) else inner
        values = values[table]
    try:
        values[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = value.strip()


def _input_error(error: ValidationError, origin: str) -> InputError:
    complaints = [_complaint(item) for item in error.errors()]
    return InputError(
        f"The settings in {origin} are not valid.",
        expected="; ".join(expected for expected, _ in complaints),
        received="; ".join(received for _, received in complaints),
    )


def _complaint(item: Any) -> tuple[str, str]:
    location = ".".join(map(str, item["loc"]))
    if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        *tables, key = map(str, item["loc"])
        known = _known_keys(tables)
        nearest = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean `{'.'.join([*tables, *nearest])}`?" if nearest else f"one of {', '.join(known)}"
        return hint, f"unknown key `{location}`"
    message = item["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if location else message, f"{item['input']!r:.80}"


def _known_keys(tables: list[str]) -> list[str]:
    cls: Any = Settings
    nested = {
        "data": DataSettings,
        "space": SearchSpace,
        "variation": Variation,
        "caps": Caps,
        "training": TrainingOptions,
        "final": FinalSettings,
        "workers": WorkerSettings,
        "published": PublishedTable,
    }
    for table in tables:
        cls = nested.get(table, cls)
    return sorted(cls.__dataclass_fields__)
