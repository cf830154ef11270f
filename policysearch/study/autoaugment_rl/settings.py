"""The constants of AutoAugment's controller, and their text after the strategy's name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from policysearch.core.errors import UserError, shortened
from policysearch.core.parameters import check_ranges, typed_parameters

NAME = "autoaugment-rl"
Update = Literal["ppo", "reinforce"]


@dataclass(frozen=True)
class ControllerSettings:
    """How the controller is built and trained.

    The defaults are those of Cubuk et al. 2018 (arXiv 1805.09501, section 3), who took them from Zoph et al. 2018
    (arXiv 1707.07012); `batch` and `passes` neither paper gives. `temperature` and `tanh` come from Bello et al. 2017;
    ENAS (Pham et al. 2018) sets them to 5 and 2.5, AutoAugment names neither.

    Attributes:
        update: "ppo" (Schulman et al. 2017, equation 7) or "reinforce" (Williams 1992).
        batch: trials of an update, those without a reward included.
        passes: gradient steps of PPO on every batch; REINFORCE takes one.
        rate: learning rate of Adam.
        entropy: weight of the mean entropy, which is added to the objective.
        baseline: weight of the past in the moving average of rewards that is subtracted from a reward.
        clip: how far from 1 PPO lets the ratio of probabilities count.
        hidden: units of the LSTM, and of the embeddings of what it has written.
        temperature: by which logits are divided.
        tanh: where above 0, a logit x becomes tanh · tanh(x).
        best: policies of the search that are concatenated at its end.
    """

    update: Update = "ppo"
    batch: int = 10
    passes: int = 10
    rate: float = 0.00035
    entropy: float = 0.00001
    baseline: float = 0.95
    clip: float = 0.2
    hidden: int = 100
    temperature: float = 1.0
    tanh: float = 0.0
    best: int = 5

    def __post_init__(self) -> None:
        if self.update not in get_args(Update):
            raise UserError(f"strategy {NAME}: update is ppo or reinforce, got {shortened(str(self.update))!r}")
        check_ranges(self, _RANGES, f"strategy {NAME}")


_FEWEST_PULLS = 200

_RANGES: dict[str, tuple[float, float]] = {
    "batch": (1, 1000),
    "passes": (1, 100),
    "rate": (1e-8, 1),
    "entropy": (0, 1e6),
    "baseline": (0, 1),
    "clip": (1e-3, 0.999),
    "hidden": (1, 1000),
    "temperature": (0.01, 100),
    "tanh": (0, 100),
    "best": (1, 50),
}


def parsed_settings(spec: str) -> ControllerSettings:
    """The settings in `autoaugment-rl:parameter=value,...`; those that are missing have their defaults.

    Raises:
        UserError: an unknown parameter, one that is there twice, or a value that is no number or out of range.

    Example:
        >>> parsed_settings("autoaugment-rl:update=reinforce,batch=20").batch
        20
        >>> parsed_settings("autoaugment-rl:batch=0")
        Traceback (most recent call last):
        ...
        policysearch.core.errors.UserError: strategy autoaugment-rl: batch must lie in [1, 1000], got 0
    """
    defaults = {field.name: field.default for field in fields(ControllerSettings)}
    return ControllerSettings(**typed_parameters(spec.partition(":")[2], defaults, f"strategy {NAME}"))


def too_few_pulls(spec: str, pulls: int) -> str:
    """A sentence of warning where a search has too few pulls for the controller to learn; else empty.

    Args:
        spec: the strategy.
        pulls: of the search.
    """
    if pulls >= _FEWEST_PULLS:
        return ""
    updates = (pulls - 1) // parsed_settings(spec).batch
    return (
        f"{pulls} pulls are too few for {NAME}: its controller learns {updates} time{'s' * (updates != 1)}, and on "
        f"planted rewards it did better than chance after some {_FEWEST_PULLS} (the paper took 15,000); "
        "give more --trials, or take ucb or tpe"
    )
