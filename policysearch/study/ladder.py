"""The fidelities of a search, cheapest first, and the child that a promoted pull goes on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from policysearch.core.errors import UserError
from policysearch.rules import RULES
from policysearch.rules.registry import parse_rule
from policysearch.rules.successive_halving import Hyperband, Promoting
from policysearch.study.config import SearchConfig
from policysearch.study.continuation_checks import must_be_continuable
from policysearch.study.populations.settings import is_population, parse_population
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.trial_store import TrialStore

_CONTINUED: tuple[str, ...] = ("trunk",)
"""Those whose children are continued unless something else is asked for."""


def uses_fidelities(spec: str) -> bool:
    """Whether that strategy chooses how much training a pull buys."""
    name = spec.partition(":")[0]
    return name in RULES and "fidelities" in RULES[name][1].needs


def ladder(config: SearchConfig) -> tuple[tuple[int, int], ...]:
    """(images, epochs) of a search's pulls, cheapest first.

    Strategies of several fidelities have images, images/eta, ... at the same epochs; where promoted pulls continue
    their child, epochs, epochs/eta, ... on the same images. Populations have the epochs at which intervals end.
    """
    if is_population(config.strategy):
        return tuple((config.images, end) for end in parse_population(config.strategy).ends(config.epochs))
    if not uses_fidelities(config.strategy):
        return ((config.images, config.epochs),)
    eta = _rule(config).eta
    steps = [eta**step for step in reversed(range(config.rungs))]
    if continues(config):
        return tuple((config.images, max(1, round(config.epochs / step))) for step in steps)
    return tuple((max(1, round(config.images / step)), config.epochs) for step in steps)


def continues(config: SearchConfig) -> bool:
    """Whether promoted pulls of a search go on with the child of the fidelity below."""
    wanted_by_schedule = config.promote == "auto" and config.recipe.schedule in _CONTINUED
    return uses_fidelities(config.strategy) and (config.promote == "continue" or wanted_by_schedule)


def keeps_children(config: SearchConfig) -> bool:
    """Whether the last state of every child of a search is kept, for trials that go on from it.

    Example:
        >>> from policysearch.child.recipe import Recipe
        >>> trunk = Recipe(schedule="trunk")
        >>> [keeps_children(SearchConfig(strategy=name, recipe=trunk)) for name in ("asha:eta=3", "ucb")]
        [True, False]
    """
    return is_population(config.strategy) or continues(config)


def longest_pull(config: SearchConfig) -> tuple[int, int]:
    """(images, epochs) that the most expensive pull of a search trains, what it continues not counted."""
    if not continues(config) or isinstance(_rule(config), Hyperband):  # whose brackets begin at every fidelity
        return config.images, config.epochs
    ends = [0, *(epochs for _, epochs in ladder(config))]
    return config.images, max(end - begin for begin, end in pairwise(ends))


def trained_epochs(store: TrialStore, row: Row) -> int:
    """Epochs that the last attempt of a trial that ended has really trained, 1 or more."""
    _, epochs = store.size(row)
    return max(1, int(row.outcome.metrics.get("trained_epochs", epochs - row.begin)))


def must_be_climbable(config: SearchConfig) -> None:
    """Check that promoted pulls can continue their child, where they are to.

    Raises:
        UserError: the schedule cannot be continued, or the epochs are too few for the fidelities.
    """
    if not continues(config):
        return
    must_be_continuable(config.recipe)
    epochs = [end for _, end in ladder(config)]
    if len(set(epochs)) < len(epochs):
        raise UserError(
            f"--epochs {config.epochs} are too few for {config.rungs} rungs, which would end at "
            f"{', '.join(map(str, epochs))}: give more --epochs, or fewer --rungs"
        )


def _rule(config: SearchConfig) -> Promoting:
    rule = parse_rule(config.strategy, "strategy")
    assert isinstance(rule, Promoting), rule
    return rule


@dataclass(frozen=True)
class Origin:
    """Where a pull begins.

    Attributes:
        replicate: of the arm.
        parent: number of the trial whose child it continues; None where it begins with nothing.
    """

    replicate: int
    parent: int | None = None


def origin_of(rows: Sequence[Row], key: str, fidelity: int) -> Origin:
    """Which child the next pull of an arm at a fidelity above the cheapest goes on with; the record alone decides.

    The child of the lowest replicate that has a reward one fidelity lower and was not continued yet; where all were,
    one whose continuations all failed, those that failed least first. Where there is none, as when a bracket of
    Hyperband begins at this fidelity, a new child of the lowest replicate that was not pulled here.

    Args:
        rows: the trials of the search.
        key: of the arm.
        fidelity: index of the pull's fidelity, 1 or more.
    """
    of_arm = [row for row in rows if row.arm.key == key]
    here = [row for row in of_arm if row.fidelity == fidelity]
    below = {row.replicate: row for row in of_arm if row.fidelity == fidelity - 1 and row.state == COMPLETE}

    settled = {row.replicate for row in here if row.state != FAILED}
    failures = Counter(row.replicate for row in here if row.state == FAILED)
    waiting = sorted((failures[replicate], replicate) for replicate in below if replicate not in settled)
    if waiting:
        replicate = waiting[0][1]
        return Origin(replicate, below[replicate].number)

    pulled = {row.replicate for row in here}
    return Origin(next(j for j in range(len(pulled) + 1) if j not in pulled))
