"""What a run leaves for people: tables in the terminal, trials.csv, search.png and the final policy."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from policysearch import __version__
from policysearch.config import SearchConfig
from policysearch.families import own_parameters
from policysearch.files import replacing
from policysearch.policy import Policy
from policysearch.record import Record, Row
from policysearch.spaces import Arm
from policysearch.summary import ArmSummary
from policysearch.verdict import Verdict

__all__ = ["arm_table", "confirmation_table", "final_policy", "write_picture", "write_trials"]

_COLUMNS = (
    "phase",
    "number",
    "arm",
    "policy",
    "parameters",
    "replicate",
    "seed",
    "images",
    "epochs",
    "state",
    "reward",
    "seconds",
    "attempts",
    "error",
)


def write_trials(path: Path, records: dict[str, Record]) -> None:
    """trials.csv: a row a trial of every phase, a column a metric; the learning curve is in the study's outcome."""
    rows = [(phase, record, row) for phase, record in records.items() for row in record.rows]
    metrics = sorted(
        {name for _, _, row in rows for name, v in row.outcome.metrics.items() if _is_number(v)} - set(_COLUMNS)
    )
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_COLUMNS, *metrics])
        for phase, record, row in rows:
            writer.writerow([*_fixed(phase, record, row), *(row.outcome.metrics.get(name, "") for name in metrics)])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _fixed(phase: str, record: Record, row: Row) -> list[Any]:
    trial = record.trial(row)
    error = "; ".join(outcome.error for outcome in (*row.failures, row.outcome) if outcome.error)
    reward = "" if row.reward is None else row.reward
    seconds = row.seconds or ""
    attempts = len(row.failures) + (row.state != "running")
    return [
        phase,
        row.number,
        row.arm.key,
        row.arm.name,
        json.dumps(own_parameters(row.arm.parameters)),
        row.replicate,
        trial.seed,
        trial.images,
        trial.epochs,
        row.state,
        reward,
        seconds,
        attempts,
        error,
    ]


def _number(value: float, digits: int = 4) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def arm_table(summaries: Sequence[ArmSummary], config: SearchConfig, most: int = 20) -> Table:
    """The leaderboard: pulls, mean reward ± standard error, shrunken mean, cost."""
    hidden = len(summaries) - most
    caption = f"{hidden} more arms in trials.csv" if hidden > 0 else None
    heads = ("arm", "pulls", f"{config.reward} ± s.e.", "shrunken", "worker-s")
    table = Table(*heads, title=f"Search: {config.images:,} images × {config.epochs} epochs", caption=caption)
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


def _label(arm: Arm) -> str:
    name = escape(arm.policy.name)
    named = name if "(" in name or ":" in name else f"{name} [dim]{arm.policy.hash[:6]}[/dim]"
    return f"{named} + {escape(arm.loss.label)}" if arm.loss else named


def confirmation_table(summaries: Sequence[ArmSummary], verdict: Verdict, config: SearchConfig) -> Table:
    """The finalists on their fresh common replicates."""
    images, epochs = config.last_fidelity
    title = f"Confirmation on fresh replicates: {images:,} images × {epochs} epochs"
    table = Table("finalist", "replicates", f"{config.last_reward} ± s.e.", title=title)
    _align(table)
    for s in sorted(summaries, key=lambda s: -s.mean if s.pulls else math.inf):
        style = "bold" if s.arm.key == verdict.winner.key else ""
        table.add_row(_label(s.arm), str(s.pulls), f"{_number(s.mean)} ± {_number(s.error)}", style=style)
    return table


def final_policy(config: SearchConfig, verdict: Verdict) -> Policy:
    """The winner with where it came from, and in `about` the loss it was trained with (None: the recipe's)."""
    differences = {
        name: {"mean": d.mean, "standard_error": None if math.isnan(d.error) else d.error, "n": d.n}
        for name, d in verdict.differences.items()
    }
    about = {
        "date": date.today().isoformat(),
        "policysearch": __version__,
        "study": config.study,
        "data": config.data,
        "model": config.model,
        "space": config.space,
        "strategy": config.strategy,
        "reward": config.reward,
        "images": config.images,
        "epochs": config.epochs,
        "confirmed_at": dict(zip(("images", "epochs"), config.last_fidelity, strict=True)),
        "confirmed_by": config.last_reward,
        "calibrated": config.calibrated,
        "seed": config.seed,
        "confirmed": verdict.confirmed,
        "paired_difference_to": differences,
        "verdict": verdict.sentence,
        "loss": verdict.winner.loss.model_dump() if verdict.winner.loss else None,
    }
    return verdict.winner.policy.model_copy(update={"name": verdict.winner.name, "about": about})


def write_picture(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], reward: str) -> None:
    """search.png: every arm's mean and standard error, and the rewards over the pulls."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [s for s in summaries if s.pulls][:25][::-1]
    figure = Figure(figsize=(12, max(4, 1.5 + 0.28 * len(shown))), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    places = range(len(shown))
    left.errorbar(
        [s.mean for s in shown],
        places,
        xerr=[0 if math.isnan(s.error) else s.error for s in shown],
        fmt="o",
        color="tab:blue",
        label="mean ± s.e.",
    )
    left.plot([s.shrunken for s in shown], places, "k|", markersize=12, label="shrunken mean")
    left.set_yticks(places, [f"{s.arm.name} ({s.pulls})" for s in shown], fontsize=8)
    left.set_xlabel(reward)
    left.set_title("arms (pulls), best on top")
    left.legend(fontsize=8)
    done = [row for row in rows if row.reward is not None]
    best = summaries[0].arm.key if summaries else ""
    for own, style, label in ((False, "o", "other arms"), (True, "^", "best arm")):
        part = [row for row in done if (row.arm.key == best) is own]
        right.plot(
            [r.number for r in part],
            [r.reward for r in part],
            style,
            color="tab:orange" if own else "tab:gray",
            markersize=5,
            label=label,
        )
    right.set_xlabel("pull")
    right.set_ylabel(reward)
    right.set_title("rewards over the search")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
