"""The parameters of the strategy `density`, and what follows from them for a search's other settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from policysearch.core.errors import UserError
from policysearch.core.parameters import check_ranges, typed_parameters

if TYPE_CHECKING:
    from policysearch.study.config import SearchConfig

DENSITY = "density"
_SCORES = {"loss": "-held_out_loss", "accuracy": "held_out_accuracy"}
"""What scores a policy on its fold -> the reward that says so."""
_EVALUATIONS = 40
"""Of each round of each fold, where `trials` is left open."""
_DEFAULT_REWARD = "accuracy"
_RANGES = {"folds": (2, 1000), "best": (1, 1000), "rounds": (1, 1000), "draws": (1, 1000)}


@dataclass(frozen=True)
class DensitySettings:
    """Fast AutoAugment's constants (Lim et al. 2019, algorithm 1); numbers are 1000 at most.

    Attributes:
        folds: K, of the training part; as many networks are trained. The paper has 5.
        best: N, policies that each round of each fold contributes. The paper has 10.
        rounds: T, searches on each fold that know nothing of each other. The paper has 2.
        draws: of each held-out image, of which the best counts. The paper has 1, the authors' code 5.
        score: loss, as in the paper; or accuracy, as in the authors' code.
    """

    folds: int = 5
    best: int = 10
    rounds: int = 2
    draws: int = 1
    score: str = "loss"

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES, "strategy density")
        if self.score not in _SCORES:
            raise UserError(f"strategy density: score must be loss or accuracy, got {self.score!r}")

    @property
    def reward(self) -> str:
        """The reward of a search by these settings."""
        return _SCORES[self.score]

    @property
    def chains(self) -> int:
        """Searches that know nothing of each other: one for each round of each fold."""
        return self.folds * self.rounds

    @property
    def fewest_trials(self) -> int:
        """The folds' trainings, and as many evaluations as there are policies to merge."""
        return self.folds + self.chains * self.best

    @property
    def usual_trials(self) -> int:
        """Trials where a person gives none: 40 evaluations a round of a fold, or twice the policies to merge."""
        return self.folds + self.chains * max(_EVALUATIONS, 2 * self.best)

    @property
    def name(self) -> str:
        """What the merged policy is called."""
        return f"density(folds={self.folds}, best={self.best}, rounds={self.rounds})"


def density_settings(spec: str) -> DensitySettings | None:
    """The parameters of a strategy that is `density` or `density:NAME=VALUE,...`; None for any other strategy.

    Raises:
        UserError: unknown parameter, or a value out of range.

    Example:
        >>> density_settings("density:folds=3,best=5")
        DensitySettings(folds=3, best=5, rounds=2, draws=1, score='loss')
        >>> density_settings("ucb") is None
        True
    """
    name, _, text = spec.partition(":")
    if name != DENSITY:
        return None
    defaults = {field.name: field.default for field in fields(DensitySettings)}
    return DensitySettings(**typed_parameters(text, defaults, "strategy density"))


def must_suit_density(config: SearchConfig) -> None:
    """Check the settings of a search that a strategy `density` concerns; those of any other strategy pass.

    Raises:
        UserError: the reward is one that it does not use, there are too few trials, or several finalists.
    """
    settings = density_settings(config.strategy)
    if settings is None:
        return
    if config.reward not in (_DEFAULT_REWARD, settings.reward):
        raise UserError(
            f"strategy density maximises {settings.reward} (by score={settings.score}), and the reward is "
            f"{config.reward!r}: leave --reward out; --confirm-reward says what decides in the confirmation"
        )
    if "trials" in config.model_fields_set and config.trials < settings.fewest_trials:
        raise UserError(
            f"strategy density with {settings.folds} folds and {settings.rounds} rounds of {settings.best} best "
            f"policies needs {settings.fewest_trials} trials ({settings.folds} trainings and "
            f"{settings.chains * settings.best} evaluations) or more, got {config.trials}: give more --trials, or "
            "smaller numbers, such as density:folds=3,best=2,rounds=1"
        )
    if "finalists" in config.model_fields_set and config.finalists != 1:
        raise UserError(
            f"strategy density has one finalist, the merged policy, got --finalists {config.finalists}: leave it out"
        )


def with_density(config: SearchConfig) -> SearchConfig:
    """Fill in what follows from a strategy `density`: reward, trials and finalists; other strategies change nothing.

    What decides in the confirmation is accuracy where nothing else is given.

    Raises:
        UserError: as `must_suit_density`.
    """
    must_suit_density(config)
    settings = density_settings(config.strategy)
    if settings is None:
        return config
    trials = config.trials if "trials" in config.model_fields_set else settings.usual_trials
    decides = config.confirm_reward or _DEFAULT_REWARD
    filled = {"reward": settings.reward, "confirm_reward": decides, "trials": trials, "finalists": 1}
    return config.model_copy(update=filled)
