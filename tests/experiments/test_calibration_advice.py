"""What is recommended of simulated tables, what is trained for it, and what a budget leaves of that."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.experiments.calibration.advice import advise
from policysearch.experiments.calibration.analysis import Analysis, Candidate
from policysearch.experiments.calibration.files import write_calibration
from policysearch.experiments.calibration.plan import Draft, cut_in_words, drafted, fitted_to, ladder_below
from policysearch.experiments.calibration.proxies import Bootstrap, Estimated, judge_proxy, regret
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.calibration.text import advice_in_words, reliability_in_words
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.calibration_file import load_calibration
from policysearch.experiments.search.known_pitfalls import known_to_mislead
from policysearch.experiments.tabular.arm_subset import spread_arms
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.space_files import load_space
from policysearch.study.config import make_config

GOOD, CHEAP, BAD = Fidelity(1000, 40), Fidelity(500, 40), Fidelity(500, 20)


def table(rng, scores, arms=12, seeds=3):
    """An analysis of pulls: `scores(truth)` gives, for (fidelity, reward, share), the arms' true cheap means."""
    means = rng.normal(0, 0.012, arms)
    truth = Truth(means[:, None] + 0.006 * rng.standard_normal((arms, seeds)))
    bootstrap = Bootstrap.of(truth, 300)
    noise = {}
    candidates = []
    for (fidelity, reward, share), own in scores(means).items():
        luck = noise.setdefault(fidelity, 0.004 * rng.standard_normal((arms, seeds)))
        pulls = own[:, None] + luck + 0.001 * rng.standard_normal((arms, seeds))
        candidates.append(Candidate(fidelity, reward, share, judge_proxy(pulls, truth, bootstrap, ["a"] * arms)))
    own = regret(bootstrap.truth, bootstrap.remeasured)
    return Analysis(Fidelity(4000, 40), tuple(range(arms)), truth, Estimated.of_draws(own), own, tuple(candidates), ())


def planted(means):
    """Pulls of few epochs rank the arms backwards, as strong policies are by too short trainings."""
    return {(BAD, "accuracy", 0.06): -means, (CHEAP, "accuracy", 0.12): means, (GOOD, "accuracy", 0.25): means}


def alike(means):
    return {(CHEAP, "accuracy", 0.12): means, (GOOD, "accuracy", 0.25): means}


def test_a_planted_misleading_pull_is_found_and_not_recommended():
    """Of 60 tables; it is missed where 12 arms happen to be nearly alike."""
    rng = np.random.default_rng(0)
    found = [advise(table(rng, planted)) for _ in range(60)]
    assert np.mean([any(m.fidelity == BAD for m in each.misleading) for each in found]) > 0.9
    assert np.mean([each.chosen.fidelity == BAD for each in found]) < 0.02


def test_pulls_that_are_alike_are_seldom_said_to_mislead():
    """False alarms: 100 tables whose two pulls are equally good; at a rate of 1 % more than 5 come once in 2,000."""
    rng = np.random.default_rng(1)
    found = [advise(table(rng, alike)) for _ in range(100)]
    assert sum(bool(each.misleading) for each in found) <= 5
    assert np.mean([each.chosen.fidelity == CHEAP for each in found]) > 0.6  # the cheaper, where luck leaves it alone


def test_plain_accuracy_is_kept_among_rewards_that_are_alike():
    """Five others that differ by noise; another is taken in some 10 % of tables, more than 12 of 60 once in 100."""
    rng = np.random.default_rng(2)
    names = ["accuracy", "-loss", "accuracy-0.1*loss", "accuracy-0.2*loss", "accuracy-0.1*accuracy_gap", "entropy"]
    others = [advise(table(rng, lambda m: {(GOOD, n, 0.25): m for n in names})) for _ in range(60)]
    assert sum(each.chosen.reward != "accuracy" for each in others) <= 12


