"""What the site takes from outside docs/: the changelog, and the examples that pages link to."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
EXAMPLES = ("*.py", "*.sh", "*.ipynb")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files to the site, at the places they have in the repository."""
    for path in [
        ROOT / "CHANGELOG.md",
        *(p for kind in EXAMPLES for p in sorted(ROOT.glob(f"examples/{kind}"))),
    ]:
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that leave docs/ for the examples, as they do in the repository, stay in the site."""
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"]({up}../examples/", f"]({up}examples/")
