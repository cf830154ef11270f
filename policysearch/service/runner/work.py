"""What the runner of a job calls: a search or its continuation, a calibration, an evaluation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from policysearch.experiments.calibration.run import calibrate
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.calibration.text import advice_in_words
from policysearch.experiments.evaluation.prepare import MARK
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.run import resume, search
from policysearch.policy.spaces import Arm
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.job_listener import JobListener
from policysearch.service.state_folder import JobFolder
from policysearch.study.config import SearchConfig, load_config, make_config, save_config, validated
from policysearch.study.run_folder import RunFolder
from workers.curves import FOLDER

_PLAN = "plan.json"
_OF_PLACE = ("device", "pool", "ray_address", "gpus_per_worker", "cpus_per_worker")


def work(folder: JobFolder, job: Mapping[str, Any], log: EventLog, check_ctrl_c: Callable[[], None]) -> str:
    """Run a job to its end.

    Args:
        folder: of the job.
        job: what job.json holds.
        log: takes its events.
        check_ctrl_c: raises where a Ctrl-C has been swallowed.

    Returns:
        what it came to, as a sentence.

    Raises:
        UserError: a setting is wrong.
        RunFailed: it could not be completed; what was recorded is kept.
        Stopped: the pulls in flight have ended, and no other is to begin.
        KeyboardInterrupt: it was interrupted; what was recorded is kept.
    """
    os.environ[FOLDER] = str(folder.curves)  # for the workers that are started from here
    listener = JobListener(folder, log, check_ctrl_c)
    try:
        sentence, winner = _KINDS[job["kind"]](folder.run, job["settings"], job.get("changes", {}), listener)
    except BaseException:
        listener.close()
        raise
    listener.close(winner)
    return sentence


def _search(run: Path, settings: Mapping[str, Any], changes: Mapping[str, Any], listener: JobListener) -> _End:
    changed = {name: value for name, value in changes.items() if value is not None}
    config = make_config({**settings["training"], **changed, "out": str(run)})
    if RunFolder(run).has_a_run():
        _move(run, config)
        result = resume(run, changed.get("trials"), changed.get("confirm"), listener, workers=changed.get("workers"))
    else:
        _begin(run)
        result = search(config, listener)
    verdict = result.verdict
    return (verdict.sentence, verdict.winner) if verdict else ("", None)


def _move(run: Path, config: SearchConfig) -> None:
    """Let a run go on at the place that it has been given now."""
    stored = load_config(RunFolder(run).config)
    place = {name: getattr(config, name) for name in _OF_PLACE}
    if any(getattr(stored, name) != value for name, value in place.items()):
        save_config(stored.model_copy(update=place), RunFolder(run).config)


def _begin(run: Path) -> None:
    """Remove what a kill has left of an experiment that had not begun."""
    if run.exists():
        shutil.rmtree(run)


def _calibrate(run: Path, settings: Mapping[str, Any], changes: Mapping[str, Any], listener: JobListener) -> _End:
    if not (run / _PLAN).exists():
        _begin(run)
    values = {name: value for name, value in settings["training"].items() if name != "out"}
    of_calibration = validated(CalibrateSettings, settings.get("calibration", {}))
    result = calibrate(of_calibration, values, run, listener=listener)
    return advice_in_words(result.analysis, result.advice), None


def _evaluate(run: Path, settings: Mapping[str, Any], changes: Mapping[str, Any], listener: JobListener) -> _End:
    if not (run / MARK).exists():
        _begin(run)
    values = {**settings["training"], "out": str(run)}
    of_evaluation = validated(EvaluateSettings, settings.get("evaluation", {}))
    result = evaluate(settings["policy"], of_evaluation, values, command="policysearch serve", listener=listener)
    return result.summary.verdict.sentence, None


_End = tuple[str, Arm | None]
"""What a job came to as a sentence, and the arm that a search chose."""
_KINDS: Mapping[str, Callable[[Path, Mapping[str, Any], Mapping[str, Any], JobListener], _End]] = {
    "search": _search,
    "calibrate": _calibrate,
    "evaluate": _evaluate,
}
