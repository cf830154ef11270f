"""A job's page in a real browser: it follows the job, whatever happens to the server and the tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browsing import BUSY, hide
from tests.support.service_pages import HOSTILE, SHOWN, live

pytestmark = pytest.mark.browser


def numbers(page) -> list[int]:
    """Numbers of the pulls that ended, oldest first, as the feed shows them."""
    lines = page.locator("#feed .pull_ended").all_inner_texts()
    return [int(match[1]) for line in reversed(lines) if (match := re.search(r"pull (\d+) ended", line))]


def test_it_moves_without_a_reload(visiting, runner):
    runner.pull()
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        expect(page.get_by_role("heading", level=1)).to_have_text("shirts")
        expect(page.locator("#feed .pull_ended")).to_have_count(1)
        page.locator("html[data-connected=true]").wait_for()
        runner.pull("randaugment:2,9")
        runner.show(live())
        runner.progress(12, best=0.9, best_name="policy 0")
        expect(page.locator("#feed .pull_ended")).to_have_count(2, timeout=BUSY)
        expect(page.locator(".lead .figure")).to_have_text("+0.56 points [-1.31, 2.44]", timeout=BUSY)
        expect(page.locator("progress").first).to_have_attribute("value", "12", timeout=BUSY)
        expect(page.locator(".leaderboard tbody tr")).to_have_count(3)
        expect(page.get_by_text("12 of 40 pulls").first).to_be_visible()


def test_the_feed_that_grew_reads_like_the_server_s(visiting, runner):
    with visiting(timezone_id="UTC") as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        runner.event("phase", phase="search", note="")
        runner.pull(HOSTILE)
        runner.pull(reward=None)
        runner.event("retry", number=1, error="killed")
        runner.event("warning", text=HOSTILE)
        runner.event("end", end="done", sentence="")
        expect(page.locator("#feed li")).to_have_count(8, timeout=BUSY)
        grown = page.locator("#feed").inner_text()
        page.reload()
        assert page.locator("#feed").inner_text() == grown and SHOWN in grown


def test_killed_three_times_nothing_is_missed_and_nothing_comes_twice(visiting, server, runner):
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        for _ in range(3):
            for _ in range(5):
                runner.pull()
            expect(page.locator("#feed .pull_ended")).to_have_count(runner.number, timeout=BUSY)
            server.kill()
            runner.pull()
            banner = page.locator("#connection")
            expect(banner).to_have_text(re.compile(r"connection lost, since \d+ s"), timeout=BUSY)
            server.start()
            expect(banner).to_be_hidden(timeout=BUSY)
            expect(page.locator("#feed .pull_ended")).to_have_count(runner.number, timeout=BUSY)
        assert numbers(page) == list(range(runner.number))
        visit.forgive("net::ERR_")


def test_a_short_break_is_not_mentioned(visiting, server, runner):
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        page.evaluate("dispatchEvent(new Event('offline'))")
        expect(page.locator("html[data-connected=false]")).to_have_count(1)
        page.locator("html[data-connected=true]").wait_for()
        expect(page.locator("#connection")).to_be_hidden()


def test_a_hidden_tab_has_no_stream_and_goes_on_when_it_is_shown(visiting, runner):
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        hide(page, True)
        expect(page.locator("html[data-connected=false]")).to_have_count(1)
        for _ in range(4):
            runner.pull()
        assert numbers(page) == []
        hide(page, False)
        expect(page.locator("#feed .pull_ended")).to_have_count(4, timeout=BUSY)
        assert numbers(page) == [0, 1, 2, 3]


def test_eight_tabs_load(visiting, runner):
    """Browsers give a server six connections: a tab that is left has to give back its own."""
    with visiting() as visit:
        tabs = []
        for _ in range(8):
            for tab in tabs:
                hide(tab, True)
            page = visit.page(f"searches/{runner.job.id}")
            page.locator("html[data-connected=true]").wait_for()
            tabs.append(page)
        expect(tabs[-1].get_by_role("heading", level=1)).to_have_text("shirts")
        runner.pull()
        expect(tabs[-1].locator("#feed .pull_ended")).to_have_count(1, timeout=BUSY)


def test_what_the_reader_does_survives_the_news(visiting, runner):
    runner.show(live(rows=80))
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        page.locator("#history summary").click()
        page.get_by_role("button", name="Stop").focus()
        runner.show(live(rows=90))
        runner.progress(20)
        expect(page.get_by_text("90 policies")).to_have_count(1, timeout=BUSY)
        assert page.locator("#history").get_attribute("open") is not None
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        expect(page.locator(".leaderboard tbody tr")).to_have_count(50)
        page.get_by_role("link", name="further ones").click()
        expect(page.locator(".leaderboard tbody tr")).to_have_count(40)


def test_a_screen_reader_hears_at_most_one_sentence_in_ten_seconds(visiting, runner):
    with visiting() as visit:
        page = visit.context.new_page()
        page.clock.install()
        page.goto(f"{visit.server.url}/searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        page.evaluate(
            """() => {
                window.heard = [];
                const place = document.getElementById("announcement");
                new MutationObserver(() => window.heard.push(place.textContent)).observe(place, { childList: true });
            }"""
        )
        runner.progress(1)
        expect(page.locator("#announcement")).to_have_text("1 of 40 pulls", timeout=BUSY)
        for done in range(2, 5):
            runner.progress(done)
        expect(page.locator(".facts")).to_contain_text("4 of 40", timeout=BUSY)
        assert page.evaluate("window.heard") == ["1 of 40 pulls"]
        page.clock.run_for(11_000)
        expect(page.locator("#announcement")).to_have_text("4 of 40 pulls")
        assert page.evaluate("window.heard") == ["1 of 40 pulls", "4 of 40 pulls"]


def test_the_list_moves_too(visiting, runner):
    with visiting() as visit:
        page = visit.page()
        page.locator("html[data-connected=true]").wait_for()
        row = page.locator(f"#job-{runner.job.id}")
        expect(row).to_contain_text("running")
        row.get_by_role("checkbox").check()
        runner.progress(7)
        expect(row).to_contain_text("7 of 40", timeout=BUSY)
        expect(row.get_by_role("checkbox")).to_be_checked()
