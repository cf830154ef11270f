"""MLflow: one run of a search, on the server or in the files that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from policysearch.experiments.search.tracking.addresses import without_user
from policysearch.experiments.search.tracking.winner import RecordedWinner, recorded_winner
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import Row
from policysearch.study.storage import without_password

_ATTRIBUTE = "mlflow_run"
_ARTIFACTS = ("policy.json", "report.html", "trials.csv")
_LONGEST = 500  # letters of a parameter's or tag's value
_LONGEST_NAME = 200
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""Of MLflow's client: by default it tries a server that is away for minutes."""


class MLflow:
    """A tracker whose run's id is stored in the study, so that a resumed search continues in the same run."""

    def __init__(self, config: SearchConfig, store: OptunaTrialStore) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        self._client = MlflowClient()
        self._run = self._recorded_run(store) or self._new_run(config, store)
        self._logged: dict[str, set[int]] = {}

    def _recorded_run(self, store: OptunaTrialStore) -> str:
        """The run that the study names, if it is on this server; otherwise empty."""
        recorded = store.notes.get(_ATTRIBUTE, {})
        return str(recorded["run"]) if recorded.get("store") in self._addresses() else ""

    def _addresses(self) -> tuple[str, str]:
        """The address of the server or folder without user and password, now and as 0.1 wrote it."""
        uri = str(self._client.tracking_uri)
        return without_user(uri), uri.rpartition("@")[2]

    def _new_run(self, config: SearchConfig, store: OptunaTrialStore) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "policysearch")
        existing = self._client.get_experiment_by_name(name)
        experiment = existing.experiment_id if existing else self._client.create_experiment(name)
        run = str(self._client.create_run(experiment, run_name=config.study).info.run_id)
        self._client.log_batch(run, params=[Param(key, value[:_LONGEST]) for key, value in _params(config).items()])
        store.note(_ATTRIBUTE, {"run": run, "store": self._addresses()[0]})
        return run

    def pull(self, phase: str, row: Row, figures: Mapping[str, float]) -> None:
        # A resumed search reports all its trials again; MLflow would keep both values of a step.
        if phase not in self._logged:
            history = self._client.get_metric_history(self._run, f"{phase}/worker_seconds")
            self._logged[phase] = {metric.step for metric in history}
        if row.number in self._logged[phase]:
            return

        now = int(1000 * time.time())
        values = {f"{phase}/{name}": value for name, value in figures.items()}
        if "reward" in figures:
            values[f"{phase}/arms/{_metric_name(row.arm.name)}"] = figures["reward"]
        metrics = [Metric(name, value, now, row.number) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self, folder: Path, ended: bool) -> None:
        for name in _ARTIFACTS if ended else ():
            if (folder / name).exists():
                self._client.log_artifact(self._run, str(folder / name))
        winner = recorded_winner(folder) if ended else None
        if winner is not None:
            self._log_winner(winner)
        self._client.set_terminated(self._run, "FINISHED" if ended else "KILLED")

    def _log_winner(self, winner: RecordedWinner) -> None:
        now = int(1000 * time.time())
        tags = {"winner": winner.name, "use": winner.use, "finding": winner.finding, "verdict": winner.sentence}
        self._client.log_batch(
            self._run,
            metrics=[Metric(f"lead over/{_metric_name(name)}", value, now, 0) for name, value in winner.leads.items()],
            tags=[RunTag(name, text[:_LONGEST]) for name, text in tags.items()],
        )


def _metric_name(text: str) -> str:
    """The text in letters that a metric's name may have."""
    return " ".join(re.sub(r"[^\w./ -]", " ", text).split())[:_LONGEST_NAME]


def _params(config: SearchConfig) -> dict[str, str]:
    storage = config.storage and without_password(config.storage)
    public = config.model_copy(update={"storage": storage})
    settings: dict[str, Any] = public.model_dump(mode="json", exclude_none=True)
    recipe = {f"recipe.{name}": value for name, value in settings.pop("recipe").items()}
    return {name: str(value) for name, value in {**settings, **recipe}.items()}
