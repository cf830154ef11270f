"""The list, the data, the login: sound, escaped, and right without script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import policysearch.service.pages.shell as shell_module
from policysearch.reports.numbers import PERCENT
from policysearch.service.job import State
from policysearch.service.pages.data import data_page
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.job.record import sentence
from policysearch.service.pages.job_list import ListView, list_page
from policysearch.service.pages.login import login_page, problem_page
from policysearch.service.pages.shell import Shell
from policysearch.service.pages.static_files import static_file
from tests.support.service_pages import HOSTILE, SHOWN, job, must_be_sound

SHELL = Shell("/below", "admin")
LINKS = ("href", "src", "action")
STATIC = Path(shell_module.__file__).parent / "static"


def test_text_and_attributes_are_escaped():
    assert tag("p", "<i>", title='"') == '<p title="&quot;">&lt;i&gt;</p>'
    assert tag("p", Html("<i></i>"), "&", None) == "<p><i></i>&amp;</p>"


def test_the_list_says_where_each_job_is():
    jobs = [
        job(State.QUEUED, id="2" * 26, name="second"),
        job(State.RUNNING, id="1" * 26, progress={"done": 3, "total": 9, "best": 0.5, "best_name": "flip"}),
        job(State.FAILED, id="0" * 26, name="broken", reason="out of memory"),
    ]
    view = ListView(jobs, {jobs[0].id: (1, "waits for 2 of 2 workers")}, [{"name": "local", "slots": 2, "used": 2}])
    text = " ".join(must_be_sound(list_page(SHELL, view)).text)
    for part in (
        "no. 1 in the queue: waits for 2 of 2 workers",
        "3 of 9 · flip 50.00 %",
        "out of memory",
        "2 of 2 workers",
    ):
        assert part in text


def test_an_empty_list_says_how_to_begin():
    assert "no jobs yet" in " ".join(must_be_sound(list_page(SHELL, ListView([], {}))).text)
    assert "No job is like that" in " ".join(must_be_sound(list_page(SHELL, ListView([], {}, text="x"))).text)


def test_hostile_names_are_text_in_lists():
    html = list_page(SHELL, ListView([job(name=HOSTILE)], {}, [{"name": HOSTILE, "slots": 1, "used": 0}], text=HOSTILE))
    summary = {"classes": [HOSTILE], "warnings": [HOSTILE], "train": 3, "test": 1, "shape": [1, 28, 28]}
    rows = [{"name": HOSTILE, "state": "refused", "reason": HOSTILE, "summary": summary, "id": "x", "kind": "upload"}]
    for page in (must_be_sound(html), must_be_sound(data_page(SHELL, rows, 10**9))):
        assert page.values("img", "src") == [] and any(SHOWN in text for text in page.text)


def test_links_lie_below_the_root_path():
    view = ListView([job()], {}, more=True)
    for html in (list_page(SHELL, view), login_page(SHELL), data_page(SHELL, [], 1), problem_page(SHELL, "No", "no")):
        page = must_be_sound(html)
        paths = [attributes[name] for _, attributes in page.tags for name in LINKS if attributes.get(name)]
        assert paths and all(path.startswith(("/below/", "#")) for path in paths if path)


def test_static_files_are_a_table():
    for name in ("theme.css", "style.css", "app.js", "icon.svg"):
        file = static_file(name)
        assert file is not None and file[0] and "/" in file[1]
    assert static_file("../shell.py") is None and static_file("shell.py") is None


def test_the_script_and_the_styles_need_nothing_from_elsewhere():
    for name in ("style.css", "app.js"):
        text = (STATIC / name).read_text(encoding="utf-8")
        assert "http:" not in text and "https:" not in text and "@import" not in text and "eval(" not in text


def test_every_class_of_the_pages_that_is_drawn_has_its_colour():
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    assert set(re.findall(r"\.line\.(s\d)", style)) == {f"s{place}" for place in range(8)}


EVENTS = [
    {"kind": "phase", "phase": "search", "note": ""},
    {"kind": "phase", "phase": "decode", "note": "5,000 images"},
    {"kind": "pull_started", "phase": "search", "number": 3, "name": "flip-crop"},
    {"kind": "pull_ended", "phase": "confirm", "number": 3, "name": "flip-crop", "reward": 1, "seconds": 0.5},
    {"kind": "pull_ended", "number": 3, "name": "flip-crop", "reward": 0.8125, "seconds": 4.74},
    {"kind": "pull_ended", "number": 4, "name": "flip-crop", "reward": None, "error": "out of memory"},
    {"kind": "retry", "number": 4, "error": "killed"},
    {"kind": "warning", "text": "few images"},
    {"kind": "attempt", "attempt": 2, "resumed": True},
    {"kind": "end", "end": "done", "sentence": ""},
    {"kind": "end", "end": "failed", "sentence": "no space left"},
]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_says_events_in_the_words_of_the_server():
    """The table of sentences in app.js against `sentence`, run by node where there is one."""
    source = (STATIC / "app.js").read_text(encoding="utf-8")
    table = re.search(r"const pull = .*?const SENTENCES = \{.*?\n\};", source, re.DOTALL)
    assert table
    reward = "(value) => (value * 100).toFixed(2) + ' %'"
    code = f"{table[0]}\nconst events = {json.dumps(EVENTS)};\n"
    code += f"console.log(JSON.stringify(events.map((event) => SENTENCES[event.kind](event, {reward}))));"
    run = subprocess.run(["node", "-e", code], check=True, capture_output=True, text=True)
    assert json.loads(run.stdout) == [sentence(event, PERCENT) for event in EVENTS]
