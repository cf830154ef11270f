"""Takes the picture of a job's page: `python picture.py LOGIN_ADDRESS JOB_ID`, the address as the server prints it."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1100, 980
TARGET = Path(__file__).with_name("page.png")


def screenshot(login_address: str, job_id: str) -> bytes:
    """The top of the page as PNG."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(login_address)
        page.get_by_role("heading", name="Jobs").wait_for()
        page.goto(f"{login_address.partition('/login')[0]}/searches/{job_id}")
        page.locator("html[data-connected=true]").wait_for()
        picture = page.screenshot()
        browser.close()
    return picture


def main() -> None:
    """Write page.png with few colours, which are enough for a page and make a small file."""
    image = Image.open(io.BytesIO(screenshot(*sys.argv[1:])))
    image.convert("RGB").quantize(64).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
