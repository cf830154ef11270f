"""What is measured of a stretch of one training: the metrics that a reward of `policysearch online` may name."""

from __future__ import annotations

STRETCH_METRICS: dict[str, str] = {
    "loss": "training loss of the stretch, nats; higher is harder, as in Adversarial AutoAugment",
    "entropy": "mean entropy of the network's predictions on the stretch's images, nats; higher is less sure",
    "accuracy": "share of the stretch's images predicted right while it trained, in [0, 1]",
    "reciprocal_rank": "mean of 1/rank of the right class among the predictions of the stretch, in (0, 1]",
    "validation_loss": "cross-entropy on validation after the stretch, nats",
    "validation_accuracy": "share of validation images predicted right after the stretch, in [0, 1]",
    "validation_entropy": "mean entropy of the predictions on validation after the stretch, nats",
    "validation_gain": "by how much the stretch lowered the cross-entropy on validation, nats",
}
"""Those without "validation" are of the augmented images as the network met them, and cost nothing."""


def reads_validation(reward: str) -> bool:
    """Whether a reward needs the network measured on validation after every stretch; a function of one's own may."""
    return ":" in reward or "validation" in reward
