"""`augment_lines`: a policy applied to lines of text, whose strings go with the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from policysearch.augmentation.batch import applied
from policysearch.augmentation.line_mixing import Fits, mix_lines
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.validation import check_generator, check_images, current_policy
from policysearch.core.errors import UserError
from policysearch.policy.mixes import LINE_MIXES
from policysearch.policy.policy import Policy


class Lines(NamedTuple):
    """Lines of text after augmentation.

    Attributes:
        images: [B, C, H, W] uint8.
        texts: what each says.
        widths: [B] int64, how many columns from the left hold the line, 1..W.
    """

    images: Tensor
    texts: tuple[str, ...]
    widths: Tensor


def augment_lines(
    policy: Policy,
    images: Tensor,
    texts: Sequence[str],
    widths: Tensor | None,
    generator: torch.Generator,
    *,
    progress: float = 0.0,
    fits: Fits | None = None,
) -> Lines:
    """Apply `policy` to lines of text: each line has its own draw, then lines are mixed, pixels and strings alike.

    Args:
        policy: what to draw from; it softens no targets, and its mix is one of lines.
        images: [B, C, H, W] uint8, C 1 or 3, left unchanged; each line begins on the left, what is right of it is
            padding.
        texts: B strings.
        widths: [B] int64 in 1..W, how many columns hold each line; None: all of them. Operations named line-… and
            hide-character keep to these columns, the others change the whole image.
        generator: on the images' device; the same state gives the same result.
        progress: share of training done, in [0, 1], for policies with stages.
        fits: (string, columns) -> whether the network that is trained can read the string from so many columns; lines
            for which a mix would make this False stay as they are.

    Returns:
        Images, strings and widths; the latter two change only by a mix.

    Raises:
        UserError: images are not uint8 [B, C, H, W] with 1 or 3 channels; texts, widths or generator do not fit them;
            the policy softens, adapts to single images, or mixes targets of classes.

    Example:
        >>> images = torch.full((2, 1, 8, 24), 255, dtype=torch.uint8)
        >>> images[0, :, 2:6, 2:5] = images[1, :, 2:6, 1:3] = images[1, :, 2:6, 5:7] = 0
        >>> join = {"sub_policies": [{}], "mix": {"operation": "line-join"}}
        >>> generator = torch.Generator().manual_seed(0)
        >>> lines = augment_lines(Policy.from_dict(join), images, ["a", "bc"], None, generator)
        >>> lines.texts
        ('abc', 'bca')
    """
    return drawn_lines(policy, images, texts, widths, generator, progress=progress, fits=fits)[0]


def drawn_lines(
    policy: Policy,
    images: Tensor,
    texts: Sequence[str],
    widths: Tensor | None,
    generator: torch.Generator,
    *,
    progress: float = 0.0,
    fits: Fits | None = None,
) -> tuple[Lines, Draw]:
    """What `augment_lines` gives, and what was drawn for it; arguments and errors are the same."""
    current = current_policy(policy, progress)
    check_images(images)
    _check_policy(current)
    _check_texts(texts, images)
    columns = _checked_widths(widths, images)
    check_generator(generator, images)
    drawn = draw(current, len(images), generator)
    copies = 1 if current.mixture is None else current.mixture.width
    drawn = replace(drawn, widths=columns.float().repeat_interleave(copies))
    out = applied(drawn, images)
    if drawn.mix is None:
        return Lines(out, tuple(texts), columns), drawn
    out, new_texts, new_widths = mix_lines(drawn.mix, out, texts, columns.tolist(), fits)
    return Lines(out, new_texts, torch.tensor(new_widths, dtype=torch.int64, device=columns.device)), drawn


def must_suit_lines(policy: Policy) -> None:
    """Check that a policy, with all of its stages, can augment lines of text.

    Raises:
        UserError: it softens targets, adapts to single images, or mixes targets of classes.
    """
    for start in (0.0, *(stage.start for stage in policy.stages)):
        _check_policy(policy.at(start))


def _check_policy(policy: Policy) -> None:
    name = policy.name or policy.hash
    if policy.softening is not None:
        raise UserError(f"{name} softens targets, and strings of text lines cannot be softened: leave out 'softening'")
    if policy.adaptive is not None:
        raise UserError(f"{name} adapts to the class that is predicted, and text lines have none: leave out 'adaptive'")
    if policy.pair is not None:
        raise UserError(f"{name} weighs pairs of views of self-supervised training: leave out 'pair' for text lines")
    if policy.classes:
        raise UserError(f"{name} has parts for some classes, and text lines have none: leave out 'classes'")
    if policy.mix is not None and policy.mix.operation not in LINE_MIXES:
        raise UserError(
            f"{name} mixes by {policy.mix.operation}, which mixes targets of classes: text lines can be mixed by "
            f"{' and '.join(LINE_MIXES)}"
        )


def _check_texts(texts: Sequence[str], images: Tensor) -> None:
    if isinstance(texts, str) or len(texts) != len(images) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"texts must be {len(images)} strings, one per image, got {texts!r:.80}")


def _checked_widths(widths: Tensor | None, images: Tensor) -> Tensor:
    """[B] int64 on the images' device."""
    batch, width = len(images), images.shape[3]
    if widths is None:
        return torch.full((batch,), width, dtype=torch.int64, device=images.device)
    if not isinstance(widths, Tensor) or widths.shape != (batch,) or widths.is_floating_point():
        description = f"{widths.dtype} {list(widths.shape)}" if isinstance(widths, Tensor) else f"{widths!r:.80}"
        raise UserError(f"widths must be a torch tensor int64 [{batch}], one per image, got {description}")
    if batch and not widths.is_cuda and not 1 <= int(widths.min()) <= int(widths.max()) <= width:
        raise UserError(f"widths must lie in 1..{width}, got {int(widths.min())}..{int(widths.max())}")
    return widths.to(images.device, torch.int64)
