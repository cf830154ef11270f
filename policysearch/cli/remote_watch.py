"""A job of a service in the terminal: its progress in one line, and its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from policysearch.core.command import command
from policysearch.core.errors import RunFailed
from policysearch.core.readable import readable_name

if TYPE_CHECKING:
    from policysearch.client import Event, Job

_LINE_EVERY = 15.0
"""Seconds between lines where there is no terminal to redraw."""


class ProgressLine:
    """Shows the events of a job: in a terminal as one line that is redrawn, elsewhere as a line now and then.

    Args:
        out: where to.
        clock: gives seconds.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._redrawn = out.isatty()
        self._shown = ""
        self._phase = ""
        self._last = -_LINE_EVERY
        self._warned: set[str] = set()

    def __call__(self, event: Event) -> None:
        if event.kind == "warning":
            self._warn(str(event.fields.get("text", "")))
            return
        describe = _LINES.get(event.kind)
        line = readable_name(describe(event.fields)) if describe else ""
        if line:
            self._show(line, str(event.fields.get("phase") or event.fields.get("state") or event.kind))

    def end(self) -> None:
        """Leave the line as it is, and go to the next."""
        if self._redrawn and self._shown:
            self._out.write("\n")
            self._out.flush()
        self._shown = ""

    def _show(self, line: str, phase: str) -> None:
        if self._redrawn:
            self._out.write(f"\r\x1b[K{line}")
        elif line == self._shown or (phase == self._phase and self._clock() < self._last + _LINE_EVERY):
            return
        else:
            self._out.write(f"{line}\n")
        self._out.flush()
        self._shown, self._phase, self._last = line, phase, self._clock()

    def _warn(self, text: str) -> None:
        if text in self._warned:
            return
        self._warned.add(text)
        self.end()
        print(f"policysearch: warning: {readable_name(text)}", file=sys.stderr)


def _of_job(fields: Mapping[str, Any]) -> str:
    """A job that waits or ends; one that runs is described by its own events."""
    state = str(fields.get("state", ""))
    if state in ("running", "done"):
        return ""
    reason = fields.get("waits") or fields.get("reason")
    return f"{state}: {reason}" if reason else state


def _of_phase(fields: Mapping[str, Any]) -> str:
    note = fields.get("note")
    return f"{fields.get('phase', '')}: {note}" if note else str(fields.get("phase", ""))


def _of_progress(fields: Mapping[str, Any]) -> str:
    line = f"{fields.get('phase', '')} {fields.get('done', 0)}/{fields.get('total', 0)}"
    if fields.get("best_name") and isinstance(fields.get("best"), int | float):
        line += f", best {fields['best_name']} {fields['best']:.4f}"
    if fields.get("failed"):
        line += f", {fields['failed']} failed"
    left = fields.get("seconds_left")
    return line + (f", about {left:.0f} s left" if isinstance(left, int | float) else "")


def _of_loss(fields: Mapping[str, Any]) -> str:
    return f"connection lost ({fields.get('sentence', '')}); trying again"


_LINES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "job": _of_job,
    "phase": _of_phase,
    "progress": _of_progress,
    "lost": _of_loss,
}


def watch_job(job: Job) -> None:
    """Follow a job to its end, and say what came of it. Ctrl-C leaves it running.

    Raises:
        UserError: its settings were refused.
        RunFailed: it ended without a result.
        SystemExit: 130, after Ctrl-C.
    """
    line = ProgressLine(sys.stderr)
    try:
        state = job.wait(on_event=line)
    except KeyboardInterrupt:
        line.end()
        follow, cancel = command("remote", "watch", job.id), command("remote", "cancel", job.id)
        print(
            f"policysearch: job {job.id} goes on in the service; {follow} follows it, {cancel} ends it", file=sys.stderr
        )
        raise SystemExit(130) from None
    finally:
        line.end()
    if state != "done":
        raise RunFailed(f"job {job.id} was {state}; {command('remote', 'resume', job.id)} goes on from there")
    _show_result(job)


def _show_result(job: Job) -> None:
    info = job.info()
    verdict = info.get("verdict")
    sentence = info.get("reason") or (verdict.get("sentence") if isinstance(verdict, dict) else "")
    if sentence:
        print(readable_name(str(sentence)))
    print(f"job {job.id} is done; {command('remote', 'get', job.id, 'NAME')} saves a file: {', '.join(job.files())}")
