"""The random generators of a training, which can be kept and put back."""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.core.errors import CheckpointError
from policysearch.core.seeds import seed_of


class Generators:
    """Those that a training draws from; torch's global one is among them, for dropout and first weights.

    Args:
        seed: of the child.
        device: where augmentation is drawn.

    Attributes:
        order: of the images, on the CPU, so that it is the same on every device.
        draws: of the augmentation, on the device.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.order = torch.Generator().manual_seed(seed)
        self.draws = torch.Generator(device).manual_seed(seed + 1)
        self._device = device

    def state(self) -> dict[str, Tensor]:
        """What all of them need to go on, torch's global generator included."""
        states = {"order": self.order.get_state(), "draws": self.draws.get_state(), "global": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["device"] = torch.cuda.get_rng_state(self._device)
        return states

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave.

        Raises:
            CheckpointError: it is of other generators.
        """
        try:
            self.order.set_state(state["order"])
            self.draws.set_state(state["draws"])
            torch.set_rng_state(state["global"])
            if self._device.type == "cuda":
                torch.cuda.set_rng_state(state["device"], self._device)
        except (RuntimeError, KeyError, TypeError) as error:
            raise CheckpointError(f"the checkpoint has no generators that fit: {error}") from None

    def branch(self, seed: int, epoch: int) -> None:
        """Draw from here on what belongs to (seed, epoch), whatever was drawn before."""
        self.order.manual_seed(seed_of(seed, epoch, 0))
        self.draws.manual_seed(seed_of(seed, epoch, 1))
        torch.manual_seed(seed_of(seed, epoch, 2))
