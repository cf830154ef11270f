"""Rules that give each image its magnitudes while a network trains, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.steps import Value

Warmup = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]


@dataclass(frozen=True)
class AdaptiveRow:
    """What one rule does.

    Attributes:
        about: where a magnitude comes from, in a few words.
        warmup: the share of the training in which magnitudes are still drawn evenly, unless the policy names another;
            None: the rule has no warm-up.
        passes: forward passes per training step beyond the step's own, on average.
        up_to_date: whether a batch's magnitudes need the network as it is right before that batch is trained on.
        by_progress: whether the rule itself, without a warm-up, changes with the share of the training done.
    """

    about: str
    warmup: float | None
    passes: float
    up_to_date: bool
    by_progress: bool = False


ADAPTIVE_RULES: dict[str, AdaptiveRow] = {
    "entaugment": AdaptiveRow(
        "larger where the network was sure of the image an epoch before, by entropy (Yang et al. 2024)", 0.05, 0, False
    ),
    "adaaugment": AdaptiveRow(
        "drawn from a distribution that an actor-critic learns along with the network (Yang et al. 2024)",
        None,
        2,
        True,
        True,
    ),
    "sample-aware": AdaptiveRow(
        "larger where the network's prediction is nearer to the label, in every second batch (Xiao et al. 2025)",
        None,
        0.5,
        True,
    ),
}
OFF = "off"
_DRAWN = AdaptiveRow("drawn evenly", None, 0, False)


class Adaptive(Value):
    """A rule that gives each image a share in [0, 1], which takes the place of what its magnitudes would be drawn by.

    A magnitude from `start` to `stop` becomes start + share · (stop - start), the same share for all steps of the
    image; fixed and normal magnitudes, choices, probabilities and signs stay what they are. `warmup`, for rules that
    have one, is the share of the training in which magnitudes are still drawn; None for the rule's default. The rule
    "off" draws all magnitudes: a stage ends its policy's rule with it.

    Example:
        >>> Adaptive(rule="entaugment").warmup_share
        0.05
    """

    rule: str
    warmup: Warmup | None = None

    @model_validator(mode="after")
    def _rule_has_a_warmup(self) -> Adaptive:
        if self.rule not in (OFF, *ADAPTIVE_RULES):
            raise unknown_name("adaptive rule", self.rule, ADAPTIVE_RULES)
        if self.warmup is not None and self.row.warmup is None:
            raise UserError(f"warmup of {self.rule}: it has none, got {self.warmup:g}")
        return self

    @property
    def row(self) -> AdaptiveRow:
        """What the rule does."""
        return ADAPTIVE_RULES.get(self.rule, _DRAWN)

    @property
    def warmup_share(self) -> float:
        """The share of the training in which magnitudes are drawn evenly, in [0, 1)."""
        return self.row.warmup or 0.0 if self.warmup is None else self.warmup

    @property
    def depends_on_end(self) -> bool:
        """Whether magnitudes depend on how long the training will be, so that it cannot go on to another end."""
        return self.row.by_progress or self.warmup_share > 0


def in_force(*layers: Adaptive | None) -> Adaptive | None:
    """The first that is there, such as a stage's before its policy's; None where that is "off", or none is."""
    first = next((adaptive for adaptive in layers if adaptive is not None), None)
    return None if first is None or first.rule == OFF else first


def adaptive_in_words(adaptive: Adaptive) -> str:
    """One line: what takes the place of the draw, from when on, and what that costs."""
    if adaptive.rule == OFF:
        return "magnitudes drawn again"
    late = f" from {adaptive.warmup_share:.0%} of the training on" if adaptive.warmup_share else ""
    cost = f", {adaptive.row.passes:g} forward passes more per step" if adaptive.row.passes else ""
    return f"magnitudes of each image by {adaptive.rule}{late}: {adaptive.row.about}{cost}"
