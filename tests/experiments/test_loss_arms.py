"""Arms with a loss: as choices of a space, in the record, and in searches from start to end."""

from __future__ import annotations

import csv
import io

import optuna
import pytest
from optuna.storages import RDBStorage
from rich.console import Console

from policysearch.child.losses import make_loss
from policysearch.cli.show import show_result
from policysearch.core.errors import UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.tables import arm_grid
from policysearch.policy.losses import Focal
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from tests.support.kills import Killed, trials
from tests.support.quick import config_for, quick_metrics

MINE = """
schema = 1
[[family]]
name = "turn"
parameters = { degrees = [5, 10], loss = ["none", "focal"], gamma = [1, 2.5] }
loss = { kind = "$loss", gamma = "$gamma" }
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", magnitude = "$degrees" }] }]
"""


def written(tmp_path, text: str = MINE) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_an_arm_is_a_policy_with_a_loss(tmp_path):
    space = load_space(written(tmp_path))
    arms = [arm for arm in space.arms(0) if arm.parameters["family"] == "turn"]
    assert len(arms) == 2 * 3 and len({arm.key for arm in arms}) == len({arm.name for arm in arms}) == 6
    chosen = {"family": "turn", "turn.degrees": 5, "turn.loss": "focal", "turn.gamma": 2.5}
    arm, off = space.arm(chosen), space.arm({**chosen, "turn.loss": "none"})
    assert arm.loss == Focal(gamma=2.5) and off.loss is None and arm.policy == off.policy
    assert off.key == off.policy.hash and arm.key == f"{off.key}+{Focal(gamma=2.5).hash}"
    assert (off.name, arm.name) == ("turn(degrees=5)", "turn(degrees=5) + focal(gamma=2.5)")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {space.suggest(study.ask()).key for _ in range(80)} >= {arm.key, off.key}


def test_a_loss_stands_once_beside_copied_sub_policies(tmp_path):
    text = MINE.replace('name = "turn"', 'name = "turn"\nrepeat = 2')
    space = load_space(written(tmp_path, text))
    assert set(space.choices) == {"family", "turn.degrees_1", "turn.degrees_2", "turn.loss", "turn.gamma"}
    chosen = {"turn.degrees_1": 5, "turn.degrees_2": 10, "turn.loss": "focal", "turn.gamma": 1}
    assert space.arm({"family": "turn", **chosen}).name == "turn(degrees_1=5, degrees_2=10) + focal(gamma=1)"


def test_the_shipped_space_has_one_policy_under_every_loss():
    arms = load_space("losses").arms(0)
    flip = Policy.preset("flip-crop").hash
    ours = [arm for arm in arms if arm.policy.hash == flip]
    assert {arm.loss.kind if arm.loss else "none" for arm in ours} == {
        "none",
        "label-smoothing",
        "online-label-smoothing",
        "focal",
        "bi-tempered",
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('gamma = "$gamma"', "gamma = -1", "'turn': loss focal: gamma"),
        ('gamma = "$gamma"', 'gama = "$gamma"', "unknown key 'gama'"),
        ('kind = "$loss", ', "", "must be a table with a kind"),
        ('"focal"', '"fokal"', "did you mean focal"),
        (', gamma = "$gamma"', "", "turn.gamma is not used"),
        ('"$gamma"', '"$gama"', r"\$gama is no parameter"),
        ('loss = { kind = "$loss", gamma = "$gamma" }', 'loss = "focal"', "loss"),
    ],
)
def test_bad_losses_of_a_space_are_refused(tmp_path, old, new, told):
    assert old in MINE
    with pytest.raises(UserError, match=told):
        load_space(written(tmp_path, MINE.replace(old, new, 1)))


def focal_wins(trial):
    """Arms with a focal loss of gamma 2 are the best by far."""
    metrics = quick_metrics(trial)
    level = 0.95 if Focal(gamma=2).hash in trial.arm else 0.5
    return {**metrics, "accuracy": level + 0.1 * (metrics["accuracy"] - 0.8)}


