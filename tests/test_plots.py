"""Laws of the figures: nothing is left out, nothing is made up, and no text is markup."""

from __future__ import annotations

import doctest
import json
import pkgutil
import random
from html import unescape
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest
from made_journals import HOSTILE, made_settings, make_journal
from made_runs import make_growth, make_synthesis

from gakeras import plots, report
from gakeras.errors import InputError, RunError
from gakeras.fitness.objectives import fold_metrics
from gakeras.growth import read_growth
from gakeras.history import History, read_history
from gakeras.lineage import read_synthesis
from gakeras.plots.operators import count_successes
from gakeras.plots.text import count_text, individual_hover
from gakeras.plots.workers import idle_shares

FIGURES = [plots.progress, plots.tradeoff, plots.family, plots.operators, plots.workers, plots.folds]


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> History:
    return read_history(make_journal(tmp_path_factory.mktemp("made") / "run", 120))


def trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_every_evaluation_is_a_point_of_the_progress(history):
    figure = plots.progress(history)
    places = [*trace(figure, "evaluation").x, *trace(figure, "failed").x]
    assert sorted(places) == list(range(1, 121))


def test_the_best_so_far_never_rises_and_ends_at_the_winner(history):
    best = trace(plots.progress(history), "best so far").y
    assert all(later <= earlier for earlier, later in pairwise(best)) and best[-1] == history.best.loss


def test_a_search_that_is_after_a_metric_shows_its_metric_and_a_line_that_never_falls(tmp_path):
    settings = made_settings(metric="f1_macro", objectives=["metric"])
    history = read_history(make_journal(tmp_path / "run", 60, settings=settings))
    figure = plots.progress(history)
    assert figure.layout.yaxis.title.text == "f1_macro"
    best = trace(figure, "best so far").y
    assert all(later >= earlier for earlier, later in pairwise(best))
    assert best[-1] == max(fmean(fold_metrics(each.measures)) for each in history.individuals.values())
    assert set(trace(figure, "failed").y) == {min(trace(figure, "evaluation").y)}


def test_both_axes_of_the_progress_show_the_same_points(history):
    figure = plots.progress(history)
    for button in figure.layout.updatemenus[0].buttons:
        assert [len(xs) for xs in button.args[0]["x"]] == [len(trace.y) for trace in figure.data]


@pytest.mark.parametrize("size", ["parameters", "flops"])
def test_every_network_is_a_point_of_the_tradeoff(history, size):
    buttons = plots.tradeoff(history).layout.updatemenus[0].buttons
    data = next(button for button in buttons if button.label.lower() == size).args[0]
    points = set(zip(data["x"][0], data["y"][0], strict=True))
    assert points == {(getattr(i, size), i.loss) for i in history.individuals.values()}
    front = set(zip(data["x"][1], data["y"][1], strict=True))
    assert front == not_dominated(points)


def not_dominated(points):
    return {
        point
        for point in points
        if not any(o != point and o[0] <= point[0] and o[1] <= point[1] for o in points)
    }


@pytest.mark.parametrize("seed", range(20))
def test_the_pareto_front_is_what_brute_force_finds(seed):
    rng = random.Random(seed)
    points = [(rng.randrange(12), rng.randrange(12)) for _ in range(rng.randrange(40))]
    front = [points[index] for index in plots.pareto_front(points)]
    assert set(front) == not_dominated(set(points)) and front == sorted(set(front))


def test_the_family_has_a_row_for_the_winner_and_each_of_its_ancestors(history):
    figure = plots.family(history)
    ancestors = history.ancestors(history.best.id)
    assert len(ancestors) > 10
    assert [note.text.split("</b>")[0] for note in figure.layout.annotations] == [
        f"<b>#{n}" for n in ancestors
    ]
    assert len(trace(figure, "ancestor").y) == len(ancestors)


@pytest.mark.parametrize(
    ("changes", "aim", "sign"),
    [
        ({}, "loss", -1),
        ({"penalty": {"parameters": 1e-7}}, "loss + penalty", -1),
        ({"metric": "f1_macro", "objectives": ["metric"]}, "f1_macro", 1),
    ],
    ids=["loss", "loss with a penalty", "metric"],
)
def test_the_family_says_what_evolution_is_after_and_how_it_changed(tmp_path, changes, aim, sign):
    journal = make_journal(tmp_path / "run", 120, settings=made_settings(**changes))
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    for epoch in [each["epochs"][0] for r in records for each in r.get("measures", {}).get("folds", ())]:
        epoch["val_metric"] = 1 - epoch["val_loss"]  # so that the winner has ancestors by its metric too
    journal.write_text("".join(json.dumps(record) + "\n" for record in records))
    history = read_history(journal)
    for note, number in zip(
        plots.family(history).layout.annotations, history.ancestors(history.best.id), strict=True
    ):
        value, gain = history.value(history.individuals[number]), history.gain(number)
        assert note.text.startswith(f"<b>#{number}</b> {value:.4f}")
        change = "" if gain is None else f" ({sign * gain:+.4f})"
        assert note.text.partition(f"{value:.4f}")[2].startswith(f"{change}<br>")
    assert history.aim == aim
    first = history.individuals[history.best.id].fitness.values[0]
    assert history.value(history.best) == -sign * first
    assert f"the change of the {aim} against the better parent" in report.render_report(history)


