"""live.json: what the live page shows of a job, replaced whole as it goes on."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from typing import Any

from policysearch.core.files import write_whole
from policysearch.core.jsonable import plain
from policysearch.core.tasks import SELF_SUPERVISED
from policysearch.experiments.observer import Work
from policysearch.experiments.search.result import references
from policysearch.experiments.search.summary import ArmSummary, summarise
from policysearch.policy.describe import in_words
from policysearch.policy.spaces import Arm
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.painter import Painter
from policysearch.service.runner.so_far import (
    Lead,
    RewardCurve,
    lead_of,
    lead_so_far,
    leaderboard,
    learning_curves,
    verdict_of,
)
from policysearch.service.state_folder import JobFolder
from policysearch.study.rows import COMPLETE, RUNNING, Row
from workers.curves import clear_curves, curves_in_flight

_LOG = logging.getLogger(__name__)
_OF_A_SEARCH = ("search", "confirm")
"""Phases in which arms are compared with each other; in others there is nothing to lead in."""
_SHARE = 20.0
"""A summary is written again after this many times the seconds that it took, and no sooner than after a second."""


class LiveFile:
    """The live summary of a job.

    Args:
        folder: of the job.
        log: takes the verdicts as events.
    """

    def __init__(self, folder: JobFolder, log: EventLog) -> None:
        self._folder = folder
        self._log = log
        self._work: Work | None = None
        self._painter: Painter | None = None
        self._curve = RewardCurve()
        self._winner: Arm | None = None
        self._sentence = ""
        self._shown: tuple[int, dict[int, int]] = (0, {})
        self._next = 0.0

    def begin(self, work: Work) -> None:
        """Follow a phase from now on."""
        self._work = work
        clear_curves(self._folder.curves)
        if work.dataset is not None and self._painter is None:
            self._painter = Painter(self._folder.best_picture, work.dataset, pairs=work.config.task == SELF_SUPERVISED)
        self.write()

    def write_if_due(self) -> None:
        """Write the summary where something has changed, unless that was done a moment ago."""
        if self._work is None or time.monotonic() < self._next:
            return
        rows = self._work.store.rows
        flying = curves_in_flight(self._folder.curves, [row.number for row in rows if row.state == RUNNING])
        shown = (sum(row.state != RUNNING for row in rows), {number: len(curve) for number, curve in flying.items()})
        if shown != self._shown:
            self._shown = shown
            self.write()

    def write(self) -> None:
        """Write the summary; a disk that is full never ends the job."""
        if self._work is None:
            return
        start = time.monotonic()
        content = self._content(self._work)
        try:
            write_whole(self._folder.live, json.dumps(plain(content), ensure_ascii=False) + "\n")
        except OSError as error:
            _LOG.warning("the live summary could not be written: %s", error.strerror)
        end = time.monotonic()
        self._next = end + max(1.0, _SHARE * (end - start))

    def close(self, winner: Arm | None) -> None:
        """Write the summary for the last time."""
        self._winner = winner
        self.write()
        if self._painter is not None:
            self._painter.close()

    def _content(self, work: Work) -> dict[str, Any]:
        rows = work.stores.get("search", work.store).rows
        self._curve.update(rows)
        content: dict[str, Any] = {
            "phase": work.phase,
            "digest": work.dataset.digest if work.dataset is not None else "",
            "rewards": self._curve.points,
            "curves": learning_curves(work.store.rows, self._folder.curves),
            "curve_metric": "accuracy",
            "winner": self._winner and self._winner.name,
        }
        if work.phase in _OF_A_SEARCH:
            content |= self._of_search(work, rows)
        return content

    def _of_search(self, work: Work, rows: list[Row]) -> dict[str, Any]:
        summaries = summarise(rows)
        lead = self._lead(work, summaries)
        if lead is not None:
            self._say(lead)
        best = self._winner or next((summary.arm for summary in summaries if summary.pulls), None)
        if best is not None and self._painter is not None:
            self._painter.show(best.policy)
        return {
            "verdict": lead and asdict(lead),
            "leaderboard": leaderboard(summaries, self._fixed(work)),
            "best_policy": in_words(best.policy) if best else "",
        }

    @staticmethod
    def _fixed(work: Work) -> tuple[str, ...]:
        """The presets that cost no search."""
        return tuple(work.store.space.free)

    def _lead(self, work: Work, summaries: list[ArmSummary]) -> Lead | None:
        confirmed = work.stores["confirm"].rows
        goes_further = work.phase == "search" and self._winner is None  # what was confirmed before may not be now
        begun = self._winner is not None or any(row.state == COMPLETE for row in confirmed)
        if goes_further or not begun:
            return lead_so_far(summaries, work.config.reward, self._fixed(work))
        config, searched = work.config, work.stores["search"]
        verdict = verdict_of(config, searched.space, searched.rows, confirmed, references(searched))
        ended = sum(row.state != RUNNING for row in confirmed)
        return lead_of(verdict, config.last_reward, over=self._winner is not None, done=ended, total=work.total)

    def _say(self, lead: Lead) -> None:
        """Append the verdict to the event log where it has changed."""
        if lead.sentence != self._sentence:
            self._sentence = lead.sentence
            fields = {name: getattr(lead, name) for name in ("sentence", "mean", "low", "high", "over")}
            self._log.append("verdict", **fields, certain=not lead.may_be_chance)
