"""Optuna samplers made resumable: a fresh one for each trial and parameter, seeded by study and number."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, BruteForceSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState

from policysearch.core.seeds import sampler_seed

CommonParameters = WeakKeyDictionary[optuna.Study, IntersectionSearchSpace]
"""By study, what Optuna's samplers read once of each trial while one controller adds trials to it."""


class SeededSampler(BaseSampler):
    """Any Optuna sampler, its randomness keyed by (study seed, trial number, parameter).

    A long-lived sampler's generator is lost with its process, and a search resumed with a new one draws
    other trials. Here the value of a parameter depends on the record alone, so that even a trial
    interrupted between two parameters continues as it would have.

    Args:
        factory: makes a sampler from a seed.
        study_seed: of the study.
        common: where the parameters that all trials of a study have are kept from one trial to the next; a sampler
            that is new would find them by reading all trials.
    """

    def __init__(
        self, factory: Callable[[int], BaseSampler], study_seed: int, common: CommonParameters | None = None
    ) -> None:
        self._factory = factory
        self._seed = study_seed
        self._common = CommonParameters() if common is None else common

    def _fresh(self, trial: FrozenTrial, parameter: str = "") -> BaseSampler:
        key = (zlib.crc32(parameter.encode()),) if parameter else ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return self._factory(sampler_seed(self._seed, trial.number, *key))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        sampler = self._fresh(trial)
        reader = getattr(sampler, "_search_space", None)
        if isinstance(reader, IntersectionSearchSpace):
            sampler._search_space = self._common.setdefault(study, reader)  # type: ignore[attr-defined]
        return sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._fresh(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        sampler = self._fresh(trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._fresh(trial).before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        sampler = self._fresh(trial)
        if not isinstance(sampler, BruteForceSampler):  # its only duty here is to stop `optimize`, which we do not use
            sampler.after_trial(study, trial, state, values)
