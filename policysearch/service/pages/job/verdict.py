"""What a job has found so far: its interval first, and no winner before the confirmation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from policysearch.service.comparison import number_or_nan
from policysearch.service.job import State
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.job.view import JobView
from policysearch.service.pages.plots import interval_bar
from policysearch.service.pages.words import STATE_NOTES
from policysearch.stats.estimate import Estimate

_CHANCE = (
    "May be chance: the policies are picked and measured on the same pulls. The confirmation on fresh ones decides."
)
_CONFIRMING = "The finalists are trained again on fresh replicates; the verdict comes when all of these have ended."
_BEGINNINGS = ("so far ", "no ", "after ", "use ")
_WAITS = frozenset({State.CHECKING, State.QUEUED, State.STARTING})


def verdict(view: JobView) -> Html:
    """The card at the top of the page."""
    job = view.job
    statement = view.live.get("verdict") or {}
    if statement.get("sentence"):
        return _statement(view, statement)
    if job.state == State.REFUSED:
        return _card("It cannot run as it was asked for", job.reason or STATE_NOTES["refused"], kind="verdict refusal")
    if job.state == State.FAILED:
        return _card("It failed before anything was found", job.reason or STATE_NOTES["failed"], kind="verdict refusal")
    if job.state == State.DONE:
        return _card("Done", job.reason or "What it found is in its files.", kind="verdict")
    if job.state in _WAITS:
        return _card("Nothing has been found yet", "The first pulls have not begun.")
    return _card("Nothing has been found yet", "No pull has ended with a reward so far.")


def _card(title: str, sentence: str, *parts: Html | None, kind: str = "verdict open") -> Html:
    return tag("div", tag("h2", title), tag("p", sentence), *parts, class_=kind)


def _statement(view: JobView, statement: Mapping[str, Any]) -> Html:
    open_ = bool(statement.get("may_be_chance"))
    lead = _lead(view, statement)
    note = _note(view, str(statement["sentence"])) if open_ else ""
    title = "Not confirmed yet" if open_ else "Verdict"
    sentence = str(statement["sentence"])
    if sentence.startswith(_BEGINNINGS):  # and not with the name of a policy
        sentence = sentence[:1].upper() + sentence[1:]
    return tag(
        "div",
        tag("h2", title),
        lead,
        tag("p", sentence),
        tag("p", note, class_="note") if note else None,
        class_="verdict open" if open_ else "verdict",
    )


def _note(view: JobView, sentence: str) -> str:
    """Why it is not certain, where the sentence does not say it."""
    if view.live.get("phase") == "confirm":
        return _CONFIRMING
    return "" if "may be chance" in sentence else _CHANCE


def _lead(view: JobView, statement: Mapping[str, Any]) -> Html | None:
    """The difference to the best fixed policy with its interval, as figures and as a bar."""
    low, high = (number_or_nan(statement.get(end)) for end in ("low", "high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    mean = number_or_nan(statement.get("mean"))
    mean = mean if math.isfinite(mean) else (low + high) / 2
    text = view.unit.change(Estimate(mean, low, high))
    over = str(statement.get("over") or "")
    bar = interval_bar(low, mean, high, (min(low, 0.0), max(high, 0.0)), zero=True)
    words = tag("span", text, class_="figure")
    return tag("p", words, tag("span", f"over {over}") if over else None, bar, class_="lead")
