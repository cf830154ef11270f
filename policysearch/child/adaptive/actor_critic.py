"""An actor that draws a number in (0, 1) for each state, and a critic that learns what states are worth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from policysearch.child.adaptive.adam import Adam
from policysearch.child.adaptive.situation import State
from policysearch.child.checkpoint import copied

DISCOUNT = 0.99
RATE = 3e-4
_EPS, _DECAY = 1e-5, 5e-4
_EDGE = 1e-6
"""How far actions stay from 0 and 1, where the density of a beta distribution may be 0."""


def beta_log_density(action: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """ln of the density of Beta(alpha, beta) at actions in (0, 1); all of one shape."""
    constant = torch.lgamma(alpha + beta) - torch.lgamma(alpha) - torch.lgamma(beta)
    return (alpha - 1) * action.log() + (beta - 1) * torch.log1p(-action) + constant


class ActorCritic:
    """Advantage actor-critic with an actor of beta distributions, in the sizes of AdaAugment's published code.

    The actor has layers of 128 and 64 units, the critic two of 128, with ReLU; alpha and beta are softplus + 1, so that
    densities have one peak. Both are moved by Adam at 3e-4 (eps 1e-5, decay 5e-4), discount 0.99.

    Args:
        width: numbers of a state.
        seed: of the first weights, which are drawn as `nn.Linear` draws them.
        device: where states are.
    """

    def __init__(self, width: int, seed: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._actor = _layers((width, 128, 64, 2), generator, device)
        self._critic = _layers((width, 128, 128, 1), generator, device)
        self._actor_steps, self._critic_steps = (
            Adam([*network.parameters()], eps=_EPS, weight_decay=_DECAY) for network in (self._actor, self._critic)
        )

    @torch.no_grad()
    def act(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """Draw an action for each state.

        Args:
            states: [B, width] float32.
            generator: on the states' device.

        Returns:
            [B] float32 in (0, 1).
        """
        parameters = torch.stack(self.distributions(states), 1)
        actions = torch._sample_dirichlet(parameters, generator=generator)[:, 0]  # a beta distribution is its first
        return actions.clamp_(_EDGE, 1 - _EDGE)

    def distributions(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and beta, each [B] float32 above 1, of the actor's distribution in each state [B, width]."""
        alpha, beta = (F.softplus(self._actor(states)) + 1).unbind(1)
        return alpha, beta

    def values(self, states: Tensor) -> Tensor:
        """[B] float32: what the critic expects of states [B, width]."""
        values: Tensor = self._critic(states).squeeze(1)
        return values

    def losses(self, states: Tensor, actions: Tensor, rewards: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of actor and critic, both [].

        With the target r + 0.99 V(s') and the advantage A = target - V(s), neither of which the actor changes, they are
        -sum(A · ln density(action)) and mean((target - V(s))²).

        Args:
            states: [B, width] float32, in which actions were drawn.
            actions: [B] float32 in (0, 1).
            rewards: [B] float32.
            later: [B, width] float32, the states after.
        """
        values = self.values(states)
        targets = rewards + DISCOUNT * self.values(later).detach()
        advantages = targets - values.detach()
        actor_loss = -(advantages * beta_log_density(actions, *self.distributions(states))).sum()
        return actor_loss, F.mse_loss(values, targets)

    @torch.enable_grad()
    def learn(self, states: Tensor, actions: Tensor, rewards: Tensor, later: Tensor, share: float) -> None:
        """Take one step of each.

        Args:
            states, actions, rewards, later: as for `losses`.
            share: of the learning rate, in [0, 1].
        """
        actor_loss, critic_loss = self.losses(states, actions, rewards, later)
        self._actor_steps.step(actor_loss, RATE * share)
        self._critic_steps.step(critic_loss, RATE * share)

    def state(self) -> State:
        """Weights and moments of both."""
        networks = {"actor": self._actor, "critic": self._critic}
        weights = {name: [copied(weight) for weight in network.parameters()] for name, network in networks.items()}
        return {**weights, "actor_steps": self._actor_steps.state(), "critic_steps": self._critic_steps.state()}

    @torch.no_grad()
    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
        for name, network in (("actor", self._actor), ("critic", self._critic)):
            for weight, stored in zip(network.parameters(), state[name], strict=True):
                weight.copy_(stored)
        self._actor_steps.restore(state["actor_steps"])
        self._critic_steps.restore(state["critic_steps"])


def _layers(widths: Sequence[int], generator: torch.Generator, device: torch.device) -> nn.Sequential:
    """Linear layers with ReLU between them, even in ±1/√inputs; torch's global generator is not asked."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
        with torch.no_grad():
            for weight in linear.parameters():
                weight.copy_((2 * torch.rand(weight.shape, generator=generator) - 1) / inputs**0.5)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).to(device)
