"""The page of a job: what was found first, everything as text, and no winner before the confirmation."""

from __future__ import annotations

import json

import pytest

from policysearch.service.job import State
from policysearch.service.pages.job.page import job_page, live_parts
from policysearch.service.pages.job.view import FEED, NewestEvents, newest_events
from policysearch.service.pages.shell import Shell
from tests.support.service_pages import HOSTILE, SHOWN, live, must_be_sound, view

SHELL = Shell("", "admin", stream="api/v1/events", after=5, parts="live/searches/x")


def text_of(html: str) -> str:
    return " ".join(" ".join(must_be_sound(html).text).split())


def test_the_verdict_comes_before_all_else():
    text = text_of(job_page(SHELL, view()))
    places = [
        text.index(part) for part in ("+0.56 points [-1.31, 2.44]", "12 of 40 pulls", "Policies so far", "Files")[:3]
    ]
    assert places == sorted(places)


def test_while_it_runs_it_may_be_chance_and_nobody_wins():
    text = text_of(job_page(SHELL, view()))
    assert "May be chance" in text and "Not confirmed yet" in text
    assert "Verdict" not in text and "The policy" not in text


def test_the_verdict_is_said_once():
    verdict = {"sentence": "no clear winner: use identity", "may_be_chance": False}
    columns = {"reason": "no clear winner: use identity"}
    text = text_of(job_page(SHELL, view(State.DONE, live=live(verdict=verdict), columns=columns)))
    assert text.count("clear winner: use identity") == 1


def test_after_the_confirmation_it_is_a_verdict():
    verdict = {"sentence": "use randaugment", "low": 0.01, "high": 0.02, "over": "flip-crop", "may_be_chance": False}
    text = text_of(job_page(SHELL, view(State.DONE, live=live(verdict=verdict, winner="policy 0"))))
    assert "Verdict" in text and "May be chance" not in text and "The policy" in text


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_page_with_what_can_be_done(state):
    html = job_page(SHELL, view(state, live={}, columns={"progress": {}, "started": None}))
    must_be_sound(html)
    buttons = {name for name in ("Stop", "Cancel", "Resume", "Delete", "Go further") if f">{name}<" in html}
    at_work = {State.CHECKING, State.QUEUED, State.STARTING, State.RUNNING}
    assert ("Stop" in buttons) == (state in at_work | {State.STOPPING})
    assert ("Delete" in buttons) == (state in {*State} - at_work - {State.STOPPING, State.CANCELLING})
    assert ("Go further" in buttons) == (state == State.DONE)


@pytest.mark.parametrize(
    ("request_", "pulls"),
    [({}, 80), ({"strategy": "tpe"}, 40), ({"space": "joint"}, 40), ({"task": "segmentation"}, 24), ({"trials": 9}, 9)],
)
def test_a_search_goes_further_from_the_pulls_that_it_had(request_, pulls):
    html = str(job_page(SHELL, view(State.DONE, columns={"request": request_})))
    field = next(part for part in html.split("<input")[1:] if 'name="trials"' in part.partition(">")[0])
    assert f'value="{pulls}"' in field.partition(">")[0]


def test_who_may_only_look_gets_no_buttons():
    html = job_page(SHELL, view(may_change=False))
    assert "data-send" not in html and "Name, note and labels" not in html


def test_the_queue_is_explained():
    text = text_of(job_page(SHELL, view(State.QUEUED, live={}, position=(2, "waits for 2 of 4 workers"))))
    assert "2nd in the queue: waits for 2 of 4 workers." in text


def test_hostile_names_are_text_everywhere():
    rows = [{"name": HOSTILE, "pulls": 1, "mean": 0.5, "low": 0.4, "high": 0.6, "worker_seconds": 1.0}]
    events = [
        {"t": 1.0, "kind": "pull_ended", "number": 1, "name": HOSTILE, "reward": None, "error": HOSTILE},
        {"t": 1.0, "kind": "warning", "text": HOSTILE},
        {"t": 1.0, "kind": "retry", "number": 1, "error": HOSTILE},
    ]
    verdict = {"sentence": HOSTILE, "low": 0.1, "high": 0.2, "over": HOSTILE, "may_be_chance": True}
    shown = view(
        live=live(leaderboard=rows, verdict=verdict, best_policy=HOSTILE, curves={HOSTILE: [[1, 0.5]]}),
        newest=NewestEvents(events),
        log=HOSTILE,
        position=(1, HOSTILE),
        columns={
            "name": HOSTILE,
            "note": HOSTILE,
            "labels": (HOSTILE,),
            "reason": HOSTILE,
            "request": {HOSTILE: HOSTILE},
        },
    )
    html = job_page(SHELL, shown)
    page = must_be_sound(html)
    assert page.values("img", "src") == [] and "\u202e" not in html
    assert sum(SHOWN in text for text in page.text) >= 12


