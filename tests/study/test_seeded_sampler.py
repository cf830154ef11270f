"""Optuna's samplers made new for each trial: they choose alike, and common parameters are read trial by trial."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import NSGAIISampler, TPESampler
from optuna.trial import create_trial

from policysearch.study.seeded_sampler import CommonParameters, SeededSampler

LETTERS = CategoricalDistribution(["a", "b", "c"])


def suggest(trial: optuna.Trial) -> float:
    letter = trial.suggest_categorical("x", ["a", "b", "c"])
    return trial.suggest_float(letter, 0, 1, step=0.1) + "abc".index(letter)


def run_of(factory, common, trials=30) -> list[dict[str, object]]:
    study = optuna.create_study(direction="maximize")
    for _ in range(trials):
        study.sampler = SeededSampler(factory, 3, common)
        trial = study.ask()
        study.tell(trial, suggest(trial))
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("kind", [TPESampler, NSGAIISampler])
def test_kept_common_parameters_change_no_choice(kind):
    common = CommonParameters()
    alone = run_of(lambda seed: kind(seed=seed), None)
    assert run_of(lambda seed: kind(seed=seed), common) == alone
    assert run_of(lambda seed: kind(seed=seed), common) == alone  # in another study


def comparisons_of_an_ask(size, common, monkeypatch) -> int:
    """How many distributions are compared when the second of two trials is asked for."""
    study = optuna.create_study(direction="maximize")
    study.add_trials([create_trial(value=0.5, params={"x": "a"}, distributions={"x": LETTERS})] * size)
    compared = []
    equal = CategoricalDistribution.__eq__
    for number in range(2):
        study.sampler = SeededSampler(lambda seed: TPESampler(seed=seed), 0, common)
        with monkeypatch.context() as patch:
            if number:
                patch.setattr(CategoricalDistribution, "__eq__", lambda *pair: compared.append(1) or equal(*pair))
            trial = study.ask()
            study.tell(trial, suggest(trial))
    return len(compared)


def test_an_ask_compares_no_more_distributions_in_a_long_study(monkeypatch):
    few, many = (comparisons_of_an_ask(size, CommonParameters(), monkeypatch) for size in (50, 500))
    assert many == few < 10
    # The planted fault: each sampler reads the study for itself.
    assert comparisons_of_an_ask(500, None, monkeypatch) >= 500
