"""What a person has to know of a model's file, in Markdown beside it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gakeras.exporting.formats import Format

Section = str | Mapping[str, object] | Sequence[Sequence[object]]
"""Text as it is shown; facts by name; or a table, its head first."""

_OPENED_BY: dict[Format, str] = {
    "keras": "keras.saving.load_model({name!r}).predict(x)",
    "saved_model": "tf.saved_model.load({name!r}).serve(x)",
    "litert": "ai_edge_litert.interpreter.Interpreter({name!r})",
    "onnx": "onnxruntime.InferenceSession({name!r}).run(None, {{input_name: x}})",
}


def card_path(path: str | Path) -> Path:
    """Return where the card of a model is: `model.tflite.md` beside `model.tflite`."""
    path = Path(path)
    return path.with_name(f"{path.name}.md")


def model_card(title: str, sections: Mapping[str, Section]) -> str:
    r"""Return the Markdown of a model card; what is empty is left out, and markup in values stays text.

    >>> print(model_card("a", {"File": {"bytes": 1234, "by": "<me|you>"}}))
    # a
    <BLANKLINE>
    ## File
    <BLANKLINE>
    - bytes: 1,234
    - by: &lt;me\|you&gt;
    <BLANKLINE>
    """
    lines = [f"# {_text(title)}", ""]
    for heading, section in sections.items():
        if section:
            lines += [f"## {heading}", "", *_lines(section), ""]
    return "\n".join(lines)


def file_section(name: str, measures: Mapping[str, Any]) -> dict[str, object]:
    """Return what a card says of a file; `measures` as `gakeras.exporting.work` has them."""
    format: Format = measures["format"]
    facts: dict[str, object] = {"format": format, "bytes": measures["file_bytes"]}
    if measures.get("max_difference") is not None:
        facts["largest difference of an output from Keras'"] = (
            f"{measures['max_difference']:.1e}, on {measures['num_compared']} training examples, "
            f"read by {measures['runtime']}"
        )
    opened_by = _OPENED_BY["litert" if format.startswith("litert") else format]
    facts["opened by"] = opened_by.format(name=name)
    if format.startswith("litert"):
        facts["examples at a time"] = 1
    return facts


def _lines(section: Section) -> list[str]:
    if isinstance(section, str):
        return [f"    {line}" for line in section.splitlines()]
    if isinstance(section, Mapping):
        return [f"- {_text(name)}: {_text(value)}" for name, value in section.items() if value is not None]
    head, *rows = ([_text(cell) for cell in row] for row in section)
    table = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in table]


def _text(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    escaped = html.escape(" ".join(text.split()), quote=False)
    for sign in "\\`*_[]|#":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped
