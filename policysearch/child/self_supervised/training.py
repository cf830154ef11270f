"""One short self-supervised training: the counterpart of `child.training` for data whose labels are not used."""

from __future__ import annotations

from dataclasses import replace

from policysearch.child.self_supervised.refusals import must_take_policy, must_take_training
from policysearch.child.self_supervised.siamese import BothViews, siamese
from policysearch.child.self_supervised.siamese_run import SiameseRun
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec


def train_siamese(spec: TrainingSpec) -> Metrics:
    """Train a SimSiam network (Chen & He 2021) on pairs of views, and judge its frozen features by a linear probe.

    The labels of the training subset fit the probe, after the network is trained and without changing it; the
    validation part judges it. Data of one class have no labels to tell apart: there the probe predicts by which of four
    right angles an image was turned (Reed et al. 2021).

    Args:
        spec: the child. Its policy gives both views of every image and the weights of pairs, the last linear layer of
            its network is left out, and `examine` is called with the probe on the trained network. It has no loss: none
            for labels is there to replace.

    Returns:
        The metrics of `train_classifier`, those of predictions by the linear probe, augmented_train_loss the mean
        `pair_loss` of the last epoch; knn_accuracy on validation, by twenty nearest neighbours; rotation, accuracy of
        the probe of predicted rotations on at most 1,000 validation images, each at four angles; feature_deviation (see
        `collapse.deviation`). Without labels all but the last are of rotations.

    Raises:
        CheckpointError: as `train_classifier`.
        ChildError: the same; or the network has collapsed.
        UserError: the policy, the loss, the recipe or the network does not suit.
    """
    must_take_policy(spec.policy)
    must_take_training(spec.recipe, spec.images, spec.loss)
    images, classifier = spec.data.images, spec.factory
    shape = (images.shape[1], images.shape[2], images.shape[3])

    def work() -> Metrics:
        run = SiameseRun(replace(spec, factory=lambda: siamese(classifier, shape)))
        metrics, _ = completed(run)
        return {**metrics, **run.measures}

    return with_plain_errors(replace(spec, factory=lambda: BothViews(siamese(classifier, shape))), work)
