"""A stand-in for child training that learns: it has a curve, is asked at its checkpoints, and can be continued."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.quick import QuickSetup, quick_metrics
from workers.stops import at_checkpoint


def learning_metrics(trial) -> dict[str, object]:
    """Metrics that depend on (arm, seed, epochs) alone; accuracy rises from half of what it comes to."""
    end = quick_metrics(trial)
    curve = []
    for epoch in range(1, trial.epochs + 1):
        accuracy = end["accuracy"] * (1 - 0.5 / epoch)
        curve.append({"epoch": epoch, "accuracy": accuracy, "loss": 1 - accuracy})
        if epoch > trial.begin:
            at_checkpoint(trial, curve)
    kept = {"checkpoint": f"{trial.arm[:8]}-{trial.seed}-{trial.epochs}", "trained_epochs": trial.epochs - trial.begin}
    assert trial.checkpoint == (f"{trial.arm[:8]}-{trial.seed}-{trial.begin}" if trial.begin else "")
    return {**end, "accuracy": curve[-1]["accuracy"], "loss": curve[-1]["loss"], "curve": curve, **kept}


@dataclass(frozen=True)
class LearningSetup(QuickSetup):
    """Takes the place of `workers.evaluate.ChildSetup`."""

    def __call__(self):
        return learning_metrics
