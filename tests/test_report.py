"""Laws of the report: it needs a journal and nothing else, holds all of it, and trusts none of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_journals import HOSTILE, made_settings, make_journal
from made_runs import PUBLISHED, make_growth, make_synthesis, torn
from plotly.offline import get_plotlyjs
from stub_runs import run_stub

from gakeras import plots
from gakeras.config import settings_from
from gakeras.errors import InputError
from gakeras.growth import growth_settings
from gakeras.history import read_history
from gakeras.lineage import synthesis_settings
from gakeras.lineage.settings import with_one_budget
from gakeras.plots import read_run
from gakeras.report import render_report, summary, tables, write_report
from gakeras.report.page import content_of
from gakeras.report.toml import to_toml
from gakeras.resuming import resume

LIMIT_BYTES = 8_000_000


class Page(HTMLParser):
    """What elements a page has, with their attributes, and the text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] not in ("script", "style"):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def render(journal: Path) -> str:
    return render_report(read_run(journal))


def test_a_journal_alone_is_enough_and_gives_the_same_page(tmp_path, stub_jobs):
    result = run_stub(tmp_path / "run", max_evaluations=6)
    alone = tmp_path / "elsewhere" / "copied.jsonl"
    alone.parent.mkdir()
    shutil.copy(result.run.journal, alone)
    page = render(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    assert render(alone) == page


def test_a_report_says_what_was_found(tmp_path):
    history = read_history(make_journal(tmp_path / "run", 40))
    text = Page(render_report(history)).text
    assert f"{history.best.loss:.4f}" in text and f"{history.best.parameters:,}" in text
    assert f"winner: #{history.best.id}" in text and "fashion_baseline_dropout" in text
    assert "90.50%" in text  # the mean of the final trainings


def test_final_trainings_that_were_done_in_other_ways_are_rows_of_their_own(tmp_path, stub_jobs):
    space = {"preset": "plain", "learning": {"optimizers": ["sgd"], "schedules": ["cosine"]}}
    result = run_stub(tmp_path / "run", max_evaluations=4, space=space)
    for changes in ({"repeats": 2}, {"validation_share": 0.25}, {"epochs": 3}):
        result.train_best(**changes)
    rows = tables.trainings(read_history(result.run.root)).rows
    assert [row[3] for row in rows] == ["2", "1", "1"] and all("optimizer=sgd" in row[-1] for row in rows)
    assert all("schedule=cosine" in row[-1] for row in rows)
    assert [("validation_share=0.25" in row[-1], "epochs=3" in row[-1]) for row in rows] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    leaders = tables.leaders(read_history(result.run.root)).rows
    line = "learning optimizer=sgd schedule=cosine"
    assert line in leaders[0][-1] and line in repr(result)


def test_after_a_larger_budget_the_present_winner_comes_first_and_the_state_is_its_own(tmp_path, stub_jobs):
    run_stub(tmp_path / "run", max_evaluations=1).train_final()
    result = resume(tmp_path / "run", max_evaluations=4, progress=False)
    history = read_history(tmp_path / "run")
    assert [row[0].split(" (")[0] for row in tables.trainings(history).rows] == ["earlier winner"]
    assert "has ended" not in summary.state(history)
    result.train_final()
    history = read_history(tmp_path / "run")
    names = [row[0].split(" (")[0] for row in tables.trainings(history).rows]
    assert names == ["evolved", "earlier winner"]
    assert "has ended and its winner was trained" in summary.state(history)


@pytest.mark.parametrize(("data", "said"), [({"source": "mnist"}, True), (None, False)])
def test_only_settings_with_their_data_are_run_again_by_the_command_alone(tmp_path, data, said):
    text = Page(render(make_journal(tmp_path / "run", 3, settings=made_settings(data=data)))).text
    assert ("gakeras search again.toml" in text) == said
    assert ("pass them to gakeras.search with the data" in text) != said


def test_a_final_score_that_is_not_finite_is_no_number_in_the_report(tmp_path):
    journal = make_journal(tmp_path / "run", 12)
    journal.write_text(journal.read_text().replace('"test_metric":0.9,', '"test_metric":null,'))
    assert "nan" in tables.trainings(read_history(journal)).rows[0][1]


def test_every_failure_is_in_the_report_with_its_reason(tmp_path):
    journal = make_journal(tmp_path / "run", 50, text="the loss is not finite")
    history = read_history(journal)
    failed = len(history.evaluations) - len(history.succeeded) + len(history.turned_away)
    assert failed and Page(render(journal)).text.count("the loss is not finite") >= failed


def test_what_was_stopped_early_is_listed_apart_with_its_reason_and_is_no_failure(tmp_path):
    journal = make_journal(tmp_path / "run", 50, text="the loss is not finite", failed_share=0.3)
    failed = read_history(journal).failed
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    for record in records:
        if record["type"] == "finished" and record["number"] == failed[0].number:
            record |= {"status": "stopped", "reason": "behind: place 9 of 12"}
    journal.write_text("".join(json.dumps(record) + "\n" for record in records))
    history = read_history(journal)
    number = failed[0].number
    assert [each.number for each in history.failed] == [each.number for each in failed[1:]]
    assert f"#{number}" not in [row[0] for row in tables.failures(history).rows]
    assert [row[:2] for row in tables.stopped(history).rows] == [(f"#{number}", "behind: place 9 of 12")]
    for figure in (plots.progress(history), plots.workers(history)):
        marked = {trace.name: len(trace.y) for trace in figure.data}
        assert (marked["stopped early"], marked["failed"]) == (1, len(failed) - 1)
    text = Page(render(journal)).text
    assert f"{len(failed) - 1} failed, 1 were stopped early (1 behind)" in text
    assert text.count("behind: place 9 of 12") >= 1


def test_a_report_of_a_run_that_goes_on_says_so(tmp_path):
    journal = make_journal(tmp_path / "run", 12, is_trained=False, failed_share=0)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:9])
    assert "1 more had begun when the journal was read" in Page(render(journal)).text


