"""Which trackers a search has: TensorBoard where it is asked for, MLflow where it is set up."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from policysearch.experiments.search.tracking.listener import Opened, Tracker
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore


def trackers(config: SearchConfig, folder: Path, store: OptunaTrialStore) -> dict[str, Opened]:
    """What opens each tracker of a search, by the tracker's name.

    MLflow is used where it is installed and MLFLOW_TRACKING_URI is set.
    """
    openers: dict[str, Opened] = {}
    if config.tensorboard:
        openers["TensorBoard"] = partial(_tensorboard, folder / "tensorboard")
    if os.environ.get("MLFLOW_TRACKING_URI") and find_spec("mlflow"):
        openers["MLflow"] = partial(_mlflow, config, store)
    return openers


def _tensorboard(folder: Path) -> Tracker:
    from policysearch.experiments.search.tracking.tensorboard import TensorBoard

    return TensorBoard(folder)


def _mlflow(config: SearchConfig, store: OptunaTrialStore) -> Tracker:
    from policysearch.experiments.search.tracking.mlflow import MLflow

    return MLflow(config, store)
