"""Whether a network can be the backbone of a self-supervised child, tried before anything is spent."""

from __future__ import annotations

import torch

from policysearch.child.networks import build, dry_forward
from policysearch.child.self_supervised.backbone import without_classifier
from policysearch.child.self_supervised.refusals import must_have_company
from policysearch.core.errors import UserError


def backbone_notes(name: str, shape: tuple[int, int, int], outputs: int, smallest_batch: int) -> tuple[str, ...]:
    """Try a network with its classifier and without; arguments and results are those of `dry_forward`.

    Torch's global generator is left as it was.

    Raises:
        UserError: it cannot be trained, or does not end with a linear layer; or a batch has a single image.

    Example:
        >>> backbone_notes("small-resnet", (1, 28, 28), 10, 2)
        ()
    """
    must_have_company(smallest_batch)
    notes = dry_forward(name, shape, outputs, smallest_batch)
    try:
        with torch.random.fork_rng(devices=[]):
            without_classifier(build(name, shape, outputs), shape)
    except UserError as error:
        raise UserError(f"model {name!r}: {error}") from None
    return notes
