"""Rewards as they came: over the pulls, and over the workers' time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.report.data import Material
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, heading, paragraph, plots
from policysearch.reports.html.plots import Cloud, clouds
from policysearch.reports.numbers import Unit, unit_of
from policysearch.rules import Tally
from policysearch.stats.arrays import Floats
from policysearch.study.rows import COMPLETE, Row

_MOST = 1500  # points of a plot


def best_so_far(rows: Sequence[Row]) -> Floats:
    """[N] the best mean of any arm after each of N trials, in their order; nan until there is one.

    Of several fidelities the highest alone counts: rewards at others do not compare.
    """
    highest = max((row.fidelity for row in rows if row.state == COMPLETE), default=0)
    tally = Tally(highest + 1)
    out = []
    for row in rows:
        if row.fidelity == highest:
            tally.start(row.pull)
            tally.finish(row.pull, row.reward)
        best = tally.best()
        out.append(np.nan if best is None else best[1])
    return np.array(out)


def over_time(material: Material) -> Iterator[str]:
    """Two plots: rewards by pull, and by worker-seconds spent until the pull ended."""
    rows, reward = material.searched, material.config.reward
    unit, name = unit_of(reward), reward_title(material.config.task, reward)
    yield heading(2, "Rewards over the search")
    spent = np.cumsum([row.seconds for row in rows])
    numbers = np.array([row.number + 1.0 for row in rows])
    best = material.summaries[0].arm
    axes = ((numbers, "Rewards by pull", "pull"), (spent, "Rewards by cost", "workers' seconds, summed"))
    panels = [
        (x, Panel(f"rewards-{i}", title, label, unit.axis(name), (None, None)))
        for i, (x, title, label) in enumerate(axes)
    ]
    yield plots(figure(clouds(panel, _kinds(x, rows, best.key, unit))) for x, panel in panels)
    note = f"Best arm: {best.name}, by the shrunken mean at the end. The line is the best mean of any arm so far."
    step = _step(rows)
    yield paragraph(note + (f" One pull of {step} is drawn." if step > 1 else ""), "note")


def _step(rows: Sequence[Row]) -> int:
    return 1 + len(rows) // _MOST


def _kinds(x: Floats, rows: Sequence[Row], best: str, unit: Unit) -> list[Cloud]:
    chosen = [i for i, row in enumerate(rows) if row.state == COMPLETE][:: _step(rows)]
    line = unit.factor * best_so_far(rows)
    parts = {"other arms": (4, False), "best arm": (1, True)}
    out = []
    for label, (series, is_best) in parts.items():
        places = [i for i in chosen if (rows[i].arm.key == best) is is_best]
        rewards = unit.factor * np.array([rows[i].reward for i in places], dtype=np.float64)
        out += [Cloud(label, x[places], rewards, series)] if places else []
    every = slice(None, None, _step(rows))
    return [*out, Cloud("best mean", x[every], line[every], 0, steps=True)]
