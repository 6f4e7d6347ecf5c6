"""Imports run one way. A room is a module or a folder directly inside gakeras/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "gakeras"

MAY_IMPORT = {
    "__init__": {
        "executors", "launcher", "api", "data", "encoding", "errors", "growth", "lineage", "results",
        "resuming",
    },
    "__main__": {"cli"},
    "api": {
        "beginning", "config", "data", "encoding", "errors", "executors", "growth", "lineage", "rehearsal",
        "results", "run", "searching", "session", "supervision", "tensorboard", "validation",
    },
    "beginning": {"durable", "config", "data", "errors", "executors", "fitness", "journal", "run", "seeding"},
    "cli": {
        "__init__", "api", "config", "continuing", "data", "diagnosis", "errors", "executors", "exporting",
        "finals", "fitness", "growth", "launcher", "lineage", "report", "results", "resuming", "run",
        "session", "tables", "tensorboard", "validation",
    },
    "cards": {"evolution", "exporting", "exports", "fitness", "journal", "run"},
    "config": {"encoding", "errors", "evolution", "fitness", "scores", "validation"},
    "continuing": {
        "config", "dispatch", "errors", "executors", "jobs", "journal", "progress", "records", "rounds",
        "run", "session", "supervision",
    },
    "data": {"durable", "errors", "seeding"},
    "diagnosis": {"executors", "launcher", "workers"},
    "dispatch": {"errors", "executors", "jobs", "roster", "workers"},
    "display": {"config", "evolution", "fitness", "progress", "replay"},
    "durable": set(),
    "encoding": {"errors"},
    "errands": {"config", "dispatch", "errors", "executors", "jobs", "run", "supervision"},
    "errors": set(),
    "estimators": {"api", "beginning", "errors", "fitness", "winners"},
    "evaluations": {"config", "dispatch", "evolution", "fitness", "jobs", "run"},
    "evolution": {"encoding", "errors", "jobs", "scores", "seeding"},
    "executors": {"errors", "jobs", "launcher", "workers"},
    "exporting": {"data", "errors", "fitness", "graph", "synthesis"},
    "exports": {"config", "errands", "errors", "executors", "exporting", "jobs", "run"},
    "finals": {"dispatch", "encoding", "errors", "fitness", "jobs", "journal", "session"},
    "fitness": {"durable", "data", "encoding", "errors", "graph", "jobs", "morphism", "scores", "seeding"},
    "graph": {"errors"},
    "growth": {
        "beginning", "config", "continuing", "data", "dispatch", "durable", "encoding", "errands", "errors",
        "executors", "exporting", "exports", "fitness", "graph", "jobs", "journal", "models", "morphism",
        "records", "run", "seeding", "session", "supervision", "tables", "validation",
    },
    "history": {"config", "data", "encoding", "errors", "evolution", "fitness", "jobs", "journal", "replay"},
    "jobs": {"errors"},
    "journal": {"errors"},
    "kinds": {"fitness"},
    "launcher": set(),
    "leaderboard": {"evolution", "fitness", "tables"},
    "lineage": {
        "beginning", "config", "continuing", "data", "dispatch", "encoding", "errands", "errors", "executors",
        "exporting", "exports", "fitness", "jobs", "journal", "models", "records", "results", "run",
        "seeding", "session", "supervision", "synthesis", "tables", "validation",
    },
    "models": {"durable", "errors", "graph"},
    "plots": {
        "encoding", "errors", "evolution", "fitness", "growth", "history", "jobs", "journal", "lineage",
        "morphism",
    },
    "morphism": {"encoding", "errors", "graph"},
    "progress": set(),
    "records": {"errors", "jobs", "journal", "rounds"},
    "rehearsal": {
        "config", "data", "dispatch", "encoding", "errors", "executors", "jobs", "run", "supervision",
    },
    "replay": {"config", "encoding", "errors", "evolution", "fitness", "jobs", "journal"},
    "report": {
        "config", "encoding", "errors", "fitness", "growth", "history", "journal", "leaderboard", "lineage",
        "plots",
    },
    "results": {
        "cards", "config", "data", "encoding", "errors", "evolution", "executors", "exports", "finals",
        "fitness", "journal", "leaderboard", "replay", "run", "scores", "session", "tables", "tradeoffs",
        "winners",
    },
    "resuming": {
        "config", "continuing", "data", "errors", "executors", "growth", "journal", "lineage", "results",
        "run", "searching", "session",
    },
    "roster": {"errors"},
    "rounds": set(),
    "run": {"config", "data", "errors", "journal"},
    "searching": {
        "config", "dispatch", "display", "encoding", "evaluations", "evolution", "executors", "journal",
        "progress", "replay", "results", "run", "session", "supervision", "tensorboard",
    },
    "scores": set(),
    "seeding": set(),
    "session": {"errors", "evolution"},
    "supervision": {"config", "executors", "run", "workers"},
    "synthesis": {"durable", "data", "encoding", "errors", "fitness", "graph", "jobs", "seeding"},
    "tensorboard": {"errors", "fitness", "history", "jobs", "journal"},
    "tables": set(),
    "tradeoffs": {"errors", "evolution", "fitness", "replay"},
    "validation": {"errors"},
    "winners": {
        "config", "data", "dispatch", "encoding", "errors", "evolution", "executors", "finals", "fitness",
        "journal", "progress", "run", "scores", "session", "supervision",
    },
    "workers": {"jobs"},
}  # fmt: skip

MAY_IMPORT_KERAS = (
    "gakeras.data.folders",
    "gakeras.data.sources",
    "gakeras.encoding",
    "gakeras.estimators",
    "gakeras.exporting.comparison",
    "gakeras.exporting.conversion",
    "gakeras.exporting.runtimes",
    "gakeras.exporting.work",
    "gakeras.fitness",
    "gakeras.graph.grafting",
    "gakeras.graph.rebuilding",
    "gakeras.growth.joining",
    "gakeras.growth.mutating",
    "gakeras.growth.sharing",
    "gakeras.growth.training",
    "gakeras.models",
    "gakeras.morphism.ensembles",
    "gakeras.morphism.deepening",
    "gakeras.morphism.inception",
    "gakeras.morphism.kernels",
    "gakeras.morphism.optimizers",
    "gakeras.morphism.widening",
    "gakeras.synthesis.ancestors",
    "gakeras.synthesis.births",
    "gakeras.synthesis.compaction",
    "gakeras.synthesis.constants",
    "gakeras.synthesis.folding",
    "gakeras.synthesis.normalisation",
    "gakeras.synthesis.strengths",
    "gakeras.synthesis.upbringing",
    "gakeras.synthesis.weights",
)


def test_every_room_is_in_the_table():
    strangers = {room_of(module) for module in modules()} - MAY_IMPORT.keys()
    assert not strangers, f"new rooms {sorted(strangers)}: add them deliberately to MAY_IMPORT in {__file__}"


def test_every_package_is_in_setup_cfg():
    settings = ConfigParser()
    settings.read(CHECKOUT / "setup.cfg")
    shipped = set(settings["options"]["packages"].split())
    missing = {package_of(module) for module in modules()} - shipped
    assert not missing, f"add {sorted(missing)} to `packages` in setup.cfg, or a wheel will lack them"


def test_rooms_import_only_what_the_table_allows():
    extra = {room: others - MAY_IMPORT.get(room, set()) for room, others in rooms().items()}
    forbidden = {room: others for room, others in extra.items() if others}
    assert not forbidden


def test_rooms_form_no_cycle():
    TopologicalSorter(rooms()).prepare()  # raises CycleError, which names the cycle


def test_the_table_forms_no_cycle():
    TopologicalSorter(MAY_IMPORT).prepare()


def test_evolution_knows_no_keras_no_mpi_and_no_files():
    outsiders = ("keras", "tensorflow", "mpi4py", "json", "os", "pathlib")
    found = importers(*outsiders, among=within("gakeras.evolution"))
    assert not found
    for module in within("gakeras.evolution"):
        names = {node.id for node in ast.walk(tree_of(module)) if isinstance(node, ast.Name)}
        assert "open" not in names, module


def test_only_executors_mentions_mpi():
    found = importers("mpi4py", among=modules().keys() - within("gakeras.executors"))
    assert not found


def test_nobody_imports_the_private_parts_of_keras_or_tensorflow():
    found = importers("keras.src", "tensorflow.python", among=modules())
    assert not found


def test_only_the_modules_that_handle_models_and_the_data_sets_import_keras():
    allowed = {module for prefix in MAY_IMPORT_KERAS for module in within(prefix)}
    found = importers("keras", "tensorflow.keras", among=modules().keys() - allowed)
    assert not found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import keras.src.ops", {"keras.src.ops"}),
        ("from tensorflow import keras", {"tensorflow", "tensorflow.keras"}),
        ("from gakeras import api", {"gakeras", "gakeras.api"}),
        ("from ..errors import InputError", {"gakeras.errors", "gakeras.errors.InputError"}),
        ("from . import blocks", {"gakeras.encoding", "gakeras.encoding.blocks"}),
        ("def late():\n    import json", {"json"}),
        ("import_module('mpi4py.futures')", {"mpi4py.futures"}),
        ("if TYPE_CHECKING:\n    import keras\nelse:\n    import os", {"os"}),
    ],
    ids=["plain", "from", "room", "relative", "sibling", "inside a function", "by name", "for type checkers"],
)
def test_this_file_sees_an_import(source, expected):
    assert set(imports(ast.parse(source), package="gakeras.encoding")) == expected


@cache
def modules() -> dict[str, Path]:
    """Return the path of every module of the checkout by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def within(prefix: str) -> set[str]:
    return {module for module in modules() if is_within(module, prefix)}


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def room_of(name: str) -> str:
    """Return `encoding` for `gakeras.encoding.blocks`, and `__init__` for what gakeras itself defines."""
    room = (name.split(".") + ["__init__"])[1]
    return room if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists() else "__init__"


def rooms() -> dict[str, set[str]]:
    """Return the graph of the imports between rooms as they are."""
    graph: dict[str, set[str]] = {}
    for module in modules():
        room = room_of(module)
        # A bare `gakeras` is left out: importing any room runs gakeras/__init__.py.
        names = imports(tree_of(module), package_of(module))
        others = {room_of(name) for name in names if name.startswith("gakeras.")}
        graph[room] = graph.get(room, set()) | others - {room}
    return graph


def importers(*prefixes: str, among) -> list[str]:
    """Say which of the modules `among` import something inside one of the prefixes."""
    return [
        f"{module} imports {name}"
        for module in sorted(among)
        for name in sorted(imports(tree_of(module), package_of(module)))
        if any(is_within(name, prefix) for prefix in prefixes)
    ]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def package_of(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def imports(node: ast.AST, package: str) -> Iterator[str]:
    """Yield every dotted name imported below a node, functions included and `if TYPE_CHECKING:` left out."""
    children = ast.iter_child_nodes(node)
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            children = node.orelse
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        case ast.Call(func=ast.Name("import_module") | ast.Attribute(attr="import_module")):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))
    for child in children:
        yield from imports(child, package)