@pytest.mark.parametrize("number", [0, 5], ids=["nothing yet", "all failed"])
def test_there_is_a_report_where_nothing_succeeded(tmp_path, number):
    text = Page(render(make_journal(tmp_path / "run", number, failed_share=1, is_trained=False))).text
    assert f"Of {number} evaluations 0 succeeded, {number} failed" in text


def test_text_of_a_journal_makes_no_element_and_no_attribute(tmp_path):
    names = {HOSTILE: "dense #9 activation=relu"}
    settings = made_settings(name=HOSTILE, networks=names, data={"source": HOSTILE})
    tame, hostile = (
        Page(
            render(
                make_journal(tmp_path / name, 30, text=text, settings=settings if text == HOSTILE else None)
            )
        )
        for name, text in (("tame", "a"), ("hostile", HOSTILE))
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]
    assert not any(name.startswith("on") for _, attributes in hostile.elements for name in attributes)
    assert hostile.count("img") == 0 and "49" not in re.findall(r"\{\{.*?\}\}|\"49", hostile.text)


def test_only_the_two_scripts_of_the_page_may_run_and_nothing_is_fetched(tmp_path):
    page = Page(render(make_journal(tmp_path / "run", 10)))
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and "default-src 'none'" in policy and "unsafe-eval" not in policy
    digest = base64.b64encode(hashlib.sha256(get_plotlyjs().encode()).digest()).decode()
    scripts = re.search("script-src ([^;]*);", policy)
    assert scripts is not None and len(scripts[1].split()) == 2 and f"'sha256-{digest}'" in scripts[1]
    sources = [a.get("src") or a.get("href") for _, a in page.elements if "src" in a or "href" in a]
    assert all(source is not None and source.startswith(("#", "data:")) for source in sources)


def test_every_chart_has_its_figure_and_every_link_its_place(tmp_path):
    page = Page(render(make_journal(tmp_path / "run", 10)))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    charts = {a["id"] for _, a in page.elements if "data-chart" in a}
    assert len(ids) == len(set(ids)) and len(charts) == 6 + 3
    assert charts == {a["data-for"] for _, a in page.elements if "data-for" in a}
    links = {a["href"] for tag, a in page.elements if tag == "a"}
    assert links <= {f"#{name}" for name in ids}


def test_a_thousand_evaluations_weigh_less_than_the_limit(tmp_path):
    file = write_report(make_journal(tmp_path / "run", 1000, num_workers=16), tmp_path / "report.html")
    assert file.stat().st_size < LIMIT_BYTES


