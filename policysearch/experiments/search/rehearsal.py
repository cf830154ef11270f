"""A training function is called once before the first pull: what is wrong with it shows before anything is recorded."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.forecast import Forecast
from policysearch.experiments.session import Session
from policysearch.experiments.user_training import arguments_of
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space
from policysearch.study.controller import Pool

_REPLICATE = 4_000_001  # of no table and no search


def rehearsed(session: Session, pool: Pool) -> Forecast | None:
    """Call the training function of a search for one epoch, unrecorded, and tell from it what others cost.

    Args:
        session: of the search, with its stores open; its listener is called.
        pool: idle.

    Returns:
        A forecast; None where the function says nothing of its epochs, or no worker is free.

    Raises:
        UserError: the call failed; the message says why.
    """
    config, free = session.config, pool.free_slots
    if not free:
        return None
    arm = most_demanding(session.stores["search"].space)
    session.say(f"calling {config.train} for one epoch, to see that it works")
    policy, seed = arm.policy.to_json(indent=None), child_seed(config.seed, _REPLICATE)
    pool.submit(Trial(0, arm.key, policy, 0, seed, config.images, 1))
    outcome = _outcome(pool)
    if outcome.error:
        message = outcome.error.removeprefix("ChildError: ")
        raise UserError(f"{message} (in the first call, under the arm {arm.name}; nothing was recorded)")
    if "epochs" not in arguments_of(config)[0]:
        return None
    return Forecast(outcome.seconds / config.images, 0.0, free)


def most_demanding(space: Space) -> Arm:
    """The arm of a space whose policy asks most of a training: mixes and softening before anything else."""
    return max((*space.specimens(), *space.free.values()), key=lambda arm: _demands(arm.policy))


def _demands(policy: Policy) -> tuple[int, ...]:
    """How many stages mix, how many soften, and how many stages there are."""
    parts = [policy.at(start) for start in (0.0, *(stage.start for stage in policy.stages))]
    mixing, softening = (sum(getattr(part, name) is not None for part in parts) for name in ("mix", "softening"))
    return mixing + softening, mixing, len(parts)


def _outcome(pool: Pool) -> Outcome:
    """What the only trial of a pool comes to."""
    while True:
        for _, outcome in pool.wait(1.0):
            return outcome
