"""Online searches: the same training as under their schedule, resumable after any kill, and what they refuse."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from policysearch.core.errors import RunFailed, UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.experiments.evaluation.equal_cost import trainings_of
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.online.chooser import RuleChooser
from policysearch.experiments.online.pace import LastCheckpoint
from policysearch.experiments.online.run import Online, online, read_online
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.experiments.online.shares import shares
from policysearch.experiments.online.summary import Pull, Summary
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.rules.ucb import Ucb
from policysearch.study.config import load_config, save_config
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.rule_strategy import RuleStrategy
from tests.support.command_line import call
from tests.support.kills import Killed, kill_at
from tests.support.markdown import python_pages
from tests.support.quick import write_npz
from workers.evaluate import ChildSetup

NETWORK = """
from torch import nn

def make(channels, classes):
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))
"""
pytestmark = pytest.mark.filterwarnings("ignore:.*(stretches for|classes).*:UserWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("online")
    (folder / "tiny.py").write_text(NETWORK)
    write_npz(folder / "small.npz")
    return folder


def values(place: Path, out: Path, **changes) -> dict:
    settings = {"data": str(place / "small.npz"), "model": f"{place / 'tiny.py'}:make", "epochs": 6, "images": 48}
    return {**settings, "recipe": {"batch": 16, "checkpoints": 2}, "device": "cpu", "out": str(out), **changes}


def record(result: Online) -> list:
    return [(pull.arm, pull.reward, pull.metrics) for pull in result.summary.pulls]


def weights(result: Online) -> dict:
    return torch.load(result.network, weights_only=True)["weights"]


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(scope="module")
def whole(place) -> Online:
    return online(OnlineSettings(rule="exp3", reward="entropy+validation_gain"), values(place, place / "whole"))


def test_what_it_leaves(whole):
    names = {path.name for path in whole.folder.iterdir() if path.stem != "controller"}
    assert names == {
        *("config.toml", "online.toml", "space.toml", "study.db", "trials.csv", "network.pt", "policy.json"),
        *("report.html", "online.png", "online.json"),
    }
    assert Policy.load(whole.folder / "policy.json") == whole.policy
    kept = torch.load(whole.network, weights_only=True)
    assert kept["shape"] == (1, 8, 8) and len(kept["classes"]) == 3 and len(kept["mean"]) == 1
    page = (whole.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3 and whole.summary.sentence.split(",")[0] in page


def test_the_policy_is_what_was_chosen_when(whole):
    pulls = whole.summary.pulls
    assert [(pull.first, pull.last) for pull in pulls] == [(i, i + 1) for i in range(6)]
    at = [whole.policy.at((i + 0.5) / 6) for i in range(6)]
    changed = [one.arm != other.arm for one, other in pairwise(pulls)]
    assert [one != other for one, other in pairwise(at)] == changed and any(changed)


def test_it_is_the_training_under_its_schedule_to_the_last_bit(whole, place):
    """A child of the same seed under policy.json, as any worker trains it."""
    config = load_config(whole.folder / "config.toml")
    setup = ChildSetup(load(config), config.validation, config.split_seed, config.model, config.recipe, "cpu")
    trial = Trial(0, "", whole.policy.to_json(), 0, child_seed(config.seed, 0), config.images, config.epochs)
    metrics = setup()(trial)
    ours = whole.summary.metrics
    for name in ("accuracy", "loss", "entropy", "train_loss", "augmented_train_loss", "curve"):
        assert metrics[name] == ours[name], name


def test_metrics_of_stretches_fit_each_other(whole):
    drops = [pull.metrics["validation_gain"] for pull in whole.summary.pulls]
    losses = [pull.metrics["validation_loss"] for pull in whole.summary.pulls]
    assert drops[1:] == pytest.approx([one - other for one, other in pairwise(losses)])
    assert losses[-1] == whole.summary.metrics["loss"]
    assert sum(pull.metrics["trained_epochs"] for pull in whole.summary.pulls) == whole.summary.about["epochs"]
    for pull in whole.summary.pulls:
        assert pull.reward == pytest.approx(pull.metrics["entropy"] + pull.metrics["validation_gain"])


@pytest.fixture(autouse=True)
def _without_pictures(whole, monkeypatch):
    """The first search has drawn them; they cost more than all else."""
    monkeypatch.setattr("policysearch.experiments.online.run.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.online.run.write_page", lambda *_: None)


def stopped_after(done: int):
    """A listener that presses Ctrl-C once so many stretches are done."""

    def listen(status) -> None:
        if status.phase == "online" and status.done == done:
            raise KeyboardInterrupt

    return listen


@pytest.mark.parametrize(
    "checkpoint", ["as written", *(pytest.param(name, marks=pytest.mark.slow) for name in ("missing", "damaged"))]
)
def test_a_search_that_was_stopped_ends_as_one_that_was_not(whole, place, tmp_path, checkpoint):
    settings, given = OnlineSettings(rule="exp3", reward="entropy+validation_gain"), values(place, tmp_path / "run")
    for done in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            online(settings, given, listener=stopped_after(done))
    file = tmp_path / "run" / "checkpoint.pt"
    assert file.exists()
    if checkpoint == "missing":
        file.unlink()
    elif checkpoint == "damaged":
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.warns(UserWarning, match="damaged.*trained again under the recorded policies"):
            again = online(OnlineSettings(), {"out": str(tmp_path / "run")})
    if checkpoint != "damaged":
        again = online(OnlineSettings(), {"out": str(tmp_path / "run")})
    assert record(again) == record(whole) and again.policy == whole.policy
    assert same(weights(again), weights(whole))
    assert not file.exists()


def test_the_same_call_returns_what_is_there(whole, place):
    before = (whole.folder / "study.db").stat().st_mtime_ns
    again = online(OnlineSettings(), values(place, whole.folder))
    assert again.summary == whole.summary and (whole.folder / "study.db").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        ({"rule": "ucb"}, {}, "begun with --rule exp3, and ucb is given"),
        ({"every_steps": 2}, {}, "begun without --every-steps, and 2 is given"),
        ({}, {"epochs": 7}, "epochs is 7, was 6 when the online search began"),
        ({}, {"recipe": {"rate": 0.5}}, "recipe.rate is 0.5, was 0.1 when"),
    ],
)
def test_another_setting_is_refused_when_it_goes_on(whole, place, settings, changes, words):
    with pytest.raises(UserError, match=words):
        online(OnlineSettings(**settings), {"out": str(whole.folder), **changes})


@pytest.mark.slow
def test_the_test_part_makes_no_difference(whole, place, tmp_path):
    """Data whose test part alone differs: every figure is the same."""
    changed = np.zeros((30, 8, 8), np.uint8)
    write_npz(tmp_path / "other.npz", x_test=changed, y_test=np.zeros(30, np.int64))
    settings = OnlineSettings(rule="exp3", reward="entropy+validation_gain")
    with pytest.warns(UserWarning):
        other = online(settings, values(place, tmp_path / "run", data=str(tmp_path / "other.npz")))
    assert record(other) == record(whole) and same(weights(other), weights(whole))


def test_steps_and_an_own_rule(place, tmp_path):
    """Stretches of 2 of 3 steps, so that every second one has one; the rule counts rewards."""
    (tmp_path / "turns.py").write_text("def choose(history, rng):\n    return int(len(history.log.arms)) % 3\n")
    settings = OnlineSettings(rule=f"{tmp_path / 'turns.py'}:choose", every_steps=2, reward="-loss")
    result = online(settings, values(place, tmp_path / "run", epochs=3))
    pulls = result.summary.pulls
    assert [round(3 * pull.last) for pull in pulls] == [2, 3, 5, 6, 8, 9]
    assert [pull.arm for pull in pulls] == ["identity", "flip-crop", "randaugment:2,9"] * 2
    assert all(pull.reward == -pull.metrics["loss"] for pull in pulls)


def test_adversarial_policies_side_by_side_go_on_alike(place, tmp_path):
    settings = OnlineSettings(rule="adversarial:policies=3")
    result = online(settings, values(place, tmp_path / "one", epochs=3))
    with pytest.raises(KeyboardInterrupt):
        online(settings, values(place, tmp_path / "two", epochs=3), listener=stopped_after(2))
    again = online(OnlineSettings(), {"out": str(tmp_path / "two")})
    assert record(again) == record(result) and same(weights(again), weights(result))
    assert len(result.summary.pulls) == 9 and result.summary.about["reward"] == "loss"
    assert {pull.first for pull in result.summary.pulls} == {0, 1, 2}
    stage = result.policy.at(0.0)
    subs = [sub for pull in result.summary.pulls[:3] for sub in _policy_of(pull).sub_policies]
    assert [sub.steps for sub in stage.sub_policies] == [sub.steps for sub in subs]
    assert sum(sub.weight for sub in stage.sub_policies) == pytest.approx(3)
    assert json.loads((result.folder / "online.json").read_text())["width"] == 3
    config = load_config(result.folder / "config.toml")
    assert trainings_of(EvaluateSettings(equal_cost="auto"), result.folder, config) == 3, "as many as side by side"


@pytest.fixture(scope="module")
def pairs(place) -> Online:
    return online(OnlineSettings(rule="adversarial:policies=2"), values(place, place / "pairs", epochs=3))


WRITES = 18
"""To the storage, of a search of three stretches of two policies."""


@pytest.mark.parametrize("last", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, WRITES + 1, 2))])
def test_a_search_killed_at_any_write_ends_as_one_that_was_not(pairs, place, tmp_path, monkeypatch, last):
    """Between the trials of two policies of one stretch, too; killed a second time soon after it goes on."""
    given = values(place, tmp_path / "run", epochs=3)
    for count, killed in ((last, pytest.raises(Killed)), (5, suppress(Killed))):
        with monkeypatch.context() as patch, killed:
            kill_at(patch, count)
            online(OnlineSettings(rule="adversarial:policies=2"), given)
    again = online(OnlineSettings(rule="adversarial:policies=2"), given)
    assert record(again) == record(pairs) and same(weights(again), weights(pairs))


def test_checkpoints_take_a_fiftieth_of_the_time(monkeypatch, tmp_path):
    """One that took 2 seconds is followed by none for 100."""
    clock = iter([10.0, 12.0, 111.0, 113.0, 113.5])
    monkeypatch.setattr("policysearch.experiments.online.pace.time.monotonic", lambda: next(clock))
    file, contents = LastCheckpoint(tmp_path / "last"), []
    assert file.last() is None
    for content in (b"first", b"too soon", b"second"):
        file.write_if_due(lambda content=content: contents.append(content) or content)
    assert contents == [b"first", b"second"] and file.last() == b"second"


def _policy_of(pull: Pull) -> Policy:
    from policysearch.policy.space_files import load_space

    return load_space("default").arm(pull.parameters).policy


@pytest.mark.slow
def test_its_folder_can_be_evaluated(whole, tmp_path):
    compared = EvaluateSettings(seeds=2, against="identity")
    done = evaluate(whole.folder, compared, {"out": str(tmp_path / "test"), "workers": 0})
    assert done.summary.measured.names[0] == "online exp3"
    assert done.summary.about["epochs"] == 6 and done.summary.about["search"] == str(whole.folder)


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        ({"rule": "exp4"}, {}, "unknown rule 'exp4': did you mean exp3"),
        ({"rule": "adverserial"}, {}, "did you mean adversarial"),
        ({"rule": "exp3:gama=1"}, {}, "rule exp3 has no parameter 'gama'"),
        ({"rule": "hyperband"}, {}, "rule hyperband chooses how much a pull trains, and all stretches .* are alike"),
        ({"rule": "tpe"}, {}, "'tpe' is a sampler, and rules choose here"),
        ({"rule": "kl-ucb"}, {}, "kl-ucb counts correct predictions .* but the reward is 'entropy'"),
        ({"rule": "nowhere.py:choose"}, {}, "rule 'nowhere.py:choose'"),
        ({"rule": "adversarial:policies=1"}, {}, "from 2 to 64, got 1"),
        ({"rule": "adversarial"}, {"space": "soft-crop"}, "learns the parameters of families"),
        ({"reward": "entropi"}, {}, "unknown reward metric 'entropi': did you mean entropy"),
        ({"reward": "ece"}, {}, "unknown reward metric 'ece'"),
        ({"reward": "math:nothing"}, {}, "reward 'math:nothing'"),
        ({"every": 2, "every_steps": 2}, {}, "--every and --every-steps both say"),
        ({"every": 6}, {}, "--every 6 leaves one stretch of 6 epochs of 3 steps"),
        ({"every_steps": 1}, {"epochs": 9000}, "into 27000 stretches, and 20000 are the most"),
        ({}, {"pool": "ray"}, "trains in this process, and the pool is 'ray'"),
        ({}, {"recipe": {"base_epochs": 2}}, "--base-epochs is for short pulls"),
        ({}, {"recipe": {"schedule": "trunk"}}, "--schedule trunk is for trainings that others continue"),
        ({}, {"images": 1000}, "images must lie in"),
        ({}, {"reward": "loss"}, "the reward of stretches is one of OnlineSettings"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_written(place, tmp_path, settings, changes, words):
    with pytest.raises(UserError, match=words) as error:
        online(OnlineSettings(**settings), values(place, tmp_path / "run", **changes))
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("flag", "value"), [("--every", "0"), ("--every-steps", "0"), ("--baseline", "1")])
def test_numbers_out_of_range_are_refused_by_the_command(monkeypatch, capsys, flag, value):
    code, _, err = call(monkeypatch, capsys, "online", flag, value)
    assert code == 2 and flag.removeprefix("--").replace("-", "_") in err and err.count("\n") == 1


def test_a_folder_of_something_else_is_left_alone(place, tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="exists and is not an empty folder"):
        online(OnlineSettings(), values(place, tmp_path))


def test_arms_that_stages_cannot_hold_are_left_out_and_named(place, tmp_path):
    space = tmp_path / "space.toml"
    space.write_text('schema = 1\nbaselines = ["augmix"]\n')
    with pytest.warns(UserWarning, match="1 arms with a loss, a mixture, stages or classes"):
        result = online(OnlineSettings(rule="random"), values(place, tmp_path / "run", space=str(space), epochs=2))
    assert "augmix" not in {pull.arm for pull in result.summary.pulls}


def test_the_command_shows_and_reports_it(whole, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "show", str(whole.folder))
    assert code == 0 and "its policy chosen 6 times by exp3" in " ".join(out.split())
    code, out, _ = call(monkeypatch, capsys, "resume", str(whole.folder))
    assert code == 0 and "its policy chosen 6 times by exp3" in " ".join(out.split())
    code, _, err = call(monkeypatch, capsys, "resume", str(whole.folder), "--trials", "9")
    assert code == 2 and "--trials is for searches" in err
    code, out, _ = call(monkeypatch, capsys, "report", str(whole.folder))
    assert code == 0 and out.strip() == str(whole.folder / "report.html")


def test_the_blocks_of_the_guide_run(whole, place, tmp_path):
    """On data that train in a moment."""
    training, loading = python_pages()["online"]
    settings = '{"epochs": 30, "out": "results/online-python"}'
    assert settings in training and "results/online/network.pt" in loading
    names: dict = {"__name__": "__main__"}
    exec(training.replace(settings, repr(values(place, tmp_path / "run", epochs=2))), names)
    assert names["result"].policy.at(0.5).sub_policies
    exec(loading.replace("results/online/network.pt", str(whole.network)), names)
    assert same(names["network"].state_dict(), weights(whole))


def test_a_training_that_diverges_says_so_and_what_to_do(place, tmp_path):
    given = values(place, tmp_path / "run", recipe={"rate": 1e30, "batch": 16})
    for _ in range(2):  # also where it is tried again
        with pytest.raises(
            RunFailed, match=r"the training diverged: .* in epoch \d of 6: begin another with a lower --rate"
        ):
            online(OnlineSettings(), given)


def test_a_reward_that_is_no_number_is_a_failed_stretch(place, tmp_path):
    """The rule sees no reward of it, and the training goes on."""
    (tmp_path / "odd.py").write_text(
        "def reward(metrics):\n    return metrics['loss'] if metrics['loss'] == 0.5 else None\n"
    )
    result = online(OnlineSettings(reward=f"{tmp_path / 'odd.py'}:reward"), values(place, tmp_path / "run", epochs=2))
    assert [pull.reward for pull in result.summary.pulls] == [None, None]
    assert result.summary.metrics["accuracy"] > 0
    (caution,) = [text for text in result.summary.cautions if "no reward" in text]
    assert caution.startswith("2 of 2 choices have no reward, most often: ") and "None" in caution


def test_a_report_imports_the_operations_of_its_policy(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    config = load_config(folder / "config.toml")
    save_config(config.model_copy(update={"operations": "gone.py"}), folder / "config.toml")
    with pytest.raises(UserError, match=r"operations module 'gone.py' cannot be loaded"):
        read_online(folder)


@pytest.mark.parametrize("lost", ["config.toml", "space.toml"])
def test_a_folder_that_has_lost_a_file_says_so_and_keeps_the_others(whole, place, tmp_path, lost):
    folder = tmp_path / whole.folder.name
    shutil.copytree(whole.folder, folder)
    (folder / "online.json").unlink()
    (folder / lost).unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError, match=rf"{lost} is gone: put it back"):
        online(OnlineSettings(), {"out": str(folder)})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_less_stretches_than_arms_is_said(place, tmp_path):
    with pytest.warns(UserWarning, match="2 stretches for 20 arms, so that not even every arm can be tried once"):
        online(OnlineSettings(), values(place, tmp_path / "run", epochs=2))


class History:
    """A record of six rewards of two arms, the last pull of which failed."""

    seed = 0
    tally = None

    def __init__(self, count: int) -> None:
        arms = [Arm({}, preset(name)) for name in ("identity", "flip-crop")]
        rewards = [8.0, 6.0, 5.0, 3.0, None]
        self.rows = [
            Row(i, arms[i % 2], 0, state=FAILED if reward is None else COMPLETE, reward=reward)
            for i, reward in enumerate(rewards[:count])
        ]


def test_a_rule_sees_rewards_less_their_moving_average_by_hand():
    """With decay 1/2: averages 8, 7, 6, so that 8, 6, 5, 3 are 0, -2, -2, -3; however often it is asked before."""
    seen = []

    class Spy(Ucb):
        def choose(self, history, rng):
            seen.append(history)
            return super().choose(history, rng)

    arms = tuple(Arm({}, preset(name)) for name in ("identity", "flip-crop"))
    at_once, in_turn = (RuleChooser(RuleStrategy(Spy(), arms, 9), 0.5) for _ in range(2))
    at_once.choose(History(5))
    for count in range(6):
        in_turn.choose(History(count))
    for history in (seen[0], seen[-1]):
        assert history.log.rewards.tolist() == [0, -2, -2, -3]
        assert history.pulls.tolist() == [2, 2] and history.failures.tolist() == [1, 0]


def test_shares_by_hand():
    """Three epochs of one arm and one of another; half of the last third is the second's."""

    def pull(first, last, arm, reward):
        return Pull(first, last, arm, {}, reward, {})

    pulls = (pull(0, 1, "a", 1.0), pull(1, 3, "a", 3.0), pull(3, 4, "b", None))
    first, second = shares(Summary("", (), {"epochs": 4}, {}, pulls, 1))
    assert (first.name, first.pulls, first.whole, first.reward) == ("a", 2, pytest.approx(0.75), 2.0)
    assert second.late == pytest.approx(0.75) and first.early == pytest.approx(1) and math.isnan(second.reward)


def test_shares_of_parameters_count_copies_in_equal_parts():
    parameters = {"family": "f", "f.first_1": "rotate", "f.first_2": "invert", "f.level": 3}
    pulls = tuple(Pull(0, 1, "f", parameters, 1.0, {}) for _ in range(2))
    rows = {row.name: row.whole for row in shares(Summary("", (), {"epochs": 1}, {}, pulls, 2))}
    assert rows == pytest.approx({"f.first = rotate": 0.5, "f.first = invert": 0.5, "f.level = 3": 1.0})
