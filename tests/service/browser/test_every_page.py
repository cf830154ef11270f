"""Every page in a real browser: at any width, in the dark, by keyboard, without script, and with hostile names."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browsing import BUSY, tab_to
from tests.support.service_pages import HOSTILE, SHOWN, live
from tests.support.service_server import FakeRunner

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def busy(server) -> FakeRunner:
    """A job with everything on its page, and every name of it hostile."""
    runner = FakeRunner(server, {"data": HOSTILE, "trials": 40}, name=HOSTILE).run()
    runner.jobs.describe(runner.job.id, note=HOSTILE, labels=[HOSTILE[:50]])
    for _ in range(3):
        runner.pull(HOSTILE)
    runner.event("warning", text=HOSTILE)
    found = live(rows=60, pulls=300, best_policy=f"every image: {HOSTILE}", curves={HOSTILE: [[1, 0.4], [2, 0.5]]})
    found["leaderboard"][0]["name"] = HOSTILE
    found["verdict"] |= {"sentence": HOSTILE, "over": HOSTILE}
    runner.show(found)
    runner.folder.log.write_text(f"{HOSTILE}\n{'x' * 500}\n", encoding="utf-8")
    runner.progress(3, best=0.8, best_name=HOSTILE)
    return runner


@pytest.fixture
def paths(busy) -> list[str]:
    """All pages."""
    return ["", "login", f"searches/{busy.job.id}", f"compare?ids={busy.job.id},{busy.job.id}", "account", "nowhere"]


def test_the_token_leaves_the_address_and_the_reader_goes_where_they_were(visiting, server, busy):
    with visiting(login=False) as visit:
        page = visit.page(f"login?next=/searches/{busy.job.id}#t={server.token}")
        page.wait_for_url(f"{server.url}/searches/{busy.job.id}")
        assert server.token not in page.evaluate("location.href + JSON.stringify([...document.cookie])")
        page.go_back()
        assert server.token not in page.url


def test_a_wrong_token_is_said_at_its_field_and_in_no_address(visiting):
    with visiting(login=False) as visit:
        page = visit.page("login#t=ps_wrong")
        expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible(timeout=BUSY)
        assert page.url.endswith("/login")
        visit.forgive("401")


def test_another_site_is_no_place_to_go_after_the_login(visiting, server):
    with visiting(login=False) as visit:
        page = visit.page(f"login?next=https://evil.example/#t={server.token}")
        page.wait_for_url(f"{server.url}/")


def test_who_is_not_logged_in_is_led_there_and_back(visiting, server, busy):
    with visiting(login=False) as visit:
        page = visit.page(f"searches/{busy.job.id}?from=50")
        page.wait_for_url(re.compile("/login"))
        page.get_by_label("Token").fill(server.token)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{server.url}/searches/{busy.job.id}?from=50")
        visit.forgive("401")


def complaints_about_policy(page) -> list[str]:
    """What the page's policy has blocked since the page was loaded."""
    return page.evaluate("window.blocked ?? []")


WATCH = "addEventListener('securitypolicyviolation', (event) => (window.blocked ??= []).push(event.violatedDirective));"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_or_breaks_its_policy(visiting, paths, width, scheme):
    with visiting(viewport={"width": width, "height": 800}, color_scheme=scheme) as visit:
        visit.context.add_init_script(WATCH)
        for path in paths:
            page = visit.page(path)
            page.locator("html.scripted").wait_for()
            for fold in page.locator("details > summary").all():
                fold.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert complaints_about_policy(page) == [], path
            page.close()
        visit.forgive("404")


def test_hostile_names_are_text_on_every_page(visiting, paths):
    with visiting() as visit:
        for path in paths:
            page = visit.page(path)
            page.locator("html.scripted").wait_for()
            assert page.locator("main img:not(.best img), main script").count() == 0
            assert "\u202e" not in page.content()
            if path not in ("login", "account", "nowhere"):
                assert SHOWN in page.locator("main").inner_text(), path
            page.close()
        visit.forgive("404")


def test_without_script_the_page_is_a_right_snapshot(visiting, server, busy):
    FakeRunner(server, name="another")
    with visiting(java_script_enabled=False) as visit:
        page = visit.page(f"searches/{busy.job.id}")
        expect(page.locator(".lead .figure")).to_have_text("+0.56 points [-1.31, 2.44]")
        expect(page.locator(".leaderboard tbody tr")).to_have_count(50)
        expect(page.locator("#feed .pull_ended")).to_have_count(3)
        hint = page.locator(".actions noscript p")
        expect(hint).to_be_visible()
        assert "Stopping, cancelling and resuming needs JavaScript" in (hint.text_content() or "")
        page.get_by_role("link", name="further ones").click()
        expect(page.locator(".leaderboard tbody tr")).to_have_count(10)
        page.get_by_role("link", name="Jobs").click()
        for place in (0, 1):
            page.locator("input[name=ids]").nth(place).check()
        page.get_by_role("button", name="Compare the ticked ones").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Compare searches")


def test_a_button_asks_first_and_can_be_left_by_keyboard(visiting, server):
    runner = FakeRunner(server, name="by keyboard").run()
    with visiting() as visit:
        page = visit.page(f"searches/{runner.job.id}")
        page.locator("html[data-connected=true]").wait_for()
        tab_to(page, "Cancel")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("resume goes on from there")
        expect(dialog.get_by_role("button", name="Back")).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()


def test_the_first_tab_skips_to_the_content(visiting, busy):
    with visiting() as visit:
        page = visit.page(f"searches/{busy.job.id}")
        page.locator("html.scripted").wait_for()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.querySelectorAll("main *, header *")) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3 && child.nodeValue.trim());
    if (!text.length || !node.checkVisibility() || node.closest(":disabled, svg")) continue;
    const [one, two] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) low.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)}`);
  }
  return low;
}"""
"""Texts with less contrast than 4.5 : 1 (WCAG 2.2, 1.4.3)."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(visiting, paths, scheme):
    with visiting(color_scheme=scheme) as visit:
        for path in paths[:-1]:
            page = visit.page(path)
            page.locator("html.scripted").wait_for()
            assert page.evaluate(CONTRASTS) == [], path
            page.close()
