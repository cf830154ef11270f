"""What trainings will cost, measured by one short training on every worker."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig
from policysearch.study.controller import Pool

_TIMED = "trivialaugment-wide"
_REPLICATE = 4_000_000  # of no table and no search


@dataclass(frozen=True)
class Forecast:
    """Seconds of a training: some for every image that passes, and some for the evaluations, whose number is fixed.

    Attributes:
        per_image: worker-seconds per image and epoch.
        fixed: worker-seconds besides.
        workers: that train at once.
    """

    per_image: float
    fixed: float
    workers: int

    def seconds(self, fidelity: Fidelity) -> float:
        """Worker-seconds of one training."""
        return self.per_image * fidelity.cost + self.fixed

    def wall(self, worker_seconds: float) -> float:
        """Seconds on the clock, all workers busy."""
        return worker_seconds / self.workers


def timed(config: SearchConfig, pool: Pool, fidelity: Fidelity) -> Forecast:
    """Train once, unrecorded, with TrivialAugment on every worker of an idle pool, and tell from it what others cost.

    It is rough: arms differ in what they cost, and the first training of a worker costs more than later ones.

    Raises:
        UserError: a training failed.
    """
    arm = Arm({"family": _TIMED}, preset(_TIMED))
    seed = child_seed(config.seed, _REPLICATE)
    policy = arm.policy.to_json(indent=None)
    workers = max(1, pool.free_slots)
    for number in range(workers):
        pool.submit(Trial(number, arm.key, policy, 0, seed, fidelity.images, fidelity.epochs))

    ended: list[Outcome] = []
    while len(ended) < workers:
        ended += [outcome for _, outcome in pool.wait(1.0)]
    failure = next((outcome.error for outcome in ended if outcome.error), "")
    if failure:
        raise UserError(f"the first pull, {fidelity}, failed: {failure}")
    return _from(ended, fidelity, config.recipe.checkpoints)


def _from(ended: list[Outcome], fidelity: Fidelity, checkpoints: int) -> Forecast:
    count = len(ended)
    evaluation = sum(float(outcome.metrics.get("evaluation_seconds", 0.0)) for outcome in ended) / count
    training = max(sum(outcome.seconds for outcome in ended) / count - evaluation, 0.0)
    fixed = evaluation * checkpoints / min(checkpoints, fidelity.epochs)
    return Forecast(training / fidelity.cost, fixed, count)
