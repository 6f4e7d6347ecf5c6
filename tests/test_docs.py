"""What the documentation shows works: Python runs, commands and settings exist, links lead somewhere."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
from docs_blocks import PAGES, ROOT, Block, all_blocks, anchors_of, blocks_of, links_of, name_of

from gakeras.cli import app
from gakeras.config import find_config, load_config, settings_from, shipped_configs
from gakeras.growth import load_growth
from gakeras.lineage import load_synthesis

LANGUAGES = {"python", "bash", "toml", "text", ""}
LOADERS = {"search": load_config, "synthesize": load_synthesis, "grow": load_growth}
PYTHON_PAGES = [page for page in PAGES if any(block.language == "python" for block in blocks_of(page))]


def lines_of(block: Block) -> list[list[str]]:
    """Return the words of every line of a shell block, without its comments."""
    text = block.text.replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


SHELL = [
    (f"{block}: {shlex.join(words)}", words) for block in all_blocks("bash") for words in lines_of(block)
]
GAKERAS = [(name, words[words.index("gakeras") + 1 :]) for name, words in SHELL if "gakeras" in words[:-1]]
IDS = {"argvalues": GAKERAS, "ids": [name for name, _ in GAKERAS]}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_that_is_tested(page):
    assert {block.language for block in blocks_of(page)} <= LANGUAGES


@pytest.mark.parametrize(("name", "arguments"), **IDS)
def test_a_command_that_is_shown_has_these_arguments(name, arguments):
    group = typer.main.get_command(app)
    if arguments[0].startswith("-"):
        assert arguments[0] in ("--help", "--install-completion", "--show-completion")
        return
    command = group.commands[arguments[0]]
    plain = [word for word in arguments[1:] if word not in ("--help", "&", "&&")]
    try:
        command.make_context(f"gakeras {arguments[0]}", plain).close()
    except Exception as error:
        pytest.fail(f"{name}: {error}")


CONFIGURED = [(name, words) for name, words in GAKERAS if words[0] in LOADERS and "--help" not in words]


@pytest.mark.parametrize(("name", "arguments"), CONFIGURED, ids=[name for name, _ in CONFIGURED])
def test_a_config_that_is_shown_exists_and_has_the_settings_that_are_set(name, arguments):
    given = [word for place, word in enumerate(arguments) if arguments[place - 1] == "--set"]
    target = arguments[1] if len(arguments) > 1 and not arguments[1].startswith("-") else "digits"
    if target.endswith(".keras") or target.startswith("runs/") or target == "flowers.toml":
        target = {"search": "digits", "synthesize": "smoke_synthesis", "grow": "smoke_growth"}[arguments[0]]
    path = find_config(target.removeprefix("configs/").removesuffix(".toml"))
    assert path in shipped_configs(kind=None).values(), f"{name}: no config {target}"
    LOADERS[arguments[0]](path, given)


@pytest.mark.parametrize(("name", "words"), SHELL, ids=[name for name, _ in SHELL])
def test_extras_and_files_that_are_shown_exist(name, words):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    for word in words:
        for extra in re.findall(r"(?:gakeras|\.)\[(\w+)\]", word):
            assert extra in setup["options.extras_require"], name
        if re.match(r"(examples|tests|configs)/", word):
            assert (ROOT / word).exists(), name


TOML = all_blocks("toml")


@pytest.mark.parametrize("block", TOML, ids=str)
def test_settings_that_are_shown_are_taken(block):
    settings_from({"max_evaluations": 1} | tomllib.loads(block.text), origin=str(block))


def test_a_block_that_is_not_run_says_why():
    assert all(len(block.not_run.split()) >= 3 for block in all_blocks("python") if block.not_run)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_python_runs_from_the_top_of_every_page_to_its_end(tmp_path):
    """The budgets are small (`docs_pages.py`); one process imports Keras, once for all."""
    program = [sys.executable, Path(__file__).with_name("docs_pages.py"), *PYTHON_PAGES]
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TQDM_DISABLE": "1"}
    done = subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        if path == "CHANGELOG.md":
            target = ROOT / path  # the site has it beside the pages
        assert target.exists(), f"{name_of(page)}: {link}"
        assert not anchor or anchor in anchors_of(target), f"{name_of(page)}: {link}"


def test_the_site_is_built_without_a_warning(tmp_path):
    program = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(program, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    assert (tmp_path / "site" / "examples" / "01_search_arrays.py").exists()
    page = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert "gakeras.api.search" in page and "&gt;&gt;&gt;" in page.replace('<span class="gp">', "")
