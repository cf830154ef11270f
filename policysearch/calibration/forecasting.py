"""What a calibration will cost, told from one cheap pull."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.calibration.planning import Draft
from policysearch.comparison.fidelity import Fidelity
from policysearch.config import SearchConfig
from policysearch.datasets.dataset import Dataset
from policysearch.errors import UserError
from policysearch.pools import PoolOf
from policysearch.presets import preset
from policysearch.seeds import child_seed
from policysearch.spaces import Arm
from policysearch.trials import Outcome, Trial

__all__ = ["Forecast", "timed"]

_TIMED = "trivialaugment-wide"
_REPLICATE = 4_000_000  # of no table


@dataclass(frozen=True)
class Forecast:
    """Seconds of a pull: some for every image that passes, and some for the evaluations, whose number is fixed.

    Attributes:
        per_image: worker-seconds for an image in an epoch.
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
    """Train one pull that is not recorded, of TrivialAugment, and tell from it what others cost.

    It is rough: arms differ in what they cost, and the first pull of a worker costs more than later ones.

    Raises:
        UserError: the pull failed.
    """
    arm = Arm({"family": _TIMED}, preset(_TIMED))
    seed = child_seed(config.seed, _REPLICATE)
    trial = Trial(0, arm.key, arm.policy.to_json(indent=None), 0, seed, fidelity.images, fidelity.epochs)
    with pool_of(config, dataset) as pool:
        workers = pool.free_slots
        pool.submit(trial)
        ended: list[tuple[Trial, Outcome]] = []
        while not ended:
            ended = pool.wait(1.0)
    outcome = ended[0][1]
    if outcome.error:
        raise UserError(f"the first pull, {fidelity}, failed: {outcome.error}")
    return _from(outcome, fidelity, max(1, workers), config.recipe.checkpoints)


def _from(outcome: Outcome, fidelity: Fidelity, workers: int, checkpoints: int) -> Forecast:
    evaluation = float(outcome.metrics.get("evaluation_seconds", 0.0))
    training = max(outcome.seconds - evaluation, 0.0)
    return Forecast(training / fidelity.cost, evaluation * checkpoints / min(checkpoints, fidelity.epochs), workers)
