"""Starts a synthesis: from what the caller passes to a run directory with everything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from gakeras.beginning import chosen_backend, directory_for, worker_table
from gakeras.config import WorkerSettings
from gakeras.data import Arrays, as_arrays, open_data
from gakeras.errors import InputError, RunError
from gakeras.executors import ExecutorChoice
from gakeras.lineage.continuing import continue_synthesis
from gakeras.lineage.results import Lineage
from gakeras.lineage.runs import Ancestor, create_synthesis
from gakeras.lineage.settings import SynthesisSettings, synthesis_settings, with_one_budget
from gakeras.models import check_model, check_model_path
from gakeras.results import SearchResult
from gakeras.run import open_run
from gakeras.session import Session
from gakeras.supervision import executor_factory
from gakeras.synthesis import Synthesis
from gakeras.validation import argument_names, with_arguments

_USUAL_KEEP = 0.67


def synthesize(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    x_test: Any = None,
    y_test: Any = None,
    sample_weight: Any = None,
    generations: int = 12,
    keep: float | Sequence[float] | None = _USUAL_KEEP,
    parents: int = 1,
    offspring: int | None = None,
    gene_tags: bool = True,
    chi: float = 0.6,
    method: str = "synthesis",
    cluster: str = "filter",
    precision: str = "float32",
    inherit: bool = True,
    max_drop: float | None = 0.03,
    validation_share: float = 0.1,
    epochs: int = 2,
    batch_size: int = 128,
    optimizer: str = "adam",
    learning_rate: float | None = 1e-3,
    schedule: str = "cosine",
    last_epochs: int | None = None,
    executor: ExecutorChoice = "auto",
    workers: int | Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    run_dir: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> Lineage:
    """Synthesize ever smaller offspring of a trained network over generations.

    Each offspring's synapses are drawn from the probabilities of its parents' synaptic
    clusters and synapses, equations 1 to 5 of Shafiee and Wong (2016), in an environment
    that has room for a share `keep` of them; it inherits its parents' weights, is trained
    with its mask held, rounded to `precision`, and measured. With several parents what they
    share is drawn from, matched by gene tags (Chung, Fieguth and Wong 2018). The training
    of each network is a job on the executor, and on disk before it counts; Ctrl-C ends the
    synthesis and keeps everything, and `resume` goes on.

    Args:
        model: A built Sequential or Functional model of the layers that docs/synthesis.md
            lists, the path of a `.keras` file, or a `SearchResult` or the directory of a
            search, of which the best network is taken, trained as its `save` does.
        x, y: Training data as `search` takes them, of classes; by default those of the search.
            A stratified part of them, recorded in the run, is never trained on: by it fitness
            and the end are decided. An ancestor that was trained on it looks better than it is.
        x_test, y_test: Test data for the report alone; nothing is decided by them.
        sample_weight: How much each example counts in the loss of training; a search has its own.
        generations: How many at the most.
        keep: The share of its parents' synapses that an offspring is expected to keep, before
            dead ones are removed; or one for each generation. None, or left out beside a
            `drawing={"environment": ...}`: as that says. A `Synthesis` with one of its own is the same.
        parents: How many parents each offspring has, the fittest of the generation before.
        offspring: Networks of each generation, by default as many as parents.
        gene_tags: Whether parents mate like with like, or by position.
        chi: The share of the parents that must have a cluster.
        method: `"synthesis"`, or a baseline on the same budget: `"random"`, `"magnitude"`,
            `"lamp"`, `"deterministic"`.
        cluster: `"filter"`, which compacts, or `"kernel"`, which the 2016 paper has.
        precision: What every offspring is rounded to: `"float16"` (Shafiee et al. 2017),
            `"bfloat16"`, `"int8"`, or `"float32"` for nothing.
        inherit: Whether offspring start with their parents' weights, or with new ones.
        max_drop: How far below the ancestor's validation accuracy a generation may fall, as a
            share, before the synthesis stops; None for no such end.
        validation_share: The part of the training data that validates.
        epochs, batch_size, optimizer, learning_rate, schedule: The training of each offspring.
        last_epochs: A further training in the end, of the smallest network within `max_drop`.
        executor, workers, timeout_seconds: Who trains, as for `search`.
        time_limit: Seconds until this call returns, to be gone on with by `resume`.
        seed: The same seed and the serial executor give the same family.
        run_dir: A new directory for the run; by default one in `runs/`.
        progress: Whether to show how far it is.
        **settings: Any other setting of a config file (`SynthesisSettings`), for example
            `drawing={"normalization": "mean"}`. Such a table changes what it names; an object
            (`Synthesis`, `TrainingOptions`) says everything, and no argument may say otherwise.

    Returns:
        A `Lineage`: `history`, `best(max_drop)`, `compact()`, `save(path)`.

    Raises:
        InputError: The model, the data, a setting or the directory cannot be used, or the
            ancestor is no better than chance.
        RunError: The ancestor's job or the whole first generation failed.
        Unfinished: The time was up before the best network of a search was trained.

    Example:
        ```python
        import gakeras

        result = gakeras.search(x, y, max_seconds=60)
        lineage = gakeras.synthesize(result, generations=8, max_drop=0.01)
        lineage.save("small.keras")
        ```
    """
    training = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule,
    }
    values: dict[str, Any] = {
        "seed": seed,
        "generations": generations,
        "keep": tuple(keep) if isinstance(keep, Sequence) else keep,
        "parents": parents,
        "offspring": parents if offspring is None else offspring,
        "drawing": {"gene_tags": gene_tags, "chi": chi, "method": method, "cluster": cluster},
        "precision": precision,
        "inherit": inherit,
        "max_drop": max_drop,
        "validation_share": validation_share,
        "training": training,
        "workers": worker_table(executor, workers, timeout_seconds),
    }
    settings = with_arguments(synthesize, settings, values, "training", "drawing")
    environment = _environment(settings.get("drawing"))
    if environment is not None:
        given = {} if keep == _USUAL_KEEP else {"keep": keep}
        values["keep"] = with_one_budget({"drawing": {"environment": environment}, **given})["keep"]
    if last_epochs is not None:
        if "last" in settings:
            raise InputError(
                "The last training is said once.",
                expected="one of last_epochs and last",
                received=f"last_epochs={last_epochs}, last={settings['last']!r:.80}",
                way_out='Say its epochs in it, by last={"epochs": ...}.',
            )
        usual = settings.get("training", training)
        usual = usual if isinstance(usual, Mapping) else asdict(usual)
        values["last"] = {**usual, "epochs": last_epochs}
    checked = synthesis_settings(
        values | settings,
        origin="the arguments of synthesize()",
        keywords=argument_names(synthesize),
    )
    ancestor, own = find_ancestor(model)
    if x is None and y is None and own is None:
        raise InputError("Offspring are trained.", expected="training data x and y", received=f"x={x}, y={y}")
    if (x is None) != (y is None):
        missing = "x" if x is None else "y"
        raise InputError(
            "Examples and targets come together.", expected="both of x and y", received=f"{missing}=None"
        )
    if x is None and sample_weight is not None:
        raise InputError(
            "The data of a search have their weights.",
            expected="sample_weight beside x and y",
            received="sample_weight alone",
        )
    arrays = own if x is None else None
    if arrays is None:
        arrays = as_arrays(x, y, x_test, y_test, sample_weight)
    elif x_test is not None or y_test is not None:
        arrays = as_arrays(arrays.x, arrays.y, x_test, y_test, arrays.sample_weight)
    session = Session(time_limit, checked.workers.grace_seconds)
    return run_synthesis(
        checked,
        arrays,
        ancestor,
        run_dir=run_dir,
        executor=None if isinstance(executor, str) else executor,  # names are in the settings
        session=session,
        progress=progress,
    )


def _environment(drawing: Any) -> Any:
    """Return the environment that is asked for, None for the usual one."""
    if isinstance(drawing, Synthesis):
        return None if drawing.environment == Synthesis().environment else drawing.environment
    return drawing.get("environment") if isinstance(drawing, Mapping) else None


def run_synthesis(
    settings: SynthesisSettings,
    arrays: Arrays,
    ancestor: Ancestor | SearchResult,
    *,
    run_dir: str | Path | None = None,
    executor: ExecutorChoice | None = None,
    session: Session | None = None,
    progress: bool = True,
) -> Lineage:
    """Start the synthesis that validated settings describe; see `synthesize`.

    `ancestor` is a `.keras` file, a function that writes one, a search, or None where the settings name one
    to build. The best network of a search is trained first, where it has not been yet, in the same session
    and by the same workers.

    Raises:
        Unfinished: The session ended before the best network of a search was trained.
    """
    plain = settings.to_json() | {"backend": chosen_backend(settings.backend)}
    settings = synthesis_settings(plain, origin="the arguments and the environment")
    choice = executor if executor is not None else settings.workers.executor
    executor_factory(choice, settings.workers, settings.backend)
    session = session or Session(None, settings.workers.grace_seconds)
    with directory_for(run_dir, settings.name) as root:
        if isinstance(ancestor, SearchResult):
            ancestor = partial(_write_winner, ancestor, settings.workers, choice, session, progress)
        run = create_synthesis(root, settings, arrays, ancestor)
    return continue_synthesis(run, settings, choice, session, progress=progress)


def find_ancestor(model: Any) -> tuple[Ancestor | SearchResult, Arrays | None]:
    """Return what an ancestor comes from, and the data that come with it, those of a search.

    Raises:
        InputError: for what is neither a model, nor the path of one, nor a search.
    """
    if isinstance(model, str | Path):
        path = Path(model)
        if not (path.is_dir() or (path / "journal.jsonl").exists()):
            return check_model_path(path, "The ancestor", "ancestor"), None
        model = SearchResult(open_run(path))
    if isinstance(model, SearchResult):
        data = open_data(model.run.data)
        return model, Arrays(data.x, data.y, data.x_test, data.y_test, data.sample_weight)
    save = check_model(
        model,
        "The ancestor is a Keras model, the path of one, or a search.",
        "a built keras.Model, a path ending in .keras, a SearchResult or its directory",
    )
    return save, None


def _write_winner(
    search: SearchResult,
    workers: WorkerSettings,
    executor: ExecutorChoice,
    session: Session,
    progress: bool,
    target: Path,
) -> None:
    """Write the best network of a search to a path, trained first where it has to be."""
    workers = replace(workers, job_module=search.settings.workers.job_module)
    try:
        search.save_within(target, session, workers=workers, executor=executor, progress=progress)
    except RunError:
        if not session.is_over():
            raise
        raise session.ended(
            f"{session.reason}: the ancestor, the best network of {search.run.root}, is not trained yet; "
            "begin again with more time."
        ) from None
