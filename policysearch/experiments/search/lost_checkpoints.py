"""Trainings whose checkpoint was lost: no result changes, but time was spent twice."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.study.rows import Row


def lost_checkpoints(rows: Sequence[Row]) -> tuple[str, ...]:
    """A warning of how many trainings lost theirs and why the first did; none where no one did."""
    lost = [row for row in rows if row.outcome.metrics.get("checkpoint_lost")]
    if not lost:
        return ()
    count = f"{len(lost)} trainings" if len(lost) > 1 else "a training"
    first = lost[0]
    reason = first.outcome.metrics["checkpoint_lost"]
    advice = "; --checkpoint-limit says how many megabytes are kept" if "is missing" in reason else ""
    return (f"{count} could not write or use a checkpoint, as trial {first.number}: {reason}{advice}",)
