"""The formats of a model's file, told from its name, and the libraries that each one needs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from gakeras.errors import InputError

Format = Literal[
    "keras", "saved_model", "litert", "litert_float16", "litert_int8", "litert_int8_weights", "onnx"
]
"""How a model is written.

`keras` for Keras; `saved_model`, a folder, for TensorFlow and its server; `litert`, the `.tflite` file of
LiteRT (TensorFlow Lite before) in float32; `litert_float16` with weights of half the bits;
`litert_int8` with weights and activations of 8 bits, whose ranges are found on examples;
`litert_int8_weights` with weights alone of 8 bits; `onnx` for ONNX runtimes.
"""

SUFFIXES: dict[Format, str] = {
    "keras": ".keras",
    "saved_model": "",
    "litert": ".tflite",
    "litert_float16": ".tflite",
    "litert_int8": ".tflite",
    "litert_int8_weights": ".tflite",
    "onnx": ".onnx",
}
"""How a path ends in each format; the first format of a suffix is the one that it means alone."""

_WRITERS = {"onnx": {"onnx": "onnx", "tf2onnx": "onnx"}}
_READERS = {"onnx": {"onnxruntime": "onnx"}, "litert": {"ai_edge_litert": "litert"}}


def choose_format(path: str | Path, wish: str | None = None) -> Format:
    """Return the format of a file: the one wished for, if the path suits it, or what its suffix says.

    Raises:
        InputError: There is no such format, or the path ends otherwise.

    >>> choose_format("a/model.tflite"), choose_format("a/model")
    ('litert', 'saved_model')
    """
    suffix = Path(path).suffix
    suited: list[Format] = [name for name, own in SUFFIXES.items() if own == suffix]
    if wish is None and suited:
        return suited[0]
    for name in suited:
        if name == wish:
            return name
    if wish is not None and wish not in SUFFIXES:
        expected = f"a format of {', '.join(get_args(Format))}"
    elif wish is None:
        expected = f"a path ending in {', '.join(sorted({*SUFFIXES.values()} - {''}))}, or a folder without"
    else:
        own = next(own for name, own in SUFFIXES.items() if name == wish)
        expected = f"a path ending in {own}" if own else "the path of a folder, without a suffix"
    raise InputError(
        "The format of a model's file is told from its name.",
        expected=expected,
        received=f"{path}" + (f" for the format {wish!r}" if wish is not None else ""),
    )


def missing_modules(format: Format, *, to_read: bool = False) -> list[str]:
    """Return the modules that writing a format needs, or reading it, and that are not installed."""
    table = _READERS if to_read else _WRITERS
    return [module for module in table.get(_family(format), {}) if find_spec(module) is None]


def check_installed(format: Format, *, to_read: bool = False) -> None:
    """Raise `InputError` with what to install where a format cannot be written here, or read."""
    missing = missing_modules(format, to_read=to_read)
    if missing:
        table = _READERS if to_read else _WRITERS
        extra = table[_family(format)][missing[0]]
        raise InputError(
            f"A model is {'read' if to_read else 'written'} by the libraries of its format.",
            expected=f"{' and '.join(table[_family(format)])} for {format}",
            received=f"no module named {' or '.join(missing)}",
            way_out=f'Install them: pip install "gakeras[{extra}]".',
        )


def _family(format: Format) -> str:
    return "litert" if format.startswith("litert") else format
