"""Spaces: what ships, what a user's file may hold, and what is refused."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

import search_spaces
from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS
from policysearch.policy.assignments import drawn, every
from policysearch.policy.families import Family
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES
from policysearch.policy.space_files import load_space, parse_space
from policysearch.study.space_distributions import distributions

MINE = """
schema = 1
description = "mine"
[[family]]
name = "turn"
parameters = { degrees = [5, 10, 20], p = [0.25, 0.5, 0.75, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", probability = "$p", magnitude = "$degrees" }] }]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", search_spaces.names())
def test_shipped_spaces(name):
    space = load_space(name)
    arms = space.arms(0)
    assert len(arms) <= space.file.max_arms and space.description
    assert [arm.policy.hash for arm in arms[: len(BASELINES)]] == [Policy.preset(b).hash for b in BASELINES]
    assert len({arm.key for arm in arms}) == len(arms)
    assert [arm.key for arm in space.arms(0)] == [arm.key for arm in arms]
    for arm in arms[:: max(1, len(arms) // 60)]:
        assert space.arm(arm.parameters).key == arm.key
        for parameter, distribution in distributions(space, arm.parameters).items():
            assert distribution._contains(distribution.to_internal_repr(arm.parameters[parameter]))


@pytest.mark.parametrize(
    ("name", "task"), [("default", "classification"), ("broad", "classification"), ("text-lines", "text-lines")]
)
def test_a_description_counts_the_arms_with_the_fixed_policies(name, task):
    space = load_space(name, TASKS[task].fixed)
    assert space.description.startswith(f"{len(space.arms(0))} arms")


def test_default_space_has_at_most_twenty_arms():
    assert len(load_space("default").arms(0)) == 20


def test_a_large_grid_is_sampled_by_seed():
    space = load_space("single")
    first, other = ({arm.key for arm in space.arms(seed)} for seed in (0, 1))
    assert first != other and len(first) == len(other) == 40


def grid_space(degrees, probabilities, max_arms):
    """A space of so many choices of two parameters each."""
    text = MINE.replace("[5, 10, 20]", str([round(30 * i / degrees, 4) for i in range(degrees)]))
    text = text.replace(
        "[0.25, 0.5, 0.75, 1.0]", str([round((i + 1) / probabilities, 4) for i in range(probabilities)])
    )
    return parse_space("mine", text.replace("schema = 1", f"schema = 1\nmax_arms = {max_arms}"), "space")


def count_builds(monkeypatch, work):
    """How many policies of families are built."""
    builds = []
    build = Family.build
    with monkeypatch.context() as patch:
        patch.setattr(Family, "build", lambda *args: builds.append(args) or build(*args))
        result = work()
    return len(builds), result


def independent_draws(families, rng, attempts):
    """The draw of version 0.1, with replacement: `choice` and `integers`, one after another."""
    weights = np.array([min(np.prod([len(v) for v in family.choices().values()]), 1e6) for family in families])
    for _ in range(attempts):
        family = families[rng.choice(len(weights), p=weights / weights.sum())]
        values = {n: v[rng.integers(len(v))] for n, v in family.choices().items()}
        yield {"family": family.name, **values}


def arms_of_version_1(space, seed, attempts=100_000):
    """The keys of a large space's arms by the draw of version 0.1."""
    keys = dict.fromkeys(space.arm({"family": name}).key for name in space.baselines)
    for parameters in independent_draws(space.file.family, np.random.default_rng([seed, 7]), attempts):
        if len(keys) == space.file.max_arms:
            break
        keys.setdefault(space.arm(parameters).key)
    return list(keys)


@pytest.mark.parametrize("space", [load_space("autoaugment"), grid_space(63, 32, 200)], ids=["autoaugment", "grid"])
@pytest.mark.parametrize("seed", [0, 3])
def test_sampled_arms_are_those_of_earlier_versions(space, seed):
    assert space.size > 2000
    assert [arm.key for arm in space.arms(seed)] == arms_of_version_1(space, seed)


def test_a_space_just_too_large_to_list_gives_every_arm_and_builds_each_once(monkeypatch):
    space = grid_space(63, 32, 4000)
    builds, arms = count_builds(monkeypatch, lambda: space.arms(1))
    assert space.size == 4 + 2016 and len({arm.key for arm in arms}) == len(arms) == space.size
    assert builds == 2016
    assert count_builds(monkeypatch, lambda: space.arms(1)) == (0, arms)
    # The planted fault: what is drawn again is built again.
    assert count_builds(monkeypatch, lambda: arms_of_version_1(space, 1, attempts=2500))[0] > 2016


def test_a_small_space_builds_each_arm_once(monkeypatch):
    builds, space = count_builds(monkeypatch, lambda: grid_space(20, 5, 40))
    assert builds == 100
    assert count_builds(monkeypatch, lambda: space.arms(1))[0] == 0


def test_the_specimens_of_a_large_space_are_built_once(monkeypatch):
    builds, space = count_builds(monkeypatch, lambda: load_space("recipe"))
    again, arms = count_builds(monkeypatch, space.specimens)
    assert builds > 300 and again == 0 and len(arms) > 300


def test_assignments_that_were_not_drawn_follow():
    families = grid_space(8, 4, 40).file.family
    draws = list(independent_draws(families, np.random.default_rng(0), 40))
    first = [draw for n, draw in enumerate(draws) if draw not in draws[:n]]
    assignments = list(drawn(families, np.random.default_rng(0), attempts=40))
    assert 10 < len(first) < 32 and assignments[: len(first)] == first
    assert sorted(tuple(a.values()) for a in assignments) == sorted(tuple(a.values()) for a in every(families))

    few = list(drawn(families, np.random.default_rng(0), attempts=20))
    assert few == [draw for n, draw in enumerate(draws[:20]) if draw not in draws[:n]]


@pytest.mark.parametrize("name", search_spaces.names())
def test_suggestions_are_arms_of_the_grid(name):
    space = load_space(name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        trial = study.ask()
        arm = space.suggest(trial)
        assert space.arm(arm.parameters).key == arm.key
        assert set(trial.params) == set(arm.parameters)
        assert trial.distributions == distributions(space, arm.parameters)
        for parameter, value in arm.parameters.items():
            assert value in space.choices[parameter]


def test_own_space(tmp_path):
    space = load_space(written(tmp_path, MINE))
    assert space.name == "mine" and len(space.arms(0)) == 4 + 12
    arm = space.arm({"family": "turn", "turn.degrees": 10, "turn.p": 0.25})
    (step,) = arm.policy.sub_policies[0].steps
    assert (step.magnitude, step.probability) == (10, 0.25)


@pytest.mark.parametrize(
    "values", ["[0.3333333, 0.6666667, 1.0]", "[0.1, 0.4, 0.7]", "[0.05, 0.1, 0.15]", "[0.1, 0.3, 0.9]"]
)
def test_numbers_are_suggested_as_they_stand(tmp_path, values):
    space = load_space(written(tmp_path, MINE.replace("[0.25, 0.5, 0.75, 1.0]", values)))
    choices = space.choices["turn.p"]
    (distribution,) = distributions(space, ["turn.p"]).values()
    assert all(distribution._contains(distribution.to_internal_repr(v)) for v in choices)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = {space.suggest(study.ask()).parameters.get("turn.p") for _ in range(150)}
    assert seen - {None} == set(choices)


def test_levels_presets_and_repeats(tmp_path):
    text = """
schema = 1
[[family]]
name = "a"
repeat = 2
parameters = { op = ["rotate", "equalize"], level = [10, 30] }
[family.policy]
sub_policies = [{ steps = [{ operation = "$op", level = "$level", range = "wide" }, { preset = "randaugment:1,9" }] }]
"""
    space = load_space(written(tmp_path, text))
    arm = space.arm({"family": "a", "a.op_1": "rotate", "a.level_1": 10, "a.op_2": "equalize", "a.level_2": 30})
    first, second = arm.policy.sub_policies
    assert first.steps[0].magnitude == pytest.approx(45) and second.steps[0].magnitude is None
    assert len(first.steps[1].one_of) == 14


def test_a_control_character_is_shown_as_its_escape(tmp_path):
    text = """
schema = 1
[[family]]
name = "a"
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", level = "\\u0000" }] }]
"""
    with pytest.raises(UserError, match=r"levels - 1 \(levels 31\) or .any., got '\\x00'"):
        load_space(written(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", "schema = ", "not TOML"),
        ("20]", "nan]", "finite"),
        ("20]", "200]", "magnitude of rotate must lie in"),
        ("20]", "5]", "differ"),
        ("20]", "5.0]", "differ"),
        ("20]", "inf]", "finite"),
        ("1.0]", "1.5]", "probability"),
        ("1.0]", "nan]", "finite"),
        ('"$p"', '"$q"', r"\$q is no parameter"),
        ('"rotate"', '"rotat"', "did you mean rotate"),
        ('name = "turn"', 'name = "identity"', "stands twice"),
        ('"$p"', "1", "turn.p is not used"),
        ('name = "turn"', 'name = "turn"\ncolour = 1', "unknown key"),
        ("[family.policy]", "[family.polcy]", "unknown key"),
        ('description = "mine"', 'baselines = ["cutot"]', "unknown policy preset"),
        ('description = "mine"', "max_arms = 1", "max_arms"),
        ('magnitude = "$degrees"', 'level = 3, range = "wid"', "range must be"),
        ('magnitude = "$degrees"', "level = 3, magnitude = 3", "not both"),
        ('magnitude = "$degrees"', "level = 31", "level must be"),
        (
            'operation = "rotate", probability = "$p", magnitude = "$degrees"',
            'preset = "identity", probability = 1',
            "no other keys",
        ),
        ('operation = "rotate", probability = "$p", magnitude = "$degrees"', 'preset = "soft-crop"', "softens"),
        ('[{ steps = [{ operation = "rotate", probability = "$p", magnitude = "$degrees" }] }]', "3", "must be a list"),
    ],
)
def test_bad_spaces_are_refused(tmp_path, old, new, told):
    assert old in MINE
    with pytest.raises(UserError, match=told):
        load_space(written(tmp_path, MINE.replace(old, new, 1)))


def test_missing_spaces():
    with pytest.raises(UserError, match="did you mean default"):
        load_space("defalt")
    with pytest.raises(UserError, match="cannot read"):
        load_space("nowhere.toml")


def test_a_family_fills_mixes_mixtures_stages_and_choices(tmp_path):
    path = tmp_path / "whole.toml"
    path.write_text(
        """
        schema = 1
        [[family]]
        name = "whole"
        parameters = { alpha = [0.5, 1.0], level = [6, 12] }
        [family.policy]
        mix = { operation = "mixup", alpha = "$alpha" }
        mixture = { width = 2 }
        sub_policies = [{ steps = [
            { one_of = [{ operation = "rotate", level = "$level" }, { operation = "equalize" }] },
        ] }]
        stages = [{ start = 0.5, sub_policies = [{ steps = [
            { some_of = [{ operation = "rotate", level = "$level" }], counts = [0.5, 0.5] },
        ] }] }]
        """
    )
    arm = load_space(str(path)).arm({"family": "whole", "whole.alpha": 0.5, "whole.level": 6})
    assert arm.policy.mix.alpha == 0.5 and arm.policy.mixture.width == 2
    assert arm.policy.sub_policies[0].steps[0].one_of[0].magnitude == pytest.approx(6)
    assert arm.policy.stages[0].sub_policies[0].steps[0].some_of[0].magnitude == pytest.approx(6)
