"""What a worker is asked for when a policy is scored on a held-out fold, as a value: no torch in here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class FoldTask:
    """Score a policy by the network of one fold, which has seen the other folds without augmentation.

    Attributes:
        folds: how many there are.
        fold: which is held out, from 0.
        split_seed: draws the folds; the same for all of a search.
        draws: of each held-out image; the best counts.
        folder: where the folds' networks are kept.
        trains: whether what the training measured is reported too, as by the trial that trains the network.
    """

    folds: int
    fold: int
    split_seed: int
    draws: int
    folder: str
    trains: bool = False

    def to_json(self) -> str:
        """The task as one line of JSON; `from_json` takes it back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FoldTask:
        """The task that `to_json` has written."""
        return cls(**json.loads(text))
