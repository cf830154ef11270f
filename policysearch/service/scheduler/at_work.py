"""Jobs at work: what their processes and files say, and the next thing about each."""

from __future__ import annotations

import signal
from typing import Any

from policysearch.service.job import WITH_RUNNER, Intent, Job, State
from policysearch.service.runner.exit_record import read_exit
from policysearch.service.scheduler.ages import PAUSE_SECONDS
from policysearch.service.scheduler.decisions import Act, Decision, Seen, decide
from policysearch.service.scheduler.job_logs import Followed, follow
from policysearch.service.scheduler.means import Means

_SILENT_SECONDS = 300.0
_DEADLINE = 3600.0


class JobsAtWork:
    """Follows, interrupts and books jobs that have a process.

    Args:
        means: what the scheduler works with.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._logs: dict[str, Followed] = {}

    def step(self) -> bool:
        """Look at every job at work; whether one has changed its state, so that another look is worth its while."""
        changed = False
        for job in self._means.jobs.in_states(WITH_RUNNER):
            with self._means.about(job):
                changed |= self._look_at(job)
        return changed

    def _look_at(self, job: Job) -> bool:
        means, folder = self._means, self._means.folder.job(job.id)
        attempt = str(job.attempt)
        sight, record = means.processes.see(folder, attempt), read_exit(folder.exit, attempt)
        log = self._logs[job.id] = follow(folder, self._logs.get(job.id, Followed()))
        pulls = log.pulls if log.attempt == attempt else 0
        with means.ages.look(job.id) as age:
            seen = Seen(job, sight, record, pulls, means.limits.grace, lambda name: age(f"{attempt} {name}"))
            decision = decide(seen)
            silence = age(f"silent since {log.offset}")
        return self._do(job, decision, log, silence)

    def _do(self, job: Job, decision: Decision, log: Followed, silence: float) -> bool:
        means, folder = self._means, self._means.folder.job(job.id)
        match decision.act:
            case Act.WAIT:
                return self._keep_to_limits(job) or self._note(job, log, silence)
            case Act.ENTER:
                if decision.state is State.STOPPING:
                    folder.stop.touch()
                means.jobs.enter(job.id, decision.state, decision.reason)
            case Act.INTERRUPT:
                means.processes.signal(folder, signal.SIGINT)
            case Act.KILL:
                means.processes.signal(folder, signal.SIGKILL)
            case Act.END:
                self._end(job, decision, log)
        return decision.act in (Act.ENTER, Act.END)

    def _end(self, job: Job, decision: Decision, log: Followed) -> None:
        means = self._means
        columns: dict[str, Any] = {**decision.columns, "progress": {**job.progress, **log.progress}}
        fault = decision.at_fault
        means.attempts.end(job, decision.state, decision.reason, again=decision.again, at_fault=fault, **columns)
        if decision.state is State.QUEUED or columns.get("idle_attempts"):
            means.ages.pause(job.id, PAUSE_SECONDS)
        self._logs.pop(job.id, None)
        means.notes.pop(job.id, None)
        means.ages.forget(job.id)

    def _note(self, job: Job, log: Followed, silence: float) -> bool:
        """Write down how far a job is, and whether it has been silent for too long."""
        means = self._means
        progress = {**job.progress, **log.progress}
        if progress != dict(job.progress):
            means.jobs.update(job.id, progress=progress)
        longest = float(job.request.get("deadline") or _DEADLINE) + _SILENT_SECONDS
        if silence > longest:
            means.notes[job.id] = f"has been silent for {silence / 60:.0f} min"
        else:
            means.notes.pop(job.id, None)
        return False

    def _keep_to_limits(self, job: Job) -> bool:
        """Stop a job that works longer than the operator allows."""
        means = self._means
        if job.state is not State.RUNNING or job.intent is not Intent.RUN:
            return False
        reason = self._limit_reached(job)
        if not reason:
            return False
        means.folder.job(job.id).stop.touch()
        means.jobs.want(job.id, Intent.STOP)
        means.jobs.enter(job.id, State.STOPPING, reason)
        return True

    def _limit_reached(self, job: Job) -> str:
        limits = self._means.limits
        seconds = self._means.clock() - (job.started or 0.0)
        if limits.job_seconds and seconds > limits.job_seconds:
            return f"it has worked for {limits.job_seconds / 3600:g} h, which is the operator's limit"
        if not limits.worker_seconds or self._means.attempts.worker_seconds(job.id) <= limits.worker_seconds:
            return ""
        return f"it has used {limits.worker_seconds:g} worker-seconds, which is the operator's limit"
