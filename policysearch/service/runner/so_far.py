"""What a search has found so far, as the live page shows it: never a winner before the confirmation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.experiments.search.ablation import is_of_ablation
from policysearch.experiments.search.candidates import candidates, why_first
from policysearch.experiments.search.summary import ArmSummary, summarise
from policysearch.experiments.search.verdict import WinnerVerdict, judge_winner
from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Space
from policysearch.reports.numbers import unit_of
from policysearch.stats.intervals import student
from policysearch.study.config import SearchConfig
from policysearch.study.rows import COMPLETE, RUNNING, Row
from workers.curves import curves_in_flight

_CHANCE = "this may be chance, and is tested on fresh replicates at the end"
_LONGEST_BOARD = 200


@dataclass(frozen=True)
class Lead:
    """What may be said of the best policy, in the reward's unit.

    Attributes:
        sentence: all of it in words.
        mean, low, high: by how much it leads a fixed policy, and the 95 % interval; nan where that is not known.
        over: the fixed policy.
        unit: what follows a difference, as "points".
        may_be_chance: whether the pulls that chose it are also those that measure it.
    """

    sentence: str
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    over: str = ""
    unit: str = ""
    may_be_chance: bool = True


def leaderboard(summaries: Sequence[ArmSummary], fixed: Sequence[str] = BASELINES) -> list[dict[str, Any]]:
    """The arms with a reward, best shrunken mean first.

    Args:
        summaries: of the search, best first.
        fixed: presets that cost no search.
    """
    free = _keys(fixed)
    return [
        {
            "name": summary.arm.name,
            "pulls": summary.pulls,
            "mean": summary.mean,
            "low": summary.interval.low,
            "high": summary.interval.high,
            "worker_seconds": summary.seconds,
            "fixed": summary.arm.key in free,
        }
        for summary in summaries[:_LONGEST_BOARD]
        if summary.pulls
    ]


def _keys(names: Sequence[str]) -> frozenset[str]:
    return frozenset(preset(name).hash for name in names)


def lead_so_far(summaries: Sequence[ArmSummary], reward: str, fixed: Sequence[str] = BASELINES) -> Lead | None:
    """What may be said while a search runs; None before its first reward.

    The interval is that of the difference of two means, whose error is pooled over the arms. The best of several is
    chosen by the same pulls, so it promises too much.

    Args:
        summaries: of the search, best first.
        reward: whose values they are, for its unit.
        fixed: presets that cost no search.
    """
    pulled = [summary for summary in summaries if summary.pulls]
    if not pulled:
        return None
    best, unit, keys = pulled[0], unit_of(reward), _keys(fixed)
    free = [summary for summary in pulled if summary.arm.key in keys]
    mean = unit.estimate(best.interval)
    if best in free:
        return Lead(f"so far {best.arm.name}, which costs no search, has the best mean, {mean}; {_CHANCE}")
    if not free:
        return Lead(f"so far {best.arm.name} has the best mean, {mean}; no fixed policy has been pulled; {_CHANCE}")
    rival = max(free, key=lambda summary: summary.mean)
    difference = student(best.mean - rival.mean, math.hypot(best.error, rival.error), best.freedom + 1)
    verb = "leads" if difference.mean >= 0 else "is expected to lead"
    sentence = f"so far {best.arm.name} {verb} {rival.arm.name}, the best fixed policy: {unit.change(difference)}"
    ends = (difference.mean, difference.low, difference.high)
    return Lead(f"{sentence}; {_CHANCE}", *ends, rival.arm.name, unit.word.strip())


def verdict_of(
    config: SearchConfig, space: Space, searched: Sequence[Row], confirmed: Sequence[Row], fixed: Sequence[str]
) -> WinnerVerdict:
    """The verdict on the finalists, as far as they have been confirmed."""
    arms = candidates(config, space, searched, summarise(searched), fixed)
    fresh = [row for row in confirmed if not is_of_ablation(row)]
    return judge_winner(arms[0], arms, fresh, reward=config.last_reward, why=why_first(config), fixed=fixed)


def lead_of(verdict: WinnerVerdict, reward: str, *, over: bool, done: int = 0, total: int = 0) -> Lead:
    """What a verdict says, over the fixed policy that the winner leads least.

    Args:
        verdict: on the finalists.
        reward: that decides among them.
        over: whether the confirmation has ended.
        done, total: trainings of the confirmation, for one that has not.
    """
    pairs = {name: pair.difference for name, pair in verdict.differences.items()}
    rival = min(pairs, key=lambda name: pairs[name].mean, default="")
    ends = (pairs[rival].mean, pairs[rival].low, pairs[rival].high) if rival else (math.nan,) * 3
    so_far = f"after {done} of {total} trainings of the confirmation {verdict.winner.name} is ahead; nobody has won yet"
    sentence = verdict.sentence if over else so_far
    return Lead(sentence, *ends, rival, unit_of(reward).word.strip(), may_be_chance=not (over and verdict.confirmed))


class RewardCurve:
    """The rewards of a phase over its pulls, with the best mean after each, at the highest fidelity that has any.

    Args:
        most: points that are kept for drawing.
    """

    def __init__(self, most: int = 2_000) -> None:
        self._most = most
        self._points: list[tuple[int, float, float]] = []
        self._sums: dict[int, dict[str, tuple[float, int]]] = {}
        self._numbers: set[int] = set()

    def update(self, rows: Sequence[Row]) -> None:
        """Take in the pulls that have ended since."""
        for row in rows:
            if row.state == COMPLETE and row.reward is not None and row.number not in self._numbers:
                self._numbers.add(row.number)
                sums = self._sums.setdefault(row.fidelity, {})
                total, count = sums.get(row.arm.key, (0.0, 0))
                sums[row.arm.key] = (total + row.reward, count + 1)
                highest = self._sums[max(self._sums)]
                best = max(total / count for total, count in highest.values())
                self._points.append((row.number, row.reward, best))

    @property
    def points(self) -> list[tuple[int, float, float]]:
        """(number, reward, best mean so far), at most `most` of them, evenly over the pulls; the last is among them."""
        stride = -(-len(self._points) // self._most)
        return self._points[::-1][:: max(1, stride)][::-1]


def learning_curves(rows: Sequence[Row], folder: Path, most: int = 6) -> dict[int, list[list[float]]]:
    """(epoch, accuracy) by number, of the pulls in flight as far as they are, and of those that ended last.

    Args:
        rows: of a phase.
        folder: where workers of this machine write the curves of the pulls in flight.
        most: pulls that have ended.
    """
    ended = [row for row in rows if row.state == COMPLETE and row.outcome.metrics.get("curve")]
    curves = {row.number: row.outcome.metrics["curve"] for row in ended[-most:]}
    curves |= curves_in_flight(folder, [row.number for row in rows if row.state == RUNNING])
    return {number: [[point["epoch"], point["accuracy"]] for point in curve] for number, curve in curves.items()}
