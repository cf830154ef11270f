"""One training with targets at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData
from policysearch.child.judgement import Judgement
from policysearch.child.learner import Learner
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.targets.goal import Goal, targets_of
from policysearch.child.targets.target_batches import augmented_with_targets
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import TrainingSpec


class TargetRun(TrainingRun):
    """A training whose images have targets; all but the steps and the judgement is as for `TrainingRun`.

    The network of its spec gives a number per target. The labels of its data are strata, by which its subset is drawn.

    Args:
        spec: what is trained.
        goal: what it learns.
    """

    def __init__(self, spec: TrainingSpec, goal: Goal) -> None:
        super().__init__(spec)
        self._goal = goal
        self._targets = goal.scale(targets_of(spec.data))

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now."""
        super().begin()
        spec = self.spec
        self._judged = partial(
            judge_targets, self.learner, spec.data, self._goal, self._targets, evaluation_batch(spec.recipe)
        )

    def _train_on(self, batches: Sequence[Tensor], first: int, rate: Callable[[int], float], total: int) -> None:
        """Take one step on each of the batches, the first of which is step `first` of `total`."""
        data, learner = self.spec.data, self.learner
        learner.train()
        feed = augmented_with_targets(
            self.spec.policy,
            data,
            self._targets,
            batches,
            step=first,
            steps=total,
            generator=self._generators.draws,
            frequencies=self._goal.frequencies,
        )
        for step, (images, targets, weights) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            value = self._goal.loss(learner.logits(data.normalise(images)), targets, weights)
            learner.update(value, rate(step))
            self.clock.steps += time.perf_counter() - mark
            self.total += value.detach() * len(images)


@torch.no_grad()
def judge_targets(
    learner: Learner,
    data: DeviceData,
    goal: Goal,
    targets: Tensor,
    batch: int,
    rows: Tensor,
    further: tuple[str, ...] = (),
) -> Judgement:
    """Judge a network on some images.

    Args:
        learner: holds it.
        data: the images.
        goal: says how.
        targets: [N, K] float32 of all images, as the network is to give them.
        batch: images judged at a time.
        rows: [n] int64, which of the images.
        further: unused: metrics that are measured on demand are of classes.
    """
    learner.judged.eval()
    outputs = torch.cat([learner.answers(data.normalise(data.images[part])) for part in rows.split(batch)])
    return Judgement(goal.scores(outputs, targets[rows]))