def test_a_reward_that_is_better_is_taken():
    rng = np.random.default_rng(3)
    made = lambda m: {(GOOD, "accuracy", 0.25): -m, (GOOD, "-loss", 0.25): m}  # noqa: E731
    found = [advise(table(rng, made)) for _ in range(30)]
    assert np.mean([each.chosen.reward == "-loss" for each in found]) > 0.9


def test_where_long_training_tells_nothing_apart_nothing_is_promised():
    """Six equal arms, two long trainings each: in a third of such tables noise explains all differences."""
    rng = np.random.default_rng(4)
    truths = [Truth(0.8 + 0.006 * rng.standard_normal((6, 2))) for _ in range(200)]
    assert np.mean([not truth.apart for truth in truths]) > 0.2
    assert all(-1 <= truth.reliability <= 1 for truth in truths)
    truth = next(truth for truth in truths if not truth.apart)
    alike = replace(table(rng, lambda m: {(CHEAP, "accuracy", 0.06): m}), truth=truth)
    assert advice_in_words(alike, advise(alike)).startswith("Long training cannot tell these 12 arms apart")
    assert advise(alike).recommended is None and "none is recommended" in advice_in_words(alike, advise(alike))
    assert Truth(np.array([[0.1], [0.1], [0.1], [0.1]])).apart  # one replicate: luck is unknown


def test_what_cannot_be_judged_is_not_recommended(tmp_path):
    """Long trainings whose halves rank the arms by luck, reliability 0.57 or so: no pull, no file, no star."""
    rng = np.random.default_rng(5)
    truths = (Truth(0.8 + rng.normal(0, 0.004, (12, 1)) + 0.006 * rng.standard_normal((12, 3))) for _ in range(200))
    truth = next(t for t in truths if t.apart and 0.4 < t.reliability < 0.65)
    analysis = replace(table(rng, lambda m: {(CHEAP, "accuracy", 0.06): m}), truth=truth)
    advice = advise(analysis)
    assert advice.recommended is None
    sentence = advice_in_words(analysis, advice)
    assert "too little to judge pulls by, and none is recommended" in sentence and "Search with" not in sentence
    (tmp_path / "calibration.toml").write_text("schema = 1")
    write_calibration(analysis, advice, make_config({}), load("fashion-small"), tmp_path)
    assert not (tmp_path / "calibration.toml").exists()
    assert json.loads((tmp_path / "calibration.json").read_text())["chosen"] is None
    with pytest.raises(UserError, match=r"recommends nothing\. Long training ranks these 12 arms"):
        load_calibration(tmp_path)
    sure = replace(analysis, truth=Truth(np.linspace(0, 1, 12)[:, None] + 0.001 * rng.standard_normal((12, 3))))
    assert advise(sure).recommended is not None
    write_calibration(sure, advise(sure), make_config({}), load("fashion-small"), tmp_path)
    assert load_calibration(tmp_path).reward == "accuracy"


def test_if_no_pull_can_be_trusted_it_says_so():
    analysis = table(np.random.default_rng(0), lambda m: {(BAD, "accuracy", 0.06): -m, (GOOD, "accuracy", 0.3): -m})
    advice = advise(analysis)
    assert not advice.within
    assert advice_in_words(analysis, advice).startswith("No cheap pull is within 0.30 points of picks by long training")
    assert "reliability 0." in reliability_in_words(analysis)


@pytest.mark.parametrize(
    ("images", "epochs", "reward", "base", "misleads"),
    [
        (2000, 8, "accuracy", 0, True),
        (1000, 20, "accuracy", 0, True),
        (500, 80, "-loss", 0, True),
        (250, 60, "- 1.0*loss", 0, True),
        (500, 80, "accuracy", 0, False),
        (1000, 40, "-loss", 0, False),
        (250, 40, "-loss", 0, False),
        (500, 80, "accuracy-0.1*loss", 0, False),
        (4000, 6, "accuracy", 40, False),  # fine-tuned
    ],
)
def test_what_is_known_to_mislead(images, epochs, reward, base, misleads):
    settings = {"images": images, "epochs": epochs, "reward": reward, "recipe": {"base_epochs": base}}
    assert ("is known to mislead" in known_to_mislead(make_config(settings))) is misleads


