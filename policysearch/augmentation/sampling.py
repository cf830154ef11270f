"""The only random place: what happens to each image of a batch, drawn as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from policysearch.augmentation.class_groups import class_groups
from policysearch.augmentation.policy_tensors import Shuffled, compiled, in_kinds
from policysearch.core.errors import UserError
from policysearch.policy.mixes import mix_alpha
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class MixDraw:
    """What was drawn for mixing B images.

    Attributes:
        operation: the mix.
        applied: [B] bool, whether the image takes part.
        partners: [B, 3] int64, images of the batch, a random permutation a column; one may be the image itself.
        shares: [B, 2] float32 in [0, 1], λ; the second for mixes that need two.
        numbers: [B, 4] float32 in [0, 1): centres of boxes as (y, x), two of them.
    """

    operation: str
    applied: Tensor
    partners: Tensor
    shares: Tensor
    numbers: Tensor


@dataclass(frozen=True)
class Draw:
    """What was drawn for B images and S steps; applying it again gives the same pixels.

    Attributes:
        names: the operations drawn from; `names[0]` is identity, those of one kind stand together.
        operations: [B, S] int64, index into `names`; 0 where a step was not applied.
        magnitudes: [B, S] float32, in the operation's unit, sign included.
        numbers: [B, S, K] float32 in [0, 1): what the kernels need besides: places, shapes, seeds.
        mixture: [B, width + 1] float32, the shares of the original and of each of its draws; None without a
            mixture. With one, `operations`, `magnitudes` and `numbers` have B·width rows, an image's together.
        mix: how the batch is mixed afterwards; None without a mix.
        widths: [B] float32, how many columns from the left of each image hold its line of text, for the operations of
            lines; None: all of them.
    """

    names: tuple[str, ...]
    operations: Tensor
    magnitudes: Tensor
    numbers: Tensor
    mixture: Tensor | None = None
    mix: MixDraw | None = None
    widths: Tensor | None = None

    def __post_init__(self) -> None:
        kinds = [kind for kind, _ in groupby(OPERATIONS[name].kind for name in self.names)]
        if self.names[:1] != ("identity",) or len(kinds) > len(set(kinds)):
            raise UserError(
                f"names of a draw begin with identity, and kinds stand together, got {', '.join(self.names)}"
            )

    def __len__(self) -> int:
        """The number of rows: images, times the mixture's width."""
        return len(self.operations)

    def rows(self, rows: slice | Tensor) -> Draw:
        """The draw of some images alone, without mixture and mix."""
        parts = (self.operations[rows], self.magnitudes[rows], self.numbers[rows])
        return Draw(self.names, *parts, widths=None if self.widths is None else self.widths[rows])

    def steps(self, start: int, stop: int) -> Draw:
        """Steps `start` to `stop` alone, without mixture and mix."""
        place = slice(start, stop)
        parts = (self.operations[:, place], self.magnitudes[:, place], self.numbers[:, place])
        return Draw(self.names, *parts, widths=self.widths)

    def images(self, rows: Tensor) -> Draw:
        """The draw of some images alone [b] int64, with their mixture, without mix."""
        if self.mixture is None:
            return self.rows(rows)
        chains = _chains(rows, self.mixture.shape[1] - 1)
        return replace(self.rows(chains), mixture=self.mixture[rows])