@pytest.mark.parametrize("strategy", ["ucb", pytest.param("tpe", marks=pytest.mark.slow)])
def test_a_search_ends_with_the_loss_that_won(strategy, quick, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.support.quick.quick_metrics", focal_wins)
    folder = tmp_path / "run"
    result = search(config_for(folder, space="losses", strategy=strategy, trials=40))
    assert result.verdict.winner.loss == Focal(gamma=2)
    saved = Policy.load(folder / "policy.json")
    assert saved.about["loss"] == {"kind": "focal", "gamma": 2.0}
    assert saved.hash == Policy.preset("flip-crop").hash and saved.name.endswith("+ focal(gamma=2)")
    assert "+ focal(gamma=2) wins" in result.verdict.sentence and "costs no search" not in result.verdict.sentence
    text = shown(folder)
    assert "trained with focal loss: cross-entropy times (1 - p)^2" in text
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["arm"] for row in rows}) == len({row["policy"] for row in rows})
    assert rows[0]["loss"], "the column of the metric"


def shown(folder) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_result(read(folder), console)
    return console.file.getvalue()


def test_arms_that_differ_in_loss_alone_are_told_apart(quick, tmp_path):
    result = search(config_for(tmp_path / "run", space="losses", trials=20))
    names = [row[0] for row in arm_grid(result.summaries, result.config).rows]
    assert all(any(s.arm.loss.label in name for name in names) for s in result.summaries if s.arm.loss)
    assert len({s.arm.name for s in result.summaries}) == len(result.summaries) == 16


def test_a_search_without_losses_says_so(quick, tmp_path):
    search(config_for(tmp_path / "run"))
    assert Policy.load(tmp_path / "run" / "policy.json").about["loss"] is None
    assert "trained with" not in shown(tmp_path / "run")


def kill_after_attribute(monkeypatch, prefix: str, count: int) -> None:
    """The study's `count`-th attribute of such a name is the last thing written."""
    names = []
    original = RDBStorage.set_study_user_attr

    def wrapped(self, study_id, key, value):
        original(self, study_id, key, value)
        names.append(key)
        if key.startswith(prefix) and sum(name.startswith(prefix) for name in names) == count:
            raise Killed

    monkeypatch.setattr(RDBStorage, "set_study_user_attr", wrapped)


@pytest.mark.parametrize("strategy", ["ucb", pytest.param("tpe", marks=pytest.mark.slow)])
def test_killed_while_an_arm_is_written_it_ends_with_the_same_trials(strategy, quick, tmp_path, monkeypatch):
    settings = {"space": "losses", "strategy": strategy, "trials": 12}
    search(config_for(tmp_path / "whole", **settings))
    expected = trials(tmp_path / "whole")
    assert any("+" in row[2] for row in expected)
    for prefix, count in (("loss:", 1), ("loss:", 3), ("policy:", 4)):
        folder = tmp_path / f"{prefix[:-1]}{count}"
        with monkeypatch.context() as patch:
            kill_after_attribute(patch, prefix, count)
            with pytest.raises(Killed):
                search(config_for(folder, **settings))
        resume(folder)
        assert trials(folder) == expected, (prefix, count)


def test_the_record_holds_every_loss_once(quick, tmp_path):
    folder = tmp_path / "run"
    result = search(config_for(folder, space="losses", trials=30))
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{folder}/study.db")
    kept = {name.removeprefix("loss:"): text for name, text in study.user_attrs.items() if name.startswith("loss:")}
    assert kept == {s.arm.key: s.arm.loss.to_json() for s in result.summaries if s.arm.loss}
    for trial in study.trials:
        assert set(trial.user_attrs) == {"pull", "outcome"}
    again = read(folder)
    assert [(s.arm.key, s.arm.name, s.arm.loss) for s in again.summaries] == [
        (s.arm.key, s.arm.name, s.arm.loss) for s in result.summaries
    ]


def test_real_children_are_trained_with_their_arms_losses(npz, tmp_path, monkeypatch):
    import policysearch.child.training_run as training_run

    seen = []
    monkeypatch.setattr(training_run, "make_loss", lambda loss, *rest: seen.append(loss) or make_loss(loss, *rest))
    settings = {"data": str(npz), "space": "losses", "strategy": "ucb", "trials": 16, "confirm": 1, "finalists": 2}
    result = search(config_for(tmp_path / "run", **settings, images=30, recipe={"batch": 16}))
    assert all(s.pulls == 1 for s in result.summaries), [s.failures for s in result.summaries]
    assert {loss for loss in seen if loss} == {s.arm.loss for s in result.summaries if s.arm.loss}
    assert (tmp_path / "run" / "search.png").stat().st_size > 10_000


def test_an_arm_without_a_loss_is_what_it_was():
    arm = Arm({"family": "identity"}, Policy.preset("identity"))
    assert (arm.key, arm.name, arm.loss) == (arm.policy.hash, "identity", None)
