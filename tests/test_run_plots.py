"""Laws of the figures of a synthesis and of a growth: every network is there, as the journal has it."""

from __future__ import annotations

import json

import pytest
from made_journals import HOSTILE, make_journal
from made_runs import PUBLISHED, make_growth, make_synthesis, torn

from gakeras import plots
from gakeras.errors import InputError
from gakeras.growth import read_growth
from gakeras.lineage import read_synthesis
from gakeras.plots.ledger import charges_by_iteration

OF_SYNTHESIS = [plots.efficiency, plots.shrinkage, plots.sizes, plots.effort]
OF_GROWTH = [plots.spending, plots.descent, plots.population, plots.ledger, plots.ensemble]


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory):
    return read_synthesis(make_synthesis(tmp_path_factory.mktemp("made") / "run", published=PUBLISHED))


@pytest.fixture(scope="module")
def growth(tmp_path_factory):
    return read_growth(make_growth(tmp_path_factory.mktemp("made") / "run", fails=True))


def trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def points(figure, button=None, skip=()):
    """Return the points of a figure, as it is or after a button was pressed."""
    data = {} if button is None else button_of(figure, button).args[0]
    ys = data.get("y", [trace.y for trace in figure.data])
    pairs = [
        (x, y)
        for trace, heights in zip(figure.data, ys, strict=True)
        if trace.name not in skip
        for x, y in zip(trace.x, heights, strict=True)
        if x is not None
    ]
    return sorted(pairs)


def button_of(figure, label):
    return next(button for button in figure.layout.updatemenus[0].buttons if button.label == label)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_every_network_is_one_point_of_its_accuracy_and_efficiency(synthesis, part):
    figure = plots.efficiency(synthesis)
    expected = sorted(
        (row.efficiency, round(100 * (row.accuracy if part == "validation" else row.test["accuracy"]), 3))
        for row in synthesis.descendants
    )
    assert points(figure, part, skip=["published"]) == expected


def test_published_networks_are_drawn_beside_ours(synthesis):
    published = trace(plots.efficiency(synthesis), "published")
    assert (list(published.x), list(published.y)) == ([1.0, 5.0], [99.0, 98.0])


def test_the_line_joins_the_fittest_of_every_generation(synthesis):
    line = trace(plots.efficiency(synthesis), "best of its generation")
    rows = [row for row in synthesis.descendants if row.role != "last"]
    fittest = [max((r for r in rows if r.generation == g), key=lambda r: r.accuracy) for g in range(5)]
    assert list(line.x) == [row.efficiency for row in fittest]


def test_pointing_at_a_network_says_where_it_comes_from_and_what_it_weighs(synthesis):
    last = synthesis.last[0]
    (hover,) = trace(plots.efficiency(synthesis), "trained once more").hovertext
    for text in (f"#{last.parents[0]}", f"{last.synapses:,}", f"{last.accuracy:.2%}", "CPU-seconds", "bytes"):
        assert text in hover


def test_every_layer_has_a_line_of_its_cluster_efficiency(synthesis):
    figure = plots.shrinkage(synthesis)
    assert [line.name for line in figure.data] == ["conv_1", "conv_2", "output"]
    for line, layer in zip(figure.data, synthesis.leaders[0].clusters, strict=True):
        assert list(line.y) == [row.clusters[layer] for row in synthesis.leaders]


@pytest.mark.parametrize(
    ("label", "field"),
    [("synapses",) * 2, ("parameters",) * 2, ("MACs", "multiply_accumulates"), ("bytes", "sparse_bytes")],
)
def test_every_size_of_every_network_can_be_seen(synthesis, label, field):
    expected = sorted((row.generation, getattr(row, field)) for row in synthesis.descendants)
    assert points(plots.sizes(synthesis), label) == expected


def test_cpu_seconds_add_up_and_failed_networks_cost_too(tmp_path):
    history = read_synthesis(make_synthesis(tmp_path / "run", fails=True))
    assert history.failures
    spent = [x for x, _ in points(plots.effort(history))]
    assert spent == sorted(4.0 * (row.number + 1) for row in history.descendants)


@pytest.mark.parametrize("score", ["accuracy", "loss"])
def test_every_training_is_on_a_line_and_lines_begin_where_they_come_from(growth, score):
    figure = plots.spending(growth, score)

    def height(network):
        return round(100 * network.accuracy, 3) if score == "accuracy" else network.loss

    assert set(points(figure)) == {(network.total_flops, height(network)) for network in growth.networks}
    way = trace(figure, "way to the best")
    assert way.x[0] == growth.networks[0].total_flops
    assert way.y[-1] == height(growth.best)


