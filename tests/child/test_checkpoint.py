"""A child that is stopped and goes on is the child that was never stopped."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from policysearch.child.adaptive.adaaugment import AdaAugment
from policysearch.child.adaptive.entaugment import EntAugment
from policysearch.child.checkpoint import Checkpoint
from policysearch.child.generators import Generators
from policysearch.child.learner import Learner
from policysearch.child.losses import OnlineLabelSmoothing
from policysearch.child.recipe import Recipe
from policysearch.child.sgd import SGD
from policysearch.child.training import train
from policysearch.child.weight_averaging import WeightAverage
from policysearch.core.errors import CheckpointError
from policysearch.policy.losses import parse_loss
from policysearch.policy.mixes import MIXES, Mix
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.presets import ADAPTIVE
from policysearch.policy.steps import SubPolicy
from tests.support.pictures import policy_of, some_step
from tests.support.selection import slow_but
from tests.support.small_children import DropNet, KeptAt, same, small_child, small_data, state_after

FLIP = Policy.preset("trivialaugment-wide")
STAGES = Policy(
    sub_policies=(SubPolicy(),), stages=(Stage(start=0.6, sub_policies=(SubPolicy(steps=(some_step("invert"),)),)),)
)
LOSSES = {
    "none": None,
    "online": parse_loss({"kind": "online-label-smoothing", "alpha": 0.5}),
    "focal": parse_loss({"kind": "focal", "gamma": 2.0}),
    "tempered": parse_loss({"kind": "bi-tempered", "t1": 0.8, "t2": 1.2}),
}


@cache
def unstopped(epochs: int, stop: int, schedule: str = "one-cycle"):
    """A child that several tests go on from: its metrics, and its checkpoints after the stop and at the end."""
    return small_child(FLIP, epochs=epochs, stops=[stop], schedule=schedule)


@cache
def learned():
    """The checkpoints of a child in which every part has something to lose."""
    return small_child(FLIP, epochs=3, stops=[1], averaging=0.5, loss=LOSSES["online"])[1]


def both(stop: int = 2, epochs: int = 4, policy: Policy = FLIP, **settings):
    """A child without a stop, and the same one stopped and continued: (metrics, last state) of each."""
    whole, contents = small_child(policy, epochs=epochs, stops=[stop], **settings)
    rest, ends = small_child(policy, epochs=epochs, origin=contents[stop], **settings)
    return (whole, state_after(contents[epochs])), (rest, state_after(ends[epochs]))


def must_be_equal(one, other) -> None:
    origin = {"trained_epochs", "continued_from"}
    assert {k: v for k, v in one[0].items() if k not in origin} == {
        k: v for k, v in other[0].items() if k not in origin
    }
    assert same(one[1], other[1])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"averaging": 0.5, "checkpoints": 2},
        {"schedule": "constant", "label_smoothing": 0.1},
        {"momentum": 0.0, "weight_decay": 0.0},
        {"precision": "bfloat16"},
        {"loss": LOSSES["online"], "averaging": 1.0},
        {"loss": LOSSES["focal"]},
        {"loss": LOSSES["tempered"]},
        {"policy": STAGES},
        {"base_epochs": 1},
    ],
    ids=str,
)
def test_a_child_that_goes_on_is_the_one_that_was_never_stopped(settings):
    whole, rest = both(**settings)
    must_be_equal(whole, rest)
    assert rest[0]["trained_epochs"] == 2 and rest[0]["continued_from"] == 2
    assert whole[0]["trained_epochs"] == 4 and whole[0]["continued_from"] == 0


@pytest.mark.parametrize("mix", slow_but(["snapmix"], sorted(MIXES)))
def test_a_child_under_a_mix_goes_on(mix):
    must_be_equal(*both(1, 2, policy_of(some_step("soft-crop"), mix=Mix(operation=mix))))


def without(kind, part):
    """`kind.restore` that leaves one part as a new training has it."""
    restore = kind.restore

    def forgetful(self, state):
        restore(self, {**state, part: self.state()[part]})

    return forgetful


FORGOTTEN = {
    "order": (Generators, "restore", without(Generators, "order")),
    "draws": (Generators, "restore", without(Generators, "draws")),
    "dropout": (Generators, "restore", without(Generators, "global")),
    "momenta": (SGD, "restore", lambda self, state: None),
    "network": (Learner, "restore", without(Learner, "network")),
    "average": (WeightAverage, "restore", without(WeightAverage, "network")),
    "averaged steps": (WeightAverage, "restore", without(WeightAverage, "steps")),
    "loss": (OnlineLabelSmoothing, "state", property(OnlineLabelSmoothing.state.fget, lambda self, state: None)),
}


@pytest.mark.parametrize("part", sorted(FORGOTTEN))
def test_a_part_that_is_not_put_back_is_noticed(part, monkeypatch):
    """The planted bugs of the law above: each of them must break it."""
    settings = {"averaging": 0.5, "loss": LOSSES["online"]}
    contents = learned()
    kind, name, planted = FORGOTTEN[part]
    monkeypatch.setattr(kind, name, planted)
    _, ends = small_child(FLIP, epochs=3, origin=contents[1], **settings)
    assert not same(state_after(contents[3]), state_after(ends[3]))


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_child_under_an_adaptive_policy_goes_on(name):
    must_be_equal(*both(2, 3, Policy.preset(name)))


@pytest.mark.parametrize("rule", [EntAugment, AdaAugment])
def test_a_rule_that_forgets_is_noticed(rule, monkeypatch):
    policy = Policy.preset(rule.__name__.lower())
    _, contents = small_child(policy, epochs=3, stops=[1])
    monkeypatch.setattr(rule, "restore", lambda self, state: None)
    _, ends = small_child(policy, epochs=3, origin=contents[1])
    assert not same(state_after(contents[3]), state_after(ends[3]))


@pytest.mark.parametrize("name", ADAPTIVE)
def test_magnitudes_that_depend_on_the_end_are_not_continued_to_another(name):
    policy = Policy.preset(name)
    _, contents = small_child(policy, epochs=1, schedule="constant")
    if name.startswith("sample-aware"):
        rest, _ = small_child(policy, epochs=2, schedule="constant", origin=contents[1])
        assert rest["continued_from"] == 1
        return
    with pytest.raises(CheckpointError, match=f"to 2: magnitudes by {policy.adaptive.rule} depend on where it ends"):
        small_child(policy, epochs=2, schedule="constant", origin=contents[1])


def test_buffers_outside_of_state_dict_are_put_back():
    whole, rest = both(1, 2)
    assert "passes" in whole[1]["learner"]["network"]["others"]
    must_be_equal(whole, rest)


@pytest.mark.slow  # the quick suite has a worker that is killed
def test_a_training_goes_on_in_another_process(tmp_path):
    _, contents = small_child(FLIP, epochs=3, stops=[1], averaging=0.3)
    (tmp_path / "one").write_bytes(contents[1])
    code = (
        "import pathlib, sys; from tests.support.small_children import small_child; "
        "from policysearch.policy.policy import Policy; "
        "metrics, ends = small_child(Policy.preset('trivialaugment-wide'), epochs=3, averaging=0.3,"
        " origin=pathlib.Path(sys.argv[1], 'one').read_bytes()); "
        "pathlib.Path(sys.argv[1], 'three').write_bytes(ends[3])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=300)
    assert same(state_after(contents[3]), state_after((tmp_path / "three").read_bytes()))


def test_a_checkpoint_is_not_changed_by_what_goes_on_from_it():
    origin = Checkpoint.from_bytes(learned()[1])
    children = [child_from(origin) for _ in range(2)]
    assert same(*children)
    assert same(origin.state, Checkpoint.from_bytes(learned()[1]).state)


def child_from(origin: Checkpoint):
    keeper = KeptAt({3})
    recipe = Recipe(batch=8, averaging=0.5)
    options = {"images": 24, "epochs": 3, "seed": 3, "recipe": recipe, "loss": LOSSES["online"]}
    train(FLIP, small_data(), DropNet, origin=origin, keeper=keeper, **options)
    return state_after(keeper.content[3])


def test_forks_differ_and_are_repeated():
    _, contents = unstopped(2, 1, "constant")
    forks = [
        small_child(FLIP, epochs=2, seed=seed, origin=contents[1], schedule="constant")[1][2] for seed in (7, 7, 8)
    ]
    states = [state_after(content)["learner"] for content in forks]
    assert same(states[0], states[1])
    assert not same(states[0], states[2]) and not same(states[0], state_after(contents[2])["learner"])


def forks_of_twins() -> list[dict]:
    """Forks of two parents with the same weights, which have drawn other numbers so far."""
    _, contents = unstopped(2, 1, "constant")
    parent = Checkpoint.from_bytes(contents[1])
    others = Generators(99, torch.device("cpu")).state()
    twin = replace(parent, state={**parent.state, "generators": others}).to_bytes()
    forks = [small_child(FLIP, epochs=2, seed=9, origin=o, schedule="constant")[1][2] for o in (contents[1], twin)]
    return [state_after(content)["learner"] for content in forks]


def test_a_fork_draws_by_its_seed_and_epoch_alone():
    assert same(*forks_of_twins())


def test_a_fork_that_draws_as_its_parent_would_is_noticed(monkeypatch):
    """The planted bug: it goes on with the generators of the checkpoint."""
    monkeypatch.setattr(Generators, "branch", lambda *_: None)
    assert not same(*forks_of_twins())


def test_a_finished_child_is_only_measured_again():
    whole, contents = unstopped(2, 1)
    again, _ = small_child(FLIP, epochs=2, origin=contents[2])
    assert again["trained_epochs"] == 0 and again["continued_from"] == 2
    assert again["loss"] == whole["loss"] and again["curve"] == whole["curve"]
    assert again["augmented_train_loss"] == whole["augmented_train_loss"]


def test_a_constant_training_is_continued_beyond_its_end():
    """The ladder's law: 2 epochs and then 2 more are the child of 4."""
    _, short = small_child(FLIP, epochs=2, schedule="constant")
    whole, contents = small_child(FLIP, epochs=4, schedule="constant")
    rest, ends = small_child(FLIP, epochs=4, origin=short[2], schedule="constant")
    one, other = state_after(contents[4]), state_after(ends[4])
    assert same(one["learner"], other["learner"]) and same(one["generators"], other["generators"])
    assert rest["loss"] == whole["loss"]


