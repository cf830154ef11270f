"""Populations of real children: what the schedules of their lineages are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import optuna
import pytest

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.core.trial import Outcome
from policysearch.policy.space_files import parse_space
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.populations.strategy import make_population
from policysearch.study.rows import Row
from policysearch.study.sources import Budgeted
from tests.support.small_children import same, small_train, state_after
from workers.continuation import Continuation

TURNS = """
schema = 1
[[family]]
name = "turn"
parameters = { degrees = [0, 5, 10, 15, 20, 25, 30], p = [0.25, 0.5, 0.75, 1.0], mix = [0.0, 0.5, 1.0] }
[family.policy]
mix = { operation = "mixup", probability = "$mix" }
sub_policies = [{ steps = [{ operation = "rotate", probability = "$p", magnitude = "$degrees" }] }]
"""
EPOCHS = 6


@dataclass
class Trained:
    """A population that was trained: its trials, and where its checkpoints are."""

    store: OptunaTrialStore
    checkpoints: CheckpointStore

    @property
    def rows(self) -> list[Row]:
        return self.store.rows

    def state(self, row: Row) -> dict:
        """The network of a trial's child, with its optimiser."""
        return state_after(self.checkpoints.content(row.outcome.metrics["checkpoint"]))["learner"]


def trained(folder, lost: frozenset[int] = frozenset()) -> Trained:
    """Train a population of 4 children, in 3 intervals; before the trials in `lost` all checkpoints are deleted."""
    space = parse_space("turns", TURNS, "turns")
    strategy = make_population("pba:population=4,interval=2", space, EPOCHS)
    store = OptunaTrialStore(
        optuna.create_study(direction="maximize"),
        space,
        seed=0,
        fidelities=[(24, end) for end in strategy.ends],
        reward=lambda metrics: -float(metrics["loss"]),
    )
    checkpoints = CheckpointStore(FolderFiles(folder, 100.0))
    evaluate = Continuation(small_train, Checkpointing(checkpoints, keep=True, every=0.0))
    source = Budgeted(store, strategy, 12)
    while (trial := source.ask()) is not None:
        if trial.number in lost:
            for path in folder.glob("*.pt"):
                path.unlink()
        source.tell(trial, Outcome(evaluate(trial)))
    return Trained(store, checkpoints)


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("population"))


def test_children_train_their_interval_alone(population):
    for row in population.rows:
        assert row.outcome.metrics["trained_epochs"] == 2
        assert row.outcome.metrics["continued_from"] == row.begin


def test_a_schedule_trained_from_nothing_gives_the_child_that_it_comes_from(population, tmp_path):
    """To the last bit: its rewards, its weights and its momenta, though its own training stopped and forked."""
    files = CheckpointStore(FolderFiles(tmp_path, 100.0))
    evaluate = Continuation(small_train, Checkpointing(files, keep=True, every=0.0))
    last = population.rows[8:]
    assert any(len(row.arm.policy.stages) > 1 for row in last)
    for row in last:
        trial = replace(population.store.trial(row), parent=None, begin=0, checkpoint="")
        metrics = evaluate(trial)
        assert metrics["trained_epochs"] == EPOCHS and metrics["loss"] == row.outcome.metrics["loss"]
        assert same(state_after(files.content(metrics["checkpoint"]))["learner"], population.state(row))


def test_lost_checkpoints_change_nothing_but_the_epochs_trained(population, tmp_path):
    again = trained(tmp_path, lost=frozenset({8}))
    assert [row.reward for row in again.rows] == [row.reward for row in population.rows]
    assert again.rows[8].outcome.metrics["trained_epochs"] > 2
    assert "checkpoint_lost" in again.rows[8].outcome.metrics
