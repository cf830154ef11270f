"""One short self-supervised training: the counterpart of `child.training` for data whose labels are not used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Recipe
from policysearch.child.self_supervised.refusals import must_take_policy, must_take_training
from policysearch.child.self_supervised.siamese import BothViews, siamese
from policysearch.child.self_supervised.siamese_run import SiameseRun
from policysearch.child.test_set import Examined, Logits
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec
from policysearch.child.warm_start import Bases
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy


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
    """Train a SimSiam network (Chen & He 2021) on pairs of views, and judge its frozen features by a linear probe.

    The labels of the training subset fit the probe, after the network is trained and without changing it; the
    validation part judges it. Data of one class have no labels to tell apart: there the probe predicts by which of four
    right angles an image was turned (Reed et al. 2021).

    Args:
        policy: gives both views of every image, and the weights of pairs.
        data: images on the device.
        factory: makes the untrained network, whose last linear layer is left out.
        images, epochs, seed, recipe: as for `child.training.train`; so are checkpoints and the learning curve.
        loss, bases: None; there is no loss for labels here, and no base.
        examine: called with the probe on the trained network.
        follow, origin, keeper, begin, further: as for `child.training.train`.

    Returns:
        The metrics of `child.training.train`, those of predictions by the linear probe, augmented_train_loss the mean
        `pair_loss` of the last epoch; knn_accuracy on validation, by twenty nearest neighbours; rotation, accuracy of
        the probe of predicted rotations on at most 1,000 validation images, each at four angles; feature_deviation (see
        `collapse.deviation`). Without labels all but the last are of rotations.

    Raises:
        CheckpointError: as `child.training.train`.
        ChildError: the same; or the network has collapsed.
        UserError: the policy, the loss, the recipe or the network does not suit.
    """
    must_take_policy(policy)
    must_take_training(recipe, images, loss)
    shape = (data.images.shape[1], data.images.shape[2], data.images.shape[3])
    spec = TrainingSpec(
        policy,
        data,
        lambda: siamese(factory, shape),
        images,
        epochs,
        seed,
        recipe,
        None,
        examine,
        follow,
        origin,
        keeper,
        begin,
        further=further,
    )

    def work() -> Metrics:
        run = SiameseRun(spec)
        metrics, _ = completed(run)
        return {**metrics, **run.measures}

    return with_plain_errors(replace(spec, factory=lambda: BothViews(siamese(factory, shape))), work)
