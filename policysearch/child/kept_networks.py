"""Trained networks that are kept in a folder, one file per seed, to answer questions that come after their training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from policysearch.child.device_data import DeviceData
from policysearch.child.network_answers import Answers, answers_of, untrained
from policysearch.child.network_file import read_network, write_network
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.training_spec import ChildError
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class NetworkSpec:
    """What a kept network was trained as.

    Attributes:
        policy: under which.
        loss: with which; None: the recipe's.
        arm: the key of both.
        seed, images, epochs: of the training.
    """

    policy: Policy
    loss: Loss | None
    arm: str
    seed: int
    images: int
    epochs: int

    @property
    def key(self) -> dict[str, Any]:
        """What a file must have been written for."""
        return network_key(self.arm, self.seed, self.images, self.epochs)


def network_key(arm: str, seed: int, images: int, epochs: int) -> dict[str, Any]:
    """What a network depends on, within one experiment."""
    return {"arm": arm, "seed": seed, "images": images, "epochs": epochs}


def network_path(folder: Path, seed: int) -> Path:
    """The file of a network."""
    return folder / f"network-{seed}.pt"


def keep_network(folder: Path, key: dict[str, Any], network: nn.Module) -> None:
    """Write a network's file.

    Raises:
        ChildError: it cannot be written; a network that is lost would have been trained for nothing.
    """
    path = network_path(folder, key["seed"])
    if not write_network(path, key, network, {}):
        raise ChildError(
            f"the network cannot be written to {path}: is the disk full, or the folder on another machine?"
        )


@dataclass(frozen=True)
class KeptNetworks:
    """The networks of a folder on a device. One whose file is lost is trained again from its seed.

    Attributes:
        folder: of the files.
        data: on the device.
        factory: makes the untrained network.
        recipe: they were trained with.
    """

    folder: Path
    data: DeviceData
    factory: Callable[[], nn.Module]
    recipe: Recipe

    def answers(self, spec: NetworkSpec) -> tuple[Answers, str]:
        """A network's answers, from normalised images [B, C, H, W] to logits [B, classes] float32.

        Returns:
            The answers, and why the network had to be trained again, as a clause; empty where it was there.

        Raises:
            ChildError: it had to be trained again, and that went wrong.
        """
        network = untrained(self.factory, self.data)
        stored = read_network(network_path(self.folder, spec.seed), spec.key, network)
        lost = stored if isinstance(stored, str) else ""
        if lost:
            self._train(spec)
            stored = read_network(network_path(self.folder, spec.seed), spec.key, network)
            if isinstance(stored, str):
                raise ChildError(stored)
        return answers_of(network.eval(), self.recipe, self.data.images.device), lost

    def _train(self, spec: NetworkSpec) -> None:
        train(
            spec.policy,
            self.data,
            self.factory,
            images=spec.images,
            epochs=spec.epochs,
            seed=spec.seed,
            recipe=self.recipe,
            loss=spec.loss,
            keep=partial(keep_network, self.folder, spec.key),
        )
