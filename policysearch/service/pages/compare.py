"""The page that puts searches side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policysearch.reports.numbers import Unit, unit_of
from policysearch.service.comparison import (
    MOST,
    SearchFindings,
    cautions,
    obstacles,
    shared_policies,
)
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.shell import Shell, page
from policysearch.stats.independent import difference

_NOTE = (
    "Means over the pulls of each search with their 95 % intervals. Differences are to the first search, and only "
    "where images, split and reward are the same; an interval that contains 0 shows no difference. With many policies "
    "some differ by chance alone: take what is found here to a confirmation."
)


def compare_page(shell: Shell, searches: Sequence[SearchFindings]) -> str:
    """The whole page.

    Args:
        shell: around it.
        searches: in the order of the columns; differences are to the first.
    """
    heading = tag("h1", "Compare searches")
    if len(searches) < 2:
        back = tag("a", "list of jobs", href=shell.path(""))
        hint = tag("p", f"Tick two to {MOST} searches in the ", back, ", and compare them.", class_="empty")
        return page(shell, "Compare", heading, hint)
    return page(
        shell, "Compare", heading, _pairs(shell, searches), _table(shell, searches), tag("p", _NOTE, class_="note")
    )


def _pairs(shell: Shell, searches: Sequence[SearchFindings]) -> Html:
    """Which searches compare with the first, and which do not and why."""
    first, *others = searches
    return tag("ul", *(_pair(first, other) for other in others), class_="cautions pairs")


def _pair(first: SearchFindings, other: SearchFindings) -> Html:
    names = (tag("bdi", other.title), " and ", tag("bdi", first.title))
    reasons = obstacles(first, other)
    if reasons:
        return tag("li", "Not compared: ", *names, f" have {'; '.join(reasons)}.", class_="no-compare")
    besides = cautions(first, other)
    tail = f" compare, but part of a difference may be due to {'; '.join(besides)}." if besides else " compare."
    return tag("li", *names, tail, class_="warning" if besides else "fine")


def _table(shell: Shell, searches: Sequence[SearchFindings]) -> Html:
    first, *others = searches
    comparable = [other for other in others if not obstacles(first, other)]
    columns = [_head(shell, search) for search in searches]
    columns += [
        tag("th", tag("bdi", other.title), " minus ", tag("bdi", first.title), scope="col") for other in comparable
    ]
    rows = (_row(name, searches, comparable) for name in shared_policies(searches))
    head = tag("thead", tag("tr", tag("th", "policy", scope="col"), *columns))
    caption = tag("caption", "Policies by search", class_="unseen")
    table = tag("table", caption, head, tag("tbody", *rows))
    return tag("div", table, class_="wide", role="region", tabindex="0", aria_label="Policies by search")


def _head(shell: Shell, search: SearchFindings) -> Html:
    link = tag("a", tag("bdi", search.title), href=shell.path(f"searches/{search.id}"))
    return tag("th", link, f" {search.reward}", scope="col")


def _row(name: str, searches: Sequence[SearchFindings], comparable: Iterable[SearchFindings]) -> Html:
    first = searches[0]
    cells = [_mean(search, name) for search in searches]
    cells += [_change(first, other, name, unit_of(first.reward)) for other in comparable]
    return tag("tr", tag("th", tag("bdi", name), scope="row"), *cells)


def _mean(search: SearchFindings, name: str) -> Html:
    finding = search.policies.get(name)
    return tag("td", unit_of(search.reward).estimate(finding.estimate) if finding else "–")


def _change(first: SearchFindings, other: SearchFindings, name: str, unit: Unit) -> Html:
    if name not in first.policies or name not in other.policies:
        return tag("td", "–")
    change = difference(first.policies[name].estimate, other.policies[name].estimate)
    return tag("td", unit.change(change))
