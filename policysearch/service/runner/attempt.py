"""One attempt of a job from its job.json to its exit record, with everything in between written to the event log."""

from __future__ import annotations

import json
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from policysearch.core.errors import RunFailed, UserError, in_one_line
from policysearch.core.interrupts import ctrl_c
from policysearch.service.exit_codes import ANOTHER_HOLDS_IT
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.exit_record import (
    CANCELLED,
    DONE,
    FAILED,
    STOPPED,
    ExitRecord,
    room_for_a_record,
    write_record,
)
from policysearch.service.runner.heartbeat import heartbeat
from policysearch.service.runner.log_file import last_lines
from policysearch.service.runner.messages import without_paths
from policysearch.service.runner.setting_names import setting_of
from policysearch.service.runner.stopped import Stopped
from policysearch.service.state_folder import JobFolder

_PLACES = frozenset({"device", "pool", "ray_address", "gpus_per_worker", "cpus_per_worker", "ray_wait"})
"""Settings of which the place, not the job, is at fault."""


def run_attempt(folder: JobFolder, attempt: str) -> int:
    """Do what job.json says, and write the exit record or, of a check, the check record.

    Returns:
        the exit code: 0 if a record was written.

    Raises:
        OSError: a file cannot be written.
    """
    job = json.loads(folder.job.read_text(encoding="utf-8"))
    if job["attempt"] != attempt:  # it comes too late: another attempt has been begun
        return ANOTHER_HOLDS_IT
    log = EventLog(folder.events)
    log.append("attempt", attempt=attempt, resumed=(folder.run / "config.toml").exists())
    log.append("phase", phase="checking", note="loading the program")
    signs_of_life = heartbeat(log, folder, job.get("log_bytes", 0))
    with room_for_a_record(folder.exit), signs_of_life, _warnings_as_events(log, folder):
        if attempt == "check":
            from policysearch.service.runner.check import check

            record: Any = check(folder, job, log)
        else:
            record = _record_of(lambda: _work(folder, job, log), folder, attempt)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it has ended, whatever comes now
            log.append("end", end=record.end, sentence=record.sentence)
    write_record(folder.check if attempt == "check" else folder.exit, record)
    log.close()
    return 0


def _work(folder: JobFolder, job: dict[str, Any], log: EventLog) -> str:
    """Run the job; what it came to, as a sentence."""
    with ctrl_c() as check_ctrl_c:
        # It loads torch.
        from policysearch.service.runner.work import work

        return work(folder, job, log, check_ctrl_c)


def _record_of(run: Callable[[], str], folder: JobFolder, attempt: str) -> ExitRecord:
    """Run something, and say how it ended."""
    try:
        return ExitRecord(attempt, DONE, sentence=without_paths(run(), folder))
    except Stopped:
        return ExitRecord(attempt, STOPPED, sentence="the pulls in flight have ended, and the others wait")
    except KeyboardInterrupt:
        return ExitRecord(attempt, CANCELLED, sentence="interrupted")
    except (UserError, RunFailed) as error:
        field = setting_of(str(error))
        code = type(error).__name__
        at_fault = code == "WorkersCannotStart" or (isinstance(error, UserError) and field in _PLACES)
        sentence = without_paths(str(error), folder)
        return ExitRecord(attempt, FAILED, code, sentence, field, last_lines(folder.log), at_fault)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        sentence = in_one_line(error)
        sentence = without_paths(sentence, folder)[:1000]
        return ExitRecord(attempt, FAILED, type(error).__name__, sentence, log=last_lines(folder.log))


@contextmanager
def _warnings_as_events(log: EventLog, folder: JobFolder) -> Iterator[None]:
    """Write what users are warned of to the event log, each text once; the log has all warnings."""
    show = warnings.showwarning
    texts: set[str] = set()

    def append(message: Warning | str, category: type[Warning], filename: str, *rest: Any, **more: Any) -> None:
        text = " ".join(str(message).split())
        if text not in texts and category is UserWarning:
            texts.add(text)
            log.append("warning", text=without_paths(text, folder))
        show(message, category, filename, *rest, **more)

    warnings.showwarning = append
    try:
        yield
    finally:
        warnings.showwarning = show
