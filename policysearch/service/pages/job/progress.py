"""How far a job is, what it costs, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policysearch.core.tasks import CLASSIFICATION, task_named
from policysearch.service.job import Intent, Job, State, WrongState, must_accept
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.job.view import JobView
from policysearch.service.pages.shell import needs_script
from policysearch.service.pages.words import STATE_NOTES, count, left, span
from policysearch.study.config import SearchConfig
from policysearch.study.search_defaults import with_defaults_of_search

_PHASES = {
    "checking": "Checking the settings",
    "decode": "Reading the images",
    "prepare": "Preparing",
    "search": "Searching",
    "confirm": "Confirming on fresh replicates",
    "report": "Writing the report",
}
_MOST_PULLS = 8
_SURE = {
    "stop": "Stop it? The pulls at work are finished first, and resume goes on later.",
    "cancel": "Cancel it now? The pulls at work are lost. What has ended is kept, and resume goes on from there.",
    "delete": "Delete it with all of its files? This cannot be undone.",
}


def badge(state: str) -> Html:
    """A state as a small label."""
    return tag("span", str(state), class_=f"badge {state}")


def progress(view: JobView) -> Html:
    """The bar, and the facts below it."""
    job = view.job
    facts = job.progress
    done, total = _whole(facts.get("done")), _whole(facts.get("total"))
    phase = str(facts.get("phase") or "")
    bar = tag("progress", value=done, max=total, aria_label="pulls that have ended") if total else None
    return tag(
        "div",
        tag("p", badge(job.state), " ", _sentence(view), class_="state"),
        bar if job.at_work or job.state == State.DONE else None,
        tag("p", " · ".join(filter(None, _facts(job, view.now, done, total, phase))), class_="facts"),
        tag("p", view.note, class_="error") if view.note and view.position is None else None,
        _in_flight(view),
        class_="progress-of-job",
    )


def _in_flight(view: JobView) -> Html | None:
    """The pulls that are trained now."""
    pulls = view.newest.in_flight if view.job.at_work else []
    if not pulls:
        return None
    words = [f"{pull.get('name')} (pull {pull.get('number')})" for pull in pulls[:_MOST_PULLS]]
    more = f" and {len(pulls) - _MOST_PULLS} more" if len(pulls) > _MOST_PULLS else ""
    return tag("p", f"Training now: {', '.join(words)}{more}", class_="facts")


def _sentence(view: JobView) -> str:
    job = view.job
    if view.position is not None:
        place, why = view.position
        return f"{_ordinal(place)} in the queue: {why}." if why else f"{_ordinal(place)} in the queue."
    if job.state == State.DONE and view.live.get("verdict"):
        return ""  # it is said above
    if job.reason:
        return job.reason[:1].upper() + job.reason[1:] + ("" if job.reason.endswith((".", "!", "?")) else ".")
    if job.state == State.RUNNING:
        return f"{_PHASES.get(str(job.progress.get('phase') or ''), 'At work')}."
    return STATE_NOTES.get(job.state, "")


def _ordinal(place: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{place}{'th' if place % 100 in (11, 12, 13) else endings.get(place % 10, 'th')}"


def _facts(job: Job, now: float, done: int, total: int, phase: str) -> list[str]:
    facts = job.progress
    failed = _whole(facts.get("failed"))
    spent = facts.get("worker_seconds")
    pulls = "confirming pulls" if phase == "confirm" else "pulls"
    running = (job.ended or now) - job.started if job.started is not None else None
    return [
        f"{done:,} of {total:,} {pulls}" if total else "",
        f"{failed:,} failed" if failed else "",
        left(facts.get("seconds_left")) if job.at_work else "",
        f"at work for {span(running)}" if running is not None and job.at_work else "",
        f"took {span(running)}" if running is not None and job.state == State.DONE else "",
        f"{spent:,.0f} worker-seconds" if isinstance(spent, int | float) and spent else "",
        count(job.workers, "worker") + (f" on {job.place}" if job.place else ""),
        f"attempt {job.attempt}" if job.attempt > 1 else "",
    ]


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def accepts(job: Job, intent: Intent) -> bool:
    """Whether a job can be asked for that now."""
    try:
        must_accept(job.state, intent)
    except WrongState:
        return False
    return True


def actions(view: JobView) -> Html | None:
    """Buttons for what can be done with the job now; what ends something asks first."""
    if not view.may_change:
        return None
    job = view.job
    path = f"api/v1/searches/{job.id}"
    parts = [
        _button("Stop", f"POST {path}/stop", _SURE["stop"], "quiet") if accepts(job, Intent.STOP) else None,
        _button("Cancel", f"POST {path}/cancel", _SURE["cancel"], "danger") if accepts(job, Intent.CANCEL) else None,
        _resume(job, f"POST {path}/resume") if accepts(job, Intent.RUN) else None,
        _button("Delete", f"DELETE {path}", _SURE["delete"], "danger", "leave")
        if accepts(job, Intent.DELETE)
        else None,
    ]
    return tag("div", *parts, needs_script("Stopping, cancelling and resuming"), class_="actions")


def _button(text: str, request: str, question: str, kind: str, then: str = "refresh") -> Html:
    return tag("button", text, type="button", data_send=request, data_confirm=question, data_then=then, class_=kind)


def _resume(job: Job, request: str) -> Html:
    """A button, and fields for those who want the search to go further than it was to."""
    title = "Go further" if job.state == State.DONE else "Resume"
    settings: Mapping[str, Any] = {**job.request, **job.changes}
    usual = task_named(str(settings.get("task", CLASSIFICATION))).defaults
    pulls = with_defaults_of_search(SearchConfig, {**usual, **settings})["trials"]
    fields = [
        _number("trials", "Pulls", pulls),
        _number("confirm", "Confirming replicates", settings.get("confirm", 4)),
    ]
    form = tag(
        "form",
        *(fields if job.kind == "search" else []),
        tag("p", class_="error", data_error="", hidden=True),
        tag("button", title, class_="primary"),
        data_send=request,
        data_then="refresh",
        class_="inline",
    )
    return tag("details", tag("summary", title), form, id="resume", class_="menu")


def _number(name: str, label: str, value: Any) -> Html:
    field = f"resume-{name}"
    attributes: dict[str, Any] = {"type": "number", "min": 0, "value": value, "inputmode": "numeric"}
    box = tag("input", id=field, name=name, data_type="integer", aria_describedby=f"{field}-error", **attributes)
    error = tag("p", class_="error", id=f"{field}-error", data_error=name, hidden=True)
    return tag("div", tag("label", label, for_=field), box, error, class_="field")
