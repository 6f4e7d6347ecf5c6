"""What a synthesis gives back: the history of a family, and its small networks as plain Keras models."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gakeras.errors import InputError, RunError
from gakeras.executors import ExecutorChoice
from gakeras.exporting.card import Section
from gakeras.exports import (
    check_export_path,
    check_keras_path,
    data_section,
    export_from_run,
    versions_section,
)
from gakeras.journal import read_journal
from gakeras.lineage.exports import exported
from gakeras.lineage.family import Member
from gakeras.lineage.history import Descendant, descendant, descendants
from gakeras.lineage.records import Replay, replay
from gakeras.lineage.runs import SynthesisRun
from gakeras.lineage.settings import SynthesisSettings
from gakeras.models import load_saved
from gakeras.tables import aligned, html_of_run

if TYPE_CHECKING:
    import keras


class Lineage:
    """A synthesis as its run directory has it, finished or not.

    Attributes:
        run: The run directory.
        settings: The settings it was started with.
        stop_reason: Why it ended, in words.
        was_interrupted: Whether that was Ctrl-C.
        is_unfinished: Whether the run is to be gone on with.
        history: A `Descendant` for every network, the ancestor first, by generation.

    Everything is read from the journal when the lineage is made.
    """

    COLUMNS = (
        "generation", "number", "synapses", "efficiency", "drawn", "accuracy", "test", "precision", "recall",
        "clusters", "parameters", "MACs", "bytes", "CPU-s",
    )  # fmt: skip

    def __init__(
        self,
        run: SynthesisRun,
        stop_reason: str = "",
        *,
        settings: SynthesisSettings | None = None,
        was_interrupted: bool = False,
        is_unfinished: bool = False,
        executor: ExecutorChoice | None = None,
    ) -> None:
        self.run, self.stop_reason = run, stop_reason
        self.was_interrupted, self.is_unfinished = was_interrupted, is_unfinished
        self.settings = settings or run.plan
        self._executor = executor if executor is not None else self.settings.workers.executor
        self._past: Replay = replay(read_journal(run.journal))
        self.history = descendants(self._past, self.settings)

    @property
    def seconds(self) -> float:
        """Seconds the synthesis has taken, over all its sessions."""
        return self._past.elapsed

    @property
    def failures(self) -> dict[int, str]:
        """The reasons of the networks that came to nothing, by number."""
        failed = self._past.family.failures.items()
        return {number: f"{result.status}: {result.reason}" for number, result in failed}

    def best(self, max_drop: float | None = None) -> Descendant:
        """Return the smallest network whose validation accuracy is at most `max_drop` below the ancestor's.

        Args:
            max_drop: 0.01 is one point; by default the setting's, and where that is None any drop.

        Raises:
            InputError: A negative drop.
            RunError: Not even the ancestor has been measured.
        """
        return descendant(self._best(max_drop), self._past, self.settings)

    def compact(self, number: int | None = None, *, max_drop: float | None = None) -> keras.Model:
        """Return a network as a plain, physically smaller Keras model with the same outputs.

        A worker compacts and saves it; this process loads the file, and imports Keras for that.

        Args:
            number: Which network; by default `best(max_drop)`.
            max_drop: As for `best`.
        """
        return load_saved(self._export(number, max_drop))

    def save(self, path: str | Path, number: int | None = None, *, max_drop: float | None = None) -> Path:
        """Save what `compact` with these arguments returns as a `.keras` file that loads with Keras alone."""
        target = check_keras_path(Path(path))
        return Path(shutil.copyfile(self._export(number, max_drop), target))

    def export(
        self,
        path: str | Path,
        number: int | None = None,
        *,
        max_drop: float | None = None,
        format: str | None = None,
    ) -> Path:
        """Write what `compact` returns for another runtime, and a model card beside it.

        Args:
            path: `.keras`, `.tflite` or `.onnx`, or the path of a new folder for a SavedModel.
            number, max_drop: As for `compact`.
            format: One of `gakeras.exporting.Format`; by default what the suffix says.

        See `gakeras.SearchResult.export` for what is compared and what is raised.
        """
        target, chosen = check_export_path(path, format)
        member = self._chosen(number, max_drop)
        model = exported(member, self.run, self.settings, self._past, self._executor)
        sections = descendant_sections(
            self.run, self.history[0], descendant(member, self._past, self.settings)
        )
        return export_from_run(
            model,
            target,
            chosen,
            sections,
            run=self.run,
            workers=self.settings.workers,
            executor=self._executor,
        )

    def export_measures(self, number: int | None = None, *, max_drop: float | None = None) -> dict[str, Any]:
        """Return what the export of a network measured: bytes of the file, and the difference of outputs."""
        member = self._chosen(number, max_drop)
        self._export(member.birth.number, None)
        return dict(self._past.exports[member.birth.number]["measures"])

    def rows(self) -> list[tuple[str, ...]]:
        """Return the history as rows of the `COLUMNS`, formatted; accuracies are in %."""
        return [_row(descendant) for descendant in self.history]

    def _export(self, number: int | None, max_drop: float | None) -> Path:
        member = self._chosen(number, max_drop)
        return exported(member, self.run, self.settings, self._past, self._executor)

    def _chosen(self, number: int | None, max_drop: float | None) -> Member:
        if number is None:
            return self._best(max_drop)
        members = self._past.family.members
        if number not in members:
            raise InputError(
                "There is no such network.",
                expected=f"a number of {', '.join(map(str, sorted(members)))}",
                received=f"number={number}",
            )
        return members[number]

    def _best(self, max_drop: float | None) -> Member:
        if max_drop is not None and max_drop < 0:
            raise InputError(
                "A drop is how much accuracy may be lost.",
                expected="max_drop >= 0",
                received=f"max_drop={max_drop}",
            )
        accepted = self._past.family.accepted(self.settings.max_drop if max_drop is None else max_drop)
        if not accepted:
            raise RunError("There is no network yet: the ancestor has not been measured.")
        return accepted[0]

    def __repr__(self) -> str:
        lines = [f"Lineage in {self.run.root}", f"  {self._headline()}"]
        if self.history:
            ancestor, best = self.history[0], self.best()
            lines.append(f"  ancestor: {_summary(ancestor)}")
            lines.append(f"  best: generation {best.generation}, {_summary(best)}")
            lines += [f"    {line}" for line in aligned([self.COLUMNS, *self.rows()])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_of_run("Lineage", self.run.root, self._headline(), self.COLUMNS, self.rows())

    def _headline(self) -> str:
        family = self._past.family
        failed = f", {len(family.failures)} failed" if family.failures else ""
        reason = f"; {self.stop_reason}" if self.stop_reason else ""
        return (
            f"{max(family.generation, 0)} generations, {len(family.members)} networks{failed} "
            f"in {self.seconds:.0f} s{reason}"
        )


def descendant_sections(run: SynthesisRun, ancestor: Descendant, best: Descendant) -> dict[str, Section]:
    """Return what a model card says of a network of the family."""
    return {
        "What it is": {
            "found by": f"gakeras, the synthesis {run.plan.name!r}, network {best.number}",
            "generation": best.generation,
            "seed": run.plan.seed,
            "parameters": best.parameters,
            "multiply-accumulates of one example": best.multiply_accumulates,
            "synapses before compaction": best.synapses,
            "backend": run.plan.backend,
        },
        "Scores": [
            ("network", "validation accuracy", "validation loss", "test accuracy"),
            *(
                (name, f"{each.accuracy:.4f}", f"{each.loss:.4f}", _accuracy(each.test))
                for name, each in (("ancestor", ancestor), ("this one", best))
            ),
        ],
        "Data": data_section(run),
        "Versions": versions_section(run),
    }


def _accuracy(tested: Mapping[str, float]) -> str:
    return f"{tested['accuracy']:.4f}" if "accuracy" in tested else "no test set"


def _row(descendant: Descendant) -> tuple[str, ...]:
    test, clusters = descendant.test.get("accuracy"), descendant.clusters.values()
    return (
        f"{descendant.generation}{'+' if descendant.role == 'last' else ''}",
        str(descendant.number),
        f"{descendant.synapses:,}",
        f"{descendant.efficiency:.2f}",
        f"{descendant.efficiency_drawn:.2f}",
        f"{100 * descendant.accuracy:.2f}",
        "" if test is None else f"{100 * test:.2f}",
        f"{100 * descendant.precision:.2f}",
        f"{100 * descendant.recall:.2f}",
        " ".join(f"{value:.2f}" for value in clusters),
        f"{descendant.parameters:,}",
        f"{descendant.multiply_accumulates:,}",
        f"{descendant.sparse_bytes:,}",
        f"{descendant.cpu_seconds:.1f}",
    )


def _summary(descendant: Descendant) -> str:
    return (
        f"{descendant.synapses:,} synapses ({descendant.efficiency:.1f}x fewer), "
        f"validation accuracy {100 * descendant.accuracy:.2f} %, {descendant.parameters:,} parameters and "
        f"{descendant.multiply_accumulates:,} multiply-accumulates when compacted"
    )
