"""The list of jobs with their places in the queue, and the places where jobs run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from policysearch.reports.numbers import unit_of
from policysearch.service.job import Job, State
from policysearch.service.pages.elements import Html, joined, tag
from policysearch.service.pages.job.progress import badge
from policysearch.service.pages.shell import Shell, live, page
from policysearch.service.pages.words import count, left, moment

Waiting = Mapping[str, tuple[int, str]]
_FILTERS = (("", "all"), ("running", "running"), ("queued", "waiting"), ("done", "done"))


@dataclass(frozen=True)
class ListView:
    """One page of the list.

    Attributes:
        jobs: newest first.
        waiting: by job id its place in the queue and why it waits.
        places: what the scheduler says of each place: name, slots, used, closed (a reason, or empty).
        state, text: what the list is narrowed to.
        more: whether there are older ones.
        first_page: whether these are the newest.
    """

    jobs: Sequence[Job]
    waiting: Waiting
    places: Sequence[Mapping[str, Any]] = ()
    state: str = ""
    text: str = ""
    more: bool = False
    first_page: bool = True


def list_page(shell: Shell, view: ListView) -> str:
    """The whole page."""
    new = tag("a", "New search", href=shell.path("new"), class_="button primary")
    head = tag("div", tag("h1", "Jobs"), new, class_="head")
    return page(shell, "Jobs", head, _filters(shell, view), list_parts(shell, view))


def list_parts(shell: Shell, view: ListView) -> Html:
    """The parts that change."""
    return joined([live("jobs", _jobs(shell, view)), live("places", _places(view.places))])


def _filters(shell: Shell, view: ListView) -> Html:
    links = (
        tag("a", name, href=_query(shell, state, view.text), aria_current="true" if state == view.state else None)
        for state, name in _FILTERS
    )
    label = "Find by name or note"
    box = tag("input", type="search", name="q", value=view.text, placeholder=label, aria_label=label)
    hidden = tag("input", type="hidden", name="state", value=view.state) if view.state else None
    form = tag("form", hidden, box, tag("button", "Find", class_="quiet"), method="get", role="search", class_="find")
    return tag("div", tag("nav", *links, aria_label="States", class_="filters"), form, class_="bar")


def _query(shell: Shell, state: str, text: str, after: str = "") -> str:
    values = {key: value for key, value in (("state", state), ("q", text), ("after", after)) if value}
    return shell.path(f"?{urlencode(values)}" if values else "")


def _jobs(shell: Shell, view: ListView) -> Html:
    if not view.jobs:
        return _empty(shell, view)
    rows = (_row(shell, job, view.waiting.get(job.id)) for job in view.jobs)
    choose = tag("button", "Compare the ticked ones", class_="quiet")
    older = _query(shell, view.state, view.text, view.jobs[-1].id)
    links = (
        None if view.first_page else tag("a", "newest", href=_query(shell, view.state, view.text)),
        tag("a", "older", href=older) if view.more else None,
    )
    end = tag("p", choose, *links, class_="pages")
    return tag("form", tag("ul", *rows, class_="jobs"), end, method="get", action=shell.path("compare"))


def _empty(shell: Shell, view: ListView) -> Html:
    if view.state or view.text or not view.first_page:
        return tag("p", "No job is like that. ", tag("a", "Show all", href=shell.path("")), class_="empty")
    start = tag("a", "Start one", href=shell.path("new"))
    return tag("p", "There are no jobs yet. ", start, " on the shipped images: it takes some minutes.", class_="empty")


def _row(shell: Shell, job: Job, position: tuple[int, str] | None) -> Html:
    title = job.title
    tick = tag("input", type="checkbox", name="ids", value=job.id, aria_label=f"compare {title}")
    link = tag("a", tag("bdi", title), href=shell.path(f"searches/{job.id}"))
    owner = f"{job.owner} · " if job.owner != shell.user else ""
    about = tag("span", owner, moment(job.created), class_="note")
    first = tag("div", link, about, class_="what")
    second = tag("div", badge(job.state), " ", tag("span", _situation(job, position)), class_="how")
    return tag("li", tick, first, second, _bar(job), id=f"job-{job.id}")


def _situation(job: Job, position: tuple[int, str] | None) -> str:
    """What to know of a job in a line."""
    if position is not None:
        return f"no. {position[0]} in the queue" + (f": {position[1]}" if position[1] else "")
    if not job.at_work and job.state != State.DONE:
        return "" if job.reason == job.state else job.reason
    facts = job.progress
    total = facts.get("total")
    best = facts.get("best")
    unit = unit_of(str(job.request.get("reward") or "accuracy"))
    leader = f"{facts.get('best_name')} {unit.value(float(best))}" if isinstance(best, int | float) else ""
    parts = [f"{facts.get('done', 0):,} of {total:,}" if total and job.at_work else "", leader]
    return " · ".join(filter(None, [*parts, left(facts.get("seconds_left")) if job.at_work else ""]))


def _bar(job: Job) -> Html | None:
    done, total = job.progress.get("done"), job.progress.get("total")
    if not job.at_work or not total:
        return None
    return tag("progress", value=int(done or 0), max=int(total), aria_label="pulls that have ended")


def _places(places: Sequence[Mapping[str, Any]]) -> Html | None:
    if not places:
        return None
    rows = (
        tag(
            "li",
            tag("strong", str(place["name"])),
            f" {place['used']} of {count(place['slots'], 'worker')} in use",
            tag("span", f" closed: {place['closed']}", class_="error") if place.get("closed") else None,
            tag("meter", value=int(place["used"]), min=0, max=max(1, int(place["slots"])), aria_hidden="true"),
        )
        for place in places
    )
    return tag("section", tag("h2", "Places"), tag("ul", *rows, class_="places"))
