"""The winner of a search that has ended, as its policy.json says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class RecordedWinner:
    """What a tracker says of the winner.

    Attributes:
        name: of its policy.
        use: the policy to train with.
        finding: as in `WinnerVerdict`.
        sentence: the verdict.
        leads: its differences to fixed policies by their names, and the intervals' ends, in the reward's unit.
    """

    name: str
    use: str
    finding: str
    sentence: str
    leads: Mapping[str, float] = field(default_factory=dict)


def recorded_winner(folder: Path) -> RecordedWinner | None:
    """The winner in a run's folder, or None where there is none."""
    path = folder / "policy.json"
    if not path.exists():
        return None
    policy = Policy.load(path)
    about = policy.about
    leads = {}
    for other, difference in about.get("paired_difference_to", {}).items():
        ends = {"": "mean", "/low": "low", "/high": "high"}
        leads.update({f"{other}{end}": difference[key] for end, key in ends.items() if difference[key] is not None})
    return RecordedWinner(policy.name, about["use"], about["finding"], about["verdict"], leads)
