"""The winner without each of its factors, and the effects in the report, on planted rewards."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.experiments.search.ablation import ablation, without_factors
from policysearch.experiments.search.report.cost import cost
from policysearch.experiments.search.report.effects_section import effects_in_words, factor_effects
from policysearch.experiments.search.report.importance_section import mattered_in_words
from policysearch.experiments.search.result import opened_run, read, read_whole, result_of
from policysearch.experiments.search.run import resume, search
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Space
from policysearch.study.rows import COMPLETE, FAILED, RUNNING, Row
from policysearch.study.sources import ABLATION, FRESH
from tests.support.quick import QuickSetup, config_for, write_npz

RECIPE = load_space("recipe")
FIRST = {name: values[0] for name, values in RECIPE.families["recipe"].choices().items()}


def recipe(**levels):
    changes = {f"recipe.{name}": value for name, value in levels.items()}
    return RECIPE.arm({"family": "recipe", **FIRST, **changes})


def test_each_factor_of_the_winner_is_taken_away_alone():
    winner = recipe(flip="horizontal", operations="two", move=9, colour=6, mask="cutout-0.5")
    table = {one.factor: one for one in without_factors(RECIPE, winner)}
    assert {name: one.reference for name, one in table.items()} == {
        "flip": "none", "operations": "none", "move": 3, "colour": 3, "mask": "none",
    }  # fmt: skip
    assert table["flip"].arm.key == recipe(operations="two", move=9, colour=6, mask="cutout-0.5").key
    assert table["operations"].arm.key == recipe(flip="horizontal", mask="cutout-0.5").key
    assert without_factors(RECIPE, recipe()) == []
    assert without_factors(load_space("default"), load_space("default").arms(0)[5]) == []


def row(number, arm, replicate, reward):
    state = COMPLETE if reward is not None else FAILED
    return Row(number, arm, replicate, state=state, reward=reward, outcome=Outcome({}))


def test_differences_are_paired_by_hand():
    """0.03, 0.01 and 0.02 apart: mean 0.02, error 0.01/√3, t(2) 4.3027. A replicate that failed is left out."""
    winner, without = recipe(flip="horizontal"), recipe()
    ours, theirs = (0.83, 0.82, 0.84, None), (0.80, 0.81, 0.82, 0.9)
    rows = [row(i, winner, ABLATION + i, value) for i, value in enumerate(ours)]
    rows += [row(i, without, ABLATION + i, value) for i, value in enumerate(theirs)]
    rows += [row(9, winner, FRESH, 0.1), row(9, without, ABLATION + 4, 0.1)]
    (pair,) = ablation(RECIPE, winner, rows, 4)
    assert (pair.name, pair.other, pair.n) == ("flip = horizontal", "none", 3)
    half = 4.302653 * 0.01 / np.sqrt(3)
    assert pair.difference.mean == pytest.approx(0.02)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((0.02 - half, 0.02 + half), abs=1e-6)


class Planted(QuickSetup):
    """A flip adds 0.05, CutMix takes 0.04, nothing else matters; noise belongs to the seed and the arm."""

    def __call__(self):
        def evaluate(trial):
            policy = json.loads(trial.policy)
            steps = [step.get("operation") for step in policy["sub_policies"][0]["steps"]]
            noise = np.random.default_rng([trial.seed, int(trial.arm[:8], 16)]).normal(0, 0.005)
            accuracy = 0.7 + 0.05 * ("flip-horizontal" in steps) + noise
            accuracy -= 0.04 * ((policy.get("mix") or {}).get("operation") == "cutmix")
            return {"accuracy": float(accuracy), "loss": 1.0, "seconds": 0.0}

        return evaluate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A search of the recipe by `additive`, with an ablation on three replicates after it was resumed."""
    folder = tmp_path_factory.mktemp("ablation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", Planted)
        for name in ("write_picture", "write_page"):
            patch.setattr(f"policysearch.experiments.search.run.{name}", lambda *_: None)
        patch.setattr(Space, "check", lambda space: None)  # a shipped space, checked by the tests of spaces
        data = str(write_npz(folder / "small.npz"))
        search(
            config_for(
                folder / "run", data=data, space="recipe", strategy="additive", trials=46, finalists=1, confirm=2
            )
        )
        before = read(folder / "run")
        after = resume(folder / "run", ablate=3)
    assert before.ablation == () and before.verdict == after.verdict
    return folder / "run"


