"""Models side by side: how large they are in each format, and how fast in each runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gakeras.errors import InputError
from gakeras.exporting.agreement import lost_columns
from gakeras.exporting.conversion import check_export, size_bytes, written
from gakeras.exporting.formats import SUFFIXES, Format, missing_modules
from gakeras.exporting.runtimes import one_inference, open_runtime
from gakeras.exporting.timing import Timing, summarise, time_side_by_side
from gakeras.graph import model_cost
from gakeras.synthesis.measures import sparse_bytes

if TYPE_CHECKING:
    import keras

_NUM_COMPARED = 256


@dataclass(frozen=True)
class ComparedModel:
    """One model of a comparison.

    Attributes:
        name: As it was passed.
        parameters, multiply_accumulates: See `gakeras.graph.model_cost`.
        nonzero_bytes: Weights of kernels other than zero in float32, with an index of where they are.
        size_bytes: Of the file in each format.
        max_differences: By format, the largest difference of an output from the model's in Keras, where
            the runtime of the format is installed.
        seconds: Of one call, by runtime and batch size.
        speedups: How many times faster than the first model: the median over the rounds.
    """

    name: str
    parameters: int
    multiply_accumulates: int
    nonzero_bytes: int
    size_bytes: dict[str, int]
    max_differences: dict[str, float]
    seconds: dict[str, Timing]
    speedups: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """A row for each model, the first one being what the others are compared with; printed, a table."""

    models: tuple[ComparedModel, ...]
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return asdict(self) | {"models": [asdict(model) for model in self.models]}

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as text: a line for each measure, a column for each model."""
        first = self.models[0]
        lines: list[tuple[str, ...]] = [("", *(model.name for model in self.models))]
        for label in ("parameters", "multiply_accumulates", "nonzero_bytes"):
            lines.append(self._counts(label.replace("_", " "), [getattr(m, label) for m in self.models]))
        for format in first.size_bytes:
            lines.append(self._counts(f"{format}, bytes", [m.size_bytes[format] for m in self.models]))
        for format in first.max_differences:
            values = [f"{model.max_differences[format]:.1e}" for model in self.models]
            lines.append((f"{format}, difference", *values))
        for label in first.seconds:
            lines.append((f"{label}, us", *(_time(model, label, first) for model in self.models)))
        return lines

    def _counts(self, label: str, values: Sequence[int]) -> tuple[str, ...]:
        rest = (f"{value:,} ({_ratio(values[0], value)})" for value in values[1:])
        return (label, f"{values[0]:,}", *rest)

    def __str__(self) -> str:
        table = self.rows()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in table
        )


def compare_models(
    models: Mapping[str, keras.Model],
    examples: np.ndarray,
    *,
    formats: Sequence[Format] | None = None,
    batch_sizes: Sequence[int] = (1, 256),
    rounds: int = 15,
) -> Comparison:
    """Measure models in one run: what they cost, their files' sizes, and how long an inference takes.

    Times are of `predict_on_batch` in Keras, arrays in and arrays out, with the threads of this
    process (for a single one set `TF_NUM_INTRAOP_THREADS`, `TF_NUM_INTEROP_THREADS` and
    `OMP_NUM_THREADS` to 1 before it starts), and of LiteRT at batch 1 with one thread and XNNPACK. All
    models take turns in every round, after a warm-up; a speed-up is the median over the rounds of
    the ratio within one.

    Args:
        models: By name; the first one is what the others are compared with.
        examples: Examples as the models take them, which calibrate int8 and on whose first 256 outputs
            are compared.
        formats: Which to write; by default those that this backend and the installed libraries can, and
            that suit the examples.
        batch_sizes: For the times in Keras.
        rounds: How often everything is timed.

    Raises:
        InputError: No models; they take different inputs, which are not the examples'; a format that cannot
            be written.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> compared = compare_models({"a": model}, np.ones((2, 4)), formats=["keras"], rounds=1)
    >>> compared.models[0].multiply_accumulates
    12
    """
    x = _checked_examples(models, examples)
    if formats is None:
        formats = _possible_formats(x)
    for format in formats:
        check_export(format, x)
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    files: dict[str, tuple[dict[str, int], dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, model) in enumerate(models.items()):
            for size in batch_sizes:
                batch = np.resize(x, (size, *x.shape[1:]))
                calls[f"keras, batch {size}", name] = partial(model.predict_on_batch, batch)
            written = _write_all(model, Path(folder) / str(number), formats, x)
            runtimes = {
                format: open_runtime(path)
                for format, path in written.items()
                if not missing_modules(format, to_read=True)
            }
            said = np.asarray(model.predict_on_batch(x[:_NUM_COMPARED]))
            files[name] = (
                {format: size_bytes(path) for format, path in written.items()},
                {
                    format: float(np.abs(predict(x[:_NUM_COMPARED]) - said).max())
                    for format, predict in runtimes.items()
                },
            )
            for format in runtimes:
                if format.startswith("litert"):
                    calls[f"{format}, batch 1", name] = one_inference(written[format], x[:1])
        seconds = time_side_by_side(calls, rounds=rounds)
    labels, first = list(dict.fromkeys(label for label, _ in calls)), next(iter(models))
    return Comparison(
        tuple(
            ComparedModel(
                name,
                *_cost(model),
                *files[name],
                {label: summarise(seconds[label, name]) for label in labels},
                {label: float(np.median(seconds[label, first] / seconds[label, name])) for label in labels},
            )
            for name, model in models.items()
        ),
        rounds,
    )


def _checked_examples(models: Mapping[str, keras.Model], examples: np.ndarray) -> np.ndarray:
    shapes = {name: [tuple(tensor.shape[1:]) for tensor in model.inputs] for name, model in models.items()}
    x = np.asarray(examples)
    if not shapes or any(shape != [x.shape[1:]] for shape in shapes.values()) or len(x) == 0:
        raise InputError(
            "Models are compared on the same examples.",
            expected="one model or more with one input each, and examples of its shape",
            received=f"examples of shape {x.shape} for the inputs {shapes}",
        )
    return x.astype(next(iter(models.values())).inputs[0].dtype)


def _possible_formats(x: np.ndarray) -> list[Format]:
    import keras

    if keras.backend.backend() != "tensorflow":
        return ["keras"]
    suited = [format for format in SUFFIXES if format != "litert_int8" or not len(lost_columns(x))]
    return [format for format in suited if not missing_modules(format)]


def _write_all(
    model: keras.Model, folder: Path, formats: Sequence[Format], examples: np.ndarray
) -> dict[Format, Path]:
    paths = {format: folder / f"{format}{SUFFIXES[format]}" for format in formats}
    for format, path in paths.items():
        with written(model, path, format, examples):  # however far its outputs are off, which the table says
            pass
    return paths


def _cost(model: keras.Model) -> tuple[int, int, int]:
    import keras

    cost = model_cost(model)
    arrays = {weight.path: keras.ops.convert_to_numpy(weight.value) for weight in model.weights}
    kernels = {path: array != 0 for path, array in arrays.items() if array.ndim > 1}
    return cost.parameters, cost.multiply_accumulates, sparse_bytes(kernels)


def _ratio(first: float, other: float) -> str:
    return f"{first / other:.1f}x" if other else "-"


def _time(model: ComparedModel, label: str, first: ComparedModel) -> str:
    timing = model.seconds[label]
    text = f"{timing.median * 1e6:,.1f} [{timing.low * 1e6:,.1f}-{timing.high * 1e6:,.1f}]"
    return text if model is first else f"{text} ({model.speedups[label]:.1f}x)"