def test_the_ladder_below_a_long_training():
    ladder = list(map(str, ladder_below(Fidelity(4000, 40), 20)))
    assert ladder == ["1000x40", "500x80", "500x40", "250x80", "250x40", "1000x20"]
    assert list(map(str, ladder_below(Fidelity(200, 1), 20))) == ["50x1", "25x2", "25x1"]
    assert ladder_below(Fidelity(30, 40), 20) == ()


def test_a_draft_by_the_data():
    whole = drafted(CalibrateSettings(), arms=20, images=60_000, classes=10)
    assert (whole.long, whole.arms, len(whole.ladder)) == (Fidelity(10_000, 40), 12, 6)
    assert drafted(CalibrateSettings(arms=50), 20, 500, 10).arms == 20
    assert drafted(CalibrateSettings(ladder="20x4,20x4,20x2", long="40x4"), 20, 500, 10).ladder == (
        Fidelity(20, 4),
        Fidelity(20, 2),
    )
    with pytest.raises(UserError, match="no pull cheaper than --long 60x40 has two images for each of 10 classes"):
        drafted(CalibrateSettings(), 20, 60, 10)
    with pytest.raises(UserError, match=r"--long must be more expensive .*: 1000x40 is not cheaper than 400x40"):
        drafted(CalibrateSettings(long="400x40", ladder="100x40,1000x40"), 20, 4000, 10)


def test_a_budget_takes_replicates_then_arms_then_pulls():
    ladder = ladder_below(Fidelity(4000, 40), 20)
    draft = Draft(12, ladder, Fidelity(4000, 40), seeds=4, long_seeds=3)
    seconds = lambda f: f.cost / 1000  # noqa: E731
    assert draft.plan(9.0).fidelities.endswith("1000x20:4,4000x40:3") and draft.plan(9.0).budget == 9.0
    by_hand = {  # long 160 s, cheap 40 + 40 + 20 + 20 + 10 + 20 = 150 s
        12_960: (4, 3, 12, 6),
        12_959: (3, 3, 12, 6),
        7_440: (2, 2, 12, 6),
        7_439: (2, 2, 11, 6),
        3_720: (2, 2, 6, 6),
        3_719: (2, 2, 6, 5),
        2_880: (2, 2, 6, 2),
    }
    for budget, expected in by_hand.items():
        kept = fitted_to(draft, budget, seconds)
        assert (kept.seeds, kept.long_seeds, kept.arms, len(kept.ladder)) == expected, budget
    told = cut_in_words(draft, fitted_to(draft, 3_719, seconds))
    assert told == (
        "To fit the budget: 6 arms instead of 12; 2 cheap replicates instead of 4; 2 long replicates instead of 3; "
        "no 1000x20."
    )
    assert cut_in_words(draft, draft) == ""
    with pytest.raises(UserError, match=r"even 6 arms × 2 replicates at 2 cheap pulls and 4000x40 take about 2880"):
        fitted_to(draft, 100, seconds)


def test_few_arms_stand_for_a_space():
    for name in ("default", "broad"):
        space = load_space(name)
        everything = space.arms(0)
        sets = [{arm.key for arm in spread_arms(space, 0, count)} for count in range(1, len(everything) + 3)]
        assert [len(own) for own in sets[: len(everything)]] == list(range(1, len(everything) + 1))
        assert all(a <= b for a, b in pairwise(sets))
        twelve = spread_arms(space, 0, 12)
        assert twelve == spread_arms(space, 0, 12) and spread_arms(space, 0, 0) == everything
        families = [str(arm.parameters["family"]) for arm in twelve]
        assert set(space.baselines) <= set(families) and set(space.families) <= set(families)
        counts = [families.count(name) for name in space.families]
        assert max(counts) - min(counts) <= 1
