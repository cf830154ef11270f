"""How a child is trained otherwise than the others of its experiment, as a value: no torch in here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from policysearch.child.recipe import Recipe

_KIND = "variant"


@dataclass(frozen=True)
class Variant:
    """What one trial changes: numbers of the recipe, how many networks answer together, and whether one is kept.

    Attributes:
        members: networks of an ensemble, 1 or more; their probabilities are averaged.
        rate: highest learning rate; None: the experiment's.
        weight_decay: None: the experiment's.
        networks: folder in which the trained network is kept; empty: it is not.

    Example:
        >>> Variant.from_json(Variant(members=5).to_json())
        Variant(members=5, rate=None, weight_decay=None, networks='')
    """

    members: int = 1
    rate: float | None = None
    weight_decay: float | None = None
    networks: str = ""

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with this variant's numbers in place of its own."""
        numbers = {"rate": self.rate, "weight_decay": self.weight_decay}
        return recipe.model_copy(update={name: number for name, number in numbers.items() if number is not None})

    def to_json(self) -> str:
        """The variant as one line of JSON; `from_json` takes it back."""
        return json.dumps({"kind": _KIND, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Variant | None:
        """The variant that `to_json` has written; None for another kind of task."""
        content = json.loads(text)
        return cls(**content) if content.pop("kind", None) == _KIND else None
