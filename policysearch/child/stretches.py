"""One training whose policy is chosen as it goes: stretches of steps, each under one policy or several."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from policysearch.child.adaptive.situation import Observation
from policysearch.child.batches import Batch, augmented
from policysearch.child.stretch_plan import Stretch
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import ChildError
from policysearch.policy.policy import Policy

_SUMS = ("loss", "entropy", "accuracy", "reciprocal_rank")


class Meter:
    """Means over the images of a stretch, policy by policy, of what the network made of them.

    The images are the augmented ones, as the network saw them while it was training, before each step.

    Args:
        policies: how many train side by side.
        device: where logits will be.
    """

    def __init__(self, policies: int, device: torch.device) -> None:
        self._sums = torch.zeros(policies, len(_SUMS), dtype=torch.float64, device=device)
        self._images = 0

    @torch.no_grad()
    def add(self, logits: Tensor, targets: Tensor, losses: Sequence[Tensor]) -> None:
        """Count a batch, the images of the first policy first.

        Args:
            logits: [M·B, C] float.
            targets: [M·B, C] float; an image's class is the one with the largest share.
            losses: [] each, the mean losses of the M parts.
        """
        log_p = torch.log_softmax(logits.double(), 1)
        label = logits.gather(1, targets.argmax(1, keepdim=True))
        ranks = 1 + (logits > label).sum(1)
        values = torch.stack([-(log_p.exp() * log_p).sum(1), (ranks == 1).double(), 1 / ranks.double()], 1)
        size = len(logits) // len(losses)
        self._sums[:, 1:] += values.reshape(len(losses), size, -1).sum(1)
        self._sums[:, 0] += torch.stack(list(losses)).double() * size
        self._images += size

    def metrics(self) -> list[dict[str, float]]:
        """Of each policy: loss in nats, entropy in nats, accuracy in [0, 1], reciprocal_rank in (0, 1]."""
        return [dict(zip(_SUMS, row, strict=True)) for row in (self._sums / max(1, self._images)).tolist()]


class StretchRun(TrainingRun):
    """A training that gets its policies stretch by stretch.

    `stretch` takes the place of `epoch`; all else is as for `TrainingRun`, whose policy is not used. A stretch under
    one policy is trained as by `TrainingRun` in a stage of that policy, to the last bit. (Two stretches in a row under
    the same policy within an epoch draw otherwise than one of their length.) Under M policies every batch holds its
    images M times, each part augmented by one of them (Zhang et al. 2019, section 3.1).
    """

    @property
    def batches(self) -> int:
        """Steps of an epoch."""
        return self._batches

    @property
    def step(self) -> int:
        """Steps done, at the end of an epoch."""
        return self.done * self._batches

    def stretch(self, stretch: Stretch, policies: Sequence[Policy]) -> list[dict[str, float]]:
        """Train on through a stretch.

        Args:
            stretch: it begins where the training is.
            policies: under which, 1 or more; without stages, and adaptive only where it is one.

        Returns:
            What the network made of the images of each policy, see `Meter.metrics`.

        Raises:
            ChildError: the loss is no longer finite.
        """
        meter = Meter(len(policies), self.device)
        step = stretch.first
        while step < stretch.end:
            epoch, offset = divmod(step, self._batches)
            if offset == 0:
                self._begin_epoch()
            end = min(stretch.end, (epoch + 1) * self._batches)
            self._take_steps(self._parts[offset : offset + end - step], step, policies, meter)
            step = end
            if step == (epoch + 1) * self._batches:
                self._end_epoch(epoch + 1)
        return meter.metrics()

    def measured(self) -> dict[str, float]:
        """Scores on validation as the network is now, see `metrics.scores`; they are no point of the curve."""
        mark = time.perf_counter()
        validation = self._judged(self.spec.data.validation).scores
        self.clock.evaluation += time.perf_counter() - mark
        return validation

    def _begin_epoch(self) -> None:
        self.total = torch.zeros((), device=self.device)
        self.adaptation.begin_epoch()
        self._parts = self._shuffled()

    def _end_epoch(self, number: int) -> None:
        self._objective.end_epoch()
        self.done = number
        if number in self.checkpoints:
            self.validate(number)

    def _take_steps(self, parts: Sequence[Tensor], first: int, policies: Sequence[Policy], meter: Meter) -> None:
        data, learner = self.spec.data, self.learner
        learner.train()
        feeds = [self._feed(policy, parts, first) for policy in policies]
        for step, batch in enumerate(self.clock.timed(_side_by_side(feeds)), first):
            mark = time.perf_counter()
            images, targets, weights = batch
            logits = learner.logits(data.normalise(images))
            count = len(policies)
            losses = [
                self._objective(*part)
                for part in zip(logits.chunk(count), targets.chunk(count), weights.chunk(count), strict=True)
            ]
            value = losses[0] if count == 1 else torch.stack(losses).mean()
            learner.update(value, self._rate(step))
            self.clock.steps += time.perf_counter() - mark
            self.total += value.detach() * (len(images) // count)
            meter.add(logits.detach(), targets, [loss.detach() for loss in losses])
            if policies[0].adaptive is not None:
                progress = step / (self.spec.epochs * self._batches)
                seen = Observation(parts[step - first], images, logits.detach(), progress)
                self.adaptation.observe(policies[0].adaptive, seen)
        if not math.isfinite(self.total):
            epoch = first // self._batches + 1
            raise ChildError(f"diverged: training loss is {float(self.total)} in epoch {epoch} of {self.spec.epochs}")

    def _feed(self, policy: Policy, parts: Sequence[Tensor], first: int) -> Iterator[Batch]:
        return augmented(
            policy,
            self.spec.data,
            self.learner.network,
            parts,
            step=first,
            steps=self.spec.epochs * self._batches,
            generator=self._generators.draws,
            adaptation=self.adaptation,
        )


def _side_by_side(feeds: Sequence[Iterator[Batch]]) -> Iterator[Batch]:
    """Batches of several feeds, joined."""
    if len(feeds) == 1:
        yield from feeds[0]
        return
    for batches in zip(*feeds, strict=True):
        images, targets, weights = zip(*batches, strict=True)
        yield torch.cat(images), torch.cat(targets), torch.cat(weights)