def test_files_are_for_saving_and_pages_for_reading():
    files = [("policy.json", 1200), ("report.html", 90_000), ("best.png", 10)]
    page = must_be_sound(job_page(SHELL, view(State.DONE, files=files)))
    links = {attributes["href"]: attributes for tag, attributes in page.tags if tag == "a" and attributes.get("href")}
    assert any("A report is shown here without its script" in text for text in page.text)
    without = must_be_sound(job_page(SHELL, view(State.DONE, files=files[:1])))
    assert not any("without its script" in text for text in without.text)
    path = f"/api/v1/searches/{'0' * 26}/files"
    assert "download" in links[f"{path}/policy.json"] and "download" not in links[f"{path}/report.html"]
    assert f"{path}/best.png" not in links and any("export?to=torchvision" in (link or "") for link in links)


def test_fifty_policies_a_page():
    first = live_parts(SHELL, view(live=live(rows=120)))
    second = live_parts(SHELL, view(live=live(rows=120)), 50)
    last = live_parts(SHELL, view(live=live(rows=120)), 10_000)
    assert first.count("<tr>") == 51 and second.count("<tr>") == 51 and last.count("<tr>") == 21
    assert "policy 49<" in first and "policy 50<" not in first and "policy 50<" in second
    assert "101 to 120 of 120" in last and "?from=50#policies" in first


def test_two_thousand_pulls_and_arms_stay_below_300_kb():
    html = job_page(SHELL, view(live=live(rows=2000, pulls=2000), log="x" * 8000))
    assert len(html.encode()) < 300_000


def test_a_live_part_of_broken_content_is_left_out():
    odd = {
        "verdict": {"sentence": "s", "low": "x"},
        "leaderboard": [{"name": "n", "mean": None}],
        "rewards": [[0, None]],
    }
    must_be_sound(job_page(SHELL, view(live=odd)))


def write_events(path, events):
    path.write_bytes(b"".join(json.dumps(event).encode() + b"\n" for event in events))


def test_the_page_goes_on_behind_the_events_that_it_shows(tmp_path):
    path = tmp_path / "events.jsonl"
    write_events(path, [{"t": float(n), "kind": "retry", "number": n} for n in range(100)])
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"t": 1, "kind": "half')
    newest = newest_events(path)
    assert [event["number"] for event in newest.shown] == [*range(100 - FEED, 100)]
    assert newest.after == whole


def test_the_tail_of_a_long_log_begins_with_a_whole_event(tmp_path):
    path = tmp_path / "events.jsonl"
    write_events(path, [{"t": 0.0, "kind": "warning", "text": "é" * 3000, "number": n} for n in range(40)])
    newest = newest_events(path)
    assert newest.events[-1]["number"] == 39 and 1 < len(newest.events) < FEED
    assert newest.after == path.stat().st_size


def test_no_events_yet(tmp_path):
    assert newest_events(tmp_path / "events.jsonl") == NewestEvents()
    (tmp_path / "events.jsonl").write_bytes(b'{"t"')
    assert newest_events(tmp_path / "events.jsonl") == NewestEvents([], 0)


def test_pulls_in_flight_are_those_that_began_and_did_not_end():
    started = [{"kind": "pull_started", "phase": "search", "number": n, "name": f"policy {n}"} for n in range(3)]
    ended = {"kind": "pull_ended", "phase": "search", "number": 1}
    other = {"kind": "pull_ended", "phase": "confirm", "number": 2}
    newest = NewestEvents([*started, ended, other])
    assert [event["number"] for event in newest.in_flight] == [0, 2]
    assert "Training now: policy 0 (pull 0), policy 2 (pull 2)" in text_of(job_page(SHELL, view(newest=newest)))
    assert NewestEvents([*started, {"kind": "attempt", "attempt": 2}]).in_flight == []


def test_the_feed_leaves_out_what_is_shown_elsewhere():
    events = [{"kind": "progress", "t": 1.0}] * 50 + [{"kind": "retry", "t": 1.0, "number": 1, "error": "killed"}]
    assert len(NewestEvents(events).shown) == 1
