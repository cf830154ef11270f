"""What an experiment says while it is at work, written to the event log of its job and to the live summary."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.observer import Work
from policysearch.experiments.progress import Status
from policysearch.policy.spaces import Arm
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.live import LiveFile
from policysearch.service.runner.messages import without_paths
from policysearch.service.runner.pace import Pace
from policysearch.service.runner.stopped import Stopped
from policysearch.service.state_folder import JobFolder
from policysearch.study.controller import Source

_FOR_TERMINALS = "policysearch show"
"""A note with this says what to type."""
_EVERY_SECONDS = 10.0
"""Progress is written again after so long, even if no pull has ended."""


class JobListener:
    """An observer of an experiment that writes its events; with the file `stop` there, no further pull begins.

    Args:
        folder: of the job.
        log: its events.
        check_ctrl_c: raises where a Ctrl-C has been swallowed.
    """

    def __init__(self, folder: JobFolder, log: EventLog, check_ctrl_c: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._log = log
        self._check_ctrl_c = check_ctrl_c
        self._on_ctrl_c = signal.getsignal(signal.SIGINT)
        self._live = LiveFile(folder, log)
        self._source: _FollowedSource | None = None
        self._pace: Pace | None = None
        self._status: tuple[Any, ...] = ()
        self._next = 0.0

    def __call__(self, status: Status) -> None:
        """Write a phase or progress event where something has changed, and the live summary."""
        self._check_ctrl_c()
        if status.note:
            if _FOR_TERMINALS not in status.note:
                self._log.append("phase", phase="prepare", note=without_paths(status.note, self._folder))
            return
        if status.phase != self._log.last_phase.get("phase"):
            self._log.append("phase", phase=status.phase, note="")
        self._live.write_if_due()
        content = (status.phase, status.done, status.failed, status.total)
        if content == self._status and time.monotonic() < self._next:
            return
        if status.phase == "decode" and time.monotonic() < self._next and status.done < status.total:
            return
        self._status, self._next = content, time.monotonic() + (1.0 if status.phase == "decode" else _EVERY_SECONDS)
        self._log.append("progress", **self._progress(status))

    def _progress(self, status: Status) -> dict[str, Any]:
        name, best = status.best or ("", None)
        pace = self._pace
        return {
            "phase": status.phase,
            "done": status.done,
            "total": status.total,
            "failed": status.failed,
            "best_name": name,
            "best": best,
            "seconds_left": pace.seconds_left() if pace else None,
            "worker_seconds": pace.worker_seconds() if pace else 0.0,
        }

    def watch(self, work: Work, source: Source) -> Source:
        """Follow the trainings of a phase."""
        # Ray may have put its own handler in place.
        if signal.getsignal(signal.SIGINT) is not self._on_ctrl_c:
            signal.signal(signal.SIGINT, self._on_ctrl_c)
        self._pace = Pace(work)
        self._live.begin(work)
        self._log.append("phase", phase=work.phase, note="")
        self._source = _FollowedSource(work, source, self._folder, self._log)
        return self._source

    def leave(self, phase: str) -> None:
        """Let the experiment rest if that is wanted.

        Raises:
            Stopped: it is.
        """
        self._live.write()
        if self._source is not None and self._source.is_stopped:
            raise Stopped

    def close(self, winner: Arm | None = None) -> None:
        """Write the last summary.

        Args:
            winner: what the search chose in the end.
        """
        self._live.close(winner)


class _FollowedSource:
    """A source of trials that writes an event for each start, end and failed attempt."""

    def __init__(self, work: Work, source: Source, folder: JobFolder, log: EventLog) -> None:
        self._work = work
        self._source = source
        self._folder = folder
        self._log = log
        self.is_stopped = False
        for trial in work.unfinished:
            self._started(trial)

    def ask(self) -> Trial | None:
        if self._folder.stop.exists():
            self.is_stopped = True
            return None
        trial = self._source.ask()
        if trial is not None:
            self._started(trial)
        return trial

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self._source.tell(trial, outcome)
        row = self._work.store.rows[trial.number]
        metrics = {name: value for name, value in outcome.metrics.items() if isinstance(value, int | float)}
        ended = {"reward": row.reward, "seconds": row.seconds, "metrics": metrics, "error": row.outcome.error}
        pruned = {"pruned": row.outcome.pruned} if row.outcome.pruned else {}
        self._append("pull_ended", trial, **ended, **pruned)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        again = self._source.attempt_failed(trial, outcome)
        self._log.append("retry", phase=self._work.phase, number=trial.number, error=outcome.error)
        return again

    def _started(self, trial: Trial) -> None:
        self._append("pull_started", trial, images=trial.images, epochs=trial.epochs)

    def _append(self, kind: str, trial: Trial, **fields: Any) -> None:
        name = self._work.store.rows[trial.number].arm.name
        about = {"phase": self._work.phase, "number": trial.number, "arm": trial.arm, "name": name}
        self._log.append(kind, **about, **fields)
