"""What is to be recorded: fidelities, replicates, and more of them for the best arms."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated

from pydantic import Field

from policysearch.core.errors import UserError
from policysearch.core.settings import Settings
from policysearch.datasets.config import DataSettings
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.study.settings import ExperimentSettings, RewardSettings, SpaceSettings

Cell = tuple[int, int, int]
"""Indices of arm and fidelity, and the replicate."""


class TrainingSettings(ExperimentSettings, SpaceSettings, RewardSettings):
    """How the pulls of a table are trained: settings that it shares with searches."""


class TableSettings(TrainingSettings, DataSettings):
    """All settings that a table shares with searches; those that are fixed or reported are written into it."""


class Plan(Settings):
    """What `policysearch record` records."""

    fidelities: Annotated[
        str, Field(description="IMAGESxEPOCHS, separated by commas, each with replicates of its own after a colon: x:5")
    ] = "500x80,1000x40,4000x40:5"
    seeds: Annotated[int, Field(ge=1, le=1000, description="replicates of every arm and fidelity")] = 6
    arms: Annotated[
        int,
        Field(ge=0, description="arms recorded: the fixed baselines, then evenly over the families; 0: all"),
    ] = 0
    best: Annotated[
        int, Field(ge=0, description="arms, the best by reward at the last fidelity, that get more replicates there")
    ] = 0
    best_seeds: Annotated[int, Field(ge=1, le=1000, description="replicates of those arms in all")] = 10
    budget: Annotated[
        float | None, Field(gt=0, description="worker-seconds after which no further pull is started")
    ] = None

    @cached_property
    def replicates(self) -> dict[Fidelity, int]:
        """Replicates of every arm by fidelity, cheapest first.

        Raises:
            UserError: a fidelity that cannot be read, or is named twice.
        """
        out: dict[Fidelity, int] = {}
        for text in self.fidelities.split(","):
            name, _, count = text.partition(":")
            fidelity = Fidelity.parse(name)
            if fidelity in out:
                raise UserError(f"--fidelities names {fidelity} twice, got {self.fidelities!r}")
            if count and not (count.isdecimal() and 0 < int(count) <= 1000):
                raise UserError(f"--fidelities: after the colon stand replicates, 1 to 1000, got {text!r}")
            out[fidelity] = int(count or self.seeds)
        return dict(sorted(out.items(), key=lambda item: (item[0].cost, item[0].images)))

    def cells(self, arms: int) -> Iterator[Cell]:
        """Every cell for all arms: a fidelity after the other, and in each a replicate after the other."""
        for f, count in enumerate(self.replicates.values()):
            for replicate in range(count):
                for arm in range(arms):
                    yield arm, f, replicate

    def further(self, best: list[int]) -> Iterator[Cell]:
        """The further cells of the best arms, the best first."""
        last = len(self.replicates) - 1
        for replicate in range([*self.replicates.values()][last], self.best_seeds):
            for arm in best[: self.best]:
                yield arm, last, replicate
