"""The settings of an evaluation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from policysearch.core.errors import UserError
from policysearch.core.files import separated
from policysearch.core.settings import Settings
from policysearch.policy.presets import ADAPTIVE
from policysearch.study.settings import ExperimentSettings, PullSettings

AUTO = "auto"
GRID = "randaugment-grid"
"""Among the policies compared with: RandAugment of the N and M that are best on validation."""
FREE = "best-free"
"""Among the policies compared with: the best on validation of all that cost no search."""
_SHARE, _LEAST = 4, 4
_BEFORE = ("", "flip+", "crop+", "flip-crop+")


class TrainingSettings(ExperimentSettings, PullSettings):
    """How the networks of an evaluation are trained: settings that it shares with searches."""


class EvaluateSettings(Settings):
    """What a policy is compared with, and how often."""

    against: Annotated[
        str,
        Field(
            description="fixed policies, separated by commas (see `policysearch presets`); "
            f"{GRID} is RandAugment with N and M chosen on validation, and {FREE} the best on validation of all that "
            "are free: nothing, RandAugment's grid, TrivialAugment and CIFAR-10's AutoAugment, each as it is, after a "
            "flip, after a crop and after both"
        ),
    ] = f"identity,flip-crop,trivialaugment-wide,{FREE}"
    also: Annotated[
        str | None,
        Field(
            description="further policies, files or folders of searches separated by commas, that are trained and "
            "reported but do not count as fixed ones"
        ),
    ] = None
    adaptive: Annotated[
        bool,
        Field(
            description=f"compare with {', '.join(ADAPTIVE)} too, which adapt to each image as the network trains; "
            "together they cost about four policies"
        ),
    ] = False
    seeds: Annotated[
        int, Field(ge=2, le=1000, description="networks of each policy, on replicates that all policies share")
    ] = 10
    grid_n: Annotated[str, Field(description=f"of {GRID} and {FREE}: operations an image, separated by commas")] = "1,2"
    grid_m: Annotated[str, Field(description=f"of {GRID} and {FREE}: levels 0 to 30, separated by commas")] = "4,9,14"
    grid_seeds: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            description=f"of {GRID}: networks of each N and M, on replicates of their own; of {FREE}: networks more of "
            "the best quarter",
        ),
    ] = 2

    equal_cost: Annotated[
        str | None,
        Field(
            description="compare also with what the search would have paid for under the best fixed policy, an "
            "ensemble and a tuning of rate and weight decay: the number of long trainings it cost, or "
            f"{AUTO} to count them"
        ),
    ] = None
    ensemble: Annotated[
        int, Field(ge=2, le=100, description="most networks of that ensemble, however much the search cost")
    ] = 5

    @property
    def names(self) -> list[str]:
        """The policies compared with, each once, those that adapt to each image at the end where they are wanted.

        A number after a comma belongs to the name before it.

        Raises:
            UserError: there is none, or one is named twice.
        """
        out: list[str] = []
        for part in filter(None, (text.strip() for text in self.against.split(","))):
            if out and ":" in out[-1] and re.fullmatch(r"[\d.]+", part):
                out[-1] += f",{part}"
            else:
                out.append(part)
        if not out or len({*out}) < len(out):
            raise UserError(f"--against must name one or more policies, each once, got {self.against!r}")
        return [*out, *(name for name in ADAPTIVE if self.adaptive and name not in out)]

    @property
    def trainings(self) -> int | None:
        """The trainings that the search cost as they are given; None where they are to be counted, 0 for none.

        Raises:
            UserError: it is no such number.
        """
        text = self.equal_cost
        if text is None:
            return 0
        if text == AUTO:
            return None
        if not text.isdecimal() or not 1 <= int(text) <= 10_000:
            raise UserError(f"--equal-cost must be {AUTO} or a whole number in 1..10000, got {text!r}")
        return int(text)

    @property
    def others(self) -> list[str]:
        """Where the further policies are."""
        return separated(self.also)

    @property
    def fixed(self) -> list[str]:
        """Those of them that are presets."""
        return [name for name in self.names if name not in (GRID, FREE)]

    @property
    def grid(self) -> list[str]:
        """The presets of RandAugment's grid; empty where it is not asked for.

        Raises:
            UserError: N or M are no numbers.
        """
        return self._randaugments if GRID in self.names else []

    @property
    def free(self) -> list[str]:
        """The presets of which the best is taken, none twice; empty where that is not asked for.

        Raises:
            UserError: N or M are no numbers.
        """
        if FREE not in self.names:
            return []
        bases = ["identity", "trivialaugment-wide", "autoaugment-cifar10", *self._randaugments]
        names = [f"{before}{base}" for base in bases for before in _BEFORE]
        return ["flip-crop" if name == "flip-crop+identity" else name for name in names]

    @property
    def choosing(self) -> int:
        """The trainings that choosing on validation takes.

        Raises:
            UserError: N or M are no numbers.
        """
        of_grid = len(self.grid) * self.grid_seeds
        return of_grid + (len(self.free) + survivor_count(len(self.free)) * self.grid_seeds if self.free else 0)

    @property
    def _randaugments(self) -> list[str]:
        levels = _whole(self.grid_m, "--grid-m")
        return [f"randaugment:{n},{m}" for n in _whole(self.grid_n, "--grid-n") for m in levels]


def survivor_count(count: int) -> int:
    """How many of so many free policies go on after one network each: a quarter, four at least."""
    return min(count, max(_LEAST, math.ceil(count / _SHARE)))


def _whole(text: str, flag: str) -> Sequence[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts) or len({*parts}) < len(parts):
        raise UserError(f"{flag} must be whole numbers separated by commas, each once, got {text!r}")
    return [int(part) for part in parts]
