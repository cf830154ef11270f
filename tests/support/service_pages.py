"""Jobs and what they have found, for tests of the service's pages, and what each of these pages must keep to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from policysearch.service.job import Intent, Job, State
from policysearch.service.pages.job.view import JobView
from tests.support.html_pages import Reader, read

NOW = 1_790_000_000.0
HOSTILE = "</script><img src=x onerror=alert(1)>\u202egnp.exe"
"""A name that would run, and that would turn what follows it."""
SHOWN = HOSTILE.replace("\u202e", "\ufffd")
"""What is shown of it."""


def job(state: State = State.RUNNING, **columns: Any) -> Job:
    """A job, at work unless said otherwise."""
    values: dict[str, Any] = {
        **{"id": "0" * 26, "kind": "search", "owner": "admin", "name": "shirts", "intent": Intent.RUN, "workers": 2},
        **{"request": {"data": "fashion-small", "trials": 40}, "created": NOW - 900, "changed": NOW, "order": 1.0},
        **{"revision": 7, "started": NOW - 400},
    }
    return Job(**{**values, "state": state, **columns})


def leaderboard(rows: int = 3) -> list[dict[str, Any]]:
    """Policies, best first."""
    return [
        {
            **{"name": f"policy {place}", "pulls": 2, "mean": 0.9 - place / 1000, "low": 0.88 - place / 1000},
            **{"high": 0.92 - place / 1000, "worker_seconds": 12.5, "fixed": place == 1},
        }
        for place in range(rows)
    ]


def live(rows: int = 3, pulls: int = 12, **more: Any) -> dict[str, Any]:
    """What a runner found: `pulls` rewards over `rows` policies, nothing confirmed."""
    verdict = {
        **{"sentence": "policy 0 leads", "low": -0.0131, "high": 0.0244, "mean": 0.0056, "over": "policy 1"},
        "may_be_chance": True,
    }
    found: dict[str, Any] = {
        "verdict": verdict,
        "leaderboard": leaderboard(rows),
        "rewards": [[number, 0.8 + 0.001 * (number % 7), 0.81] for number in range(pulls)],
        "curves": {"11": [[20, 0.6], [40, 0.7]]},
        "best_policy": "every image: rotate ±8.33",
        "winner": None,
    }
    return {**found, **more}


def view(state: State = State.RUNNING, **more: Any) -> JobView:
    """A job's page halfway."""
    progress = {"phase": "search", "done": 12, "total": 40, "failed": 1, "seconds_left": 260, "worker_seconds": 640.0}
    columns = {"progress": progress, **more.pop("columns", {})}
    return JobView(job(state, **columns), NOW, **{"live": live(), **more})


def must_be_sound(html: str) -> Reader:
    """Every tag is closed, ids are unique, boxes have labels, and the page's policy (CSP) would block nothing of it."""
    page = read(html)
    assert not page.open
    ids = Counter(attributes["id"] for _, attributes in page.tags if attributes.get("id"))
    assert not [name for name, count in ids.items() if count > 1]
    for tag, attributes in page.tags:
        assert "style" not in attributes and not [name for name in attributes if name.startswith("on")]
        for name in ("aria-describedby", "aria-labelledby", "for"):
            assert set((attributes.get(name) or "").split()) <= set(ids), (tag, attributes)
        if tag == "script":
            assert attributes.get("src")
        must_have_a_name(tag, attributes, page)
    assert "style" not in {tag for tag, _ in page.tags}
    return page


def must_have_a_name(tag: str, attributes: dict[str, str | None], page: Reader) -> None:
    """A box says what it is for, to those who do not see it."""
    if tag not in ("input", "select", "textarea") or attributes.get("type") == "hidden":
        return
    labels = page.values("label", "for")
    assert attributes.get("aria-label") or attributes.get("id") in labels, attributes
