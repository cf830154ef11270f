"""Where randomness comes from: every generator is keyed by the study's seed and one number."""

from __future__ import annotations

import numpy as np

_RULE, _CHILD, _SAMPLER, _FOLDS = range(4)


def seed_of(*key: int) -> int:
    """A seed in 0..2^63-1 for a key of non-negative integers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def rule_generator(study_seed: int, number: int, *key: int) -> np.random.Generator:
    """The generator with which a rule chooses trial `number` (and, by `key`, one of its parameters after the first)."""
    return np.random.default_rng([study_seed, _RULE, number, *key])


def child_seed(study_seed: int, replicate: int) -> int:
    """The seed of every child of one replicate: arms are compared on common random numbers."""
    return seed_of(study_seed, _CHILD, replicate)


def sampler_seed(study_seed: int, number: int, *key: int) -> int:
    """The 32-bit seed of a fresh Optuna sampler for trial `number` (and, by `key`, for one of its parameters)."""
    return seed_of(study_seed, _SAMPLER, number, *key) % 2**32


def fold_generator(study_seed: int) -> np.random.Generator:
    """The generator that draws which images come into which fold."""
    return np.random.default_rng([study_seed, _FOLDS])
