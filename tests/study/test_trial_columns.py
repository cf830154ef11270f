"""Trials kept as arrays: the same as reading all of them anew, whoever changes what, for the work of what changed."""

from __future__ import annotations

import copy
import pickle
import warnings
from datetime import datetime, timedelta

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial, TrialState, create_trial

from policysearch import RuleSampler
from policysearch.study.dead_trials import dead_trials
from policysearch.study.optuna_history import history_of
from policysearch.study.parameter_grid import Grid, axis
from policysearch.study.study_memory import StudyMemory
from policysearch.study.trial_columns import TrialColumns
from tests.support.direct_history import direct_dead, direct_history

NOON = datetime(2026, 11, 30, 12)
LETTERS = CategoricalDistribution(["a", "b", "c"])
WHOLE = IntDistribution(0, 3)
STATES = (TrialState.COMPLETE,) * 6 + (TrialState.FAIL, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)
with warnings.catch_warnings(action="ignore"):
    WITHOUT_HASH = CategoricalDistribution([1, 2, [3]])


def random_trial(rng, number: int) -> FrozenTrial:
    """A trial of any state, at times without a parameter, with another distribution or with a list as its value."""
    state = STATES[rng.integers(len(STATES))]
    ended = state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    distributions = {"x": LETTERS, "n": WHOLE if rng.random() < 0.95 else IntDistribution(0, 5), "o": WITHOUT_HASH}
    if rng.random() < 0.05:
        del distributions[str(rng.choice(["x", "n", "o"]))]
    values = {name: one.to_external_repr(float(rng.integers(3))) for name, one in distributions.items()}
    began = NOON + timedelta(seconds=number + float(rng.uniform(-3, 3)))
    judged = {"correct": int(rng.integers(50)), "validation_images": 50} if rng.random() < 0.5 else {}
    drawn = {"policysearch:draws": [[["n"], float(rng.uniform(0.1, 1))]]} if rng.random() < 0.3 else {}
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=float(rng.choice([rng.normal(), np.nan, 1e300], p=[0.97, 0.02, 0.01]))
        if state in (TrialState.COMPLETE, TrialState.PRUNED)
        else None,
        datetime_start=None if state == TrialState.WAITING else began,
        datetime_complete=began + timedelta(seconds=float(rng.exponential(2))) if ended else None,
        params=values,
        distributions=distributions,
        user_attrs=judged,
        system_attrs=drawn,
        intermediate_values={},
    )


