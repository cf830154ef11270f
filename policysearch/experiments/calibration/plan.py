"""The plan of a calibration: its ladder of cheap pulls, cut to a budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from policysearch.core.errors import UserError
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.plan import Plan

FEWEST_ARMS, FEWEST_SEEDS, FEWEST_RUNGS = 6, 2, 2
"""A calibration that is cut to a budget keeps at least these."""
_MOST_IMAGES, _EPOCHS = 10_000, 40
_RUNGS = ((4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (4, 0.5))
"""Cheap pulls: images divided by, epochs times. In the order in which a budget keeps them."""


@dataclass(frozen=True)
class Draft:
    """What is to be trained.

    Attributes:
        arms: how many.
        ladder: cheap fidelities; a budget leaves out the last ones first.
        seeds, long_seeds: replicates of each arm at a cheap fidelity and at the long one.
    """

    arms: int
    ladder: tuple[Fidelity, ...]
    long: Fidelity
    seeds: int
    long_seeds: int

    @property
    def pulls(self) -> dict[Fidelity, int]:
        """Pulls by fidelity, the long trainings last."""
        return {**dict.fromkeys(self.ladder, self.arms * self.seeds), self.long: self.arms * self.long_seeds}

    def plan(self, budget: float | None = None) -> Plan:
        """As `record_table` takes it."""
        counts = [*(f"{f}:{self.seeds}" for f in self.ladder), f"{self.long}:{self.long_seeds}"]
        return Plan(fidelities=",".join(counts), arms=self.arms, budget=budget)

    def cost(self, seconds: Callable[[Fidelity], float]) -> float:
        """Worker-seconds of all pulls, by those of one."""
        return math.fsum(pulls * seconds(f) for f, pulls in self.pulls.items())


def ladder_below(long: Fidelity, fewest: int) -> tuple[Fidelity, ...]:
    """The cheap pulls that are tried below a long training, in the order in which a budget keeps them.

    Args:
        fewest: images that a pull needs, two per class.
    """
    cheap = [Fidelity(long.images // parts, max(1, int(long.epochs * times))) for parts, times in _RUNGS]
    return tuple(f for f in dict.fromkeys(cheap) if f.images >= fewest and f.cost < long.cost)


def drafted(settings: CalibrateSettings, arms: int, images: int, classes: int) -> Draft:
    """What the settings ask for.

    Args:
        arms: of the space.
        images: of the training side.
        classes: of the data.

    Raises:
        UserError: a fidelity that cannot be read, a cheap one that is not cheaper than the long one, or no cheap
            one that suits the data.
    """
    long = Fidelity.parse(settings.long) if settings.long else Fidelity(min(images, _MOST_IMAGES), _EPOCHS)
    if settings.ladder:
        ladder = tuple(dict.fromkeys(Fidelity.parse(part) for part in settings.ladder.split(",")))
        costly = [f for f in ladder if f.cost >= long.cost]
        if costly:
            raise UserError(
                f"--long must be more expensive than every pull of --ladder: {costly[0]} is not cheaper than {long}"
            )
    else:
        ladder = ladder_below(long, 2 * classes)
    if not ladder:
        raise UserError(
            f"no pull cheaper than --long {long} has two images for each of {classes} classes: "
            "give a longer --long, or a --ladder"
        )
    return Draft(min(settings.arms, arms), ladder, long, settings.seeds, settings.long_seeds)


def fitted_to(draft: Draft, budget: float, seconds: Callable[[Fidelity], float]) -> Draft:
    """The draft cut until its forecast is within the budget: replicates first, then arms, then cheap fidelities.

    Args:
        budget: worker-seconds.
        seconds: of one pull.

    Raises:
        UserError: even the smallest calibration costs more; the message says how much.
    """
    drafts = _cuts(draft)
    for smaller in drafts:
        if smaller.cost(seconds) <= budget:
            return smaller
    least = drafts[-1]
    raise UserError(
        f"--budget {budget:g} worker-seconds is too small: even {least.arms} arms × {least.seeds} replicates at "
        f"{len(least.ladder)} cheap pulls and {least.long} take about {math.ceil(least.cost(seconds))}: give that, "
        "or a cheaper --long"
    )


def _cuts(draft: Draft) -> list[Draft]:
    """The draft, and ever smaller ones."""
    out = [draft]
    for seeds in range(max(draft.seeds, draft.long_seeds) - 1, FEWEST_SEEDS - 1, -1):
        out.append(replace(draft, seeds=min(draft.seeds, seeds), long_seeds=min(draft.long_seeds, seeds)))
    for arms in range(draft.arms - 1, FEWEST_ARMS - 1, -1):
        out.append(replace(out[-1], arms=arms))
    for rungs in range(len(draft.ladder) - 1, FEWEST_RUNGS - 1, -1):
        out.append(replace(out[-1], ladder=draft.ladder[:rungs]))
    return out


def cut_in_words(full: Draft, cut: Draft) -> str:
    """What a budget left out of the full draft; empty if nothing."""
    counts = (
        ("arms", full.arms, cut.arms),
        ("cheap replicates", full.seeds, cut.seeds),
        ("long replicates", full.long_seeds, cut.long_seeds),
    )
    less = [f"{after} {what} instead of {before}" for what, before, after in counts if after < before]
    gone = [str(f) for f in full.ladder if f not in cut.ladder]
    less += [f"no {', '.join(gone)}"] if gone else []
    return f"To fit the budget: {'; '.join(less)}." if less else ""
