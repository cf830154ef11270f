"""Evaluations whose networks are not trained."""

from __future__ import annotations

from pathlib import Path

from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from tests.support.quick import QuickSetup, quick_metrics

AGAINST = "identity,trivialaugment-wide"


class QuickExam(QuickSetup):
    """Takes the place of `workers.evaluate.ChildSetup`; examined only where it was set up for it."""

    def __call__(self):
        return quick_exam if self.test else quick_metrics


def quick_exam(trial) -> dict[str, float]:
    metrics = quick_metrics(trial)
    right = 0.9 * metrics["accuracy"] + 0.0001 * (trial.seed % 97)
    occluded = {f"test_accuracy_occluded_{share}": right * (1 - share / 125) for share in (0, 20, 40, 60, 80)}
    told = {"test_accuracy": right, "test_loss": 1 - right, "test_ece": 0.1 * right, "test_entropy": 1.0}
    return {**metrics, **told, **occluded, "cpu_seconds": 0.1}


def values(out: Path, **told):
    return {"data": str(out.parent / "small.npz"), "epochs": 1, "workers": 0, "out": str(out), **told}


def run(out: Path, policy: str = "soft-crop", seeds: int = 3, against: str = AGAINST, **told):
    settings = EvaluateSettings(against=against, seeds=seeds, grid_n="1", grid_m="4,9", grid_seeds=2)
    return evaluate(policy, settings, values(out, **told), command="typed")