def draw(
    policy: Policy,
    batch: int,
    generator: torch.Generator,
    shares: Tensor | None = None,
    labels: Tensor | None = None,
) -> Draw:
    """Draw a sub-policy for each of `batch` images, and for each of its steps all that is random.

    Where classes have sub-policies of their own, images draw class by class: first all images of the other classes,
    then those of each policy of classes in the order of its first class. An image of a class draws from that class's
    policy as it would from it alone.

    Args:
        policy: the policy to draw from; one with stages must be taken `at` a progress first.
        batch: number of images, 0 or more.
        generator: the source of randomness; the draw lives on its device.
        shares: [B] float32 in [0, 1], where in their ranges the evenly drawn magnitudes of each image lie (see
            `policysearch.policy.adaptive`); nan draws them. Everything else is drawn as without.
        labels: [B] int64, needed where the policy differs by class.

    Returns:
        A `Draw` over S steps, S the longest sub-policy's length (at least 1).

    Raises:
        UserError: the policy differs by class, and there are no labels, or it calls a class by name.
    """
    mixture, mix = policy.mixture, policy.mix
    drawn = _by_class(policy, batch, generator, shares, labels)
    if mixture is not None:
        drawn = replace(drawn, mixture=mixture_shares(mixture.width, mixture.alpha, batch, generator))
    if mix is None:
        return drawn
    return replace(drawn, mix=mix_draw(mix.operation, mix.probability, mix_alpha(mix), batch, generator))


def _by_class(
    policy: Policy, batch: int, generator: torch.Generator, shares: Tensor | None, labels: Tensor | None
) -> Draw:
    """The steps of all images, each drawn from the policy of its class."""
    width = 1 if policy.mixture is None else policy.mixture.width
    if not policy.classes:
        return _steps(policy, batch * width, generator, shares)
    parts = [
        (_steps(part, len(rows) * width, generator, None if shares is None else shares[rows]), _chains(rows, width))
        for part, rows in class_groups(policy, labels)
    ]
    return _joined(parts, batch * width) if parts else _steps(policy, 0, generator)


def _chains(rows: Tensor, width: int) -> Tensor:
    """The rows of a mixture's draws that belong to these images: `width` for each, together."""
    return (rows[:, None] * width + torch.arange(width, device=rows.device)).flatten()


def _joined(parts: Sequence[tuple[Draw, Tensor]], batch: int) -> Draw:
    """Draws of some rows as one draw of all; what a draw has fewer of is identity, or 0."""
    names = in_kinds([name for drawn, _ in parts for name in drawn.names])
    first = parts[0][0]
    steps = max(drawn.operations.shape[1] for drawn, _ in parts)
    numbers = max(drawn.numbers.shape[2] for drawn, _ in parts)
    joined = Draw(
        names,
        first.operations.new_zeros(batch, steps),
        first.magnitudes.new_zeros(batch, steps),
        first.numbers.new_zeros(batch, steps, numbers),
    )
    for drawn, rows in parts:
        place = torch.tensor([names.index(name) for name in drawn.names], device=rows.device)
        columns = slice(drawn.operations.shape[1])
        joined.operations[rows, columns] = place[drawn.operations]
        joined.magnitudes[rows, columns] = drawn.magnitudes
        joined.numbers[rows, columns, : drawn.numbers.shape[2]] = drawn.numbers
    return joined


def _steps(policy: Policy, batch: int, generator: torch.Generator, shares: Tensor | None = None) -> Draw:
    table = compiled(policy, generator.device)
    slots = table.choices.shape[1]
    width = 4 + table.numbers  # choice, probability, magnitude, sign
    numbers = torch.rand(batch, 1 + slots * width, generator=generator, device=generator.device)
    sub = torch.searchsorted(table.cumulative, numbers[:, 0].contiguous(), right=True)
    sub = sub.clamp_(max=len(table.cumulative) - 1)
    u = numbers[:, 1:].view(batch, slots, width)
    choice = (u[..., 0] * table.choices[sub]).long()
    slot = torch.arange(slots, device=generator.device)
    forced = [_shuffle(group, sub, choice, generator) for group in table.shuffled]
    rows = table.rows[sub[:, None], slot, choice].unbind(2)
    applied = u[..., 1] < rows[1]
    for images, first, taken in forced:
        applied[images, first : first + taken.shape[1]] = taken
    operations = torch.where(applied, rows[0], 0.0).long()
    places = u[..., 2] if shares is None else _placed(rows, u[..., 2], shares)
    return Draw(table.names, operations, _magnitudes(table.normal, rows, places, u[..., 3] < 0.5), u[..., 4:])


