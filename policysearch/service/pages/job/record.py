"""What a job has written: its events, warnings, log and files, its settings and its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policysearch.reports.numbers import Unit
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.job.progress import badge
from policysearch.service.pages.job.view import JobView
from policysearch.service.pages.shell import Shell, section
from policysearch.service.pages.words import clock, moment, size

_PURPOSES = {
    "policy.json": "the policy",
    "report.html": "the report, one page",
    "trials.csv": "every pull",
    "search.png": "the search as a picture",
    "space.toml": "the arms",
    "settings.toml": "the settings, without paths or secrets",
    "study.db": "the Optuna study",
    "calibration.toml": "what a search takes up",
    "calibration.json": "the calibration in full",
    "table.parquet": "every training",
    "evaluation.html": "the report, one page",
    "evaluation.json": "the evaluation in full",
    "test-reads.jsonl": "every look at the test images",
    "events.jsonl": "what happened",
    "log.txt": "the whole log",
}
_PAGES = frozenset({"report.html", "evaluation.html"})
_STILL = (
    "A report is shown here without its script: to sort its tables, or save them as CSV, save the page and open the "
    "file."
)
"""Pages that jobs have written are shown in a sandbox (`web.downloads.SANDBOX`)."""
_NOT_LISTED = frozenset({"best.png"})
_LIBRARIES = ("torchvision", "timm", "kornia", "albumentations", "keras", "jax", "dali")


def warnings(view: JobView) -> Html | None:
    """Warnings among the newest events."""
    texts = view.newest.warnings
    if not texts:
        return None
    return section("Warnings", tag("ul", *(tag("li", text) for text in texts), class_="cautions"), name="warnings")


def feed(view: JobView) -> Html:
    """The newest events, newest first; the script puts further ones on top."""
    sentences = ((event, sentence(event, view.unit)) for event in reversed(view.newest.shown))
    items = [
        tag("li", clock(float(event.get("t") or 0)), " ", text, class_=str(event.get("kind")))
        for event, text in sentences
        if text
    ]
    unit = view.unit
    data: dict[str, str | int] = {"data_factor": f"{unit.factor:g}", "data_digits": unit.digits, "data_sign": unit.sign}
    return section("What happens", tag("ol", *items, id="feed", class_="feed", **data), name="events")


def sentence(event: Mapping[str, Any], unit: Unit) -> str:
    """An event in words, as static/app.js says it; empty for those that the feed leaves out."""
    kind = event.get("kind")
    name = str(event.get("name") or "")
    pull = f"{'confirming pull' if event.get('phase') == 'confirm' else 'pull'} {event.get('number')}"
    if kind == "phase":
        return f"{event.get('phase')}{': ' if event.get('note') else ''}{event.get('note') or ''}"
    if kind == "pull_started":
        return f"{pull} begins: {name}"
    if kind == "pull_ended":
        return f"{pull} ended: {name}, {_outcome(event, unit)}"
    if kind == "retry":
        return f"{pull} is tried again: {event.get('error')}"
    if kind == "attempt":
        return f"attempt {event.get('attempt')} begins"
    if kind == "end":
        return f"{event.get('end')}{': ' if event.get('sentence') else ''}{event.get('sentence') or ''}"
    return f"warning: {event.get('text')}" if kind == "warning" else ""


def _outcome(event: Mapping[str, Any], unit: Unit) -> str:
    reward = event.get("reward")
    if event.get("pruned"):
        return f"stopped {event.get('pruned')}"
    if reward is None:
        return f"failed: {event.get('error')}"
    return f"{unit.value(float(reward))} in {float(event.get('seconds') or 0):.1f} s"


def log(view: JobView) -> Html | None:
    """The end of what the runner printed."""
    if not view.log:
        return None
    return tag("details", tag("summary", "Log"), tag("pre", view.log, tabindex="0"), id="log")


def files(shell: Shell, view: JobView) -> Html | None:
    """Links to what can be downloaded."""
    if not view.files:
        return None
    path = f"api/v1/searches/{view.job.id}/files"
    rows = (
        tag(
            "li",
            tag("a", name, href=shell.path(f"{path}/{name}"), download=None if name in _PAGES else name),
            tag("span", f"{_PURPOSES.get(name, '')} · {size(octets)}".removeprefix(" · "), class_="note"),
        )
        for name, octets in view.files
        if name not in _NOT_LISTED
    )
    still = tag("p", _STILL, class_="note") if any(name in _PAGES for name, _ in view.files) else None
    bundle = tag("a", "all as a zip", href=shell.path(f"api/v1/searches/{view.job.id}/bundle.zip"), download=True)
    return section(
        "Files",
        tag("ul", *rows, tag("li", bundle), class_="files"),
        still,
        _exports(shell, view),
        name="files",
    )


def _exports(shell: Shell, view: JobView) -> Html | None:
    """The policy for the libraries that people train with."""
    if "policy.json" not in dict(view.files):
        return None
    path = f"api/v1/searches/{view.job.id}/export?to="
    links = [tag("a", library, href=shell.path(path + library)) for library in _LIBRARIES]
    return tag("p", "The policy for ", *(part for link in links for part in (link, " ")), class_="exports")


def settings(view: JobView) -> Html:
    """What was asked for."""
    values = {**view.job.request, **view.job.changes}
    facts = [part for key, value in values.items() for part in (tag("dt", key), tag("dd", _text(value)))]
    return tag("details", tag("summary", "Settings"), tag("dl", *facts), id="settings")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def history(view: JobView) -> Html:
    """The states that the job has been through."""
    items = (
        tag("li", moment(change.time), " ", badge(change.state), f" {change.reason}" if change.reason else None)
        for change in view.history
    )
    return tag("details", tag("summary", "History"), tag("ol", *items, class_="history"), id="history")
