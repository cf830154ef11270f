"""What a person says of a calibration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policysearch.core.settings import Mark, Settings
from policysearch.study.settings import ExperimentSettings, SpaceSettings


class TrainingSettings(ExperimentSettings, SpaceSettings):
    """How the networks of a calibration are trained: settings that it shares with searches."""


class CalibrateSettings(Settings):
    """Which cheap pulls are measured against which long training, how often, and at what cost."""

    arms: Annotated[
        int,
        Field(ge=4, le=10_000, description="arms of the space: the fixed baselines, then evenly over the families"),
        Mark.FIXED,
    ] = 12
    long: Annotated[
        str | None,
        Field(description="IMAGESxEPOCHS of long training; default: all training images, 10,000 at most, 40 epochs"),
        Mark.FIXED,
    ] = None
    ladder: Annotated[
        str | None,
        Field(description="cheap pulls, IMAGESxEPOCHS separated by commas; default: six, cut from the long training"),
        Mark.FIXED,
    ] = None
    seeds: Annotated[int, Field(ge=2, le=1000, description="replicates of every arm and cheap pull"), Mark.FIXED] = 3
    long_seeds: Annotated[
        int, Field(ge=2, le=1000, description="replicates of every arm's long training"), Mark.FIXED
    ] = 3
    rewards: Annotated[
        str | None,
        Field(description="rewards tried, separated by commas, the plainest first; default: accuracy and five others"),
    ] = None
    tolerance: Annotated[
        float, Field(ge=0, le=1, description="accuracy that a cheaper pull may lose against the best one")
    ] = 0.003
    budget: Annotated[
        float | None,
        Field(gt=0, description="worker-seconds: the calibration is cut until it should fit, and stops there"),
    ] = None