def changed_by_others(rng, trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The trials after one of the things that may happen to a study."""
    trials = list(trials)
    event = rng.choice(["new", "new", "end", "edit", "delete", "cut", "copies", "in place"])
    place = int(rng.integers(len(trials))) if trials else 0
    if event == "new" or not trials:
        following = trials[-1].number + 1 if trials else 0
        trials += [random_trial(rng, following + i) for i in range(int(rng.integers(1, 5)))]
    elif event == "end":
        unfinished = [i for i, trial in enumerate(trials) if not trial.state.is_finished()]
        for i in unfinished[:2]:
            trials[i] = random_trial(rng, trials[i].number)
    elif event == "edit":
        trials[place] = random_trial(rng, trials[place].number)
    elif event == "delete":
        del trials[place]
    elif event == "cut":
        trials = trials[: len(trials) - len(trials) // 8]
    elif event == "copies":
        trials = copy.deepcopy(trials)
    else:  # Optuna writes into the object of a running trial that it gave away, and keeps a changed copy
        unfinished = [i for i, trial in enumerate(trials) if not trial.state.is_finished()]
        for i in unfinished[:1]:
            trials[i].params["n"], trials[i].distributions["n"] = 1, WHOLE
            trials[i] = copy.copy(trials[i])
    return trials


def same_history(one, other) -> bool:
    arrays = ("pulls", "sums", "squares", "pending", "failures", "correct", "judged")
    log = ("arms", "fidelities", "rewards", "probabilities")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays) and all(
        np.array_equal(getattr(one.log, name), getattr(other.log, name), equal_nan=True) for name in log
    )


@pytest.mark.parametrize("seed", range(6))
def test_columns_say_what_all_trials_say(seed):
    rng = np.random.default_rng(seed)
    both = Grid((axis("n", WHOLE, 8, 100), axis("x", LETTERS, 8, 100)))
    one = Grid((axis("n", WHOLE, 8, 100),))
    columns, trials, commons = TrialColumns(), [], 0
    for step in range(60):
        trials = changed_by_others(rng, trials)
        columns.read(list(trials))
        if rng.random() < 0.3:
            continue  # several changes between two asks
        for grid, path in ((both, {}), (one, {"x": "b"}), (one, {"x": "a", "o": [3]}), (one, {"x": "none"})):
            maximise = bool(step % 2)
            read = history_of(columns, grid, path, maximise=maximise)
            assert same_history(read, direct_history(trials, grid, path, maximise=maximise))
        assert columns.common == intersection_search_space(trials)
        assert {trials[i].number for i in np.flatnonzero(dead_trials(columns))} == direct_dead(trials)
        commons += bool(columns.common)
    assert len(trials) > 10 and commons


def test_trials_that_are_overtaken_are_dead_in_columns_too():
    rng = np.random.default_rng(0)
    trials = [random_trial(rng, number) for number in range(200)]
    assert len(direct_dead(trials)) > 5
    assert {trials[i].number for i in np.flatnonzero(dead_trials(TrialColumns(trials)))} == direct_dead(trials)


DISTRIBUTIONS = {"x": LETTERS, "n": WHOLE}


def grown(study: optuna.Study, size: int) -> None:
    for number in range(size):
        params = {"x": "abc"[number % 3], "n": number // 3 % 4}
        study.add_trial(create_trial(value=number % 7 / 7, params=params, distributions=DISTRIBUTIONS))


def asked(study: optuna.Study, joint: bool = True) -> None:
    """One ask and tell; two parameters at once, or one after another."""
    trial = study.ask()
    trial.suggest_categorical("x", ["a", "b", "c"])
    trial.suggest_int("n" if joint or trial.number % 2 else "m", 0, 3)
    study.tell(trial, trial.number % 5 / 5)


def reads_of_trials(monkeypatch, work) -> int:
    """How often the contents of a trial are read."""
    reads = []
    with monkeypatch.context() as patch:
        for name in ("params", "distributions", "user_attrs", "system_attrs", "datetime_start", "duration", "value"):
            content = vars(FrozenTrial)[name]
            counting = property(lambda trial, content=content: reads.append(1) or content.fget(trial), content.fset)
            patch.setattr(FrozenTrial, name, counting)
        work()
    return len(reads)


@pytest.mark.parametrize("joint", [True, False])
def test_an_ask_reads_no_more_trials_in_a_long_study(joint, monkeypatch):
    reads = {}
    for size in (50, 400):
        study = optuna.create_study(sampler=RuleSampler("ucb", seed=0))
        grown(study, size)
        for _ in range(4):
            asked(study, joint)
        reads[size] = reads_of_trials(monkeypatch, lambda: [asked(study, joint) for _ in range(4)])  # noqa: B023
    assert reads[400] <= reads[50] + 10
    # The planted fault: a sampler that keeps nothing.
    forgetful = RuleSampler("ucb", seed=0)

    def ask_anew():
        forgetful._memory = StudyMemory(8, 4096)
        study.sampler = forgetful
        asked(study, joint)

    assert reads_of_trials(monkeypatch, ask_anew) > 400 > reads[400]


def test_samplers_of_two_programs_choose_as_new_ones_would(tmp_path):
    """Each sees what the other started, ended and failed meanwhile, through a connection of its own."""
    url = f"sqlite:///{tmp_path}/shared.db"
    optuna.create_study(storage=url, study_name="s", direction="maximize")
    programs = [optuna.load_study(study_name="s", storage=url, sampler=RuleSampler("ucb", seed=7)) for _ in range(2)]
    running = []
    for step in range(14):
        study = programs[step % 3 % 2]
        trial = study.ask()
        new = RuleSampler("ucb", seed=7)
        frozen = study.get_trials()[trial.number]
        space = new.infer_relative_search_space(study, frozen)
        assert trial.relative_params == new.sample_relative(study, frozen, space)
        trial.suggest_categorical("x", ["a", "b", "c"])
        running.append(trial)
        if step in (0, 5, 9):
            study.tell(running.pop(0), 0.5)
        if step in (3, 8):  # the other program ends what this one began
            programs[1 - step % 3 % 2].tell(running.pop(0).number, state=TrialState.FAIL)
    assert space and {trial.state for trial in study.trials} == {*TrialState} - {TrialState.PRUNED, TrialState.WAITING}


def test_a_copy_in_the_middle_of_a_study_goes_on_alike():
    def choices(handed_over):
        study = optuna.create_study(direction="maximize", sampler=RuleSampler("ucb", seed=1))
        for number in range(30):
            if number % 5 == 4:
                study.sampler = handed_over(study.sampler)
            asked(study)
        return [trial.params for trial in study.trials]

    original = choices(lambda sampler: sampler)
    assert choices(copy.deepcopy) == original == choices(lambda sampler: pickle.loads(pickle.dumps(sampler)))
