"""The fenced blocks and links of a Markdown page, and the comments that say how a block is tested.

A comment stands directly before its block:

- `<!-- presupposes: CODE -->` is Python that a reader has done already; it runs first.
- `<!-- not run: REASON -->`: the block is only compiled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
COMMENT = re.compile(r"<!--\s*(presupposes|not run):\s*(.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, its text, and what is said about it."""

    page: Path
    line: int
    language: str
    text: str
    presupposes: str = ""
    not_run: str = ""

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return the path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, those in lists included."""
    blocks = []
    said: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            said = dict(COMMENT.findall(token.content))
        elif token.type == "fence":
            line = (token.map or [0])[0] + 1
            about = {key.replace(" ", "_"): text for key, text in said.items()}
            blocks.append(Block(page, line, token.info.strip(), token.content, **about))
            said = {}
    return blocks


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in one of the languages."""
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def links_of(page: Path) -> list[str]:
    """Return the targets of the links and images of a page."""
    tokens = [
        child
        for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
        for child in token.children or []
    ]
    return [
        str(value)
        for token in tokens
        for value in (token.attrGet("href"), token.attrGet("src"))
        if value is not None
    ]


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that the headings of a page have."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    titles = [
        inline.content
        for opening, inline in zip(tokens, tokens[1:], strict=False)
        if opening.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
