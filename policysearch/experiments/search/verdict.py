"""The verdict of a search: the finalists compared on fresh replicates that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from policysearch.core.readable import joined
from policysearch.experiments.search.chance_level import Learning, learning
from policysearch.experiments.search.finalist_rewards import NEGLIGIBLE, Finalists
from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Arm
from policysearch.reports.numbers import Unit, unit_of
from policysearch.stats.paired import Paired
from policysearch.study.rows import COMPLETE, Row

_IDENTITY = Arm({"family": "identity"}, preset("identity"))
_FEW = 4
"""So many fixed policies are named in a sentence."""
_WHOLE = 1e-6  # of an image: how far a count may be off a whole number

Finding = Literal["wins", "leads", "fixed", "tie", "nothing learned", "unconfirmed"]


@dataclass(frozen=True)
class WinnerVerdict:
    """The arm chosen, what may be said of it, and its differences to the fixed policies among the finalists.

    Attributes:
        winner: the arm whose policy is saved: the best mean, or a fixed policy where nothing better was seen.
        finding: `wins`: better than the best fixed policy. `leads`: the best mean, but not clearly above all of them.
            `fixed`: the best mean is a fixed policy's. `tie`: a fixed policy is within a standard error of the best
            mean. `nothing learned`: the networks are no better than naming one class. `unconfirmed`: there are no
            fresh replicates.
        use: the policy to train with: the winner, or the fixed policy that it cannot be told from.
        differences: of the winner to each fixed policy, by its name; their intervals hold for all pairs at once.
        sentence: all of it in words.
        margin: what a winner that was searched leads the best fixed policy by; None for other winners.
    """

    winner: Arm
    finding: Finding
    use: str
    differences: dict[str, Paired]
    sentence: str
    margin: Paired | None = None

    @property
    def confirmed(self) -> bool:
        """Whether it rests on fresh replicates."""
        return bool(self.differences) or self.finding not in ("unconfirmed", "nothing learned")

    @property
    def title(self) -> str:
        """The verdict in a few words."""
        titles: dict[str, str] = {
            "wins": f"Found: {self.winner.name}",
            "leads": f"No clear winner: {self.winner.name} is best, and {self.use} may be as good",
            "fixed": f"Use {self.use}, which costs no search",
            "tie": f"No winner: use {self.use}",
            "nothing learned": f"No winner, for nothing was learned: use {self.use}",
            "unconfirmed": f"Not confirmed: {self.winner.name}",
        }
        if self.finding == "leads" and self.use == self.winner.name:
            return f"{self.winner.name} is best, and no fixed policy finished"
        return titles[self.finding]


def judge_winner(
    fallback: Arm,
    arms: Sequence[Arm],
    rows: Sequence[Row],
    *,
    reward: str = "accuracy",
    data: Mapping[str, Any] | None = None,
    searched: Sequence[Row] = (),
    why: str = "has the best shrunken mean",
    more: str = "more --confirm replicates",
    fixed: Sequence[str] = BASELINES,
) -> WinnerVerdict:
    """Choose among the finalists by their means over the confirmation's replicates.

    Only arms that finished as many replicates as any did are compared; the others are named. The best mean wins,
    unless a fixed policy is within one standard error of it (the rule of Breiman et al. 1984, Classification and
    Regression Trees, section 3.4.3: of what cannot be told apart take the simplest). Of several that are, the first is
    taken, identity first. An arm wins if its lead over the best fixed policy is clear (`best_of_several.margin`), which
    a search claims wrongly in at most 2.5 % of cases. Leads over single fixed policies have simultaneous 95 % intervals
    (`best_of_several.leads`): in at most 5 % of searches among equal arms any lead at all is clear.

    Args:
        fallback: the arm to name if nothing was confirmed.
        arms: the finalists.
        rows: the confirmation's rows.
        reward: whose values they are, for its unit.
        data: what the search noted of its data, to see whether anything was learned.
        searched: the search's own trials at its highest fidelity, for the same where nothing was confirmed.
        why: the fallback is named, as a clause.
        more: what would tell more, for the sentence.
        fixed: presets that cost no search, the simplest first.
    """
    rewards = {arm.key: _by_replicate(arm, rows) for arm in arms}
    most = max((len(of_arm) for of_arm in rewards.values()), default=0)
    if not most:
        learned = learning(searched, data or {})
        if learned is not None and learned.hardly:
            return _nothing_learned(_IDENTITY, {}, learned, [])
        text = f"{fallback.name} {why}; it was not confirmed on fresh replicates"
        return WinnerVerdict(fallback, "unconfirmed", fallback.name, {}, text)
    whole = {arm.key: arm for arm in arms if len(rewards[arm.key]) == most}
    values = {key: np.array([*rewards[key].values()]) for key in whole}
    finalists = Finalists(whole, values, images_of(rows), {preset(name).hash: name for name in fixed})
    missing = [arm.name for arm in arms if arm.key not in whole]
    left_out = [f"left out, since not all of their replicates finished: {', '.join(missing)}"] if missing else []
    learned = learning(rows, data or {})
    if learned is not None and learned.hardly:
        key = next(iter(finalists.fixed()), finalists.best)
        return _nothing_learned(finalists.arms[key], finalists.leads(key), learned, left_out)
    return _judged(finalists, unit_of(reward), more, left_out)


def _by_replicate(arm: Arm, rows: Sequence[Row]) -> dict[int, float]:
    of_arm = (row for row in rows if row.arm.key == arm.key and row.state == COMPLETE)
    return {
        row.replicate: float(row.reward) for row in sorted(of_arm, key=lambda r: r.replicate) if row.reward is not None
    }


def images_of(rows: Sequence[Row]) -> int:
    """The number of images that the rewards are shares of; 0 where they are not shares, or it is unknown."""
    rewarded = [row for row in rows if row.state == COMPLETE and row.reward is not None]
    counts = {int(row.outcome.metrics.get("validation_images", 0)) for row in rewarded}
    images = counts.pop() if len(counts) == 1 else 0
    scaled = np.array([float(row.reward or 0) * images for row in rewarded])
    return images if bool(np.all(np.abs(scaled - scaled.round()) < _WHOLE)) else 0


def _nothing_learned(
    arm: Arm, differences: dict[str, Paired], learned: Learning, left_out: Sequence[str]
) -> WinnerVerdict:
    text = f"no winner, use {arm.name}: {learned.sentence}"
    return WinnerVerdict(arm, "nothing learned", arm.name, differences, "; ".join([text, *left_out]))


def _judged(finalists: Finalists, unit: Unit, more: str, left_out: Sequence[str]) -> WinnerVerdict:
    best = finalists.best
    tied = [key for key in finalists.fixed() if key != best and finalists.is_tied(best, key)]
    simplest = min([best, *tied], key=finalists.rank)
    if simplest != best:
        return _tie(finalists, simplest, unit, more, left_out)
    differences = finalists.leads(best)
    if best in finalists.free:
        return _fixed(finalists, differences, left_out)
    if not differences:
        return _alone(finalists, left_out)
    lead = finalists.margin(best)
    arm = finalists.arms[best]
    over = f"{unit.change(lead.pair.difference)} over {_the_best(lead.pair.other, differences)} ({_runs(lead.pair.n)})"
    if not lead.unsure:
        text = f"{arm.name} wins: {over}"
        return WinnerVerdict(arm, "wins", arm.name, differences, "; ".join([text, *left_out]), lead.pair)
    use = _simplest_of(finalists, lead.unsure)
    text = (
        f"no clear winner: {arm.name} has the best mean, {over}, but cannot be told apart from {_names(lead.unsure)}; "
        f"use {use}, which costs no search ({more} would tell more)"
    )
    return WinnerVerdict(arm, "leads", use, differences, "; ".join([text, *left_out]), lead.pair)


def _fixed(finalists: Finalists, differences: dict[str, Paired], left_out: Sequence[str]) -> WinnerVerdict:
    """A fixed policy has the best mean."""
    arm = finalists.arms[finalists.best]
    unsure = [name for name, pair in differences.items() if not _leads_clearly(pair)]
    clause = f"; it cannot be told apart from {_names(unsure)}" if unsure else ""
    text = f"use {arm.name}, which costs no search: it has the best mean{clause}"
    return WinnerVerdict(arm, "fixed", arm.name, differences, "; ".join([text, *left_out]))


def _alone(finalists: Finalists, left_out: Sequence[str]) -> WinnerVerdict:
    """No fixed policy finished."""
    arm = finalists.arms[finalists.best]
    text = f"{arm.name} has the best mean, but no fixed policy finished"
    return WinnerVerdict(arm, "leads", arm.name, {}, "; ".join([text, *left_out]))


def _leads_clearly(pair: Paired) -> bool:
    return pair.clear and pair.difference.mean > NEGLIGIBLE


def _the_best(name: str, differences: Mapping[str, Paired]) -> str:
    """The best fixed policy, and of how many it is the best."""
    return f"{name}, the best of {len(differences)} fixed policies" if len(differences) > 1 else name


def _names(names: Sequence[str]) -> str:
    """A few names; of many the first ones, and how many more."""
    first, more = names[:_FEW], len(names) - _FEW
    return joined([*first, f"{more} more fixed policies"] if more > 1 else names)


def _runs(n: int) -> str:
    return "one replicate" if n == 1 else f"n = {n}"


def _tie(finalists: Finalists, simplest: str, unit: Unit, more: str, left_out: Sequence[str]) -> WinnerVerdict:
    arm, best = finalists.arms[simplest], finalists.arms[finalists.best]
    lead = unit.size(float((finalists.rewards[finalists.best] - finalists.rewards[simplest]).mean()))
    text = (
        f"no winner: use {arm.name}, which costs no search; {best.name} has the best mean, but leads it by "
        f"{lead}, no more than a standard error ({more} would tell more)"
    )
    return WinnerVerdict(arm, "tie", arm.name, finalists.leads(simplest), "; ".join([text, *left_out]))


def _simplest_of(finalists: Finalists, names: Sequence[str]) -> str:
    """Of fixed policies the best mean, or the first that is within a standard error of it."""
    keys = [preset(name).hash for name in names]
    best = max(keys, key=lambda key: (finalists.rewards[key].mean(), -finalists.rank(key)))
    return finalists.free[next(key for key in keys if key == best or finalists.is_tied(best, key))]
