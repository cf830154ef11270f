"""Optuna's storage in a database, which reads a whole study by a handful of plain queries."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

Rows = dict[int, list[Any]]


class QuickStorage(RDBStorage):
    """Reads the same trials as Optuna's own storage.

    That makes an object of each row of each table, and a distribution for each parameter of each trial; opening a
    study of thousands of trials took most of its time there. Here trials alone are read as objects, since versions of
    Optuna keep their times in different ways.
    """

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        if states is None and trial_id_greater_than == -1:
            trials = self._all_trials(study_id)
            if trials:
                return trials
        return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)

    def set_trial_curves(
        self, curves: Mapping[int, Mapping[int, float]], attributes: Mapping[int, Mapping[str, Any]] | None = None
    ) -> None:
        """Set intermediate values of trials, and attributes with them, in one commit; Optuna commits once for each.

        Args:
            curves: by a trial's id in the storage, values by step; what these steps held is replaced.
            attributes: user attributes by a trial's id and by name; values are JSON.
        """
        value, attribute = models.TrialIntermediateValueModel, models.TrialUserAttributeModel
        with Session(self.engine) as session, session.begin():
            for trial_id, steps in curves.items():
                session.execute(delete(value).where(value.trial_id == trial_id, value.step.in_([*steps])))
                session.add_all(_point(trial_id, step, number) for step, number in steps.items())
            for trial_id, texts in (attributes or {}).items():
                session.execute(delete(attribute).where(attribute.trial_id == trial_id, attribute.key.in_([*texts])))
                session.add_all(attribute(trial_id=trial_id, key=k, value_json=json.dumps(v)) for k, v in texts.items())

    def _all_trials(self, study_id: int) -> list[FrozenTrial]:
        try:
            with Session(self.engine) as session:
                return _read(session, study_id)
        except SQLAlchemyError as error:
            raise StorageInternalError(f"the trials cannot be read: {error}") from error


def _point(trial_id: int, step: int, number: float) -> models.TrialIntermediateValueModel:
    stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(number)
    return models.TrialIntermediateValueModel(
        trial_id=trial_id, step=step, intermediate_value=stored, intermediate_value_type=kind
    )


def _read(session: Session, study_id: int) -> list[FrozenTrial]:
    """All trials of a study, by number; they are read before what belongs to them, which is final once they ended."""
    trial = models.TrialModel
    trials: Sequence[Any] = session.scalars(
        select(trial).where(trial.study_id == study_id).order_by(trial.trial_id)
    ).all()

    value, step = models.TrialValueModel, models.TrialIntermediateValueModel
    parameter = models.TrialParamModel
    user, system = models.TrialUserAttributeModel, models.TrialSystemAttributeModel

    def rows(model: Any, key: Any, *columns: Any) -> Rows:
        """Rows of a table by trial, in the order in which they were written."""
        query = select(model.trial_id, *columns).join(trial, trial.trial_id == model.trial_id)
        by_trial: Rows = defaultdict(list)
        for row in session.execute(query.where(trial.study_id == study_id).order_by(key)):
            by_trial[row[0]].append(row)
        return by_trial

    values = rows(value, value.objective, value.value, value.value_type)
    steps = rows(
        step, step.trial_intermediate_value_id, step.step, step.intermediate_value, step.intermediate_value_type
    )
    parameters = rows(
        parameter, parameter.param_id, parameter.param_name, parameter.param_value, parameter.distribution_json
    )
    user_attributes = rows(user, user.trial_user_attribute_id, user.key, user.value_json)
    system_attributes = rows(system, system.trial_system_attribute_id, system.key, system.value_json)

    distribution = lru_cache(maxsize=None)(json_to_distribution)
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=_values(values.get(row.trial_id, ())),
            datetime_start=row.datetime_start,
            datetime_complete=row.datetime_complete,
            trial_id=row.trial_id,
            user_attrs=_attributes(user_attributes.get(row.trial_id, ())),
            system_attrs=_attributes(system_attributes.get(row.trial_id, ())),
            intermediate_values={
                at: step.stored_repr_to_intermediate_value(stored, kind)
                for _, at, stored, kind in steps.get(row.trial_id, ())
            },
            **_parameters(parameters.get(row.trial_id, ()), distribution),
        )
        for row in trials
    ]


def _values(rows: Iterable[Any]) -> list[float] | None:
    return [models.TrialValueModel.stored_repr_to_value(stored, kind) for _, stored, kind in rows] or None


def _attributes(rows: Iterable[Any]) -> dict[str, Any]:
    return {key: json.loads(text) for _, key, text in rows}


def _parameters(rows: Iterable[Any], distribution: Callable[[str], BaseDistribution]) -> dict[str, Any]:
    distributions = {name: distribution(text) for _, name, _, text in rows}
    values = {name: distributions[name].to_external_repr(stored) for _, name, stored, _ in rows}
    return {"params": values, "distributions": distributions}