def test_the_scores_of_every_part_are_on_the_same_points(growth):
    figure = plots.spending(growth)
    labels = [button.label for button in figure.layout.updatemenus[0].buttons]
    assert labels == ["validation", "training", "test"]
    test = dict(points(figure, "test"))
    assert test == {n.total_flops: round(100 * n.test["accuracy"], 3) for n in growth.networks}


def test_the_tree_has_a_row_for_every_network_and_a_point_for_every_training(growth):
    figure = plots.descent(growth)
    trainings = growth.population.trainings
    assert len(trace(figure, "training").x) == len(trainings)
    names = sorted(int(note.text.split("</b>")[0].removeprefix("<b>#")) for note in figure.layout.annotations)
    assert names == sorted({training.network for training in trainings})
    crosses = [symbol for symbol in trace(figure, "training").marker.symbol if symbol == "x"]
    assert len(crosses) == len(growth.failures) > 0


def test_a_network_stands_below_the_one_it_was_made_of(growth):
    notes = [note.text.split("</b>")[0] for note in plots.descent(growth).layout.annotations]
    place = {int(text.removeprefix("<b>#")): row for row, text in enumerate(notes)}
    made_of = {t.number: t.network for t in growth.population.trainings}
    for training in growth.population.trainings:
        if training.parent is not None and made_of[training.parent] != training.network:
            assert place[made_of[training.parent]] < place[training.network]


def test_every_training_is_in_the_population_of_its_iteration(growth):
    expected = sorted((n.iteration + (n.role == "last"), n.loss) for n in growth.networks)
    assert points(plots.population(growth), "loss") == expected


def test_the_ledger_of_all_iterations_is_all_that_was_spent(growth):
    charges = charges_by_iteration(growth)
    total = growth.population.ledger.total
    assert sum(charge.training for charge in charges.values()) == total.training
    assert sum(sum(bar.y) for bar in plots.ledger(growth).data) == total.flops
    assert list(charges) == ["0", "1", "2", "3", "3+"]


def test_the_ensemble_stands_beside_all_its_members(growth):
    (dots,) = plots.ensemble(growth).data
    assert len(dots.x) == 1 + len(growth.ensembles[0].members) and dots.x[0] == 95.0


@pytest.mark.parametrize("figure", OF_SYNTHESIS, ids=lambda figure: figure.__name__)
@pytest.mark.parametrize("lines", [1, 2, 3, 5], ids=["new", "begun", "ancestor", "goes on"])
def test_there_is_a_figure_of_every_synthesis(figure, lines, tmp_path):
    journal = torn(make_synthesis(tmp_path / "run", has_test=False), lambda _: lines)
    assert figure(read_synthesis(journal)).to_json()


@pytest.mark.parametrize("figure", OF_GROWTH, ids=lambda figure: figure.__name__)
@pytest.mark.parametrize("lines", [1, 2, 3, 5, 8], ids=["new", "begun", "start", "goes on", "later"])
def test_there_is_a_figure_of_every_growth(figure, lines, tmp_path):
    journal = torn(make_growth(tmp_path / "run", has_test=False), lambda _: lines)
    assert figure(read_growth(journal)).to_json()


@pytest.mark.parametrize("figure", OF_SYNTHESIS + OF_GROWTH, ids=lambda figure: figure.__name__)
def test_text_of_a_journal_is_no_markup_of_these_figures(figure, tmp_path):
    make = make_synthesis if figure in OF_SYNTHESIS else make_growth
    drawn = figure(plots.read_run(make(tmp_path / "run", text=HOSTILE, fails=True)))
    text = json.dumps(drawn.to_plotly_json(), default=list)
    assert "<img" not in text and "<script" not in text and "</script" not in text


def test_a_run_is_read_as_what_its_journal_says_it_is(tmp_path):
    found = {
        type(plots.read_run(journal.parent))
        for journal in (
            make_journal(tmp_path / "a", 2),
            make_synthesis(tmp_path / "b"),
            make_growth(tmp_path / "c"),
        )
    }
    assert found == {plots.History, plots.SynthesisHistory, plots.GrowthHistory}


def test_a_run_of_an_unknown_kind_is_refused(tmp_path):
    journal = make_growth(tmp_path / "run")
    journal.write_text(journal.read_text().replace('"kind":"growth"', '"kind":"dance"'))
    with pytest.raises(InputError, match="kind='search', 'synthesis' or 'growth'"):
        plots.read_run(journal)
    with pytest.raises(InputError, match="a journal with kind='synthesis'"):
        read_synthesis(make_growth(tmp_path / "other"))