@pytest.fixture(scope="module")
def material(folder):
    return read_whole(folder)


def test_the_search_finds_what_is_planted_and_the_ablation_says_so(folder):
    result = read(folder)
    assert "flip-horizontal" in str(result.policy) and "cutmix" not in str(result.policy)
    pairs = {pair.name: pair for pair in result.ablation}
    assert all(pair.n == 3 for pair in result.ablation)
    flip = pairs.get("flip = horizontal") or pairs["flip = both"]
    assert flip.difference.mean == pytest.approx(0.05, abs=0.015)
    others = [pair.difference.mean for name, pair in pairs.items() if not name.startswith("flip")]
    assert all(abs(mean) < 0.02 for mean in others)


def test_free_points_are_confirmed_and_named_as_free(material):
    names = {summary.arm.name for summary in material.confirmation}
    free = names & {*material.space.free}
    assert "identity" in free and len(free) == 5
    assert free <= {*material.verdict.differences, material.verdict.winner.name}


def test_trainings_of_the_ablation_are_a_phase_of_their_own(material):
    finalists = {summary.arm.key for summary in material.confirmation}
    assert {row.arm.key for row in material.fresh} == finalists
    assert {row.replicate for row in material.confirmed} > {row.replicate for row in material.fresh}, (
        "replicates of its own"
    )
    page = "".join(cost(material))
    ablated = len(material.confirmed) - len(material.fresh)
    assert ablated == 3 * (1 + len(material.ablation)) and f"<td>{ablated}</td>" in page.split("ablation", 1)[1]


def test_the_report_shows_each_factor_with_its_interval(material):
    page = "".join(factor_effects(material))
    assert "The winner without each of its factors" in page and "What each factor adds" in page
    assert "flip = horizontal" in page and "mix = cutmix" in page
    words = effects_in_words(material)
    assert mattered_in_words(material) == "", "effects say it better than importances"
    assert "flip horizontal +" in words and "mix cutmix -" in words and "What the winner loses without" in words
    few = replace(material, searched=material.searched[:9], ablation=(), verdict=None)
    assert effects_in_words(few).startswith("9 pulls are points of the space's factors, and 35 are needed")
    assert effects_in_words(replace(few, searched=few.searched[:1])).startswith("1 pull is a point of the space's")
    elsewhere = replace(few, space=load_space("default"))
    assert effects_in_words(elsewhere) == "" and [*factor_effects(elsewhere)] == []


def test_a_space_without_factors_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match="--ablate takes a space that is a product of factors, and 'default' is none"):
        search(config_for(tmp_path / "run", data=str(write_npz(tmp_path / "a.npz")), ablate=2))
    assert not (tmp_path / "run").exists()


def test_an_ablation_with_nothing_to_show_says_why(material):
    """--ablate was given, the winner is a fixed policy, and there was not a word about it."""
    asked = replace(material, ablation=(), config=material.config.model_copy(update={"ablate": 2}))
    identity = replace(asked, verdict=replace(asked.verdict, winner=recipe()))
    page = "".join(factor_effects(identity))
    assert "Nothing was taken away from recipe: none of the space" in effects_in_words(identity)
    assert "The winner without each of its factors" in page and "Nothing was taken away" in page
    assert "those trainings have not finished" in effects_in_words(asked)
    not_asked = replace(asked, config=asked.config.model_copy(update={"ablate": 0}))
    assert "without each" not in "".join(factor_effects(not_asked))
    nan = float("nan")
    single = [replace(pair, n=1, difference=replace(pair.difference, low=nan, high=nan)) for pair in material.ablation]
    assert "one replicate has no intervals: give --ablate 2" in effects_in_words(replace(material, ablation=single))


@pytest.mark.parametrize(("of_ablation", "known"), [(True, True), (False, False)])
def test_the_verdict_is_known_while_the_ablation_runs(folder, of_ablation, known):
    """`show` said that the confirmation was not complete, and had no policy."""
    with opened_run(folder) as (config, run, stores):
        rows = stores["confirm"].rows
        place = next(i for i in reversed(range(len(rows))) if (rows[i].replicate >= ABLATION) == of_ablation)
        rows[place] = replace(rows[place], state=RUNNING, reward=None)
        result = result_of(config, run, stores)
    assert (result.policy is not None) == (result.verdict is not None) == known
