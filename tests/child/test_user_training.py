"""A training function of a user's: what it is called with, what it may report and return."""

from __future__ import annotations

import os
import random
import signal
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from policysearch.child.training_spec import ChildError
from policysearch.child.user_training.arguments import names_of_arguments
from policysearch.child.user_training.call import FunctionSpec, call_training
from policysearch.child.user_training.data import data_of_pull
from policysearch.child.user_training.metrics import checked_metrics
from policysearch.child.user_training.report import Report
from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy

TITLE = "train function mine:train"
SPEC = FunctionSpec(Policy.preset("flip-crop"), seed=7, images=30, epochs=4)


@pytest.mark.parametrize(
    ("returned", "metrics"),
    [
        (0.5, {"accuracy": 0.5}),
        (np.float32(0.25), {"accuracy": 0.25}),
        (torch.tensor(0.75), {"accuracy": 0.75}),
        ({"accuracy": torch.tensor([1.0]), "eval/f1": np.int64(3)}, {"accuracy": 1.0, "eval/f1": 3.0}),
        (SimpleNamespace(__float__=1), None),
    ],
)
def test_numbers_of_any_kind_are_metrics(returned, metrics):
    if metrics is None:
        with pytest.raises(UserError):
            checked_metrics(returned, ["accuracy"], TITLE)
    else:
        assert checked_metrics(returned, ["accuracy"], TITLE) == metrics


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, "returned None, and must return metrics by name"),
        ("0.9", r"returned '0.9' \(str\), and must return"),
        ([0.9], r"returned \[0.9\] \(list\)"),
        ({}, "returned no accuracy, which the search needs; there is nothing"),
        ({"acc": 0.9}, "returned no accuracy, which the search needs; there is acc"),
        ({"accuracy": float("nan")}, "returned accuracy = nan, and metrics are finite numbers"),
        ({"accuracy": 0.9, "loss": float("inf")}, "returned loss = inf"),
        ({"accuracy": "0.9"}, r"returned accuracy = '0.9' \(str\)"),
        ({"accuracy": None}, "returned accuracy = None"),
        ({"accuracy": torch.zeros(2)}, r"returned accuracy = tensor\(\[0., 0.\]\) \(Tensor\)"),
        ({"accuracy": 93.1}, "accuracy = 93.1, and it is a share in .*divide percents by 100"),
        ({"accuracy": 0.9, "seconds": 3}, "'seconds', which is measured by the search"),
        ({"accuracy": 0.9, "steps": 10**400}, "returned steps = .*metrics are finite numbers"),
        ({"accuracy": 0.9, "curve": 3}, "'curve', which is no number"),
        ({"accuracy": 0.9, "seed": 3}, "'seed', which is a column of trials.csv that says something else"),
        ({"accuracy": 0.9, " ": 3}, "a metric without a name"),
        ({"accuracy": 0.9, 3: 3}, "a metric called 3"),
    ],
)
def test_what_is_no_metric_is_said_in_a_sentence(returned, sentence):
    with pytest.raises(UserError, match=f"^{TITLE} returned.*{sentence.removeprefix('returned ')}"):
        checked_metrics(returned, ["accuracy"], TITLE)


def test_arguments_are_given_by_name():
    calls = []

    def train(epochs, policy, width=64, **others):
        calls.append((epochs, policy.name, width, sorted(others)))
        return 0.5

    assert call_training(train, SPEC, TITLE)["accuracy"] == 0.5
    assert calls == [(4, "flip-crop", 64, ["images", "report", "seed"])]


def positional(policy, /):
    return policy


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda policy, lr: 0, "its parameter 'lr' has no default and is none of policy, seed, images"),
        (lambda seed: 0, "takes no policy, so that all arms would train alike"),
        (positional, "takes 'policy' by its place only"),
        (dict, "signature|takes no policy"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused(function, sentence):
    with pytest.raises(UserError, match=sentence):
        names_of_arguments(function, TITLE)


def test_reports_are_the_curve_and_the_end_is_added():
    def train(policy, report, epochs):
        report(1, {"accuracy": np.float64(0.25)}, loss=torch.tensor(2.0))
        report(torch.tensor(2), accuracy=0.5)
        return {"accuracy": 0.75, "loss": 0.5, "other": 1}

    metrics = call_training(train, SPEC, TITLE)
    assert metrics["curve"] == [
        {"epoch": 1, "accuracy": 0.25, "loss": 2.0},
        {"epoch": 2, "accuracy": 0.5},
        {"epoch": 4, "accuracy": 0.75, "loss": 0.5},
    ]
    assert metrics["trained_epochs"] == 4 and metrics["seconds"] >= 0


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        ([(0, 0.5)], "reported epoch 0: epochs are whole numbers from 1 to 4"),
        ([(5, 0.5)], "reported epoch 5"),
        ([(1.5, 0.5)], r"reported epoch 1\.5"),
        ([("one", 0.5)], "reported epoch 'one'"),
        ([(2, 0.5), (2, 0.5)], "reported epoch 2: .*and the last was 2"),
        ([(1, float("nan"))], "reported, after epoch 1, accuracy = nan"),
        ([(1, 40)], "divide percents by 100"),
    ],
)
def test_a_report_that_is_none_ends_the_pull_with_a_sentence(calls, sentence):
    def train(policy, report):
        for epoch, accuracy in calls:
            report(epoch, accuracy=accuracy)

    with pytest.raises(ChildError, match=f"^{TITLE} reported.*{sentence.removeprefix('reported')}"):
        call_training(train, SPEC, TITLE)


