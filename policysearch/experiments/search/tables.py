"""The tables of a search in the terminal: its arms, and the finalists on their fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from policysearch.experiments.search.summary import ArmSummary
from policysearch.experiments.search.verdict import Verdict
from policysearch.policy.spaces import Arm
from policysearch.reports.terminal import plain
from policysearch.study.config import SearchConfig


def _number(value: float, digits: int = 4) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def arm_table(summaries: Sequence[ArmSummary], config: SearchConfig, most: int = 20) -> Table:
    """The leaderboard: pulls, mean reward ± standard error, shrunken mean, cost."""
    hidden = len(summaries) - most
    caption = f"{hidden} more arms in trials.csv" if hidden > 0 else None
    heads = ("arm", "pulls", f"{config.reward} ± s.e.", "shrunken", "worker-s")
    title = f"Search: {config.images:,} images × {config.epochs} epochs"
    table = Table(*(Column(plain(head)) for head in heads), title=title, caption=caption)
    _align(table)
    for s in summaries[:most]:
        pulls = f"{s.pulls}" + (f" (+{s.cheaper} cheaper)" if s.cheaper else "")
        pulls += f" (+{s.failures} failed)" if s.failures else ""
        table.add_row(
            _label(s.arm),
            pulls,
            f"{_number(s.mean)} ± {_number(s.error)}",
            _number(s.shrunken),
            f"{s.seconds:.0f}",
        )
    return table


def _align(table: Table) -> None:
    """Numbers to the right; names are folded in a narrow terminal, never cut short."""
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"


def _label(arm: Arm) -> Text:
    """The policy's name, its hash where the name alone does not say what it is, and the loss."""
    name = arm.policy.name
    label = plain(name)
    if not ("(" in name or ":" in name):
        label.append(f" {arm.policy.hash[:6]}", style="dim")
    return label.append_text(plain(f" + {arm.loss.label}")) if arm.loss else label


def confirmation_table(summaries: Sequence[ArmSummary], verdict: Verdict, config: SearchConfig) -> Table:
    """The finalists on their fresh common replicates."""
    images, epochs = config.last_fidelity
    title = f"Confirmation on fresh replicates: {images:,} images × {epochs} epochs"
    table = Table("finalist", "replicates", Column(plain(f"{config.last_reward} ± s.e.")), title=title)
    _align(table)
    for s in sorted(summaries, key=lambda s: -s.mean if s.pulls else math.inf):
        style = "bold" if s.arm.key == verdict.winner.key else ""
        table.add_row(_label(s.arm), str(s.pulls), f"{_number(s.mean)} ± {_number(s.error)}", style=style)
    return table
