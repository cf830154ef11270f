"""Which of the arms of a search its additive model thinks best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policysearch.policy.spaces import Arm, Space
from policysearch.study.additive.factors import factors_of
from policysearch.study.additive.settings import AdditiveSettings
from policysearch.study.additive.strategy import model_of
from policysearch.study.rows import Row


def ranked_by_effects(settings: AdditiveSettings, space: Space, rows: Sequence[Row]) -> list[Arm]:
    """The arms that were pulled, the largest posterior mean first.

    A mean of one or two pulls says less of an arm than the model does, which has learned from all of them.

    Args:
        settings: of the strategy.
        space: of the search.
        rows: its trials.
    """
    factors = factors_of(space)
    model = model_of(factors, rows, settings)
    arms = {row.arm.key: row.arm for row in rows if row.reward is not None}
    points = [(arm, factors.levels(arm)) for arm in arms.values()]
    coded = [(arm, levels) for arm, levels in points if levels is not None]
    if model is None or not coded:
        return [*arms.values()]
    means = model.predict(np.array([levels for _, levels in coded]))
    return [coded[i][0] for i in np.argsort(-means, kind="stable")]