def test_what_the_reward_names_must_be_reported():
    report = Report(4, ["f1"], lambda curve: None, TITLE)
    with pytest.raises(UserError, match="reported, after epoch 1, no f1, which the search needs; there is accuracy"):
        report(1, accuracy=0.5)


class Enough(Exception):
    pass


def stop_at(epoch: int, curve: list[dict[str, float]]) -> None:
    if curve[-1]["epoch"] >= epoch:
        raise Enough


@pytest.mark.parametrize("caught", [(), Enough, BaseException])
def test_a_stop_is_a_stop_whatever_the_function_makes_of_it(caught):
    reported = []

    def train(policy, report, epochs):
        for epoch in range(1, epochs + 1):
            try:
                report(epoch, accuracy=0.5)
            except caught:
                continue
            reported.append(epoch)
        return 0.5

    def wrap(policy, report, epochs):
        try:
            return train(policy, report, epochs)
        except Enough as stop:
            raise RuntimeError("in the library") from stop

    for function in (train, wrap):
        with pytest.raises(Enough):
            call_training(function, FunctionSpec(**{**vars(SPEC), "follow": partial(stop_at, 2)}), TITLE)
    assert reported == [1, 1]


def failing(policy):
    raise KeyError("no\nsuch")


def test_what_it_raises_is_one_sentence_with_its_line():
    line = failing.__code__.co_firstlineno + 1
    sentence = f"{TITLE} failed: KeyError: .*line {line} of test_user_training.py"
    with pytest.raises(ChildError, match=sentence):
        call_training(failing, SPEC, TITLE)


def test_a_refusal_of_this_program_is_the_sentence_itself():
    soft = FunctionSpec(**{**vars(SPEC), "policy": Policy.preset("soft-crop")})
    with pytest.raises(ChildError, match=f"^{TITLE}: policy soft-crop softens targets"):
        call_training(lambda policy: policy.to_transform(), soft, TITLE)


def draws(policy):
    return {"accuracy": random.random(), "numpy": np.random.random(), "torch": torch.rand(())}  # noqa: NPY002


def test_global_generators_are_seeded_and_put_back():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first, second = (call_training(draws, SPEC, TITLE) for _ in range(2))
    other = call_training(draws, FunctionSpec(**{**vars(SPEC), "seed": 8}), TITLE)
    names = ("accuracy", "numpy", "torch")
    assert all(first[name] == second[name] != other[name] for name in names)

    after = draws(None)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert after == draws(None)


def test_data_are_the_subset_that_a_child_would_have_and_the_test_part_is_kept_back():
    images = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    data = Dataset("dots", images, np.arange(60) % 3, images[:9], np.arange(9) % 3, ("a", "b", "c"))
    sides = split(data, 15, 0)
    pull = data_of_pull(data, sides, 12, 5, test=False)
    assert pull.x_train.shape == (12, 1, 2, 2) and np.bincount(pull.y_train).tolist() == [4, 4, 4]
    assert (pull.x_train[:, 0, 0, 0] % 3 == pull.y_train).all() and len(pull.x_test) == len(pull.y_test) == 0
    assert not {*pull.x_train[:, 0, 0, 0]} & {*pull.x_validation[:, 0, 0, 0]} and len(pull.y_validation) == 15
    assert len(data_of_pull(data, sides, 12, 5, test=True).x_test) == 9


def test_a_loss_with_its_graph_is_a_number():
    loss = torch.ones(1, requires_grad=True).sum()
    assert checked_metrics({"accuracy": 0.5, "loss": loss}, ["accuracy"], TITLE)["loss"] == 1.0


class OddError(BaseException):
    """Some libraries stop a training with one that is no Exception."""


@pytest.mark.parametrize("error", [OddError, GeneratorExit, SystemExit])
def test_whatever_is_raised_ends_the_pull_and_not_the_worker(error):
    def train(policy):
        raise error("no")

    with pytest.raises(ChildError, match=f"^{TITLE} failed: {error.__name__}: no"):
        call_training(train, SPEC, TITLE)


def interrupted(policy):
    raise KeyboardInterrupt


def test_ctrl_c_stops_the_search_and_is_no_such_thing_in_a_worker():
    with pytest.raises(KeyboardInterrupt):
        call_training(interrupted, SPEC, TITLE)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(ChildError, match="KeyboardInterrupt"):
            call_training(interrupted, SPEC, TITLE)
    finally:
        signal.signal(signal.SIGINT, before)


def test_folder_and_modes_of_torch_are_as_before_the_call(tmp_path, monkeypatch):
    def train(policy):
        os.chdir("/")
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return 0.5

    monkeypatch.chdir(tmp_path)
    call_training(train, SPEC, TITLE)
    assert (os.getcwd(), torch.is_grad_enabled(), torch.get_default_dtype()) == (str(tmp_path), True, torch.float32)


def test_a_forked_copy_does_not_answer_too(tmp_path):
    def train(policy):
        copy = os.fork()
        if copy:
            os.waitpid(copy, 0)
        return 0.5 if copy else 0.1

    process, file = os.getpid(), tmp_path / "answers"
    metrics = call_training(train, SPEC, TITLE)
    with file.open("a") as answers:
        answers.write(f"{os.getpid()} {metrics['accuracy']}\n")
    if os.getpid() != process:
        os._exit(1)
    assert file.read_text() == f"{process} 0.5\n"
