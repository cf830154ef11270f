"""Children are compared at a checkpoint with those that were measured alike there."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from policysearch.core.trial import Outcome
from policysearch.policy.space_files import load_space
from policysearch.study.config import make_config
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.pruning.paired import PairedPruner
from policysearch.study.pruning.registry import pruner_of
from policysearch.study.rewards import parse_reward

ACCURACY = parse_reward("accuracy")
ARMS = load_space("default").arms(0)[:3]


def curve(epoch: int, accuracy: float) -> list[dict[str, float]]:
    return [{"epoch": epoch, "accuracy": accuracy, "loss": 1.0}]


def store_of(fidelity: int, end: int) -> InMemoryTrialStore:
    """Three arms on three replicates of a fidelity, measured after two epochs; each arm 0.1 above the one before."""
    store = InMemoryTrialStore(seed=0, fidelities=[(9, 2), (9, end)], reward=ACCURACY)
    for place, arm in enumerate(ARMS):
        for replicate in range(3):
            accuracy = 0.5 + 0.1 * place + 0.01 * replicate + (0.002 if place == replicate else 0.0)
            trial = store.add(arm, replicate, fidelity)
            store.tell(trial, Outcome({"accuracy": accuracy, "curve": curve(2, accuracy)}))
    return store


@pytest.mark.parametrize(("fidelity", "is_stopped"), [(1, True), (0, False)])
def test_children_are_not_compared_with_read_outs_of_cheaper_ones(fidelity, is_stopped):
    store = store_of(fidelity, 6)
    trial = store.add(ARMS[0], 3, 1)
    others = store.add(ARMS[2], 3, fidelity)
    store.tell(others, Outcome({"accuracy": 0.7, "curve": curve(2, 0.7)}))
    reason = PairedPruner(ACCURACY, after=0.0).reason(store, trial, curve(2, 0.4))
    assert bool(reason) == is_stopped


@pytest.mark.parametrize(("schedule", "stops"), [("trunk", [2, 4, 5]), ("constant", [1, 2, 3, 4, 5])])
def test_pruners_of_optuna_stop_nobody_where_others_end_with_a_read_out(schedule, stops):
    recipe = {"schedule": schedule, "checkpoints": 8}
    settings = {"strategy": "hyperband", "epochs": 9, "promote": "continue", "prune": "median", "recipe": recipe}
    pruner = replace(pruner_of(make_config(settings)), pruner=SimpleNamespace(prune=lambda *_: True))
    store = SimpleNamespace(optuna_trial=lambda _: SimpleNamespace(), study=None)
    trial = SimpleNamespace(number=0, epochs=9)
    assert [epoch for epoch in range(1, 6) if pruner.reason(store, trial, curve(epoch, 0.4))] == stops
