"""One recorded trial, and the reward of an outcome."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from policysearch.core.errors import in_one_line
from policysearch.core.trial import Outcome
from policysearch.policy.spaces import Arm
from policysearch.rules import Pull
from policysearch.study.rewards import USABLE, Reward, is_usable

RUNNING, COMPLETE, FAILED, PRUNED = "running", "complete", "failed", "pruned"


@dataclass(frozen=True)
class Row:
    """One trial as recorded.

    Attributes:
        number: of the trial in its study, from 0.
        arm: what is pulled.
        replicate: which pull of the arm this is; it fixes the child's seed, images and batch order.
        fidelity: index into the study's fidelities, cheapest first.
        probability: of the rule's draw, in (0, 1]; nan where the rule does not draw.
        parent, begin, checkpoint: what the child goes on from, as for `Trial`.
        state: running, complete, failed, or pruned: stopped since its arm looked hopeless.
        reward: None unless complete.
        outcome: of the last attempt.
        failures: outcomes of the attempts before it.
    """

    number: int
    arm: Arm
    replicate: int
    fidelity: int = 0
    probability: float = math.nan
    parent: int | None = None
    begin: int = 0
    checkpoint: str = ""
    state: str = RUNNING
    reward: float | None = None
    outcome: Outcome = field(default_factory=Outcome)
    failures: tuple[Outcome, ...] = ()

    @property
    def seconds(self) -> float:
        """Worker-seconds of all attempts."""
        return self.outcome.seconds + sum(failure.seconds for failure in self.failures)

    @property
    def pull(self) -> Pull:
        """What the tally counts of this trial."""
        return Pull(self.arm.key, self.fidelity, self.probability)


def reward_of(reward: Reward, outcome: Outcome) -> tuple[float | None, str]:
    """The reward of an outcome, or None and the reason why there is none; a rule never sees an invented one."""
    if outcome.error:
        return None, outcome.error
    try:
        value = float(reward(outcome.metrics))
    except (Exception, SystemExit) as error:  # a user's own function may raise anything
        return None, f"reward failed: {in_one_line(error)}"
    if not is_usable(value):
        return None, f"reward is {value}: it must be {USABLE}"
    return value, ""


def most_common_error(rows: Sequence[Row]) -> tuple[str, int]:
    """The most common error of these trials ("no trial was run" where there is none), and how many ended with any."""
    errors = Counter(row.outcome.error for row in rows if row.outcome.error)
    return (errors.most_common(1)[0][0] if errors else "no trial was run"), errors.total()
