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

COMPILED_FROM = 10
"""Trainings of a worker from which on torch.compile saves more than it costs, with small-resnet on a CPU core."""
_TIMED = "trivialaugment-wide"
_REPLICATE = 4_000_000  # of no table and no search


@dataclass(frozen=True)
class Forecast:
    """Seconds of a training: some for every image that passes, and some for the evaluations, whose number is fixed.

    Attributes:
        per_image: worker-seconds per image and epoch.
        fixed: worker-seconds besides.
        workers: that train at once.
        per_judged: worker-seconds per image that is judged under a policy; 0 where that is not known.
    """

    per_image: float
    fixed: float
    workers: int
    per_judged: float = 0.0

    def seconds(self, fidelity: Fidelity) -> float:
        """Worker-seconds of one training."""
        return self.per_image * fidelity.cost + self.fixed

    def wall(self, worker_seconds: float) -> float:
        """Seconds on the clock, all workers busy."""
        return worker_seconds / self.workers

    def advice(self, config: SearchConfig, trainings: int) -> str:
        """What to know of `--compile` where it is on; empty where it is off.

        Args:
            config: of the search.
            trainings: those that are left, of all workers.
        """
        if not config.recipe.compile:
            return ""
        advice = f"--compile pays from about {COMPILED_FROM} trainings per worker on"
        own_share = trainings / self.workers
        return advice if own_share >= COMPILED_FROM else f"{advice}, and there are about {own_share:.0f}: leave it out"


def timed(config: SearchConfig, pool: Pool, fidelity: Fidelity) -> Forecast:
    """Train once, unrecorded, with TrivialAugment on every worker of an idle pool, and tell from it what others cost.

    It is rough: arms differ in what they cost, and the first training of a worker costs more than later ones. With
    `--compile` a training of one epoch goes before, in which the network is compiled.

    Raises:
        UserError: a training failed.
    """
    if config.recipe.compile:
        _trained(config, pool, Fidelity(fidelity.images, 1))
    return _from(_trained(config, pool, fidelity), fidelity, config.recipe.checkpoints)


def _trained(config: SearchConfig, pool: Pool, fidelity: Fidelity) -> list[Outcome]:
    """One training on every worker."""
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
    return ended


def _from(ended: list[Outcome], fidelity: Fidelity, checkpoints: int) -> Forecast:
    count, passes = len(ended), min(checkpoints, fidelity.epochs)
    evaluation, augmentation, judged = (
        sum(float(outcome.metrics.get(name, 0.0)) for outcome in ended) / count
        for name in ("evaluation_seconds", "augmentation_seconds", "validation_images")
    )
    training = max(sum(outcome.seconds for outcome in ended) / count - evaluation, 0.0)
    per_judged = evaluation / (passes * judged) + augmentation / fidelity.cost if judged else 0.0
    return Forecast(training / fidelity.cost, evaluation * checkpoints / passes, count, per_judged)
