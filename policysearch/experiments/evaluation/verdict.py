"""Whether the evaluated policy beats the best fixed one, in one sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from policysearch.experiments.evaluation.measured import Measured
from policysearch.experiments.evaluation.metrics import ERROR
from policysearch.experiments.evaluation.settings import GRID
from policysearch.experiments.evaluation.statistics import TRIVIAL, best_fixed, compared, references
from policysearch.reports.numbers import probability
from policysearch.stats.paired import Paired

Finding = Literal["better", "worse", "unclear", "unknown"]


@dataclass(frozen=True)
class Verdict:
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


def judge(measured: Measured) -> Verdict:
    """Compare test errors with the best fixed policy and with TrivialAugment.

    A difference counts where the two-sided paired t test has p ≤ 5 % after Holm over these (at most two) comparisons.
    Of equal policies at most 2.5 % are so called better. The best fixed policy is the best of several on validation,
    whose luck the same network carries on into its test error: that makes "better" rarer still.
    """
    best = best_fixed(measured)
    pairs = compared(measured, ERROR, measured.names[:1], references(measured, best))
    if best is None or pairs[0].n < 2:
        return Verdict("unknown", best, best or measured.searched, _nothing(measured, best))
    finding = _finding(pairs[0])
    use = measured.searched if finding == "better" or measured.searched in measured.fixed else best
    return Verdict(finding, best, use, _sentence(measured, finding, pairs))


def _finding(pair: Paired) -> Finding:
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


def _sentence(measured: Measured, finding: Finding, pairs: list[Paired]) -> str:
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


def _told(pair: Paired) -> dict[str, str]:
    """The difference in points of accuracy, for a sentence: `by` without its sign, `signed` in words."""
    points, half = 100 * pair.difference.mean, 100 * pair.half
    test = f"n = {pair.n}, p {probability(pair.holm)}"
    could = "" if math.isnan(pair.detectable) else f", {100 * pair.detectable:.2f} could have been seen"
    side = "better" if points < 0 else "worse"
    return {
        "by": f"{abs(points):.2f} ± {half:.2f} points ({test})",
        "signed": f"{abs(points):.2f} ± {half:.2f} points {side} ({test}{could})",
    }


def _title(name: str) -> str:
    return "TrivialAugment" if name == TRIVIAL else name
