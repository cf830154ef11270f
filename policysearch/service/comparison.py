"""Several searches side by side: what each found of every policy, and differences where they mean something."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from policysearch.stats.estimate import Estimate

MOST = 6
"""Searches that are compared at once."""
_DATA = ("data", "resize", "aspect", "background", "image_column", "label_column", "skip_damaged")
_SPLIT = ("validation", "split_seed", "group")
_EFFORT = ("images", "epochs", "model", "recipe")
_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        **{"data": "fashion-small", "aspect": "crop", "background": "white", "skip_damaged": False},
        **{"split_seed": 0, "reward": "accuracy", "images": 500, "epochs": 80, "model": "quick-resnet-wide"},
    }
)
"""What a request means where it does not say: the defaults of the settings."""


@dataclass(frozen=True)
class Finding:
    """One policy in one search: its mean reward with a 95 % interval, over so many pulls."""

    estimate: Estimate
    pulls: int


@dataclass(frozen=True)
class SearchFindings:
    """What one search has found.

    Attributes:
        id: of the job.
        title: what it is called.
        settings: its request, with what a resume changed.
        digest: of its images and labels; empty where it is not known yet.
        policies: by name.
    """

    id: str
    title: str
    settings: Mapping[str, Any]
    digest: str
    policies: Mapping[str, Finding]

    def setting(self, name: str) -> Any:
        """A setting, or its default."""
        value = self.settings.get(name)
        return _DEFAULTS.get(name) if value is None else value

    @property
    def reward(self) -> str:
        """What its pulls are worth."""
        return str(self.setting("reward")).replace(" ", "")


def findings_of(job_id: str, title: str, settings: Mapping[str, Any], live: Mapping[str, Any]) -> SearchFindings:
    """The findings in the live summary of a job."""
    policies = {}
    for row in live.get("leaderboard") or ():
        mean, low, high = (number_or_nan(row.get(key)) for key in ("mean", "low", "high"))
        if math.isfinite(mean):
            policies[str(row.get("name"))] = Finding(Estimate(mean, low, high), int(row.get("pulls") or 0))
    return SearchFindings(job_id, title, settings, str(live.get("digest") or ""), policies)


def number_or_nan(value: Any) -> float:
    """A number of live.json; nan for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def obstacles(first: SearchFindings, other: SearchFindings) -> list[str]:
    """Why the rewards of two searches do not compare; empty where they do.

    Example:
        >>> one = SearchFindings("1", "one", {"data": "fashion-small"}, "", {})
        >>> two = SearchFindings("2", "two", {"data": "fashion-small", "reward": "loss"}, "", {})
        >>> obstacles(one, two)
        ['other reward (loss, not accuracy)']
    """
    reasons = []
    if first.digest and other.digest:
        same_images = first.digest == other.digest
    else:
        same_images = all(first.setting(name) == other.setting(name) for name in _DATA)
    if not same_images:
        reasons.append(f"other images ({other.setting('data')}, not {first.setting('data')})")
    if any(first.setting(name) != other.setting(name) for name in _SPLIT):
        reasons.append("other split into training and validation images")
    if first.reward != other.reward:
        reasons.append(f"other reward ({other.reward}, not {first.reward})")
    return reasons


def cautions(first: SearchFindings, other: SearchFindings) -> list[str]:
    """What else differs between two searches that compare: a part of each difference is due to it."""
    return [
        f"{name} {other.setting(name)}, not {first.setting(name)}" for name in _EFFORT if _differs(first, other, name)
    ]


def _differs(first: SearchFindings, other: SearchFindings, name: str) -> bool:
    return bool(first.setting(name) != other.setting(name))


def shared_policies(searches: Sequence[SearchFindings], most: int = 50) -> list[str]:
    """Policies of any of the searches: those that most of them have first, then the best mean first."""
    names = {name for search in searches for name in search.policies}

    def rank(name: str) -> tuple[int, float, str]:
        means = [search.policies[name].estimate.mean for search in searches if name in search.policies]
        return -len(means), -max(means), name

    return sorted(names, key=rank)[:most]
