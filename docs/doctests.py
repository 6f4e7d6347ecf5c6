"""Docstrings as the site wants them: examples of the interpreter stand in fences, not in block quotes."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^|\n)(?P<indent> *)>>> .*(?:\n *\S.*)*")


def fenced(text: str) -> str:
    """Put every example, up to the next empty line, into a fence of Markdown."""

    def fence(match: re.Match[str]) -> str:
        indent, example = match["indent"], match[0].removeprefix("\n")
        return f"\n\n{indent}```pycon\n{example}\n{indent}```"

    return EXAMPLE.sub(fence, text)


class FencedDoctests(griffe.Extension):
    """Fences the examples of every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change one docstring, where there is one."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
