"""What a strategy decides: an arm, or that a sampler is to suggest one. A trial store turns it into a trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler

from policysearch.policy.spaces import Arm


@dataclass(frozen=True)
class ArmChoice:
    """Pull an arm.

    Attributes:
        arm: which.
        fidelity: index of the fidelity.
        probability: of the rule's draw; nan where it did not draw.
        parent: number of the trial whose child is to go on; None for a new child.
        replicate: which pull of the arm this is; None is the parent's, or the next one of a new child.
    """

    arm: Arm
    fidelity: int = 0
    probability: float = math.nan
    parent: int | None = None
    replicate: int | None = None


@dataclass(frozen=True)
class SamplerChoice:
    """Pull what an Optuna sampler suggests, parameter by parameter, while the trial is being created.

    Attributes:
        sampler: makes the sampler; called once, when the trial is created.
    """

    sampler: Callable[[], BaseSampler]


Choice = ArmChoice | SamplerChoice
