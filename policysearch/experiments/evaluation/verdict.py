"""Whether the evaluated policy beats the best fixed one, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from policysearch.experiments.evaluation.metrics import ACCURACY, Measured
from policysearch.experiments.evaluation.settings import FREE, GRID
from policysearch.experiments.evaluation.statistics import TRIVIAL, best_fixed, compared, references
from policysearch.policy.presets import ADAPTIVE, without_prefix
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import PairedTest
from policysearch.stats.significance import ALPHA

ONE_SIDED = ALPHA / 2
"""The share of equal policies that may be called better, and the share that may be called worse."""
_CHOSEN = {GRID: "its grid is all that it costs", FREE: "choosing it on validation is all that it costs"}
Finding = Literal["better", "worse", "unclear", "unknown"]


@dataclass(frozen=True)
class PolicyVerdict:
    """What the test part says of the evaluated policy.

    Attributes:
        finding: how its test accuracy compares with that of the best fixed policy; unknown without two common
            replicates.
        best: the best fixed policy, chosen on validation; None where none finished.
        use: the policy to use.
        sentence: all of it in words.
    """

    finding: Finding
    best: str | None
    use: str
    sentence: str


def judge_policy(measured: Measured) -> PolicyVerdict:
    """Compare test accuracies with the best fixed policy and with TrivialAugment.

    A difference counts where the two-sided paired t test has p ≤ 5 % after Holm over these (at most two) comparisons.
    Of equal policies at most 2.5 % are so called better. The best fixed policy is the best of several on validation,
    whose luck the same network carries on into its test accuracy: that makes "better" rarer still, and "worse" more
    frequent. So a difference in favour of the best of several counts only at their number times its p (Bonferroni), and
    at most 2.5 % are called worse, however much is carried on.
    """
    best = best_fixed(measured)
    pairs = compared(measured, ACCURACY, measured.names[:1], references(measured, best))
    pairs = [*(_for_the_choice(pair, measured) for pair in pairs[:1]), *pairs[1:]]
    if best is None or pairs[0].n < 2:
        return PolicyVerdict("unknown", best, best or measured.searched, _nothing(measured, best))
    finding = _finding(pairs[0])
    use = measured.searched if finding == "better" or measured.searched in measured.fixed else best
    return PolicyVerdict(finding, best, use, _sentence(measured, finding, pairs))


def _finding(pair: PairedTest) -> Finding:
    if not pair.clear:
        return "unclear"
    return "better" if pair.difference.mean > 0 else "worse"


def _for_the_choice(pair: PairedTest, measured: Measured) -> PairedTest:
    """The comparison with the best fixed policy; what favours it counts as the best of so many."""
    if pair.difference.mean > 0:
        return pair
    return replace(pair, holm=min(1.0, _choices(measured) * pair.holm))


def _choices(measured: Measured) -> int:
    """How many fixed policies the best was chosen from."""
    return sum(name != measured.searched for name in measured.fixed)


def _nothing(measured: Measured, best: str | None) -> str:
    if best is None:
        return f"{measured.searched} was compared with nothing: no other fixed policy has a trained network"
    return f"{measured.searched} and {best}, the best fixed policy, have fewer than two trained replicates in common"


_AGAINST_BEST: dict[Finding, str] = {
    "better": "{name} beats the best fixed policy, {best}: {by}",
    "worse": "{name} is worse than the best fixed policy, {best}: {by}",
    "unclear": "{name} cannot be told apart from the best fixed policy, {best}: {by}",
}
_AGAINST_TRIVIAL: dict[Finding, str] = {
    "better": "it beats {other}: {by}",
    "worse": "it is worse than {other}: {by}",
    "unclear": "it cannot be told apart from {other}: {by}",
}


def _sentence(measured: Measured, finding: Finding, pairs: list[PairedTest]) -> str:
    first, rest = pairs[0], pairs[1:]
    choices = _choices(measured) if first.difference.mean <= 0 else 1
    by = _by(first, finding, choices)
    parts = [_AGAINST_BEST[finding].format(name=measured.searched, best=first.other, by=by)]
    for pair in (pair for pair in rest if pair.n > 1):
        said = _AGAINST_TRIVIAL[_finding(pair)]
        parts.append(said.format(other=_title(pair.other), by=_by(pair, _finding(pair))))
    if measured.searched in measured.fixed:
        parts.append(f"{measured.searched} is a fixed policy itself: {_cost(measured.searched)}")
    elif finding != "better":
        parts.append(f"use {first.other}, {_cost(first.other)}")
    return "; ".join(parts)


def _cost(name: str) -> str:
    """What a fixed policy costs before it is trained with."""
    chosen = next((text for title, text in _CHOSEN.items() if name.startswith(f"{title}:")), "")
    if chosen:
        return chosen
    adapts = without_prefix(name).partition(":")[0] in ADAPTIVE
    return "it costs no search, and adapts as your network trains" if adapts else "it is free"


def _by(pair: PairedTest, finding: Finding, choices: int = 1) -> str:
    """The difference in points of accuracy, above 0 where the evaluated policy is better, with its test."""
    chosen = f" for the best of {choices}" if choices > 1 else ""
    is_open = finding == "unclear" and not math.isnan(pair.detectable)
    could = f", {PERCENT.size(pair.detectable)} could have been seen" if is_open else ""
    return f"{PERCENT.change(pair.difference)} (n = {pair.n}, p {probability(pair.holm)}{chosen}{could})"


def _title(name: str) -> str:
    return "TrivialAugment" if name == TRIVIAL else name


@dataclass(frozen=True)
class FalseClaims:
    """Shares of the deals in which a policy that equals all others was called better, or worse, than the best fixed."""

    deals: int
    better: float
    worse: float

    @property
    def most(self) -> float:
        """The share that a test which errs in 2.5 % stays below in 97.5 % of checks by so many deals."""
        return ONE_SIDED + 1.96 * math.sqrt(ONE_SIDED * (1 - ONE_SIDED) / self.deals)


def dealt(measured: Measured, deals: int, rng: np.random.Generator) -> Iterator[Measured]:
    """The same networks under names dealt anew: within each replicate, who is called what is drawn at random.

    All policies are then equal by construction, whatever they were, and replicates are still paired. A network keeps
    its metrics together. Only replicates that every policy finished are dealt.

    Args:
        measured: policies × replicates.
        deals: how many.
        rng: the names.
    """
    whole = measured.whole
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
    """Deal the names again and again, and count what the verdict says. It should claim each in at most 2.5 %.

    Args:
        measured, deals, rng: as for `dealt`.
        verdict: the procedure that is checked.
    """
    findings = [verdict(networks) for networks in dealt(measured, deals, rng)]
    return FalseClaims(deals, findings.count("better") / deals, findings.count("worse") / deals)
