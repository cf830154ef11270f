"""Recorded tables made up from numbers, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna

from policysearch.core.trial import Outcome
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table_file import write_table
from policysearch.policy.space_files import load_space, space_text
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import parse_reward

CHEAP, DEAR = Fidelity(500, 80), Fidelity(4000, 40)


def made_up(
    path: Path,
    *,
    space="default",
    seeds=4,
    spread=0.01,
    noise=0.005,
    seconds=None,
    seed=0,
    spoil=lambda cell, m: m,
    part=None,
):
    """A table whose arm k has mean 0.8 + gaps[k], at two fidelities; returns the gaps.

    Only the first `part` arms are recorded, if it is given.

    `seconds(rng)` gives a pull's duration; `spoil((arm, fidelity, replicate), metrics)` may change its metrics, or
    leave the pull out by returning None.
    """
    rng = np.random.default_rng(seed)
    made = load_space(space)
    arms = made.arms(0)[:part]
    gaps = spread * rng.standard_normal(len(arms))
    fidelities = [CHEAP, DEAR]
    study = optuna.create_study(direction="maximize")
    sizes = [(f.images, f.epochs) for f in fidelities]
    record = OptunaTrialStore(study, made, seed=0, fidelities=sizes, reward=parse_reward("accuracy"))
    for f in range(2):
        for replicate in range(seeds):
            for k, arm in enumerate(arms):
                accuracy = 0.8 + gaps[k] + noise * rng.standard_normal()
                metrics = {"accuracy": accuracy, "loss": 1 - accuracy, "correct": round(2000 * accuracy)}
                metrics = spoil((k, f, replicate), {**metrics, "validation_images": 2000})
                if metrics is not None:
                    took = seconds(rng) if seconds else 5.0 * (1 + 3 * f)
                    record.tell(record.add(arm, replicate, f), Outcome(metrics, seconds=took))
    write_table(path, record, space_text(space), fidelities, {"data": "made up"}, arms if part else None)
    return gaps
