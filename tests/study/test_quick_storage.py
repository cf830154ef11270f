"""A whole study read by plain queries: the same trials as Optuna reads, for work that is counted."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb import storage as optunas_own
from optuna.trial import TrialState, create_trial
from sqlalchemy import event

from policysearch.study import quick_storage
from policysearch.study.quick_storage import QuickStorage

DISTRIBUTIONS = {
    "family": CategoricalDistribution(["crop", "flip", None, 3]),
    "level": IntDistribution(0, 30, step=5),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
}


def of_every_kind(study: optuna.Study) -> None:
    """Trials of every state, with and without values, parameters, attributes and steps."""
    params = {"family": None, "level": 15, "rate": 0.1 + 0.2}
    full = create_trial(
        value=0.1 + 0.2,
        params=params,
        distributions=DISTRIBUTIONS,
        user_attrs={"pull": "{}", "é": [1, {"a": None}]},
        system_attrs={"policysearch:draws": [[["x"], 0.25]]},
        intermediate_values={3: 0.5, 1: float("nan"), 2: float("inf")},
    )
    study.add_trial(full)
    study.add_trial(create_trial(value=float("-inf")))
    study.add_trial(create_trial(state=TrialState.PRUNED, value=0.5, intermediate_values={0: 0.5}))
    study.add_trial(
        create_trial(
            state=TrialState.FAIL, params={"level": 0}, distributions={"level": IntDistribution(0, 30, step=5)}
        )
    )
    study.enqueue_trial({"level": 5})
    study.ask()
    study.ask().suggest_int("level", 0, 30, step=5)


def content(trial):
    """All that a trial holds, as text: nan is unequal to itself. Parameters are in their order."""
    parts = {name: sorted(part.items()) if isinstance(part, dict) else part for name, part in vars(trial).items()}
    return repr(parts), [*trial.params]


def storages(path, *kinds):
    return [kind(f"sqlite:///{path}/study.db") for kind in kinds]


@pytest.mark.parametrize("directions", [["maximize"], ["minimize", "maximize"]])
def test_it_reads_what_optuna_reads(tmp_path, directions):
    quick, own = storages(tmp_path, QuickStorage, RDBStorage)
    for name in ("before", "this", "after"):
        study = optuna.create_study(storage=own, study_name=name, directions=directions)
        if len(directions) == 1:
            of_every_kind(study)
        else:
            study.add_trial(create_trial(values=[1.0, 2.5]))
    study_id = own.get_study_id_from_name("this")
    trials = quick.get_all_trials(study_id)
    assert len(trials) == (6 if len(directions) == 1 else 1)
    assert [*map(content, trials)] == [*map(content, own.get_all_trials(study_id))]
    later = (study_id, None, {trials[0]._trial_id}, trials[-1]._trial_id - 1)
    assert [*map(content, quick._get_trials(*later))] == [*map(content, own._get_trials(*later))]


def test_an_empty_study_and_none(tmp_path):
    quick = QuickStorage(f"sqlite:///{tmp_path}/study.db")
    study = optuna.create_study(storage=quick)
    assert quick.get_all_trials(study._study_id) == []
    with pytest.raises(KeyError):
        quick.get_all_trials(99)


def test_a_damaged_database_is_an_error_of_the_storage(tmp_path):
    quick = QuickStorage(f"sqlite:///{tmp_path}/study.db")
    study = optuna.create_study(storage=quick)
    with quick.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE trial_params")
    study_id = study._study_id
    quick.create_new_trial(study_id)
    with pytest.raises(StorageInternalError, match="no such table"):
        quick._get_trials(study_id, None, set(), -1)


def work_of_reading(kind, path, monkeypatch) -> tuple[int, int]:
    """Statements, and distributions that are parsed, to read the study of that folder."""
    (storage,) = storages(path, kind)
    study_id = storage.get_all_studies()[0]._study_id
    statements, parsed = [], []
    event.listen(storage.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    parse = optuna.distributions.json_to_distribution
    counting = lambda text: parsed.append(text) or parse(text)  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(quick_storage, "json_to_distribution", counting)
        patch.setattr(optunas_own.distributions, "json_to_distribution", counting)
        storage.get_all_trials(study_id)
    return len(statements), len(parsed)


def test_the_work_does_not_grow_with_the_trials(tmp_path, monkeypatch):
    (own,) = storages(tmp_path, RDBStorage)
    study = optuna.create_study(storage=own)
    trial = create_trial(value=0.5, params={"family": "crop", "level": 5, "rate": 0.5}, distributions=DISTRIBUTIONS)
    study.add_trials([trial] * 10)
    few = work_of_reading(QuickStorage, tmp_path, monkeypatch)
    study.add_trials([trial] * 140)
    assert work_of_reading(QuickStorage, tmp_path, monkeypatch) == few == (6, 3)
    # The planted fault is Optuna's own way: more statements, and each trial's distributions.
    statements, parsed = work_of_reading(RDBStorage, tmp_path, monkeypatch)
    assert statements > few[0] and parsed >= 3 * 150


def test_curves_and_an_attribute_are_one_commit(tmp_path):
    """Twenty points of two trials; a step that is written again is replaced, and others stay."""
    (storage,) = storages(tmp_path, QuickStorage)
    study = optuna.create_study(storage=storage)
    first, second = study.ask(), study.ask()
    first.report(0.25, step=3)
    first.report(0.5, step=99)
    storage.set_trial_user_attr(first._trial_id, "outcome", "old")
    commits = []
    event.listen(storage.engine, "commit", lambda connection: commits.append(1))
    curve = {step: step / 10 for step in range(1, 11)}
    storage.set_trial_curves({first._trial_id: curve, second._trial_id: {1: float("nan")}})
    storage.set_trial_curves({first._trial_id: {2: 0.75}}, {first._trial_id: {"outcome": "é"}})
    assert len(commits) == 2
    frozen, other = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{tmp_path}/study.db").trials
    assert frozen.intermediate_values == {**curve, 2: 0.75, 99: 0.5} and frozen.user_attrs == {"outcome": "é"}
    assert str(other.intermediate_values) == "{1: nan}"
