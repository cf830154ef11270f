"""Augmentation policies as values: operations, steps, softening, mixes, losses, presets and spaces of them."""

from policysearch.policy.policy import Policy

__all__ = ["Policy"]
