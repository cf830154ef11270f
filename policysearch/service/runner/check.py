"""A check of a job's settings: all that is done before a search writes anything, and what the job will cost."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import RunFailed, UserError, in_one_line
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.config_checks import must_be_spelled
from policysearch.experiments.evaluation.prepare import prepare
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.forecast import Forecast, timed
from policysearch.experiments.pools import workplace
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import resolved, tried_strategy
from policysearch.experiments.search.ablation import most_ablated
from policysearch.experiments.search.calibrated import as_calibrated, cautions
from policysearch.experiments.search.summary import most_finalists
from policysearch.experiments.search.workload import Workload, workload
from policysearch.experiments.session import Session
from policysearch.experiments.session_data import load_with_progress
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.exit_record import CheckRecord
from policysearch.service.runner.messages import without_paths
from policysearch.service.runner.setting_names import setting_of
from policysearch.service.state_folder import JobFolder
from policysearch.study.config import SearchConfig, make_config, validated
from policysearch.study.ladder import longest_pull
from policysearch.study.populations.plan import settled

_ELSEWHERE = ("pool", "ray_address", "gpus_per_worker", "cpus_per_worker")
_HERE = {"device": "cpu", "workers": 0}
"""The check trains in its own process on the CPU: the place of the job may be in use."""
_TIMED_IMAGES = 512


def check(folder: JobFolder, job: Mapping[str, Any], log: EventLog) -> CheckRecord:
    """Check a job; never an error.

    Args:
        folder: of the job.
        job: what job.json holds.
        log: takes what is being done, as events.
    """

    def listener(status: Status) -> None:
        if status.phase != log.last_phase.get("phase") or status.note:
            log.append("phase", phase="checking", note=status.note or status.phase)

    try:
        with warnings.catch_warnings(record=True) as texts:
            warnings.simplefilter("always", UserWarning)
            forecast = _checked(folder, job, listener)
    except (UserError, RunFailed) as error:
        return CheckRecord(False, without_paths(str(error), folder), setting_of(str(error)))
    except Exception as error:  # a plugin's own fault, or a network that does not fit the images
        sentence = in_one_line(error)
        return CheckRecord(False, without_paths(sentence, folder)[:1000])
    notes = [str(text.message) for text in texts if issubclass(text.category, UserWarning)]
    return CheckRecord(True, forecast=forecast, warnings=tuple(dict.fromkeys(notes)))


def _checked(folder: JobFolder, job: Mapping[str, Any], listener: Listener) -> dict[str, Any]:
    """Try all settings; what the job will cost, where that is measured."""
    settings = job["settings"]
    training = {name: value for name, value in settings["training"].items() if name not in _ELSEWHERE}
    values = {**training, **_HERE, "out": str(folder.run)}
    config = make_config(values)
    must_be_spelled(config)
    if job["kind"] == "evaluate":
        prepare(settings["policy"], validated(EvaluateSettings, settings.get("evaluation", {})), values, listener)
        return {}
    config = settled(as_calibrated(resolved(config))) if job["kind"] == "search" else resolved(config)
    with Session(config, listener) as session:
        space = session.load_space()
        if job["kind"] == "calibrate":
            validated(CalibrateSettings, settings.get("calibration", {}))
            load_with_progress(config, listener, config.task)
            return {}
        tried_strategy(config, space)
        dataset = session.load_data(warn=True)
        for text in cautions(config, dataset):
            warnings.warn(text, stacklevel=1)
        session.say("timing a short training")
        fidelity = Fidelity(min(config.images, _TIMED_IMAGES), 1)
        with workplace(config) as (placed, pool_of), pool_of(placed, dataset) as pool:
            if not placed.recipe.compile:  # with it, `timed` itself trains once before
                timed(placed, pool, fidelity)  # the first of a process takes longer than any other
            forecast = timed(placed, pool, fidelity)
    trainings = config.confirm * most_finalists(config, len(space.free))
    trainings += config.ablate * most_ablated(config, space)
    return _forecast(config, workload(config, dataset), trainings, forecast, job["changes"]["workers"])


def _forecast(
    config: SearchConfig, work: Workload, confirmations: int, forecast: Forecast, workers: int
) -> dict[str, Any]:
    """Worker-seconds of a whole search on this machine's CPU, and seconds on the clock with all workers busy."""
    worker_seconds = work.seconds(forecast, Fidelity(*longest_pull(config)))
    worker_seconds += confirmations * forecast.seconds(Fidelity(*config.last_fidelity))
    return {"worker_seconds": worker_seconds, "seconds": worker_seconds / max(1, workers), "device": config.device}
