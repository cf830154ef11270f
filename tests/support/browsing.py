"""What tests of the browser do to a page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

BUSY = 30_000
"""Milliseconds that a busy machine may take."""
LONG = 240_000
"""Milliseconds that a search may take there."""


def hide(page: Page, hidden: bool) -> None:
    """Let the page think that its tab is hidden: a headless browser hides none."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus; whatever has it on the way must be visible."""
    for _ in range(120):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        assert focus.count() == 1
        expect(focus).to_be_in_viewport()
        if focus.evaluate("(node) => node.labels?.[0]?.innerText ?? node.innerText").strip() == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")
