"""Learning curves of trials as Optuna's intermediate values, which dashboards show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from policysearch.core.trial import Curve
from policysearch.study.quick_storage import QuickStorage
from policysearch.study.rewards import Reward


def intermediate_values(curve: Curve, point_value: Reward | None) -> dict[int, float]:
    """The points of a learning curve by epoch.

    Args:
        curve: its points.
        point_value: of a point; None: none are wanted.
    """
    if point_value is None:
        return {}
    return {int(point["epoch"]): point_value(point) for point in curve}


def write_curves(
    study: optuna.Study, curves: Mapping[int, Mapping[int, float]], attributes: Mapping[int, dict[str, str]]
) -> None:
    """Write intermediate values and attributes of trials, in one commit where the storage can.

    Args:
        study: whose trials they are.
        curves: values by epoch, by the trial's id in the storage.
        attributes: texts by name, by the trial's id.
    """
    storage = study._storage
    backend: Any = getattr(storage, "_backend", storage)
    if isinstance(backend, QuickStorage):
        backend.set_trial_curves(curves, attributes)
        return
    for trial_id, values in curves.items():
        for epoch, value in values.items():
            storage.set_trial_intermediate_value(trial_id, epoch, value)
    for trial_id, texts in attributes.items():
        for name, text in texts.items():
            storage.set_trial_user_attr(trial_id, name, text)
