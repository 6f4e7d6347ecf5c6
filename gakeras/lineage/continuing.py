"""The synthesis of one run: from where its journal has got to, to its end or that of this session."""

from __future__ import annotations

import math
import time

from gakeras.dispatch import Dispatcher
from gakeras.errors import InputError, RunError
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.journal import JournalWriter, read_journal
from gakeras.lineage.family import Family, next_births, stop_reason
from gakeras.lineage.loop import generations
from gakeras.lineage.records import record_of, replay
from gakeras.lineage.results import Lineage
from gakeras.lineage.runs import SynthesisRun
from gakeras.lineage.settings import SynthesisSettings
from gakeras.lineage.work import Births
from gakeras.progress import Progress
from gakeras.session import Session
from gakeras.supervision import child_options


def continue_synthesis(
    run: SynthesisRun,
    settings: SynthesisSettings,
    executor: ExecutorChoice,
    session: Session,
    *,
    progress: bool = True,
) -> Lineage:
    """Replay a run's journal, go on with its generations, and return the lineage. Ctrl-C ends it in order.

    Every batch of events is on disk before the loop goes on. What runs when the session ends
    stays in flight, and is done again on resume from the same seed.

    Raises:
        InputError: The ancestor cannot be used.
        RunError: The ancestor's job or the whole first generation failed.
    """
    workers = settings.workers
    factory = choose_executor(executor, workers.workers, workers.workers_per_device)
    was_interrupted = False
    with JournalWriter(run.journal) as journal, session:
        past = replay(read_journal(run.journal))
        family, start = past.family, time.monotonic() - past.elapsed
        if family.in_flight or next_births(family, settings):
            options = child_options(run, workers, settings.backend)
            with (
                Dispatcher(factory, options, stall_seconds=workers.stall_seconds) as dispatcher,
                _progress(family, settings, progress) as bar,
            ):
                births = Births(run, settings, family, dispatcher, session.seconds_left)
                loop = generations(
                    family,
                    settings,
                    births,
                    may_start=lambda: _may_start(family, session),
                    is_over=session.is_over,
                )
                try:
                    for events in loop:
                        journal.append(record_of(event, time.monotonic() - start) for event in events)
                        _show(bar, family)
                    _show(bar, family)
                except KeyboardInterrupt:
                    was_interrupted = True
    check_family(family)
    is_unfinished = bool(family.in_flight or next_births(family, settings))
    return Lineage(
        run,
        _why_stopped(family, settings, session, was_interrupted, is_unfinished),
        settings=settings,
        was_interrupted=was_interrupted,
        is_unfinished=is_unfinished,
        executor=executor,
    )


def check_family(family: Family) -> None:
    """Raise for an ancestor that was refused or not measured, and for a first generation that failed."""
    if 0 in family.failures:
        failure = family.failures[0]
        refused = failure.measures.get("refused")
        if refused:
            rule = refused["rule"]
            raise InputError(rule, **{name: refused[name] for name in ("expected", "received", "way_out")})
        raise RunError(f"The ancestor could not be measured. {failure.status}: {failure.reason}")
    first = [birth for birth in family.births if birth.generation == 1 and birth.role == "offspring"]
    if first and all(birth.number in family.failures for birth in first):
        failure = family.failures[first[0].number]
        raise RunError(f"No offspring of the ancestor could be trained. {failure.status}: {failure.reason}")


def _may_start(family: Family, session: Session) -> bool:
    """Tell whether there is time for another network, judged by the longest there was."""
    left, longest = session.seconds_left(), max(family.seconds, default=0.0)
    return not session.is_closing() and (left is None or left >= longest)


def _why_stopped(
    family: Family, settings: SynthesisSettings, session: Session, was_interrupted: bool, is_unfinished: bool
) -> str:
    if was_interrupted:
        return "interrupted; `gakeras resume` goes on"
    if is_unfinished:
        return f"{session.reason}; `gakeras resume` goes on"
    return stop_reason(family, settings) or "nothing is left to do"


def _progress(family: Family, settings: SynthesisSettings, show: bool) -> Progress:
    num_last = 0 if settings.last is None else len(settings.last_efficiencies or (1,))
    total = 1 + settings.generations * settings.offspring + num_last
    done = len(family.members) + len(family.failures)
    return Progress(settings.name, total=total, done=done, show=show)


def _show(bar: Progress, family: Family) -> None:
    """Show where the family is; events that are only now on disk do not count yet."""
    latest = family.generation_members(family.generation) or family.generation_members(family.generation - 1)
    note = ""
    if latest:
        accuracy = 100 * latest[0].accuracy
        note = f"generation {latest[0].birth.generation}: {latest[0].efficiency:.1f}x, {accuracy:.2f} %"
        note = note if math.isfinite(latest[0].efficiency) else ""
    bar.update(len(family.members) + len(family.failures), running=len(family.in_flight), note=note)
