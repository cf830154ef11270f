"""The ways to predict that are compared: one pass, the classics, random draws of the training policy, learned views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from policysearch.policy.tta import CLASSICS, TtaPolicy, View

Kind = Literal["learned", "prefix", "classic", "draws"]
PLAIN = "identity"
"""The classic of one pass over the image as it is."""
LEARNED = "learned"
_DRAWS = (2, 5, 10)
"""Draws that are compared, besides as many as the learned views."""


@dataclass(frozen=True)
class Way:
    """One way to predict: the mean over some views.

    Attributes:
        name: different for all ways of a search.
        kind: the learned views, their first few, a classic, or draws of the training policy.
        passes: forward passes per image, a view each.
        views: what they are; empty for draws, which differ from image to image.
    """

    name: str
    kind: Kind
    passes: int
    views: tuple[View, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` takes them back."""
        views = [view.model_dump(mode="json") for view in self.views]
        return {"name": self.name, "kind": self.kind, "passes": self.passes, "views": views}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Way:
        """The way that `to_json` has written."""
        views = tuple(View.model_validate(view) for view in fields["views"])
        return cls(fields["name"], fields["kind"], int(fields["passes"]), views)

    def policy(self, temperature: float, about: Mapping[str, Any]) -> TtaPolicy:
        """The way as a test-time policy, which draws are not."""
        return TtaPolicy(name=self.name, views=self.views, temperature=temperature, about=dict(about))


def ways(learned: Sequence[View]) -> tuple[Way, ...]:
    """Everything that is judged: the learned views and their beginnings, the classics, and draws."""
    count = len(learned)
    prefixes = [Way(f"{LEARNED}, first {n}", "prefix", n, tuple(learned[:n])) for n in range(1, count)]
    classics = [Way(name, "classic", len(views), views) for name, views in CLASSICS.items()]
    draws = [Way(f"{n} draw{'s' * (n > 1)}", "draws", n) for n in sorted({*_DRAWS, count})]
    return (Way(LEARNED, "learned", count, tuple(learned)), *prefixes, *classics, *draws)


def most_draws(most_views: int) -> int:
    """Draws of the training policy that may be needed, before the number of learned views is known."""
    return max(*_DRAWS, most_views)


def of_equal_cost(compared: Sequence[Way]) -> list[Way]:
    """The ways that are not learned and take no more passes than the learned views."""
    (learned,) = [way for way in compared if way.kind == "learned"]
    return [way for way in compared if way.kind in ("classic", "draws") and way.passes <= learned.passes]