class OtherNet(DropNet):
    def __init__(self) -> None:
        super().__init__(width=5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factory": OtherNet}, "of another network"),
        ({"factory": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3))}, "of another network"),
        ({"rate": 0.5}, r"with rate 0\.1 and not 0\.5"),
        ({"averaging": 0.5}, r"with averaging 0\.0 and not 0\.5"),
        ({"loss": LOSSES["online"]}, "another loss"),
        ({"images": 21}, "on 24 images, and this one has 21"),
        ({"epochs": 5}, "one-cycle training of 2 epochs, which cannot be continued to 5"),
        ({"epochs": 1}, "of epoch 2, and this training ends at 1"),
    ],
)
def test_what_cannot_go_on_is_refused_in_a_sentence(settings, message):
    _, contents = unstopped(2, 1)
    with pytest.raises(CheckpointError, match=message) as caught:
        small_child(FLIP, **{"epochs": 2, "origin": contents[2], **settings})
    assert "\n" not in str(caught.value)


def test_settings_that_change_no_weight_may_differ():
    _, contents = unstopped(2, 1)
    _, ends = small_child(FLIP, epochs=2, origin=contents[1], checkpoints=1)
    assert same(state_after(contents[2])["learner"], state_after(ends[2])["learner"])


def test_damaged_checkpoints_are_refused():
    whole = unstopped(2, 1)[1][1]
    for damaged in (b"", b"text", whole[:100], whole[: len(whole) // 2], whole[:300] + b"xx" + whole[302:]):
        with pytest.raises(CheckpointError, match=r"damaged|another"):
            Checkpoint.from_bytes(damaged)


def document(**changes) -> bytes:
    content = torch.load(io.BytesIO(unstopped(2, 1)[1][1]), weights_only=True)
    file = io.BytesIO()
    torch.save({**content, **changes}, file)
    return file.getvalue()


class Opens:
    """What a malicious file would hold."""

    def __reduce__(self):
        return (print, ("run!",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "policysearch/checkpoint/9"}, "of version 'policysearch/checkpoint/9'"),
        ({"more": 1}, "damaged"),
        ({"state": Opens()}, "damaged"),
    ],
)
def test_files_of_other_versions_or_with_code_are_refused(changes, message, capsys):
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.from_bytes(document(**changes))
    assert "run!" not in capsys.readouterr().out


def test_a_state_without_a_part_is_refused():
    with pytest.raises(CheckpointError, match="damaged"):
        small_child(FLIP, epochs=2, origin=document(state={}))


def test_a_checkpoint_of_another_device_is_refused():
    with pytest.raises(CheckpointError, match="taken on cuda, and this training is on cpu"):
        small_child(FLIP, epochs=2, origin=document(device="cuda"))
