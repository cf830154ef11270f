"""What a strategy decides: an arm, or that a sampler is to suggest one. A trial store turns it into a trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler

from policysearch.policy.spaces import Arm


@dataclass(frozen=True)
class ArmChoice:
    """Pull `arm` at the fidelity with this index; `probability` is that of the rule's draw (nan: it did not draw)."""

    arm: Arm
    fidelity: int = 0
    probability: float = math.nan


@dataclass(frozen=True)
class SamplerChoice:
    """Pull what an Optuna sampler suggests, parameter by parameter, while the trial is being created.

    Attributes:
        sampler: makes the sampler; called once, when the trial is created.
    """

    sampler: Callable[[], BaseSampler]


Choice = ArmChoice | SamplerChoice
