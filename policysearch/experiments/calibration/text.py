"""The results of a calibration in sentences."""

from __future__ import annotations

from policysearch.experiments.calibration.advice import Advice, Misleading
from policysearch.experiments.calibration.analysis import Analysis
from policysearch.experiments.calibration.proxies import Estimated
from policysearch.experiments.calibration.truth import RELIABLE
from policysearch.reports.numbers import PERCENT, share
from policysearch.stats.estimate import Estimate

NOTES = (
    "regret: accuracy after long training of the best arm minus that of the pick, on average over picks by so many "
    "pulls an arm; its 95 % interval covers the luck of the pulls and what long training leaves open, for these arms",
    "rank correlation (Spearman) of the arms' means with those of long training, both as measured, and its 95 % "
    "interval; without the luck in either it is higher, often above the interval; inside: within families of three or "
    "more arms, on average",
    "cost: of one pull, in long trainings; without the base of --base-epochs, which is trained once a replicate",
)


def estimated(value: Estimated) -> str:
    """`1.20 points [1.00, 1.50]`."""
    return PERCENT.sizes(Estimate(value.value, value.low, value.high))


def advice_in_words(analysis: Analysis, advice: Advice) -> str:
    """The recommendation in one sentence, or why there is none."""
    if advice.recommended is None:
        return _not_judged(analysis)
    chosen = advice.recommended
    proxy, pull = chosen.proxy, chosen.fidelity
    what = (
        f"{pull.images} images × {pull.epochs} epochs by {chosen.reward} "
        f"({share(chosen.share)} of a long training's cost)"
    )
    pulls = "one pull" if proxy.replicates == 1 else f"{proxy.replicates} pulls"
    lost = (
        f"after {pulls} an arm its pick is expected to be {estimated(proxy.all)} below the best of "
        f"{len(analysis.arms)} arms, a pick by {analysis.long} {PERCENT.size(analysis.long_regret.value)}"
    )
    if advice.within:
        return f"Search with {what}: {lost}."
    return (
        f"No cheap pull is within {PERCENT.size(advice.tolerance)} of picks by long training; the least bad is "
        f"{what}: {lost}: take a more expensive --ladder, or distrust the search's pick until it is confirmed by long "
        "training."
    )


def _not_judged(analysis: Analysis) -> str:
    arms = len(analysis.arms)
    more = "none is recommended: more --long-seeds, or --arms that differ more, would tell."
    if not analysis.truth.apart:
        return (
            f"Long training cannot tell these {arms} arms apart, so no pull can be shown to pick well or badly, and "
            f"{more}"
        )
    return (
        f"Long training ranks these {arms} arms with reliability {analysis.truth.reliability:.2f} (1: without luck): "
        f"too little to judge pulls by, and {more}"
    )


def misleading_in_words(pull: Misleading) -> str:
    """What is wrong with a pull, in one sentence."""
    worse = PERCENT.size(pull.loss.value)
    return f"{pull.fidelity} by {pull.reward} misleads: its pick is {worse} worse than the best pull's"


def reliability_in_words(analysis: Analysis) -> str:
    """How far long training can be trusted itself."""
    r = analysis.truth.reliability
    if r != r:
        return "Long training was measured once: its own luck is unknown, and the intervals are too narrow."
    weak = "" if r > RELIABLE else ": too little to judge pulls by"
    return f"Long training ranks the arms with reliability {r:.2f} (1: without luck){weak}."
