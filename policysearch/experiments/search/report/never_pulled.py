"""Arms of the space that the search has not tried."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.data import Material
from policysearch.study.by_class.settings import NAME as BY_CLASS
from policysearch.study.strategies import chooses_from_list

NAMED = 6
"""Arms that a sentence names."""


def never_pulled(material: Material) -> list[str] | None:
    """The names of the arms that were never pulled; None where the strategy does not choose from a list of arms."""
    strategy = material.config.strategy
    if not chooses_from_list(strategy) and strategy.partition(":")[0] != BY_CLASS:
        return None
    try:
        arms = material.space.arms(material.config.seed)
    except UserError:  # of a version with other presets
        return None
    pulled = {row.arm.key for row in material.searched}
    return [label_of(arm) for arm in arms if arm.key not in pulled]


def coverage_in_words(material: Material) -> str:
    """A sentence: how much of the space was tried, and the arms that were not, as far as they are few."""
    tried = len({row.arm.key for row in material.searched})
    missing = never_pulled(material)
    if missing is None:
        return f"Tried were {tried:,} of the space's {material.space.size:,} assignments of parameters."
    if not missing:
        return f"Each of the {tried:,} arms was pulled."
    names = ", ".join(missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
    return f"Never pulled: {len(missing):,} of the {tried + len(missing):,} arms ({names})."
