"""Whether the evaluated policy beats the best fixed one, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from policysearch.experiments.evaluation.metrics import ERROR, Measured
from policysearch.experiments.evaluation.settings import GRID
from policysearch.experiments.evaluation.statistics import TRIVIAL, best_fixed, compared, references
from policysearch.reports.numbers import probability
from policysearch.stats.paired import PairedTest

Finding = Literal["better", "worse", "unclear", "unknown"]


@dataclass(frozen=True)
class PolicyVerdict:
    """What the test part says of the evaluated policy.

    Attributes:
        finding: how its test error compares with that of the best fixed policy; unknown without two common replicates.
        best: the best fixed policy, chosen on validation; None where none finished.
        use: the policy to use.
        sentence: all of it in words.
    """

    finding: Finding
    best: str | None
    use: str
    sentence: str


def judge_policy(measured: Measured) -> PolicyVerdict:
    """Compare test errors with the best fixed policy and with TrivialAugment.

    A difference counts where the two-sided paired t test has p ≤ 5 % after Holm over these (at most two) comparisons.
    Of equal policies at most 2.5 % are so called better. The best fixed policy is the best of several on validation,
    whose luck the same network carries on into its test error: that makes "better" rarer still.
    """
    best = best_fixed(measured)
    pairs = compared(measured, ERROR, measured.names[:1], references(measured, best))
    if best is None or pairs[0].n < 2:
        return PolicyVerdict("unknown", best, best or measured.searched, _nothing(measured, best))
    finding = _finding(pairs[0])
    use = measured.searched if finding == "better" or measured.searched in measured.fixed else best
    return PolicyVerdict(finding, best, use, _sentence(measured, finding, pairs))


def _finding(pair: PairedTest) -> Finding:
    if not pair.clear:
        return "unclear"
    return "better" if pair.difference.mean < 0 else "worse"


def _nothing(measured: Measured, best: str | None) -> str:
    if best is None:
        return f"{measured.searched} was compared with nothing: no other fixed policy has a trained network"
    return f"{measured.searched} and {best}, the best fixed policy, have fewer than two trained replicates in common"


_AGAINST_BEST: dict[Finding, str] = {
    "better": "{name} beats the best fixed policy, {best}, by {by}",
    "worse": "{name} is worse than the best fixed policy, {best}, by {by}",
    "unclear": "{name} cannot be told apart from the best fixed policy, {best}: it is {signed}",
}
_AGAINST_TRIVIAL: dict[Finding, str] = {
    "better": "it beats {other} by {by}",
    "worse": "it is worse than {other} by {by}",
    "unclear": "it cannot be told apart from {other}: {signed}",
}


def _sentence(measured: Measured, finding: Finding, pairs: list[PairedTest]) -> str:
    first, rest = pairs[0], pairs[1:]
    parts = [_AGAINST_BEST[finding].format(name=measured.searched, best=first.other, **_told(first))]
    parts += [
        _AGAINST_TRIVIAL[_finding(pair)].format(other=_title(pair.other), **_told(pair)) for pair in rest if pair.n > 1
    ]
    if measured.searched in measured.fixed:
        parts.append(f"{measured.searched} is a fixed policy itself, and free")
    elif finding != "better":
        cost = "its grid is all that it costs" if first.other.startswith(GRID) else "it is free"
        parts.append(f"use {first.other}, {cost}")
    return "; ".join(parts)


def _told(pair: PairedTest) -> dict[str, str]:
    """The difference in points of accuracy, for a sentence: `by` without its sign, `signed` in words."""
    points, half = 100 * pair.difference.mean, 50 * (pair.difference.high - pair.difference.low)
    test = f"n = {pair.n}, p {probability(pair.holm)}"
    could = "" if math.isnan(pair.detectable) else f", {100 * pair.detectable:.2f} could have been seen"
    side = "better" if points < 0 else "worse"
    return {
        "by": f"{abs(points):.2f} ± {half:.2f} points ({test})",
        "signed": f"{abs(points):.2f} ± {half:.2f} points {side} ({test}{could})",
    }


def _title(name: str) -> str:
    return "TrivialAugment" if name == TRIVIAL else name


@dataclass(frozen=True)
class FalseClaims:
    """Shares of the deals in which a policy that equals all others was called better, or worse, than the best fixed."""

    deals: int
    better: float
    worse: float


def dealt(measured: Measured, deals: int, rng: np.random.Generator) -> Iterator[Measured]:
    """The same networks under names dealt anew: within each replicate, who is called what is drawn at random.

    All policies are then equal by construction, whatever they were, and replicates are still paired. A network keeps
    its metrics together. Only replicates that every policy finished are dealt.

    Args:
        measured: policies × replicates.
        deals: how many.
        rng: the names.
    """
    whole = np.all([np.isfinite(values).all(0) for values in measured.values.values()], axis=0)
    values = {name: value[:, whole] for name, value in measured.values.items()}
    for _ in range(deals):
        order = rng.permuted(np.tile(np.arange(len(measured.names))[:, None], (1, int(whole.sum()))), axis=0)
        yield replace(measured, values={k: np.take_along_axis(v, order, 0) for k, v in values.items()})


def false_claims(
    measured: Measured,
    deals: int,
    rng: np.random.Generator,
    verdict: Callable[[Measured], Finding] = lambda measured: judge_policy(measured).finding,
) -> FalseClaims:
    """Deal the names again and again, and count what the verdict says. It should claim "better" in at most 5 %.

    Args:
        measured, deals, rng: as for `dealt`.
        verdict: the procedure that is checked.
    """
    found = [verdict(each) for each in dealt(measured, deals, rng)]
    return FalseClaims(deals, found.count("better") / deals, found.count("worse") / deals)
