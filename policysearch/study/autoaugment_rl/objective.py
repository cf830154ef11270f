"""What a batch of policies says of the controller: PPO's clipped objective, or REINFORCE's, by log-probability."""

from __future__ import annotations

import numpy as np

from policysearch.stats.arrays import Floats


def ppo(logs: Floats, written: Floats, advantages: Floats, clip: float) -> tuple[float, Floats]:
    """PPO's clipped objective (Schulman et al. 2017, equation 7), mean_i min(r_i A_i, clip(r_i, 1 - ε, 1 + ε) A_i).

    r_i = exp(logs_i - written_i) is a ratio of joint probabilities: a policy with all its decisions is one action.

    Args:
        logs: [B] joint log-probabilities now.
        written: [B] the same when the policies were written.
        advantages: [B] rewards above the baseline, A.
        clip: ε.

    Returns:
        the objective, which is to grow, and [B] its derivative by `logs`.

    Example:
        >>> value, slope = ppo(np.log([1.5, 0.5]), np.zeros(2), np.array([1.0, 1.0]), clip=0.2)
        >>> round(value, 3), slope.round(3).tolist()
        (0.85, [0.0, 0.25])
    """
    ratios = np.exp(logs - written)
    free = ratios * advantages
    clipped = np.clip(ratios, 1 - clip, 1 + clip) * advantages
    slope = np.where(free <= clipped, free, 0.0) / len(logs)
    return float(np.minimum(free, clipped).mean()), np.asarray(slope)


def reinforce(logs: Floats, advantages: Floats) -> tuple[float, Floats]:
    """REINFORCE's objective (Williams 1992), mean_i A_i log p_i.

    Args:
        logs: [B] joint log-probabilities.
        advantages: [B] rewards above the baseline, A.

    Returns:
        the objective, which is to grow, and [B] its derivative by `logs`.

    Example:
        >>> value, slope = reinforce(np.log([0.5, 0.25]), np.array([1.0, -2.0]))
        >>> round(value, 3), slope.tolist()
        (1.04, [0.5, -1.0])
    """
    return float((advantages * logs).mean()), np.asarray(advantages / len(logs))
