"""Density matching: how well a network trained without augmentation does on held-out images under a policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from policysearch.augmentation import augment
from policysearch.child.device_data import DeviceData
from policysearch.child.fold_task import FoldTask
from policysearch.child.network_answers import Answers, answers_of, untrained
from policysearch.child.network_file import read_network, write_network
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.training_spec import Metrics
from policysearch.child.warm_start import on_single_images
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset

_SIMPLE = {"schedule": "one-cycle", "averaging": 0.0, "checkpoints": 1, "base_epochs": 0}
"""How a fold's network is trained: it is measured once, at its end."""


@torch.no_grad()
def density(
    policy: Policy, data: DeviceData, answers: Answers, *, batch: int, seed: int, draws: int = 1
) -> dict[str, float]:
    """Judge a network on the images of the validation side under a policy.

    Args:
        policy: drawn anew for each image; its mix and its softening, which need labels that are no single class, are
            left out, and one with stages is taken at half of the training.
        data: whose validation side is held out.
        answers: of the network, in evaluation mode.
        batch: images judged at a time.
        seed: of the draws; policies are compared on the same.
        draws: of each image, of which the best counts. The paper has one (equation 3); the authors' code five.

    Returns:
        held_out_loss: mean over the images of the smallest cross-entropy of their draws, nats (Lim et al. 2019,
        "Fast AutoAugment", equation 3: what is minimised); held_out_accuracy: the share of the images of which a draw
        is predicted right, in [0, 1].
    """
    single = on_single_images(policy)
    generator = torch.Generator(data.images.device).manual_seed(seed)
    losses, right = [], []
    for rows in data.validation.split(batch):
        labels = data.labels[rows]
        logits = [_judged(single, data, answers, rows, generator) for _ in range(draws)]
        losses.append(torch.stack([F.cross_entropy(draw, labels, reduction="none") for draw in logits]).amin(0))
        right.append(torch.stack([draw.argmax(1) == labels for draw in logits]).any(0))
    return {
        "held_out_loss": float(torch.cat(losses).mean()),
        "held_out_accuracy": float(torch.cat(right).double().mean()),
    }


def _judged(policy: Policy, data: DeviceData, answers: Answers, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Logits [B, classes] float64 of one draw of each image."""
    drawn = augment(policy, data.images[rows], data.labels[rows], num_classes=data.classes, generator=generator)
    return answers(data.normalise(drawn.images)).double()


@dataclass(frozen=True)
class _Fold:
    """One fold at work.

    Attributes:
        data: trained on all folds but this one, validated on this one.
        network: trained.
        metrics: of its training.
        trained: whether it was trained here, and not found in its file.
        missing: what was wrong with the file, if it was trained here.
    """

    data: DeviceData
    network: nn.Module
    metrics: Metrics
    trained: bool
    missing: str = ""


@dataclass
class HeldOut:
    """The folds of a worker: the network of each is trained once, kept in a file, and from then on in memory.

    A network that is in neither is trained again from its seed, on a CPU to the same weights.

    Args:
        data: on the device.
        folds_of: from a number of folds and a seed to the places of each fold's images within `data.train`.
        factory: makes the untrained network.
        recipe: how networks are trained; here without averaging, base and points of the learning curve.
    """

    data: DeviceData
    folds_of: Callable[[int, int], Sequence[NDArray[np.int64]]]
    factory: Callable[[], nn.Module]
    recipe: Recipe
    _folds: dict[str, _Fold] = field(default_factory=dict, init=False)

    def measure(self, policy: Policy, task: FoldTask, *, images: int, epochs: int, seed: int) -> Metrics:
        """Score a policy on a fold.

        Args:
            policy: what is scored.
            task: which fold, and where its network is kept.
            images, epochs, seed: of the training of the fold's network, as for `train`.

        Returns:
            What `density` gives, seconds and cpu_seconds of that, and trained_epochs, those trained for it: 0 where the
            network was there. A task that trains has the metrics of the training instead of these seconds, on clean
            held-out images; any other has checkpoint_lost, a sentence, where the network had to be trained again.

        Raises:
            ChildError: the training went wrong.
        """
        fold_of_split = {"folds": task.folds, "fold": task.fold, "split_seed": task.split_seed}
        key = {**fold_of_split, "images": images, "epochs": epochs, "seed": seed}
        new = str(key) not in self._folds
        if new:
            self._folds[str(key)] = self._fold(task, key)

        fold = self._folds[str(key)]
        batch, clock = evaluation_batch(self.recipe), (time.perf_counter(), time.thread_time())
        scores = density(
            policy,
            fold.data,
            answers_of(fold.network, self.recipe, self.data.images.device),
            batch=batch,
            seed=seed,
            draws=task.draws,
        )
        spent = {"seconds": time.perf_counter() - clock[0], "cpu_seconds": time.thread_time() - clock[1]}
        trained = new and fold.trained
        measured = fold.metrics if task.trains else spent
        metrics: Metrics = {**measured, **scores, "trained_epochs": epochs * trained}
        if trained and not task.trains:
            lost = f"fold {task.fold + 1} of {task.folds}: its network was trained again, for {fold.missing}"
            return {**metrics, "checkpoint_lost": lost}  # type: ignore[dict-item]
        return metrics

    def _fold(self, task: FoldTask, key: dict[str, int]) -> _Fold:
        """The fold with its network: from its file, or trained, and then written there."""
        data, file = self._sides(task), Path(task.folder) / f"fold-{task.fold + 1}.pt"
        network = untrained(self.factory, self.data)
        stored = read_network(file, key, network)
        if not isinstance(stored, str):
            return _Fold(data, network.eval(), stored, trained=False)

        def factory() -> nn.Module:
            nonlocal network
            network = self.factory()
            return network

        metrics = train(
            preset("identity"),
            data,
            factory,
            images=key["images"],
            epochs=key["epochs"],
            seed=key["seed"],
            recipe=self.recipe.model_copy(update=_SIMPLE),
        )
        write_network(file, key, network, metrics)
        return _Fold(data, network.eval(), metrics, trained=True, missing=stored)

    def _sides(self, task: FoldTask) -> DeviceData:
        """The data whose validation side is the fold, and whose training side are the other folds."""
        train_side = self.data.train
        held_out = torch.zeros(len(train_side), dtype=torch.bool, device=train_side.device)
        fold = self.folds_of(task.folds, task.split_seed)[task.fold]
        held_out[torch.from_numpy(fold).to(train_side.device)] = True
        return replace(self.data, train=train_side[~held_out], validation=train_side[held_out])
