"""A task of a search: what its children learn, and what is usual for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Needs = Literal["labels", "nothing", "texts", "label-sets", "numbers", "masks", "function"]
"""What a task needs of its data besides images.

With "nothing" labels may be there, and are used to judge; with "label-sets" an image has any number of labels, with
"numbers" one number or more. With "function" labels may be there too, and so may no data at all: a training function
reads what it needs.
"""


@dataclass(frozen=True)
class Task:
    """What the children of a search learn, and what is usual for it.

    In every task the metrics `accuracy` and `loss` are its headline share and its loss, so that whatever compares
    policies need not know the task.

    Attributes:
        name: as `--task` takes it.
        text: what it is, in a sentence without its full stop.
        needs: of its data.
        fixed: presets that every search pulls and confirms, the simplest first.
        headline: what `accuracy` is a share of, in [0, 1], as the clause after a metric's name.
        short: what `accuracy` is called in tables and on axes.
        loss: what `loss` is.
        metrics: its further metrics by name, with what they are; None: those of classification.
        rewards: further examples of rewards, with what they mean and when they mislead.
        defaults: settings with another default than in classification, by name.
        recipe: likewise those of the recipe.
        refused: what it cannot do, by setting or command, with why, as a clause.
        open_metrics: whether its trainings may return metrics that nobody knows before, which rewards may name too.
    """

    name: str
    text: str
    needs: Needs
    fixed: tuple[str, ...]
    headline: str
    short: str
    loss: str
    metrics: Mapping[str, str] | None = None
    rewards: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    open_metrics: bool = False

    @property
    def has_numbers(self) -> bool:
        """Whether its children predict numbers, which only some steps keep: the user says which."""
        return self.needs == "numbers"

    @property
    def has_classes(self) -> bool:
        """Whether its children predict the classes of the data."""
        return self.needs == "labels"
