"""The verdict on views: what counts as better, which way to use, and what the sentence says."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.experiments.tta.choice import Choice, OnValidation
from policysearch.experiments.tta.judge import Judged
from policysearch.experiments.tta.verdict import comparisons, judge
from policysearch.experiments.tta.ways import LEARNED, PLAIN, ways
from policysearch.policy.tta import classic_views

NETWORKS, IMAGES = 5, 400


def some_choice(best: str) -> Choice:
    compared = ways(classic_views("scales"))
    scores = tuple(OnValidation(-0.5, 0.8, 1.0) for _ in compared)
    return Choice("f", compared, scores, (-0.6, -0.55, -0.5), best)


def verdict_of(best: str, shares: dict[str, float], likelihoods: dict[str, float]):
    """The verdict where these ways have these shares of right images and mean log-likelihoods, all others the plain."""
    choice = some_choice(best)
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=(len(choice.ways), NETWORKS, IMAGES))
    right = np.zeros(noise.shape, np.bool_)
    calibrated = noise - 0.5
    for row, way in enumerate(choice.ways):
        count = round(shares.get(way.name, 0.8) * IMAGES)
        right[row, :, :count] = True
        calibrated[row] += likelihoods.get(way.name, 0.0)
    seconds = {way.name: 0.001 * way.passes for way in choice.ways}
    return judge(choice, comparisons(choice, Judged(right, calibrated, calibrated)), seconds)


@pytest.mark.parametrize(
    ("best", "shares", "likelihoods", "finding", "use"),
    [
        ("flip", {LEARNED: 0.95, "flip": 0.85}, {LEARNED: 0.1, "flip": 0.05}, "better", LEARNED),
        ("flip", {LEARNED: 0.85, "flip": 0.95}, {LEARNED: 0.05, "flip": 0.1}, "worse", "flip"),
        ("flip", {LEARNED: 0.9, "flip": 0.9}, {LEARNED: 0.1, "flip": 0.1}, "unclear", "flip"),
        ("flip", {LEARNED: 0.9}, {LEARNED: -0.1}, "mixed", PLAIN),
        ("flip", {}, {}, "unclear", PLAIN),
        (PLAIN, {LEARNED: 0.9}, {LEARNED: 0.1}, "better", LEARNED),
        (PLAIN, {LEARNED: 0.7}, {LEARNED: -0.1}, "worse", PLAIN),
        ("2 draws", {LEARNED: 0.7, "2 draws": 0.7}, {LEARNED: -0.1, "2 draws": -0.1}, "unclear", PLAIN),
    ],
)
def test_what_is_found_and_what_to_use(best, shares, likelihoods, finding, use):
    verdict = verdict_of(best, shares, likelihoods)
    assert (verdict.finding, verdict.use, verdict.best) == (finding, use, best)


def test_the_sentence_has_both_metrics_the_cost_and_the_advice():
    text = verdict_of("flip", {LEARNED: 0.95, "flip": 0.85}, {LEARNED: 0.1, "flip": 0.05}).sentence
    for part in (
        "the learned test-time policy of 3 views beats flip (2 passes), the best classic one of equal cost: +10.00",
        "nats [",
        "of calibrated log-likelihood (p",
        "compared with one plain pass it is better: +15.00 points",
        "it costs 3 passes per image, measured 3.0 times one plain pass (3 ms per image)",
        "use the learned one",
    ):
        assert part in text, (part, text)
    assert "2 draws of the training policy, the best other way" in verdict_of("2 draws", {}, {}).sentence
    assert "one plain pass, the best other way" in verdict_of(PLAIN, {}, {}).sentence


def test_all_comparisons_are_corrected_together():
    choice = some_choice("flip")
    rng = np.random.default_rng(1)
    shape = (len(choice.ways), NETWORKS, IMAGES)
    judged = Judged(rng.random(shape) < 0.8, rng.normal(size=shape), rng.normal(size=shape))
    compared = comparisons(choice, judged)
    assert [(pair.name, pair.other) for pair in compared] == [(LEARNED, "flip"), (LEARNED, PLAIN), ("flip", PLAIN)]
    every = [pair for one in compared for pair in one.pairs]
    least = min(every, key=lambda pair: pair.p)
    assert least.holm == pytest.approx(min(1.0, 6 * least.p))
