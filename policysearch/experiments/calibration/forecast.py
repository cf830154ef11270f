"""What a calibration will cost, told from one cheap pull."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.calibration.plan import Draft
from policysearch.experiments.pools import PoolOf
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig

_TIMED = "trivialaugment-wide"
_REPLICATE = 4_000_000  # of no table


@dataclass(frozen=True)
class Forecast:
    """Seconds of a pull: some for every image that passes, and some for the evaluations, whose number is fixed.

    Attributes:
        per_image: worker-seconds per image and epoch.
        fixed: worker-seconds besides.
        workers: that train at once.
    """

    per_image: float
    fixed: float
    workers: int

    def seconds(self, fidelity: Fidelity) -> float:
        """Worker-seconds of one pull."""
        return self.per_image * fidelity.cost + self.fixed

    def wall(self, worker_seconds: float) -> float:
        """Seconds on the clock, all workers busy."""
        return worker_seconds / self.workers

    def rows(self, draft: Draft) -> list[tuple[Fidelity, int, float]]:
        """Each fidelity with its pulls and their worker-seconds."""
        return [(f, pulls, pulls * self.seconds(f)) for f, pulls in draft.pulls.items()]


def timed(config: SearchConfig, dataset: Dataset, pool_of: PoolOf, fidelity: Fidelity) -> Forecast:
    """Train a pull that is not recorded, of TrivialAugment, on every worker at once, and tell from it what others cost.

    It is rough: arms differ in what they cost, and the first pull of a worker costs more than later ones.

    Raises:
        UserError: a pull failed.
    """
    arm = Arm({"family": _TIMED}, preset(_TIMED))
    seed = child_seed(config.seed, _REPLICATE)
    policy = arm.policy.to_json(indent=None)
    with pool_of(config, dataset) as pool:
        workers = max(1, pool.free_slots)
        for number in range(workers):
            pool.submit(Trial(number, arm.key, policy, 0, seed, fidelity.images, fidelity.epochs))
        ended: list[Outcome] = []
        while len(ended) < workers:
            ended += [outcome for _, outcome in pool.wait(1.0)]
    failed = next((outcome.error for outcome in ended if outcome.error), "")
    if failed:
        raise UserError(f"the first pull, {fidelity}, failed: {failed}")
    return _from(ended, fidelity, config.recipe.checkpoints)


def _from(ended: list[Outcome], fidelity: Fidelity, checkpoints: int) -> Forecast:
    count = len(ended)
    evaluation = sum(float(outcome.metrics.get("evaluation_seconds", 0.0)) for outcome in ended) / count
    training = max(sum(outcome.seconds for outcome in ended) / count - evaluation, 0.0)
    fixed = evaluation * checkpoints / min(checkpoints, fidelity.epochs)
    return Forecast(training / fidelity.cost, fixed, count)
