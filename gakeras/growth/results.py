"""What a growth gives back: the history of a population, its best network, and an ensemble."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gakeras.errors import RunError
from gakeras.executors import ExecutorChoice
from gakeras.exports import check_export_path, check_keras_path, export_from_run
from gakeras.growth.cards import ensemble_sections
from gakeras.growth.ensembles import Ensemble, choose_ensemble, joined
from gakeras.growth.history import GrownNetwork, describe, grown_networks
from gakeras.growth.population import Member, ranked, survivors
from gakeras.growth.records import Replay, replay
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import EnsembleSettings, GrowthSettings
from gakeras.journal import read_journal
from gakeras.models import load_saved
from gakeras.tables import aligned, html_of_run
from gakeras.validation import validated

if TYPE_CHECKING:
    import keras


class Growth:
    """A growth as its run directory has it, finished or not.

    Attributes:
        run: The run directory.
        settings: The settings it was started with.
        stop_reason: Why it ended, in words.
        was_interrupted: Whether that was Ctrl-C.
        is_unfinished: Whether the run is to be gone on with.
        history: A `GrownNetwork` for every training that succeeded, in order.

    Everything is read from the journal when the growth is made. In its table `of` is the parent,
    `MFLOPs` are those of a forward pass, `GFLOPs` all that had been spent by then.
    """

    COLUMNS = (
        "iter.", "no.", "of", "transform", "age", "MFLOPs", "GFLOPs", "train", "loss", "val.", "test",
    )  # fmt: skip

    def __init__(
        self,
        run: GrowthRun,
        stop_reason: str = "",
        *,
        settings: GrowthSettings | None = None,
        was_interrupted: bool = False,
        is_unfinished: bool = False,
        executor: ExecutorChoice | None = None,
    ) -> None:
        self.run, self.stop_reason = run, stop_reason
        self.was_interrupted, self.is_unfinished = was_interrupted, is_unfinished
        self.settings = settings or run.plan
        self._executor = executor if executor is not None else self.settings.workers.executor
        self._past: Replay = replay(read_journal(run.journal))
        self.history = grown_networks(self._past.population)

    @property
    def best(self) -> GrownNetwork:
        """The network that selection ranks first, of all after each of their trainings.

        Raises:
            RunError: No network has been trained yet.
        """
        self._check_begun()
        population = self._past.population
        return self._row(ranked(list(population.members.values()), population, self.settings)[0])

    @property
    def final(self) -> list[GrownNetwork]:
        """The population that there is in the end, the best first: after last legs, if there were any."""
        population = self._past.population
        return [self._row(member) for member in ranked(population.final(), population, self.settings)]

    @property
    def ensemble(self) -> Ensemble:
        """The ensemble that the settings ask for."""
        return self.choose_ensemble()

    @property
    def seconds(self) -> float:
        """Seconds the growth has taken, over all its sessions."""
        return self._past.elapsed

    @property
    def total_flops(self) -> int:
        """All that was spent, on training, three forward passes an example, and on validation."""
        return self._past.population.ledger.total.flops

    @property
    def failures(self) -> dict[int, str]:
        """The reasons of the trainings that came to nothing, by number."""
        failed = self._past.population.failures.items()
        return {number: f"{result.status}: {result.reason}" for number, result in failed}

    @property
    def ensemble_text(self) -> str:
        """The ensemble in words, or why there is none: files of its networks may be gone."""
        try:
            return str(self.ensemble)
        except RunError as error:
            return f"none; {error}"

    def choose_ensemble(
        self, over: str | None = None, method: str | None = None, size: int | None = None
    ) -> Ensemble:
        """Return an ensemble of members by their validation outputs, which are on disk: nothing is run.

        Args:
            over: `"final"`, `"survivors"` or `"snapshots"`; by default as the settings say.
            method: `"mean"`, or `"greedy"` (Caruana et al. 2004), `select_ensemble`.
            size: How often the greedy one chooses.

        Raises:
            InputError: There is no such choice.
            RunError: No network has been trained yet.
        """
        self._check_begun()
        given = {"over": over, "method": method, "size": size}
        values = asdict(self.settings.ensemble) | {
            name: value for name, value in given.items() if value is not None
        }
        wanted = validated(EnsembleSettings, values, origin="the arguments of choose_ensemble()")
        population = self._past.population
        match wanted.over:
            case "final":
                members = population.final()
            case "survivors":
                members = survivors(population, self.settings)
            case "snapshots":
                members = list(population.members.values())
        best_first = ranked(members, population, self.settings)
        return choose_ensemble(best_first, self.run.outputs, self.run, wanted)

    def model(self, number: int | None = None) -> keras.Model:
        """Return a network as it was after a training, by default the best one, in this process."""
        return load_saved(self.run.network(self.best.number if number is None else number))

    def save(self, directory: str | Path) -> dict[str, Path]:
        """Write plain `.keras` files that load with Keras alone; return their paths by name.

        `best` is the best network, `ensemble` the ensemble as one model, which a worker joins, and
        `network_7` and so on are its members. Files that are there are replaced, and those of members
        that it no longer has are removed.
        """
        folder, ensemble = Path(directory), self.ensemble
        folder.mkdir(parents=True, exist_ok=True)
        files = {"best": self.run.network(self.best.number), "ensemble": self._joined(ensemble)}
        files |= {f"network_{number}": self.run.network(number) for number in ensemble.members}
        paths = {name: Path(shutil.copyfile(path, folder / f"{name}.keras")) for name, path in files.items()}
        _remove_others(folder, paths.values())
        return paths

    def save_ensemble(self, path: str | Path) -> Path:
        """Save the ensemble alone, as one `.keras` file that loads with Keras alone."""
        target = check_keras_path(Path(path))
        return Path(shutil.copyfile(self._joined(self.ensemble), target))

    def export(self, path: str | Path, *, format: str | None = None) -> Path:
        """Write the ensemble, as one model, for another runtime, and a model card beside it.

        Args:
            path: `.keras`, `.tflite` or `.onnx`, or the path of a new folder for a SavedModel.
            format: One of `gakeras.exporting.Format`; by default what the suffix says.

        See `gakeras.SearchResult.export` for what is compared and what is raised.
        """
        target, chosen = check_export_path(path, format)
        ensemble = self.ensemble
        return export_from_run(
            self._joined(ensemble),
            target,
            chosen,
            ensemble_sections(self.run, ensemble, self.best),
            run=self.run,
            workers=self.settings.workers,
            executor=self._executor,
        )

    def rows(self) -> list[tuple[str, ...]]:
        """Return the history as rows of the `COLUMNS`, formatted; accuracies are in %."""
        return [_formatted(network) for network in self.history]

    def _joined(self, ensemble: Ensemble) -> Path:
        return joined(ensemble, self.run, self.settings, self._past, self._executor)

    def _row(self, member: Member) -> GrownNetwork:
        return next(network for network in self.history if network.number == member.number)

    def _check_begun(self) -> None:
        if not self._past.population.members:
            raise RunError("There is no network yet: the start network has not been trained.")

    def __repr__(self) -> str:
        lines = [f"Growth in {self.run.root}", f"  {self._headline()}"]
        if self.history:
            lines.append(f"  best: network {self.best.number}, {_summary(self.best)}")
            lines.append(f"  ensemble: {self.ensemble_text}")
            lines += [f"    {line}" for line in aligned([self.COLUMNS, *self.rows()])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_of_run("Growth", self.run.root, self._headline(), self.COLUMNS, self.rows())

    def _headline(self) -> str:
        population = self._past.population
        failed = f", {len(population.failures)} failed" if population.failures else ""
        reason = f"; {self.stop_reason}" if self.stop_reason else ""
        return (
            f"{max(population.iteration, 0)} iterations, {len(population.members)} trainings{failed}, "
            f"{self.total_flops / 1e9:,.1f} GFLOPs in {self.seconds:.0f} s{reason}"
        )


def _remove_others(folder: Path, written: Iterable[Path]) -> None:
    """Remove networks that an earlier save left in a folder: whoever globs it would take them for members."""
    for path in set(folder.glob("network_*.keras")) - set(written):
        if re.fullmatch(r"network_\d+\.keras", path.name):
            path.unlink()


def _formatted(network: GrownNetwork) -> tuple[str, ...]:
    test = network.test.get("accuracy")
    return (
        f"{network.iteration}{'+' if network.role == 'last' else ''}",
        str(network.number),
        "" if network.parent is None else str(network.parent),
        "; ".join(describe(transform) for transform in network.transforms),
        str(network.age),
        f"{network.flops / 1e6:.2f}",
        f"{network.total_flops / 1e9:,.1f}",
        f"{100 * network.train_accuracy:.2f}",
        f"{network.loss:.4f}",
        f"{100 * network.accuracy:.2f}",
        "" if test is None else f"{100 * test:.2f}",
    )


def _summary(network: GrownNetwork) -> str:
    test = network.test.get("accuracy")
    return (
        f"validation loss {network.loss:.4f}, accuracy {100 * network.accuracy:.2f} %"
        + (f", test {100 * test:.2f} %" if test is not None else "")
        + f", {network.parameters:,} parameters, {network.flops / 1e6:.2f} MFLOPs"
    )
