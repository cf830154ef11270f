"""The tables of a search in the terminal: its arms, and the finalists on their fresh replicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.summary import ArmSummary
from policysearch.experiments.search.verdict import WinnerVerdict
from policysearch.policy.spaces import Arm
from policysearch.reports.numbers import unit_of
from policysearch.reports.table import Grid
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import density_settings

PROVISIONAL = "No arm has been pulled twice, so no interval is known and the ranking is provisional."


def arm_grid(summaries: Sequence[ArmSummary], config: SearchConfig, most: int = 20) -> Grid:
    """The leaderboard: pulls, mean reward with its 95 % interval, shrunken mean, cost."""
    unit = unit_of(config.reward)
    heads = ("arm", "pulls", f"{reward_title(config.task, config.reward)} [95 %]", "shrunken", "worker-s")
    label = _labels([s.arm for s in summaries])
    rows = tuple(
        (label[s.arm.key], pulls_in_words(s), unit.estimate(s.interval), unit.value(s.shrunken), f"{s.seconds:.0f}")
        for s in summaries[:most]
    )
    on_folds = density_settings(config.strategy) is not None
    pulls = "evaluations on held-out folds" if on_folds else f"{config.images:,} images × {config.epochs} epochs"
    return Grid(f"Search: {pulls}", heads, rows)


def pulls_in_words(summary: ArmSummary) -> str:
    """The pulls that count, and how many others there were."""
    cheaper = f" (+{summary.cheaper} cheaper)" if summary.cheaper else ""
    failed = f" (+{summary.failures} failed)" if summary.failures else ""
    pruned = f" (+{summary.pruned} pruned)" if summary.pruned else ""
    return f"{summary.pulls}{cheaper}{failed}{pruned}"


def arm_notes(summaries: Sequence[ArmSummary], most: int = 20) -> list[str]:
    """What the leaderboard leaves open."""
    hidden = len(summaries) - most
    notes = [f"{hidden} more arms in trials.csv."] if hidden > 0 else []
    once = any(s.pulls for s in summaries) and not any(s.freedom for s in summaries)
    return [*notes, *([PROVISIONAL] if once else [])]


def _labels(arms: Sequence[Arm]) -> dict[str, str]:
    """The arms' names by key; names that several have are followed by the beginning of the policy's hash."""
    counts = Counter(arm.name for arm in arms)
    return {arm.key: arm.name if counts[arm.name] == 1 else f"{arm.name} {arm.policy.hash[:6]}" for arm in arms}


def confirmation_grid(summaries: Sequence[ArmSummary], verdict: WinnerVerdict, config: SearchConfig) -> Grid:
    """The finalists on their fresh common replicates."""
    images, epochs = config.last_fidelity
    unit, label = unit_of(config.last_reward), _labels([s.arm for s in summaries])
    ordered = sorted(summaries, key=lambda s: -s.mean if s.pulls else math.inf)
    rows = tuple((label[s.arm.key], str(s.pulls), unit.estimate(s.interval)) for s in ordered)
    heads = ("finalist", "replicates", f"{reward_title(config.task, config.last_reward)} [95 %]")
    title = f"Confirmation on fresh replicates: {images:,} images × {epochs} epochs"
    return Grid(title, heads, rows, (label.get(verdict.winner.key, ""),))
