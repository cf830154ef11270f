"""A search is asked for in the browser, watched, and its policy taken home; the server is killed in between."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from policysearch.policy.describe import in_words
from policysearch.policy.policy import Policy
from policysearch.service.job import State
from tests.support.browsing import BUSY, LONG, tab_to
from tests.support.service_pages import HOSTILE, SHOWN
from tests.support.service_server import CommandServer

pytestmark = pytest.mark.browser


@pytest.fixture
def command_server(tmp_path) -> Iterator[CommandServer]:
    server = CommandServer(tmp_path / "state")
    server.start()
    yield server
    server.close()


@pytest.mark.timeout(900)
def test_a_search_from_the_form_to_the_policy_with_a_kill_in_between(visiting, command_server):
    with visiting(login=False, server=command_server) as visit:
        page = visit.context.new_page()
        page.goto(command_server.login_address)
        page.get_by_role("heading", name="Jobs").wait_for()
        assert "ps_" not in page.url

        page.get_by_role("link", name="New search").first.click()
        page.get_by_label("Name").fill("from the form")
        for label, value in (("Pulls", 8), ("Images per pull", 100), ("Epochs per pull", 4), ("Workers", 1)):
            page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label("Confirming replicates").fill("1")
        expect(page.get_by_role("button", name="Start")).to_be_disabled()
        page.get_by_role("button", name="What will it cost?").click()
        expect(page.get_by_role("button", name="Start")).to_be_enabled(timeout=LONG)
        expect(page.locator("#cost")).to_contain_text("It would take about")
        page.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile(r"/searches/\w{26}$"))
        job_id = page.url.rpartition("/")[2]

        expect(page.locator("#feed .pull_ended").first).to_be_visible(timeout=LONG)
        command_server.kill()
        expect(page.locator("#connection")).to_have_text(re.compile("connection lost, since"), timeout=BUSY)
        command_server.start()
        expect(page.locator("#connection")).to_be_hidden(timeout=BUSY)

        expect(page.get_by_role("heading", name="Verdict")).to_be_visible(timeout=LONG)
        expect(page.locator(".state .badge")).to_have_text(State.DONE, timeout=BUSY)
        numbers = page.locator("#feed .pull_ended").all_inner_texts()
        assert len(numbers) == len(set(numbers))
        with page.expect_download() as download:
            page.get_by_role("link", name="policy.json").click()
        run = command_server.state / "runs" / job_id / "run"
        content = download.value.path().read_bytes()
        assert content == (run / "policy.json").read_bytes() and json.loads(content)["hash"]
        expect(page.locator("#best .words")).to_have_text(in_words(Policy.load(run / "policy.json")), timeout=BUSY)
        page.get_by_role("link", name="report.html").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("which augmentation to train with")
        # The service shows what a job wrote without its script, which the browser mentions.
        visit.forgive("Blocked script execution")
        visit.forgive("net::ERR_")


def test_a_search_is_asked_for_by_keyboard_alone(visiting, server):
    with visiting() as visit:
        page = visit.page()
        page.locator("html.scripted").wait_for()
        tab_to(page, "New search")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="New search").wait_for()
        for label, value in (("Pulls", "8"), ("Images per pull", "100"), ("Epochs per pull", "2"), ("Workers", "1")):
            tab_to(page, label)
            page.keyboard.press("Control+a")
            page.keyboard.type(value)
        tab_to(page, "What will it cost?")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Start")).to_be_focused(timeout=LONG)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/searches/\w{26}$"))
        job = server.service.jobs.get(page.url.rpartition("/")[2])
        settings = {name: job.request[name] for name in ("trials", "images", "epochs", "workers")}
        assert settings == {"trials": 8, "images": 100, "epochs": 2, "workers": 1}


def zip_of_classes(path: Path, names: list[str]) -> Path:
    """A zip with a folder for each class, of six pictures each."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            for number in range(6):
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file, format="PNG")
                archive.writestr(f"{name}/{number}.png", file.getvalue())
    return path


def test_own_images_are_uploaded_and_shown_as_what_they_are(visiting, command_server, tmp_path):
    hostile = HOSTILE.replace("/", "|")  # which parts folders
    upload = zip_of_classes(tmp_path / "pets.zip", [hostile, "dog", "cat"])
    with visiting(login=False, server=command_server) as visit:
        page = visit.context.new_page()
        page.goto(command_server.login_address)
        page.get_by_role("link", name="Data").click()
        page.get_by_label("File").set_input_files(upload)
        page.get_by_label("Name").fill(HOSTILE)
        page.get_by_role("button", name="Upload").click()
        row = page.locator(".data-sets li", has_text=SHOWN)
        expect(row.locator(".badge")).to_have_text("ready", timeout=LONG)
        expect(row).to_contain_text("3 classes:")
        expect(row).to_contain_text("onerror=alert(1)")
        assert row.locator("img[src=x]").count() == 0
        row.get_by_text("Samples").click()
        expect(row.locator("img")).to_be_visible()
        assert row.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        row.get_by_role("link", name="Search on it").click()
        expect(page.get_by_label("Images", exact=True).locator("option:checked")).to_have_text(SHOWN)


def test_errors_are_at_their_fields(visiting):
    with visiting() as visit:
        page = visit.page("new")
        page.get_by_label("Pulls", exact=True).fill("0")
        page.get_by_label("Strategy").fill("nonsense")
        page.get_by_role("button", name="What will it cost?").click()
        expect(page.locator("#f-trials-error")).to_be_visible()
        expect(page.get_by_label("Pulls", exact=True)).to_be_focused()
        page.get_by_label("Pulls", exact=True).fill("8")
        page.get_by_role("button", name="What will it cost?").click()
        expect(page.locator("#f-strategy-error")).to_contain_text("nonsense", timeout=BUSY)
        expect(page.locator("#f-trials-error")).to_be_hidden()
        expect(page.get_by_label("Strategy")).to_be_focused()
        expect(page.get_by_role("button", name="Start")).to_be_disabled()
        visit.forgive("422")


def test_space_strategy_and_pulls_are_sent_as_they_are_shown(visiting):
    """Left out, they would follow from one another: `tpe` alone has the space `default` and 40 pulls."""
    with visiting() as visit:
        page = visit.page("new")
        page.get_by_label("Strategy").fill("tpe")
        with page.expect_request("**/searches/check*") as sent:
            page.get_by_role("button", name="What will it cost?").click()
        body = sent.value.post_data_json
        assert (body["space"], body["strategy"], body["trials"]) == ("recipe", "tpe", 80)
        expect(page.get_by_role("button", name="Start")).to_be_enabled(timeout=BUSY)


def test_an_error_in_a_fold_opens_it(visiting):
    with visiting() as visit:
        page = visit.page("new")
        page.locator("#f-resize").evaluate("(box) => (box.value = 'huge')")
        page.get_by_role("button", name="What will it cost?").click()
        expect(page.locator("#f-resize-error")).to_be_visible(timeout=BUSY)
        visit.forgive("422")


def test_a_search_on_a_data_set_of_the_address(visiting):
    with visiting() as visit:
        page = visit.page("data")
        page.get_by_role("link", name="Search on it").first.click()
        expect(page.get_by_label("Images", exact=True)).to_have_value("fashion-small")


def test_calibrations_and_evaluations_have_forms_too(visiting):
    with visiting() as visit:
        page = visit.page("new")
        page.get_by_role("link", name="New calibration").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("New calibration")
        page.get_by_role("link", name="New evaluation").click()
        expect(page.get_by_label("Policy", exact=True)).to_be_visible()
