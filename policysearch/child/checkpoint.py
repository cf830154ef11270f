"""Everything that a child needs to go on with its training, as a value that can be kept in a file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from policysearch.child.recipe import CONTINUABLE, Recipe
from policysearch.core.errors import CheckpointError, in_one_line

_SCHEMA = "policysearch/checkpoint/1"
_LONGEST = 300  # characters of a foreign error in a message
_FREE = frozenset({"checkpoints", "compile"})
"""Settings of a recipe that change no weight."""


@dataclass(frozen=True)
class Checkpoint:
    """A child after an epoch.

    Attributes:
        epoch: epochs done.
        epochs: those of the whole training, for which its rates were made.
        images: size of its training subset.
        seed: of the child; it fixes the subset.
        device: kind of device, as in "cuda", on which the generators draw.
        recipe: of the training, as JSON.
        state: weights, momenta, averages, loss, generators, curve and clock, by part of the training.

    Example:
        >>> checkpoint = Checkpoint(1, 4, 60, 7, "cpu", {}, {"weights": torch.ones(2)})
        >>> Checkpoint.from_bytes(checkpoint.to_bytes()).state["weights"]
        tensor([1., 1.])
    """

    epoch: int
    epochs: int
    images: int
    seed: int
    device: str
    recipe: dict[str, Any]
    state: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The checkpoint as a file that `torch.load` reads with `weights_only`."""
        file = io.BytesIO()
        torch.save({"schema": _SCHEMA, **vars(self)}, file)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint:
        """Read what `to_bytes` wrote; nothing in it is run.

        Raises:
            CheckpointError: it is damaged, or of another version.
        """
        try:
            document = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            version = document.pop("schema")
        except Exception as error:  # whatever damaged bytes make of it
            raise CheckpointError(f"the checkpoint is damaged: {in_one_line(error)[:_LONGEST]}") from None
        if version != _SCHEMA:
            raise CheckpointError(f"the checkpoint is of version {version!r}, and {_SCHEMA!r} is read here")
        try:
            return cls(**document)
        except TypeError as error:
            raise CheckpointError(f"the checkpoint is damaged: {in_one_line(error)[:_LONGEST]}") from None

    def must_suit(self, *, recipe: Recipe, images: int, epochs: int, device: str) -> None:
        """Check that a training can go on from here.

        Args:
            recipe: of the training.
            images: size of its subset.
            epochs: at which it is to end.
            device: kind of device.

        Raises:
            CheckpointError: it cannot.
        """
        if device != self.device:
            raise CheckpointError(f"the checkpoint was taken on {self.device}, and this training is on {device}")
        if images != self.images:
            raise CheckpointError(
                f"the checkpoint is of a training on {self.images} images, and this one has {images}: "
                "steps would not match"
            )
        self._must_be_of(recipe)
        if epochs < self.epoch:
            raise CheckpointError(f"the checkpoint is of epoch {self.epoch}, and this training ends at {epochs}")
        if epochs != self.epochs and recipe.schedule not in CONTINUABLE:
            raise CheckpointError(
                f"the checkpoint is of a {recipe.schedule} training of {self.epochs} epochs, which cannot be continued "
                f"to {epochs}: its rates depend on where it ends"
            )

    def _must_be_of(self, recipe: Recipe) -> None:
        try:
            before = Recipe.model_validate(self.recipe)
        except ValueError as error:
            raise CheckpointError(f"the checkpoint is damaged: {in_one_line(error)[:_LONGEST]}") from None
        pairs = {name: (getattr(before, name), getattr(recipe, name)) for name in Recipe.model_fields}
        changed = [f"{name} {old} and not {new}" for name, (old, new) in pairs.items() if old != new]
        changed = [text for text in changed if text.partition(" ")[0] not in _FREE]
        if changed:
            raise CheckpointError(f"the checkpoint is of a training with {', '.join(changed)}")


class Keeper(Protocol):
    """Who keeps the checkpoints of a training."""

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether to take one after this epoch of so many."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Take the checkpoint."""


def copied(tensor: Tensor) -> Tensor:
    """A copy on the CPU that later steps do not change, in the same memory order."""
    return tensor.detach().to("cpu", copy=True)


def network_state(network: nn.Module) -> dict[str, Any]:
    """The weights and buffers of a network, those included that `state_dict` leaves out, and its extra state."""
    saved = {name: copied(v) if isinstance(v, Tensor) else v for name, v in network.state_dict().items()}
    others = {name: copied(buffer) for name, buffer in network.named_buffers() if name not in saved}
    return {"saved": saved, "others": others}


@torch.no_grad()
def restore_network(network: nn.Module, state: dict[str, Any]) -> None:
    """Put weights and buffers back in place, so that an optimiser over them goes on.

    Raises:
        CheckpointError: the network is another one.
    """
    buffers = dict(network.named_buffers())
    try:
        network.load_state_dict(state["saved"])
        for name, value in state["others"].items():
            buffers[name].copy_(value)
    except Exception as error:  # the user's own network may put back its extra state in any way
        raise CheckpointError(f"the checkpoint is of another network: {in_one_line(error)[:_LONGEST]}") from None
