"""The page of one job, put together."""

from __future__ import annotations

from policysearch.service.pages.elements import Html, joined, tag
from policysearch.service.pages.job.policies import best_policy, leaderboard, plots
from policysearch.service.pages.job.progress import actions, progress
from policysearch.service.pages.job.record import feed, files, history, log, settings, warnings
from policysearch.service.pages.job.verdict import verdict
from policysearch.service.pages.job.view import JobView
from policysearch.service.pages.shell import Shell, live, needs_script, page
from policysearch.service.pages.words import moment


def live_parts(shell: Shell, view: JobView, first: int = 0) -> Html:
    """The parts that change while the job is at work, what was found first.

    Args:
        shell: of the page.
        view: of the job.
        first: place in the leaderboard, from 0.
    """
    return joined(
        [
            live("verdict", verdict(view)),
            live("progress", progress(view), actions(view)),
            live("policies", leaderboard(shell, view, first)),
            live("plots", plots(view)),
            live("best", best_policy(shell, view)),
            live("warnings", warnings(view)),
            live("files", files(shell, view)),
            live("record", log(view), history(view)),
        ]
    )


def job_page(shell: Shell, view: JobView, first: int = 0) -> str:
    """The whole page of a job."""
    job = view.job
    owner = f"{job.kind} of {job.owner}, made " if job.owner != shell.user else f"{job.kind}, made "
    head = tag(
        "div",
        tag("h1", tag("bdi", view.title)),
        tag("p", owner, moment(job.created), _labels(job.labels), class_="note"),
        tag("p", tag("bdi", job.note), class_="words") if job.note else None,
    )
    parts = live_parts(shell, view, first)
    return page(
        shell, view.title, head, parts, feed(view), settings(view), _describe(view) if view.may_change else None
    )


def _labels(labels: tuple[str, ...]) -> Html | None:
    return joined(tag("span", label, class_="label") for label in labels) if labels else None


def _describe(view: JobView) -> Html:
    """Name, note, labels, and whether others may look."""
    job = view.job
    boxes = (
        _field("name", "Name", tag("input", id="d-name", name="name", value=job.name, maxlength=200)),
        _field("note", "Note", tag("textarea", job.note, id="d-note", name="note", rows=3, maxlength=2000)),
        _field(
            "labels",
            "Labels, separated by commas",
            tag("input", id="d-labels", name="labels", value=", ".join(job.labels), data_type="list"),
        ),
        tag(
            "div",
            tag("input", type="checkbox", id="d-shared", name="shared", checked=job.shared, data_type="boolean"),
            tag("label", "All users may look at it", for_="d-shared"),
            class_="field check",
        ),
    )
    form = tag(
        "form",
        *boxes,
        tag("p", class_="error", data_error="", hidden=True),
        tag("button", "Save", class_="primary"),
        needs_script("Saving"),
        data_send=f"PATCH api/v1/searches/{job.id}",
        data_then="reload",
        data_empty="send",
    )
    return tag("details", tag("summary", "Name, note and labels"), form, id="describe")


def _field(name: str, label: str, box: Html) -> Html:
    error = tag("p", class_="error", data_error=name, hidden=True)
    return tag("div", tag("label", label, for_=f"d-{name}"), box, error, class_="field")
