"""A report in a real browser: with script its tables sort and its charts speak, without it nothing is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from policysearch.experiments.search.report.page import page as report_of
from tests.support.reports import images_of, made_up

pytestmark = pytest.mark.browser
ODD = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    material = made_up(folder / "run", arms=40, trials=80, classes=("a", ODD, "c"))
    (folder / "report.html").write_text(report_of(material, images_of(material.classes)), encoding="utf-8")
    return folder / "report.html"


@contextmanager
def opened(browser: Browser, report: Path, **settings: object) -> Iterator[Page]:
    """The page, which must not complain, nor ask for anything else."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(report.as_uri())
    yield page
    assert complaints == []
    context.close()


def arms_of(page: Page) -> list[str]:
    table = page.get_by_role("table", name="The search: 40 arms")
    return table.locator("tbody tr:visible th").all_inner_texts()


def test_tables_sort_by_value_and_back(browser, report):
    with opened(browser, report) as page:
        before = arms_of(page)
        table = page.get_by_role("table", name="The search: 40 arms")
        head = table.get_by_role("columnheader", name="accuracy")
        for order in ("descending", "ascending"):
            head.get_by_role("button").click()
            expect(head).to_have_attribute("aria-sort", order)
            cells = (
                page.get_by_role("table", name="The search: 40 arms").locator("tbody td:nth-child(3)").all_inner_texts()
            )
            values = [float(cell.split()[0]) for cell in cells]
            assert values == sorted(values, reverse=order == "descending") and len(values) == 40
        head.get_by_role("button").press("Enter")
        assert arms_of(page) == before


def test_a_table_is_searched_and_saved(browser, report):
    with opened(browser, report) as page:
        page.get_by_label("Only rows of “The search: 40 arms”").fill("wide c=off")
        assert arms_of(page) and all("wide(" in name and "c=off" in name for name in arms_of(page))
        with page.expect_download() as saved:
            page.get_by_role("link", name="The search: 40 arms as CSV").click()
        text = Path(saved.value.path()).read_text(encoding="utf-8")
        assert saved.value.suggested_filename == "the-search-40-arms.csv" and len(text.splitlines()) == 41


def test_a_mark_says_its_value(browser, report):
    with opened(browser, report) as page:
        dot = page.locator("svg.chart .dot").first
        dot.scroll_into_view_if_needed()
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        dot.hover()  # scrolling hides what was said, so it comes first
        expect(page.locator("#tip")).to_be_visible()
        assert ":" in page.locator("#tip").inner_text()
        page.get_by_role("heading", level=1).hover()
        expect(page.locator("#tip")).to_be_hidden()


def test_nothing_is_missing_without_script(browser, report):
    with opened(browser, report, java_script_enabled=False) as page:
        assert page.locator("svg.chart .dot > title").count() > 100
        expect(page.get_by_role("link", name="The search: 40 arms as CSV")).to_be_visible()
        assert page.get_by_role("button").count() == 0 and page.locator("nav a").count() > 5
        assert ODD in page.locator("main").inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_the_screen(browser, report, width):
    with opened(browser, report, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_print_is_dark_on_white_with_all_that_is_folded(browser, report):
    with opened(browser, report, color_scheme="dark") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) != "rgb(255, 255, 255)"
        page.emulate_media(media="print")
        assert page.evaluate(ground) == "rgb(255, 255, 255)"
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        expect(page.locator("nav")).to_be_hidden()