_LARGEST_DRAW = 1 - 2**-24
"""The last of several levels begins just below 1, which no draw reaches."""


def _placed(rows: tuple[Tensor, ...], u: Tensor, shares: Tensor) -> Tensor:
    """[B, S]: an image's share in place of what was drawn for its evenly drawn magnitudes."""
    levels, std = rows[4], rows[5]
    places = shares[:, None].expand_as(u)
    places = torch.where(levels > 0, places.clamp(max=_LARGEST_DRAW), places)
    return torch.where(places.isnan() | (std > 0), u, places)


def _shuffle(group: Shuffled, sub: Tensor, choice: Tensor, generator: torch.Generator) -> tuple[Tensor, int, Tensor]:
    """Choose for a `SomeOf`'s slots: slot r takes the r-th step that is applied in the shuffled order, if r < n.

    Returns:
        The images it is for [b], its first slot, and which of its slots are applied [b, slots].
    """
    images = (sub == group.sub).nonzero().flatten()
    u = torch.rand(len(images), 1 + 2 * len(group.probability), generator=generator, device=generator.device)
    count = torch.searchsorted(group.cumulative, u[:, 0].contiguous(), right=True).clamp_(max=group.slots)
    order = u[:, 1 : 1 + len(group.probability)].argsort(1)
    tried = u[:, 1 + len(group.probability) :] < group.probability[order]
    rank = tried.cumsum(1)
    taken = []
    for r in range(group.slots):
        here = tried & (rank == r + 1)
        choice[images, group.first + r] = order.gather(1, here.int().argmax(1, keepdim=True)).squeeze(1)
        taken.append(here.any(1) & (r < count))
    return images, group.first, torch.stack(taken, 1)


def _magnitudes(normal: bool, rows: tuple[Tensor, ...], u: Tensor, negate: Tensor) -> Tensor:
    _, _, start, stop, levels, std, low, high, signed = rows
    share = torch.where(levels > 0, (u * levels).floor_() / (levels - 1).clamp_(min=1), u)
    magnitudes = (stop - start).mul_(share).add_(start)
    if normal:
        deviation = torch.erfinv((2 * u - 1).clamp_(-1 + 1e-7, 1 - 1e-7)).mul_(2**0.5)
        magnitudes = torch.where(std > 0, magnitudes.addcmul_(deviation, std).clamp_(low, high), magnitudes)
    return torch.where((signed > 0) & negate, -magnitudes, magnitudes)


def _dirichlet(alpha: float, shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """[B, n] float32: B draws of Dirichlet(alpha, …, alpha)."""
    device = None if generator is None else generator.device
    return torch._sample_dirichlet(torch.full(shape, alpha, device=device), generator=generator)


def mixture_shares(width: int, alpha: float, batch: int, generator: torch.Generator | None = None) -> Tensor:
    """[B, 1 + width] float32: what the image itself and each of its draws count in a mixture, Beta and Dirichlet."""
    chains = _dirichlet(alpha, (batch, width), generator)
    original = _dirichlet(alpha, (batch, 2), generator)
    return torch.cat([original[:, :1], original[:, 1:] * chains], 1)


def mix_draw(
    operation: str, probability: float, alpha: float, batch: int, generator: torch.Generator | None = None
) -> MixDraw:
    """What is random in mixing `batch` images, drawn on the generator's device (None: torch's own, on the CPU)."""
    device = None if generator is None else generator.device
    u = torch.rand(batch, 5, generator=generator, device=device)
    shares = torch.stack([_dirichlet(alpha, (batch, 2), generator)[:, 0] for _ in range(2)], 1)
    partners = torch.stack([torch.randperm(batch, generator=generator, device=device) for _ in range(3)], 1)
    return MixDraw(operation, u[:, 0] < probability, partners, shares, u[:, 1:])