def test_a_search_can_be_started_again_from_the_settings_of_its_report(tmp_path):
    settings = made_settings(name='quoted "\x7f\n', networks={"two words": "dense #9 activation=relu"})
    assert settings_from(tomllib.loads(to_toml(settings.to_json()))) == settings


def test_a_report_makes_the_folders_it_is_written_to(tmp_path):
    file = write_report(make_journal(tmp_path / "run", 3), tmp_path / "new" / "report.html")
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_file_that_cannot_be_written_is_a_mistake_in_one_line(tmp_path):
    with pytest.raises(InputError, match="a path that can be written to"):
        write_report(make_journal(tmp_path / "run", 3), tmp_path)


OTHERS = pytest.mark.parametrize("make", [make_synthesis, make_growth], ids=["synthesis", "growth"])


@OTHERS
def test_a_journal_alone_is_enough_for_every_kind_of_run(make, tmp_path):
    journal = make(tmp_path / "run")
    alone = shutil.copy(journal, tmp_path / "copied.jsonl")
    page = render(journal.parent)
    shutil.rmtree(journal.parent)
    assert render(alone) == page


@OTHERS
def test_every_chart_of_every_kind_has_its_figure_and_every_link_its_place(make, tmp_path):
    history = read_run(make(tmp_path / "run"))
    page = Page(render_report(history))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    charts = {a["id"] for _, a in page.elements if "data-chart" in a}
    assert len(ids) == len(set(ids)) and charts == set(content_of(history).charts)
    assert charts == {a["data-for"] for _, a in page.elements if "data-for" in a}
    assert {a["href"] for tag, a in page.elements if tag == "a"} <= {f"#{name}" for name in ids}


@OTHERS
def test_no_text_of_any_kind_of_journal_makes_an_element(make, tmp_path):
    changes = {"published": PUBLISHED | {"title": HOSTILE}} if make is make_synthesis else {}
    tame = Page(render(make(tmp_path / "tame", text="b", fails=True, **changes)))
    hostile = Page(render(make(tmp_path / "hostile", text=HOSTILE, fails=True, **changes)))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]
    assert not any(name.startswith("on") for _, attributes in hostile.elements for name in attributes)


@OTHERS
def test_every_network_and_every_failure_is_in_the_rows_of_its_page(make, tmp_path):
    history = read_run(make(tmp_path / "run", text="the loss is not finite", fails=True))
    text = Page(render_report(history)).text
    rows = history.descendants if make is make_synthesis else history.networks
    assert history.failures and text.count("the loss is not finite") >= len(history.failures)
    assert all(f"#{number}" in text for number in [row.number for row in rows])
    assert all(f"{row.accuracy * 100:.2f}" in text for row in rows)


@OTHERS
@pytest.mark.parametrize("lines", [2, 3, 7], ids=["nothing yet", "the first", "later"])
def test_a_run_of_every_kind_that_goes_on_says_so(make, lines, tmp_path):
    text = Page(render(torn(make(tmp_path / "run"), lambda _: lines))).text
    assert ("more had begun" in text) != (lines == 3) and "has ended" not in text


@OTHERS
def test_there_is_a_report_where_the_first_job_failed(make, tmp_path):
    journal = make(tmp_path / "run")
    head, *_, proposed, finished = journal.read_text().splitlines()[:3]
    failed = json.loads(finished) | {"status": "died", "reason": "no memory", "measures": {}}
    journal.write_text("\n".join([head, proposed, json.dumps(failed)]) + "\n")
    text = Page(render(journal)).text
    assert "0 were measured, 1 failed" in text or "0 succeeded, 1 failed" in text
    assert "no memory" in text


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (make_synthesis, lambda values: synthesis_settings(with_one_budget(values))),
        (make_growth, growth_settings),
    ],
)
def test_a_run_can_be_started_again_from_what_its_report_says(make, settings, tmp_path):
    content = content_of(read_run(make(tmp_path / "run")))
    values = tomllib.loads(content.config)
    assert values.pop("kind") == content.kind
    again = settings(values | dict.fromkeys(content.unsaid)).to_json()
    assert again == content.header["settings"]
    assert content.unsaid == (["max_drop"] if make is make_synthesis else [])


def test_a_synthesis_is_shown_beside_the_published_clusters(tmp_path):
    text = Page(render(make_synthesis(tmp_path / "run", published=PUBLISHED))).text
    assert "published, b" in text and "ours, filters, generation" in text
