"""The settings of an online search."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policysearch.core.settings import Mark, Settings
from policysearch.datasets.config import SplitSettings
from policysearch.study.settings import ModelSettings, SpaceSettings, StudySettings


class TrainingSettings(StudySettings, SplitSettings, ModelSettings, SpaceSettings):
    """How the network is trained: settings that an online search shares with searches."""

    images: Annotated[
        int | None, Field(ge=1, description="training images; default: all of the training side"), Mark.FIXED
    ] = None
    epochs: Annotated[int, Field(ge=1, description="epochs of the training"), Mark.FIXED] = 80
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N"), Mark.REPORTED] = "auto"


class OnlineSettings(Settings):
    """How the policy is chosen while the network trains.

    Example:
        >>> settings = OnlineSettings(rule="exp3s:rate=1", every_steps=20)
        >>> settings.rule, settings.every_steps, settings.baseline
        ('exp3s:rate=1', 20, 0.8)
    """

    rule: Annotated[
        str,
        Field(
            description="what chooses the policy of each stretch: a bandit rule (see `policysearch strategies`), your "
            "own as MODULE:FUNCTION, or adversarial:policies=M"
        ),
        Mark.FIXED,
    ] = "exp3:rate=1"
    reward: Annotated[
        str | None,
        Field(
            description="what a stretch is worth, as entropy or -validation_loss (see `policysearch rewards`); "
            "default: entropy, with the rule adversarial loss"
        ),
        Mark.FIXED,
    ] = None
    baseline: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="a rule sees rewards less their moving average of this decay, since all drift as the "
            "network learns; 0: as they are",
        ),
        Mark.FIXED,
    ] = 0.8
    every: Annotated[
        int | None, Field(ge=1, description="epochs of a stretch, after which the next policy is chosen; default: 1")
    ] = None
    every_steps: Annotated[
        int | None,
        Field(ge=1, description="steps of a stretch, instead of epochs; the last one of an epoch may be shorter"),
    ] = None
