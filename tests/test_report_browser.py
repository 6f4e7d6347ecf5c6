"""The report in a real browser: it is drawn, it answers, it fits a phone, and nothing goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import find_chromium, open_browser
from made_journals import HOSTILE, made_settings, make_journal
from made_runs import PUBLISHED, make_growth, make_synthesis
from playwright.sync_api import Browser, Page, expect
from stub_runs import run_stub

from gakeras.report import write_report

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1280, 900), (390, 844)
CHARTS = ["progress", "tradeoff", "family", "operators", "workers", "folds", "network-1"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """An empty page that fails the test when anything is logged as an error, or asks for the network."""
    width, height = request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if is_local(request.url) else complaints.append(request.url))
    yield page
    page.close()
    assert not complaints


def is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))


@pytest.fixture
def stub_report(tmp_path: Path, stub_jobs: None) -> Path:
    """The report of a small search."""
    run_stub(tmp_path / "run", max_evaluations=12)
    return write_report(tmp_path / "run", tmp_path / "report.html")


def show(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    expect(page.locator("html[data-drawn]")).to_be_attached()


def test_every_chart_is_drawn_and_none_is_wider_than_the_screen(page, stub_report):
    show(page, stub_report)
    for name in CHARTS:
        chart = page.locator(f"#{name}")
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".main-svg").first).to_be_visible()
        box = chart.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_every_evaluation_is_drawn_and_pointing_at_one_shows_its_genome(page, stub_report):
    show(page, stub_report)
    points = page.locator("#progress .scatterlayer .trace .point")
    expect(points).to_have_count(12)
    point = points.nth(5)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = page.locator("#progress .hoverlayer .hovertext")
    expect(hover.first).to_contain_text("dense")
    expect(hover.first).to_contain_text("parameters")
    assert colour(page, "#progress .hovertext text.nums", "fill") == colour(page, "body", "color")
    label = hover.first.bounding_box()
    assert label["x"] >= 0 and label["x"] + label["width"] <= page.viewport_size["width"]


def colour(page: Page, selector: str, name: str) -> str:
    return page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).{name}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_have_the_colours_of_the_page_also_when_these_change(page, stub_report, scheme):
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    show(page, stub_report)
    before = colour(page, "body", "color")
    assert colour(page, "#progress .xtitle", "fill") == before
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("#progress .xtitle")).not_to_have_css("fill", before)
    assert colour(page, "#progress .xtitle", "fill") == colour(page, "body", "color")


@pytest.mark.parametrize(
    ("chart", "button", "title"),
    [("progress", "time", "seconds"), ("tradeoff", "FLOPs", "FLOPs of a forward pass")],
)
def test_a_button_switches_the_axis(page, stub_report, chart, button, title):
    show(page, stub_report)
    axis = page.locator(f"#{chart} .xtitle")
    axis.scroll_into_view_if_needed()
    expect(axis).not_to_have_text(title)
    page.locator(f"#{chart} .updatemenu-button", has_text=button).click()
    expect(axis).to_have_text(title)
    pressed = page.locator(f"#{chart} .updatemenu-button.chosen")
    expect(pressed).to_have_text(button)


def test_a_hostile_journal_runs_nothing(page, tmp_path):
    networks = {HOSTILE: "dense #9 activation=relu"}
    settings = made_settings(name=HOSTILE, networks=networks, final={"baselines": [HOSTILE]})
    journal = make_journal(tmp_path / "run", 30, text=HOSTILE, settings=settings)
    show(page, write_report(journal, tmp_path / "report.html"))
    for name in [*CHARTS, "network-2"]:
        page.locator(f"#{name}").scroll_into_view_if_needed()
        expect(page.locator(f"#{name} .main-svg").first).to_be_visible()
    assert page.evaluate("window.hacked") is None and page.locator("img").count() == 0
    assert page.title().startswith(HOSTILE[:9])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_run_where_everything_failed_is_shown_too(page, tmp_path):
    journal = make_journal(tmp_path / "run", 5, failed_share=1, is_trained=False, text="it diverged")
    show(page, write_report(journal, tmp_path / "report.html"))
    expect(page.locator("#failures")).to_contain_text("it diverged")


@pytest.mark.parametrize(
    ("make", "charts", "pointed", "said", "button", "title"),
    [
        (
            make_synthesis, ["efficiency", "effort", "shrinkage", "sizes"],
            "efficiency", "generation", "test", "test accuracy, %",
        ),
        (
            make_growth, ["accuracy", "loss", "ensemble", "descent", "population", "ledger"],
            "accuracy", "validation loss", "training", "training accuracy, %",
        ),
    ],
    ids=["synthesis", "growth"],
)  # fmt: skip
def test_the_reports_of_the_other_runs_are_drawn_answer_and_fit(
    page, tmp_path, make, charts, pointed, said, button, title
):
    more = {"published": PUBLISHED} if make is make_synthesis else {}
    show(
        page, write_report(make(tmp_path / "run", text=HOSTILE, fails=True, **more), tmp_path / "report.html")
    )
    assert [chart.get_attribute("id") for chart in page.locator("[data-chart]").all()] == charts
    for name in charts:
        chart = page.locator(f"#{name}")
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".main-svg").first).to_be_visible()
        box = chart.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("window.hacked") is None and page.locator("img").count() == 0
    point = page.locator(f"#{pointed} .scatterlayer .trace .point").last
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(f"#{pointed} .hoverlayer .hovertext").first).to_contain_text(said)
    page.locator(f"#{pointed} .updatemenu-button", has_text=button).click()
    expect(page.locator(f"#{pointed} .ytitle")).to_have_text(title)
    expect(page.locator(f"#{pointed} .updatemenu-button.chosen")).to_have_text(button)


def test_without_a_chromium_the_tests_fail_in_ci_and_are_skipped_elsewhere(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        find_chromium()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        find_chromium()