def test_every_child_of_evaluated_parents_counts_once_for_each_of_its_operators(history):
    children = [e for e in history.succeeded if history.gain(e.number) is not None]
    counts = count_successes(history)
    assert children and sum(counts["crossover"]) == len(children)
    assert counts["crossover"][0] == sum(history.gain(e.number) > 0 for e in children)


def test_every_evaluation_is_a_bar_of_its_worker(history):
    figure = plots.workers(history)
    assert sum(len(trace.x) for trace in figure.data) == len(history.stints) == len(history.evaluations)
    assert all(
        base >= 0 and base + x <= history.elapsed + 1e-6
        for t in figure.data
        for base, x in zip(t.base, t.x, strict=True)
    )


def test_idle_time_is_what_the_evaluations_leave(history):
    shares = idle_shares(history)
    busy = sum(stint.seconds for stint in history.stints)
    assert len(shares) == 4
    assert sum(1 - share for share in shares.values()) * history.elapsed == pytest.approx(busy)


def test_the_folds_show_every_fold_of_every_leader(history):
    figure = plots.folds(history, 5)
    assert len(trace(figure, "one fold").x) == 5 * 3 and len(trace(figure, "mean").x) == 5
    with pytest.raises(InputError, match="n >= 1"):
        plots.folds(history, 0)


def test_a_network_is_drawn_with_each_of_its_layers(history):
    figure = plots.network(history)
    assert len(figure.layout.annotations) == len(history.best.genome.blocks) + 2  # input and output
    assert "output" in figure.layout.annotations[-1].text


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
@pytest.mark.parametrize(
    ("number", "failed_share"), [(0, 0), (5, 1), (1, 0)], ids=["new", "all failed", "one"]
)
def test_there_is_a_figure_of_every_run(figure, number, failed_share, tmp_path):
    journal = make_journal(tmp_path / "run", number, failed_share=failed_share, is_trained=False)
    assert figure(read_history(journal)).to_json()


def test_no_winner_no_drawing(tmp_path):
    with pytest.raises(RunError, match="no evaluation has succeeded"):
        plots.network(read_history(make_journal(tmp_path / "run", 3, failed_share=1)))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
def test_text_of_a_journal_is_no_markup_of_a_figure(figure, tmp_path):
    journal = make_journal(tmp_path / "run", 60, text=HOSTILE, settings=made_settings(name=HOSTILE))
    drawn = json.loads(figure(read_history(journal)).to_json())
    assert not [text for text in texts(drawn) if "<img" in text or "<script" in text or "</script" in text]


def texts(value):
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)


def test_pointing_at_a_network_shows_its_genome(history):
    hover = individual_hover(history.best, history.proposals[history.best.id])
    assert str(history.best.id) in hover and hover.count("<br>") >= len(history.best.genome.blocks)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1000, "1k"), (999_999, "1M"), (2.5e9, "2.5G")])
def test_large_numbers_are_short(number, text):
    assert count_text(number) == text


MODULES = [
    module.name
    for package in (plots, report)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module, history, tmp_path):
    runs = {
        "history": history,
        "synthesis": read_synthesis(make_synthesis(tmp_path / "synthesis")),
        "growth": read_growth(make_growth(tmp_path / "growth")),
    }
    assert doctest.testmod(import_module(module), extraglobs=runs).failed == 0


def test_examples_are_found():
    assert {"gakeras.plots.progress", "gakeras.report.page"} <= set(MODULES)
    assert Path(plots.__file__).parent.is_dir()


def test_what_is_said_of_a_failure_fits_a_phone(tmp_path):
    journal = make_journal(tmp_path / "run", 3, failed_share=1, text="<" * 500)
    hovers = trace(plots.progress(read_history(journal)), "failed").hovertext
    assert all(len(unescape(line)) <= 60 for hover in hovers for line in hover.split("<br>"))
