"""The settings of a search of a test-time policy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policysearch.core.settings import Settings

RANDAUGMENT, SPACE = "randaugment", "space"
"""Where candidate views are drawn from, besides policies by name: RandAugment's operations at magnitudes of their whole
ranges, and the arms of the search's space."""


class TtaSettings(Settings):
    """What views are chosen from, and how many networks say which are good.

    Example:
        >>> settings = TtaSettings(views=5)
        >>> settings.seeds, settings.views, settings.candidates
        (5, 5, 100)
    """

    seeds: Annotated[
        int, Field(ge=2, le=1000, description="networks under the policy, trained as `evaluate` trains them")
    ] = 5
    views: Annotated[
        int,
        Field(ge=1, le=100, description="most views of the learned test-time policy, which are its passes per image"),
    ] = 10
    candidates: Annotated[
        int,
        Field(
            ge=1, le=10_000, description="views to choose from: those of the classic ones, and drawn ones up to this"
        ),
    ] = 100
    candidates_from: Annotated[
        str,
        Field(
            description=f"what candidates are drawn from: {RANDAUGMENT} (its operations at magnitudes of their whole "
            f"ranges), {SPACE} (all arms of the search's space), or a policy: a preset's name or PATH.json"
        ),
    ] = RANDAUGMENT
