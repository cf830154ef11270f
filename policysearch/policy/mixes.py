"""Mixes as values: what joins several images into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.steps import Probability, Value

Alpha = Annotated[float, Field(ge=0.01, le=100, allow_inf_nan=False, strict=True)]
"""Of a beta or Dirichlet distribution; below 0.01 float32 no longer holds what is drawn."""


@dataclass(frozen=True)
class MixRow:
    """One way to mix the images of a batch.

    Attributes:
        about: what it does.
        alpha: the paper's; None: it has none.
        needs_maps: whether it needs activation maps.
        needs_texts: whether it needs the strings of lines.
        pastes: whether every pixel comes from one image, so that masks can be mixed alike.
    """

    about: str
    alpha: float | None = None
    needs_maps: bool = False
    needs_texts: bool = False
    pastes: bool = False


MIXES: dict[str, MixRow] = {
    "mixup": MixRow("λ·a + (1 - λ)·b, targets alike (Zhang et al. 2018)", 1.0),
    "cutmix": MixRow("a box of b in a, targets by area (Yun et al. 2019)", 1.0, pastes=True),
    "sample-pairing": MixRow("the mean of a and b, the target of a (Inoue 2018)"),
    "mosaic": MixRow("four images around a random centre, targets by area (Bochkovskiy et al. 2020)", pastes=True),
    "snapmix": MixRow("a box of b in a box of a, targets by activation (Huang et al. 2021)", 5.0, True),
}

LINE_MIXES: dict[str, MixRow] = {
    "line-join": MixRow("line b after line a, squeezed where needed; so the strings", needs_texts=True),
    "glyph-paste": MixRow("a letter of b in place of one of a; so the strings (Du et al. 2021)", needs_texts=True),
}
"""Mixes of lines of text, which change strings; only the task text-lines has them."""


def mix_row(name: str) -> MixRow:
    """The row of a mix, of images or of lines.

    Raises:
        UserError: no mix has that name; the message suggests the nearest.
    """
    rows = {**MIXES, **LINE_MIXES}
    if name not in rows:
        raise unknown_name("mix", name, rows)
    return rows[name]


class Mix(Value):
    """A mix of the images of a batch, after the sub-policies; each image takes part with `probability`.

    `alpha`: the two parameters of the symmetric beta distribution of λ, None for the paper's.
    """

    operation: str
    probability: Probability = 1.0
    alpha: Alpha | None = None

    @model_validator(mode="after")
    def _alpha_fits(self) -> Mix:
        if mix_row(self.operation).alpha is None and self.alpha is not None:
            raise UserError(f"alpha of {self.operation}: it takes none, got {self.alpha:g}")
        return self


def mix_alpha(mix: Mix) -> float:
    """The mix's alpha, its paper's unless given (1 for mixes without one)."""
    return mix.alpha or mix_row(mix.operation).alpha or 1.0


class Mixture(Value):
    """AugMix's mixture (Hendrycks et al. 2020, algorithm 1): each image goes through `width` independent draws of the
    policy, which are averaged by Dirichlet(alpha) weights and blended with the original by Beta(alpha, alpha)."""

    width: Annotated[int, Field(ge=1, le=10)] = 3
    alpha: Alpha = 1.0
