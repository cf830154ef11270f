"""Whether the learned test-time policy beats the best classic one of equal cost, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from policysearch.experiments.tta.choice import Choice
from policysearch.experiments.tta.judge import Judged
from policysearch.experiments.tta.ways import LEARNED, PLAIN
from policysearch.reports.numbers import PERCENT, Unit, probability
from policysearch.stats.crossed import crossed_pair
from policysearch.stats.paired import PairedTest, with_holm

ACCURACY, LIKELIHOOD = "accuracy", "log_likelihood"
UNITS: Mapping[str, Unit] = {ACCURACY: PERCENT, LIKELIHOOD: Unit(digits=4, word=" nats")}
"""The metrics that decide, and how they are written."""
Finding = Literal["better", "worse", "mixed", "unclear", "same"]


@dataclass(frozen=True)
class Comparison:
    """One way minus another on the test part.

    Attributes:
        name, other: which.
        accuracy, log_likelihood: the paired differences; Holm over all that decide.
    """

    name: str
    other: str
    accuracy: PairedTest
    log_likelihood: PairedTest

    @property
    def pairs(self) -> tuple[PairedTest, PairedTest]:
        """Both."""
        return (self.accuracy, self.log_likelihood)

    @property
    def finding(self) -> Finding:
        """Better where a metric is clearly so and the other is not clearly worse; and the reverse."""
        if self.name == self.other or all(pair.difference.mean == 0 == pair.error for pair in self.pairs):
            return "same"
        ahead = any(pair.clear and pair.difference.mean > 0 for pair in self.pairs)
        behind = any(pair.clear and pair.difference.mean < 0 for pair in self.pairs)
        return "mixed" if ahead and behind else "better" if ahead else "worse" if behind else "unclear"


@dataclass(frozen=True)
class TtaVerdict:
    """What the test part says of the learned views.

    Attributes:
        finding: how they compare with the best way of equal cost that is not learned, which validation has named.
        best: that way.
        use: the way to use.
        sentence: all of it in words.
    """

    finding: Finding
    best: str
    use: str
    sentence: str


def comparisons(choice: Choice, judged: Judged) -> tuple[Comparison, ...]:
    """The learned views against the best classic way and against one pass, and that way against one pass.

    Differences are over networks and images, both of them samples (`stats.crossed`), and corrected by Holm over all
    of these comparisons and both metrics.
    """
    place = {way.name: row for row, way in enumerate(choice.ways)}
    names = dict.fromkeys([(LEARNED, choice.best), (LEARNED, PLAIN), (choice.best, PLAIN)])
    pairs = []
    for name, other in names:
        if name == other:
            continue
        for values in (judged.right.astype(float), judged.calibrated):
            pairs.append(crossed_pair(name, other, values[place[name]], values[place[other]]))
    corrected = with_holm(pairs)
    couples = zip(corrected[::2], corrected[1::2], strict=True)
    return tuple(Comparison(first.name, first.other, first, second) for first, second in couples)


def judge(choice: Choice, compared: Sequence[Comparison], seconds: Mapping[str, float]) -> TtaVerdict:
    """The verdict on comparisons; `seconds` are those of each way per image."""
    by_names = {(pair.name, pair.other): pair for pair in compared}
    finding = by_names[LEARNED, choice.best].finding
    learned_is_worth_it = by_names[LEARNED, PLAIN].finding == "better"
    best_is_worth_it = choice.best != PLAIN and by_names[choice.best, PLAIN].finding == "better"
    use = choice.best if best_is_worth_it else PLAIN
    if learned_is_worth_it and (finding == "better" or (finding == "unclear" and not best_is_worth_it)):
        use = LEARNED
    return TtaVerdict(finding, choice.best, use, _sentence(choice, by_names, seconds, use))


def _sentence(
    choice: Choice, by_names: Mapping[tuple[str, str], Comparison], seconds: Mapping[str, float], use: str
) -> str:
    count = choice.learned.passes
    views = f"{count} view{'s' * (count > 1)}"
    first = by_names[LEARNED, choice.best]
    parts = [f"the learned test-time policy of {views} {_against(first, _title(choice, choice.best))}"]
    if choice.best != PLAIN:
        parts.append(
            f"compared with one plain pass it {_verb(by_names[LEARNED, PLAIN])}: {_by(by_names[LEARNED, PLAIN])}"
        )
    parts.append(f"it costs {count} pass{'es' * (count > 1)} per image, {cost_in_words(LEARNED, seconds)}")
    parts.append(f"use {_advice(choice, use)}")
    return "; ".join(parts)


def _title(choice: Choice, name: str) -> str:
    """How the opponent is called in the sentence."""
    way = choice.way(name)
    if name == PLAIN:
        return "one plain pass, the best other way of equal cost"
    if way.kind == "draws":
        return f"{name} of the training policy, the best other way of equal cost"
    return f"{name} ({way.passes} passes), the best classic one of equal cost"


_VERBS: Mapping[Finding, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "mixed": "is better in one metric and worse in the other than",
    "unclear": "cannot be told apart from",
    "same": "is the same as",
}


def _against(pair: Comparison, other: str) -> str:
    verb = "beats" if pair.finding == "better" else _VERBS[pair.finding]
    return f"{verb} {other}" + ("" if pair.finding == "same" else f": {_by(pair)}")


def _verb(pair: Comparison) -> str:
    words = {"better": "is better", "worse": "is worse", "unclear": "cannot be told apart", "same": "is the same"}
    return words.get(pair.finding, "is better in one metric and worse in the other")


def _by(pair: Comparison) -> str:
    accuracy = f"{UNITS[ACCURACY].change(pair.accuracy.difference)} of accuracy (p {probability(pair.accuracy.holm)})"
    likelihood = UNITS[LIKELIHOOD].change(pair.log_likelihood.difference)
    return f"{accuracy}, {likelihood} of calibrated log-likelihood (p {probability(pair.log_likelihood.holm)})"


def cost_in_words(name: str, seconds: Mapping[str, float]) -> str:
    """What a way's prediction costs, measured: `8.9 times one pass (0.42 ms per image)`."""
    ratio = seconds[name] / seconds[PLAIN] if seconds.get(PLAIN) else math.nan
    return f"measured {ratio:.1f} times one plain pass ({1000 * seconds[name]:.3g} ms per image)"


def _advice(choice: Choice, use: str) -> str:
    if use == LEARNED:
        return "the learned one where its cost is acceptable, otherwise one plain pass"
    if use == PLAIN:
        return "one plain pass: no views of equal cost are clearly better"
    return f"{use}, which needs no search, where its cost is acceptable, otherwise one plain pass"
