"""The policies of a search: the leaderboard, rewards over the pulls, learning curves, and the best one in pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policysearch.reports.numbers import Unit
from policysearch.service.comparison import number_or_nan
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.job.view import JobView
from policysearch.service.pages.plots import curves, interval_bar, rewards
from policysearch.service.pages.shell import Shell, section
from policysearch.service.pages.words import count
from policysearch.stats.estimate import Estimate

ROWS = 50
"""Policies on one page of the leaderboard."""
_LONGEST = 2_000  # letters of a policy in words


def leaderboard(shell: Shell, view: JobView, first: int = 0) -> Html | None:
    """At most `ROWS` policies from place `first` on, best first, each with its interval on one scale.

    Args:
        shell: of the page.
        view: of the job.
        first: place from 0.
    """
    rows = view.live.get("leaderboard") or []
    if not rows:
        return None
    first = min(max(first, 0), (len(rows) - 1) // ROWS * ROWS)
    shown = rows[first : first + ROWS]
    scale = _span(shown)
    heads = ("policy", "pulls", f"mean {view.reward} [95 %]", "", "worker-seconds")
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    body = (_row(view, row, scale) for row in shown)
    caption = tag("caption", f"{count(len(rows), 'policy', 'policies')}, best first", class_="unseen")
    grid = tag("table", caption, tag("thead", head), tag("tbody", *body), class_="leaderboard")
    wide = tag("div", grid, class_="wide", role="region", tabindex="0", aria_label="Policies", id="leaderboard-table")
    return section("Policies so far", wide, _pages(shell, view, first, len(rows)), name="policies")


def _span(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    ends = [number_or_nan(row.get(key)) for row in rows for key in ("low", "mean", "high")]
    finite = [value for value in ends if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 1.0)


def _row(view: JobView, row: Mapping[str, Any], scale: tuple[float, float]) -> Html:
    mean, low, high = (number_or_nan(row.get(key)) for key in ("mean", "low", "high"))
    free = (
        tag("span", "free", class_="badge", title="a fixed policy, which costs no search") if row.get("fixed") else None
    )
    bar = interval_bar(low, mean, high, scale) if math.isfinite(mean) else None
    seconds = number_or_nan(row.get("worker_seconds"))
    return tag(
        "tr",
        tag("th", tag("bdi", str(row.get("name", ""))), " " if free else None, free, scope="row"),
        tag("td", f"{int(number_or_nan(row.get('pulls')) if row.get('pulls') else 0):,}"),
        tag("td", view.unit.estimate(Estimate(mean, low, high))),
        tag("td", bar, class_="bar-cell"),
        tag("td", f"{seconds:,.0f}" if math.isfinite(seconds) else "–"),
    )


def _pages(shell: Shell, view: JobView, first: int, total: int) -> Html | None:
    if total <= ROWS:
        return None
    path = f"searches/{view.job.id}"
    last = min(first + ROWS, total)
    before = tag("a", "better ones", href=shell.path(f"{path}?from={max(0, first - ROWS)}#policies")) if first else None
    after = tag("a", "further ones", href=shell.path(f"{path}?from={last}#policies")) if last < total else None
    return tag("p", before, tag("span", f"{first + 1:,} to {last:,} of {total:,}"), after, class_="pages")


def plots(view: JobView) -> Html | None:
    """Rewards over the pulls, and the learning curves of the last pulls."""
    figures = [figure for figure in (_rewards(view), _curves(view)) if figure]
    return section("Pulls", tag("div", *figures, class_="plots"), name="pulls") if figures else None


def _rewards(view: JobView) -> Html | None:
    points = [row for row in view.live.get("rewards") or [] if len(row) > 1 and row[1] is not None]
    if not points:
        return None
    drawing = rewards(points, _total(view, points), view.unit.axis(view.reward), _tick(view.unit))
    caption = "Dots: the reward of each pull. Line: the best mean so far."
    return tag("figure", drawing, tag("figcaption", caption, class_="note"))


def _total(view: JobView, points: Sequence[Sequence[float]]) -> int:
    """Pulls of the whole search, as far as they are known."""
    progress = view.job.progress
    planned = progress.get("total") if progress.get("phase") == "search" else 0
    return max(int(planned or 0), len(points))


def _tick(unit: Unit) -> Callable[[float], str]:
    """How an axis says its values."""
    return lambda value: f"{unit.factor * value:.6g}"


def _curves(view: JobView) -> Html | None:
    lines = {
        f"pull {number}": [row for row in rows if len(row) > 1 and row[1] is not None]
        for number, rows in (view.live.get("curves") or {}).items()
    }
    lines = {name: rows for name, rows in lines.items() if rows}
    if not lines:
        return None
    title = view.unit.axis(str(view.live.get("curve_metric") or "validation accuracy"))
    drawing = curves(lines, title, _tick(view.unit))
    caption = "Learning curves of the pulls at work and of those that ended last."
    return tag("figure", drawing, tag("figcaption", caption, class_="note"))


def best_policy(shell: Shell, view: JobView) -> Html | None:
    """The best policy so far, in words and on training images."""
    text = str(view.live.get("best_policy") or "")
    if not text:
        return None
    words = tag("p", text[:_LONGEST], class_="words")
    picture = None
    if view.picture:
        source = shell.path(f"searches/{view.job.id}/best.png?at={view.picture:.0f}")
        caption = "On training images: the first of each row as it is, the others as the policy draws them."
        image = tag("img", src=source, alt="training images, and draws of the policy from each")
        picture = tag("figure", image, tag("figcaption", caption, class_="note"), class_="best")
    title = "The policy" if view.live.get("winner") else "The best policy so far"
    return section(title, words, picture, name="best")
