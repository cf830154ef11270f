"""What a training returns once it has finished."""

from __future__ import annotations

import resource

import torch

from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import Metrics
from policysearch.child.warm_start import severity


def metrics_of(run: TrainingRun, train_scores: dict[str, float]) -> Metrics:
    """What `train` returns, except what an examination adds.

    Args:
        run: finished.
        train_scores: its scores on the clean subset.
    """
    spec, validation, clock = run.spec, run.validation, run.clock
    mean_share = run.adaptation.mean_share
    return {
        **validation,
        "feature_rank": run.feature_rank,
        "validation_images": len(spec.data.validation),
        "train_accuracy": train_scores["accuracy"],
        "train_loss": train_scores["loss"],
        "accuracy_gap": train_scores["accuracy"] - validation["accuracy"],
        "loss_gap": validation["loss"] - train_scores["loss"],
        "augmented_train_loss": float(run.total) / spec.images,
        "curve": run.curve,
        "reliability": run.judgement.bins,
        "class_counts": run.judgement.class_counts,
        "seconds": clock.total,
        "cpu_seconds": clock.cpu,
        "augmentation_seconds": clock.augmentation,
        "step_seconds": clock.steps,
        "evaluation_seconds": clock.evaluation,
        "images_per_second": spec.images * spec.epochs / clock.total,
        "trained_epochs": run.done - run.begun,
        "continued_from": run.begun,
        **({"read_out_epochs": run.read_out_epochs} if run.read_out_epochs else {}),
        "peak_memory_mb": _peak_memory_mb(run.device),
        "severity": severity(spec.policy, spec.data, spec.seed),
        **({} if mean_share is None else {"magnitude_share": mean_share}),
    }


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
