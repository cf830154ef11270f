"""One numbered pull and what came back: the values that pass between controller and workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Curve = list[dict[str, float]]
"""A learning curve: epoch, accuracy and loss at each checkpoint so far."""


TRIAL_COLUMNS = (
    "phase",
    "number",
    "arm",
    "policy",
    "parameters",
    "replicate",
    "seed",
    "images",
    "epochs",
    "state",
    "reward",
    "seconds",
    "attempts",
    "error",
    "pruned",
    "parent",
)
"""The columns of trials.csv before those of the metrics, whose names are therefore others."""


@dataclass(frozen=True)
class Trial:
    """One pull to be evaluated.

    Attributes:
        number: its number in its study.
        arm: the arm's key.
        policy: the policy as JSON.
        replicate: how many pulls of the arm came before.
        seed: the child's seed, fixed by (study seed, replicate).
        images: training images, a part of the fidelity.
        epochs: those after which the child is measured, a part of the fidelity; it trains `epochs - begin` of them.
        attempt: 0 at first, one more after each failure.
        loss: the loss as JSON, empty where the arm has none.
        parent: number of the trial whose child this one continues (with the same seed) or forks (with another);
            None where it begins with nothing.
        begin: epochs that the child has behind it when this trial begins.
        checkpoint: name of the checkpoint to begin with; empty where it begins with nothing.
        task: what is to be done instead of training the arm, as JSON (a `FoldTask`), or how its training differs
            from the others (a `Variant`); empty: the arm is trained.
    """

    number: int
    arm: str
    policy: str
    replicate: int
    seed: int
    images: int
    epochs: int
    attempt: int = 0
    loss: str = ""
    parent: int | None = None
    begin: int = 0
    checkpoint: str = ""
    task: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an attempt came to: metrics, or an error in one line.

    Attributes:
        metrics: of a child that was pruned, only its curve and how far it came.
        error: why there are no metrics; empty if all went well.
        seconds: worker-seconds.
        pruned: why a pruner stopped the child; empty if it was not stopped.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    pruned: str = ""


Judge = Callable[[Trial, Curve], str]
"""Called with a trial and its curve at each checkpoint but the last; says why it is to stop, nothing if it goes on."""
