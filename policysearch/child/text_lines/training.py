"""One short training of a network that reads lines: the counterpart of `child.training` for strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Examined, Logits
from policysearch.child.text_lines.line_run import LineRun
from policysearch.child.text_lines.refusals import must_take_lines
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec
from policysearch.child.warm_start import Bases
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy

_OF_CLASSES = ("feature_rank", "reliability", "class_counts")


class _MeanOverSteps(nn.Module):
    """A network of lines as one of images: what its memory is measured with."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images).mean(1)
        return logits


def train(
    policy: Policy,
    data: DeviceData,
    factory: Callable[[], nn.Module],
    *,
    images: int,
    epochs: int,
    seed: int,
    recipe: Recipe,
    loss: Loss | None = None,
    examine: Callable[[Logits], Examined] | None = None,
    bases: Bases | None = None,
    follow: Callable[[list[dict[str, float]]], None] | None = None,
    origin: Checkpoint | None = None,
    keeper: Keeper | None = None,
    begin: int = 0,
    further: tuple[str, ...] = (),
) -> Metrics:
    """Train a network to read lines by CTC (Graves et al. 2006) on a random subset, and judge it on validation.

    Args:
        policy: the augmentation of every batch; a mix of lines joins their strings too.
        data: lines on the device, with what they say.
        factory: makes the untrained network, [B, C, H, W] -> logits [B, T, classes], class 0 CTC's blank.
        images, epochs, seed, recipe: as for `child.training.train`; so are checkpoints and the learning curve.
        loss, bases: None; there is no loss for classes here, and no base.
        examine: called with the trained network.
        follow, origin, keeper, begin: as for `child.training.train`.
        further: nothing; such metrics are of classes.

    Returns:
        accuracy, the share of validation lines read without a mistake; correct; character_accuracy (see
        `reading_scores`); loss, the mean of CTC's per line, nats; train_accuracy and train_loss on the clean subset;
        augmented_train_loss, the mean per line of the last epoch; and the curve, gaps, seconds and severity of
        `child.training.train`.

    Raises:
        CheckpointError: as `child.training.train`.
        ChildError: the same; or a line has fewer steps than its string needs.
        UserError: the policy, the loss or the recipe does not suit lines.
    """
    must_take_lines(policy, recipe, loss)
    spec = TrainingSpec(
        policy, data, factory, images, epochs, seed, recipe, None, examine, follow, origin, keeper, begin
    )

    def work() -> Metrics:
        metrics, _ = completed(LineRun(spec))
        return {name: value for name, value in metrics.items() if name not in _OF_CLASSES}

    return with_plain_errors(replace(spec, factory=lambda: _MeanOverSteps(factory())), work)
