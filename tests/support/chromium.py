"""A chromium of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("POLICYSEARCH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Driven by playwright, of which a process can have one at a time; tests are skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install --no-install-recommends chromium, or POLICYSEARCH_CHROMIUM=PATH")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()
